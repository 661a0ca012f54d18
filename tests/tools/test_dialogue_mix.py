"""Pauses, the mix and its peaks, and captions: measured on sounds whose truth is known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.voice.measures.loudness import integrated_lufs, peak_dbfs
from backends.voice.measures.true_peak import limit_true_peak, true_peak_dbtp
from backends.voice.wav import read_wav, write_wav
from tools.editing.srt import write_srt, write_vtt
from tools.voice.dialogue_lines import grouped
from tools.voice.mix import Part, gap, lay, mix, start_times, stems
from tools.voice.subtitles import Said, captions, width

RATE = 22050


def _noise(seconds: float, level: float, seed: int = 0) -> NDArray[np.float32]:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_a_tone_between_the_samples_is_higher_than_they_are() -> None:
    time = np.arange(RATE)
    tone = (0.9 * np.sin(np.pi / 2 * time + np.pi / 4) * np.hanning(RATE)).astype(np.float32)
    assert peak_dbfs(tone) == pytest.approx(-3.93, abs=0.02)
    assert true_peak_dbtp(tone) == pytest.approx(20 * np.log10(0.9), abs=0.06)
    held, told = limit_true_peak(tone, RATE, -3.0)
    assert -3.1 <= true_peak_dbtp(held) <= -3.0 and told == pytest.approx(true_peak_dbtp(held), abs=1e-3)
    quiet = (0.3 * tone).astype(np.float32)
    assert limit_true_peak(quiet, RATE, -3.0)[0] is quiet
    assert true_peak_dbtp(np.zeros(100, np.float32)) == -120
    assert limit_true_peak(np.zeros(0, np.float32), RATE)[0].size == 0


def test_true_peak_of_a_peak_on_the_edge_of_a_block() -> None:
    for place in (0, 8190, 8191, 8192, 8193, 20_000):
        sound = np.zeros(20_001, np.float32)
        sound[max(0, place - 1) : place + 1] = 0.5  # two equal neighbours: the peak lies between them
        assert true_peak_dbtp(sound) > peak_dbfs(sound) + (1.0 if place not in (0, 20_000) else -0.01)


def test_a_mix_comes_to_its_loudness_and_never_clips() -> None:
    sounds = [(0.0, _noise(2, 0.05)), (1.5, _noise(2, 0.6, 1)), (4.0, _noise(1, 0.02, 2))]
    for target in (-18.0, -9.0):
        made = mix(sounds, RATE, target)
        assert integrated_lufs(made.samples, RATE) == pytest.approx(target, abs=0.5)
        assert true_peak_dbtp(made.samples) <= -1.0 and peak_dbfs(made.samples) <= -1.0
    assert len(made.samples) == round(5.05 * RATE)
    assert not np.any(mix([(0.0, np.zeros(RATE, np.float32))], RATE, -18.0).samples)


def test_lines_are_laid_to_the_sample_and_add_up() -> None:
    one, two = _noise(0.5, 0.1), _noise(0.5, 0.1, 1)
    laid = lay([(0.0, one), (0.3, two)], RATE)
    at = round(0.3 * RATE)
    assert np.array_equal(laid[:at], one[:at]) and np.allclose(laid[at : len(one)], one[at:] + two[: len(one) - at])


def test_stems_together_are_the_mix() -> None:
    sounds = [("Luca", 0.0, _noise(1, 0.05)), ("Boo", 0.9, _noise(1, 0.05, 1)), ("Luca", 2.0, _noise(1, 0.05, 2))]
    made = mix([(start, samples) for _, start, samples in sounds], RATE, -24.0)
    parts = stems(sounds, RATE, made, lambda: None)
    assert list(parts) == ["Luca", "Boo"] and all(len(part) == len(made.samples) for part in parts.values())
    assert np.max(np.abs(sum(parts.values()) - made.samples)) < 10 ** (-90 / 20)


def test_stems_are_the_mix_where_its_limiter_works(tmp_path: Path) -> None:
    quiet = [_noise(3, 0.02, seed) for seed in range(4)]
    sounds = [(who, 0.4 * index, sound) for index, (who, sound) in enumerate(zip("ABAC", quiet, strict=True))]
    knock = np.zeros(RATE // 50, np.float32)
    knock[100:104] = (0.9, -0.9, 0.9, -0.8)
    sounds += [("B", 0.7 + index, knock) for index in range(3)]
    made = mix([(start, samples) for _, start, samples in sounds], RATE, -18.0)
    assert made.curve is not None and made.curve.min() < 0.5
    written = {"mix": made.samples, **stems(sounds, RATE, made, lambda: None)}
    read = {}
    for name, samples in written.items():
        write_wav(tmp_path / f"{name}.wav", samples, RATE)
        read[name], _ = read_wav(tmp_path / f"{name}.wav")
    rest = read.pop("mix") - sum(read.values())
    assert 20 * np.log10(max(np.max(np.abs(rest)), 1e-9)) < -90
    silent = read["C"][: round(1.2 * RATE)]
    assert not silent.any()  # what others leave in rounding is not heard in a pause


@pytest.mark.parametrize(
    ("before", "after", "least", "most"),
    [
        ({"text": "Go."}, {"character": "B"}, 0.3, 0.6),
        ({"text": "Go."}, {}, 0.2, 0.35),
        ({"text": "Well..."}, {"character": "B"}, 0.55, 0.8),
        ({"text": "But --"}, {"character": "B"}, -0.2, -0.05),
        ({"text": "Ma —"}, {"character": "B"}, -0.2, -0.05),
        ({"text": "But --"}, {}, 0.3, 0.6),
        ({"text": "Go."}, {"character": "B", "cuts_in": True}, -0.2, -0.05),
        ({"text": "Go."}, {"character": "B", "together": True}, -0.4, -0.2),
        ({"text": "Go.", "seconds": 0.2}, {"character": "B", "together": True}, -0.11, -0.09),
        ({"text": "Go."}, {"character": "B", "beat": True}, 1.0, 1.5),
        ({"text": "Go."}, {"continued": True}, 0.15, 0.3),
        ({"text": "But --"}, {"character": "B", "scene": 1}, 1.0, 2.0),
    ],
)
def test_pauses_follow_how_lines_end_and_who_speaks_next(
    before: dict[str, object], after: dict[str, object], least: float, most: float
) -> None:
    usual = {"character": "A", "text": "Yes.", "seconds": 2.0}
    assert least <= gap(Part(**{**usual, **before}), Part(**{**usual, **after})) <= most  # type: ignore[arg-type]


def test_no_line_begins_before_the_one_before_it() -> None:
    parts = [Part("A", "One --", 0.1), Part("B", "Two --", 3.0), Part("C", "Three.", 0.2, together=True)]
    starts = start_times(parts, pause=0)
    assert starts == sorted(starts) and starts[2] > starts[1] + 2


def test_groups_keep_story_order_within_and_among_them() -> None:
    assert grouped(["a", "b", "a", "c", "b"]) == [0, 2, 1, 4, 3]


LONG = (
    "The little robot walked along the beach, counted the shells, and waited for the boy who had promised to come "
    "back. When the sun went down, it switched on its lamp -- *beeps* -- because it was *really* alone."
)


def test_captions_can_be_read() -> None:
    lines = [
        Said(0.0, 0.4, "Yes.", character="A"),
        Said(0.6, 0.9, "No.", character="B"),
        Said(1.1, 1.5, "Why not?", character="A"),
        Said(2.0, 14.0, LONG, character="N", species="robot"),
        Said(13.8, 20.0, "x" * 130, character="B"),
        Said(20.2, 20.5, "*beeps*", character="Boo", species="robot"),
        Said(20.6, 30.0, "日本語のとても長い文章がここにあります。" * 5, character="J", language="ja"),
    ]
    made = captions(lines)
    assert made[0].text == "- Yes.\n- No."
    for caption in made:
        rows = caption.text.split("\n")
        assert len(rows) <= 2 and all(0 < width(row) <= 42 for row in rows), caption
        assert 0.999 <= caption.end - caption.start <= 7.001
    assert all(one.end <= two.start for one, two in pairwise(made))
    whole = " ".join(made[i].text.replace("\n", " ") for i in range(len(made)))
    assert "lamp — [beeps] — because it was really alone." in whole
    assert whole.count("x") >= 130
    assert write_srt(made).count("-->") == write_vtt(made).count("-->") == len(made)


def test_captions_end_where_phrases_do_and_follow_the_words() -> None:
    text = "We went down to the harbour before dawn, and nobody was there. So we came back alone, as you can see."
    words = [(float(i) * 0.5, i * 0.5 + 0.45, word) for i, word in enumerate(text.split())]
    first, second = captions([Said(0.0, 10.5, text, tuple(words))])
    assert first.text.endswith("nobody was there.") and second.text.startswith("So we")
    assert second.start == pytest.approx(6.0, abs=0.1)
    assert first.text.split("\n")[0].endswith("dawn,")


TALK = [
    Said(0.0, 2.0, "Did you bring the lamp?", character="Luca"),
    Said(2.2, 4.0, "I forgot it again.", character="Luca"),
    Said(4.5, 6.0, "It is here.", character="Nonna Rosa", emotion="tender"),
    Said(6.5, 8.5, "Then let us go.", character="Luca", emotion="happy"),
]


def test_subtitles_name_whoever_begins_to_speak() -> None:
    rows = ["Luca: Did you bring the lamp?", "I forgot it again.", "Nonna Rosa: It is here.", "Luca: Then let us go."]
    assert [caption.text for caption in captions(TALK, "changes")] == rows
    assert [caption.text for caption in captions(TALK[:2], "changes")] == ["Did you bring the lamp?", rows[1]]
    assert [caption.text for caption in captions(TALK)][2] == "It is here."
    plain, named = captions(TALK), captions(TALK, "changes")
    assert [(one.start, one.end) for one in plain] == [(one.start, one.end) for one in named]


def test_subtitles_for_the_deaf_name_everybody_in_capitals_and_how_it_is_said() -> None:
    rows = [caption.text for caption in captions(TALK, "sdh")]
    assert rows[2:] == ["NONNA ROSA (tender): It is here.", "LUCA (happy): Then let us go."]
    assert captions(TALK[:1], "sdh")[0].text == "LUCA: Did you bring the lamp?"


def test_names_give_way_to_the_words_and_their_time() -> None:
    long = Said(0.0, 6.0, LONG[:80], character="Maximilian Alexander the Third of the Northern Isles")
    first = captions([long, Said(6.5, 8.0, "Yes.", character="B")], "changes")[0].text
    assert all(0 < width(row) <= 42 for row in first.split("\n"))
    assert first.startswith("Maximilian Alexander") and "…: The" in first
    quick = [
        Said(0.0, 0.4, "Look over there now!", character="Bartolomeo"),
        Said(0.5, 0.9, "Where is it gone?", character="Nonna Rosa"),
        Said(0.95, 1.6, "To the harbour, I think, over there.", character="Bartolomeo"),
    ]
    assert captions(quick, "changes")[0].text == "- Bartolomeo: Look over there now!\n- Nonna Rosa: Where is it gone?"
    shorter = [quick[0], Said(0.5, 0.9, "Where is it gone to, do you know it?", character="Nonna Rosa")]
    assert captions(shorter, "changes")[0].text == "- Look over there now!\n- Where is it gone to, do you know it?"


def test_named_subtitles_can_be_spoken_again(tmp_path: Path) -> None:
    from tools.voice.screenplay import read_script

    for names in ("changes", "sdh"):
        file = tmp_path / f"{names}.srt"
        file.write_text(write_srt(captions(TALK, names)), encoding="utf-8")  # type: ignore[arg-type]
        script = read_script(file)
        assert [line.character for line in script.lines] == ["Luca", "Luca", "Nonna Rosa", "Luca"]
        assert [line.text for line in script.lines] == [said.text for said in TALK]
    assert [line.emotion for line in script.lines][2:] == ["tender", "happy"]
