"""Pauses, the mix and its peaks, and captions: measured on sounds whose truth is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.voice.loudness import integrated_lufs, peak_dbfs
from backends.voice.true_peak import limit_true_peak, true_peak_dbtp
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
    assert np.allclose(sum(parts.values()), made.samples, atol=1e-5)


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
