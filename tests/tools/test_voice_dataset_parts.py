"""The parts of build_voice_dataset: cutting, choosing, judging, on tracks made by hand."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.media.probe import probe
from backends.sound.result import Words
from backends.voice.speakers.activity import FRAME_S
from backends.voice.speakers.diarise import Diarisation, Turn
from backends.voice.speakers.recogniser import FILES
from backends.voice.speakers.separate import find_separator
from backends.voice.speakers.track import VoiceTrack
from backends.voice.wav import write_wav
from configs.errors import UsageError
from configs.settings import Settings
from configs.voice_dataset import voice_dataset_table
from tools.voice.dataset.build import Built, Source
from tools.voice.dataset.clips import Cut, cut_clips
from tools.voice.dataset.cutting import Piece, Scene, cut_pieces, overlap, snr_db
from tools.voice.dataset.judging import Judged, cer, drop_repeated, drop_strangers, judge, judge_sound
from tools.voice.dataset.manifest import Figures
from tools.voice.dataset.speakers import by_lines, by_reference, label_of, most_talkative, without_labels
from tools.voice.dataset.transcripts import check_words
from tools.voice.dataset.who import cluster_all, limits_for

WHY = "the speech recogniser has no weights here ({} lacks model.bin, config.json, tokenizer.json)"
TABLE = voice_dataset_table()
LIMITS, _ = TABLE.clustering("GE2E")
HIM, HER = np.eye(2, 8, dtype=np.float32)


def track(spans: Sequence[tuple[float, float]], seconds: float, *, noise: float = -60.0) -> VoiceTrack:
    """Speech at -20 dBFS in the spans, noise elsewhere; one window of 1.6 s after the other, all of him."""
    frames = round(seconds / FRAME_S)
    at = (np.arange(frames) + 0.5) * FRAME_S
    inside = np.zeros(frames, bool)
    for start, end in spans:
        inside |= (at >= start) & (at < end)
    starts = [s for a, b in spans for s in np.arange(a, b - 1.6 + 1e-6, 0.4)]
    level = np.where(inside, -20.0, noise).astype(np.float32)
    return VoiceTrack(
        seconds, inside.astype(np.float32), level, np.array(starts, np.float32),
        np.full(len(starts), 1.6, np.float32), np.tile(HIM, (len(starts), 1)),
    )  # fmt: skip


def scene(mine: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]], seconds: float) -> Scene:
    turns = sorted([Turn(a, b, 0) for a, b in mine] + [Turn(a, b, 1) for a, b in others], key=lambda t: t.start)
    whole = track(sorted([*mine, *others]), seconds)
    return Scene(whole, Diarisation(tuple(turns), (), np.stack([HIM, HER]), "by hand"), 0)


def said(start: float, end: float, text: str) -> Words:
    return Words(start=start, end=end, text=text, by="subtitles")


def test_long_speech_is_cut_at_its_long_pauses() -> None:
    spans = [(1.0, 4.5), (4.7, 8.0), (8.8, 12.0), (12.2, 15.0)]
    pieces = cut_pieces(scene(spans, [], 17.0), TABLE.clips)
    assert [(round(p.start, 1), round(p.end, 1)) for p in pieces] == [(0.9, 8.1), (8.7, 15.1)]
    assert all(p.seconds <= TABLE.clips.longest_s for p in pieces)


def test_speech_without_a_pause_is_cut_at_its_quietest_moment() -> None:
    made = scene([(1.0, 16.0)], [], 17.0)
    quiet = round(8.0 / FRAME_S)
    made.track.level_db[quiet] = -50.0
    pieces = cut_pieces(made, TABLE.clips)
    assert len(pieces) == 2 and abs(pieces[0].end - 8.0) < 0.05
    assert all(TABLE.clips.shortest_s <= p.seconds <= TABLE.clips.longest_s for p in pieces)


def test_others_end_a_clip() -> None:
    pieces = cut_pieces(scene([(1.0, 3.0), (3.6, 6.0)], [(3.1, 3.5)], 8.0), TABLE.clips)
    assert len(pieces) == 2
    assert pieces[0].end <= 3.1 and pieces[1].start >= 3.5


def test_lines_are_kept_whole_and_short_ones_joined() -> None:
    made = scene([(1.0, 3.0), (3.4, 5.6), (9.0, 13.0)], [(6.0, 8.0)], 20.0)
    words = [said(0.9, 3.1, "One"), said(3.3, 5.7, "two."), said(6.0, 8.0, "Not mine."), said(8.8, 13.2, "Three.")]
    pieces = cut_pieces(made, TABLE.clips, words)
    assert [(p.text, p.text_by) for p in pieces] == [("One two.", "subtitles"), ("Three.", "subtitles")]
    assert abs(pieces[0].start - 0.9) < 0.15 and abs(pieces[1].end - 13.1) < 0.15


def test_speech_that_no_line_tells_has_no_text() -> None:
    pieces = cut_pieces(scene([(1.0, 5.0), (7.0, 11.0)], [], 13.0), TABLE.clips, [said(1.0, 5.0, "Told.")])
    assert [p.text for p in pieces] == ["Told.", ""]


def test_snr_is_speech_over_pauses() -> None:
    piece = Piece(1.0, 4.0)
    assert snr_db(track([(1.0, 4.0)], 6.0, noise=-45.0), piece) == pytest.approx(25.0, abs=0.3)
    assert snr_db(track([(1.0, 4.0)], 6.0, noise=-100.0), piece) == 60.0
    assert snr_db(track([(0.0, 6.0)], 6.0), piece) is None


def test_gates_tell_their_reasons() -> None:
    made = scene([(1.0, 9.0)], [(10.0, 12.0)], 14.0)
    good = judge(0, Piece(1.0, 5.0), made, TABLE, LIMITS)
    assert good.kept and good.figures.margin == pytest.approx(1.0)
    short = judge(0, Piece(1.0, 3.5), made, TABLE, LIMITS)
    assert [reason for reason, _ in short.reasons] == ["too short"] and "2.50 s" in short.reasons[0][1]
    both = Scene(made.track, Diarisation(made.who.turns, ((2.0, 2.5),), made.who.centroids, ""), 0)
    assert [reason for reason, _ in judge(0, Piece(1.0, 5.0), both, TABLE, LIMITS).reasons] == ["overlap"]
    hers = Scene(made.track, made.who, 1)
    assert "other speaker" in [reason for reason, _ in judge(0, Piece(1.0, 5.0), hers, TABLE, LIMITS).reasons]


def test_breath_in_the_pauses_is_no_noise() -> None:
    made = track([(1.0, 3.0), (4.0, 6.0)], 8.0, noise=-50.0)
    piece = Piece(0.8, 6.2)
    breath = slice(round(3.3 / FRAME_S), round(3.6 / FRAME_S))
    made.level_db[breath] = -32.0
    assert snr_db(made, piece) == pytest.approx(30.0, abs=0.3)


def test_noise_beside_a_clip_with_pauses_is_not_its_own() -> None:
    made = track([(1.0, 3.0), (4.0, 6.0), (8.0, 9.0)], 10.0, noise=-50.0)
    made.level_db[round(6.3 / FRAME_S) : round(8.0 / FRAME_S)] = -30.0
    assert snr_db(made, Piece(0.8, 6.2)) == pytest.approx(30.0, abs=0.3)


def test_speech_around_an_overlap_is_kept() -> None:
    made = scene([(1.0, 9.0)], [], 10.0)
    made = replace(made, who=replace(made.who, overlaps=((7.5, 8.2),)))
    whole = cut_pieces(made, TABLE.clips)
    assert len(whole) == 1 and judge(0, whole[0], made, TABLE, LIMITS).reasons[0][0] == "overlap"
    first, *rest = cut_pieces(made, TABLE.clips, (), TABLE.gates.overlap_s)
    assert first.end == pytest.approx(7.25 + TABLE.clips.edge_s, abs=0.01) and all(p.start >= 8.32 for p in rest)
    assert judge(0, first, made, TABLE, LIMITS).kept
    told = cut_pieces(made, TABLE.clips, [said(1.0, 9.0, "A whole line.")], TABLE.gates.overlap_s)
    assert len(told) == 1 and told[0].seconds > 7.9


def test_unclear_speech_right_beside_another_voice_is_left_out() -> None:
    near = scene([(1.0, 5.0)], [(5.1, 8.0)], 9.0)
    far = scene([(1.0, 5.0)], [(6.0, 8.0)], 9.0)
    for made, kept in ((near, False), (far, True)):
        both = (HIM + 0.9 * HER) / np.linalg.norm(HIM + 0.9 * HER)
        made.track.vectors[0] = both
        assert judge(0, Piece(0.9, 5.05), made, TABLE, LIMITS).kept is kept


def test_dnsmos_passes_where_snr_does_not() -> None:
    noisy = Judged(0, Piece(0, 4), Figures(snr_db=12.0, clipped_share=0.0, level_dbfs=-20.0))
    assert [r for r, _ in judge_sound(noisy, TABLE, None).reasons] == ["noisy"]
    assert judge_sound(noisy, TABLE, 3.2).kept
    unknown = noisy.measured(snr_db=None)
    assert "no pause near" in judge_sound(unknown, TABLE, None).reasons[0][1]
    clipped = noisy.measured(snr_db=30.0, clipped_share=0.002)
    assert [r for r, _ in judge_sound(clipped, TABLE, None).reasons] == ["clipped"]


def test_strangers_are_dropped_twice() -> None:
    """The second stranger hides behind the first one's pull on the mean."""

    def voice(angle: float) -> np.ndarray:
        return (np.cos(np.radians(angle)) * HIM + np.sin(np.radians(angle)) * HER).astype(np.float32)

    angles = [0, 1, 2, 3, 4, 5, 45, 80]
    made = drop_strangers([Judged(0, Piece(0, 4), Figures(), vector=voice(a)) for a in angles], LIMITS)
    assert [one.kept for one in made] == [True] * 6 + [False] * 2
    assert made[0].figures.similarity == pytest.approx(1.0, abs=0.02)


def test_names_before_lines() -> None:
    assert [label_of(t) for t in ("LUCA: Ciao", "- [Anna]: Hi", "It is 3:45", "no name")] == ["LUCA", "Anna", "", ""]
    words = [said(0, 1, "LUCA: Ciao."), said(1, 2, "ANNA: Hi."), said(2, 3, "ANNA: You."), said(3, 4, "Remember: go.")]
    kept = without_labels(words, "Luca")
    assert [line.text for line in kept] == ["Ciao.", "Remember: go."]


def test_who_is_the_character() -> None:
    who = scene([(0.0, 6.0)], [(7.0, 9.0)], 10.0).who
    chosen = by_lines(who, [said(7.0, 9.0, "ANNA: Hello"), said(0.0, 6.0, "LUCA: No")], "Anna")
    assert chosen is not None and chosen.speaker == 1 and not chosen.warnings
    assert by_lines(who, [said(0.0, 6.0, "no names")], "Anna") is None
    assert by_reference(who, HER, LIMITS, "the reference").speaker == 1
    with pytest.raises(UsageError, match="Nobody in it"):
        by_reference(who, np.eye(8, dtype=np.float32)[5], LIMITS, "the reference")
    assert by_reference(
        who, (HIM + HER).astype(np.float32) / np.float32(2**0.5), LIMITS.model_copy(update={"reference": 0.5}), "it"
    ).warnings
    assert most_talkative([1.0, 5.0], "Anna").speaker == 1 and "5 s" in most_talkative([1.0, 5.0], "Anna").warnings[0]


def test_cer_counts_letters_alone() -> None:
    assert cer("Perché no?", "perche  NO") == 0
    assert cer("abcd", "abxd") == 0.25
    assert cer("", "") == 0


def test_voices_are_common_to_all_files() -> None:
    one, two = track([(1.0, 9.0)], 12.0), track([(0.5, 6.0)], 7.0)
    made = cluster_all([one, two], LIMITS, None)
    assert len(made[0].centroids) == 1 and {t.speaker for t in (*made[0].turns, *made[1].turns)} == {0}
    assert abs(made[1].turns[0].start - 0.5) < 0.1 and abs(made[1].turns[-1].end - 6.0) < 0.1


def test_an_unknown_encoders_limits_come_from_the_recording() -> None:
    other, measured = TABLE.clustering("CAM++")
    assert not measured
    noise = np.random.default_rng(0).normal(0, 0.08, (12, 8))
    whole = track([(0.0, 20.0)], 21.0)
    vectors = np.tile(HIM, (len(whole.starts), 1)) + np.resize(noise, (len(whole.starts), 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    whole = VoiceTrack(whole.seconds, whole.probability, whole.level_db, whole.starts, whole.lengths, vectors)
    found = limits_for([whole], other, measured)
    assert 0.6 < found.together < float(vectors[0] @ vectors[4]) + 0.05
    assert found.together < found.reference < found.same_voice < found.clip_p5 < 1
    assert limits_for([whole], LIMITS, True) is LIMITS


def test_clips_are_cut_to_the_sample_and_clipping_is_counted_as_it_came(tmp_path: Path) -> None:
    rate = 44_100
    sound = (0.2 * np.sin(np.arange(4 * rate) * 0.05)).astype(np.float32)
    sound[rate : rate + 441] = 1.0
    write_wav(tmp_path / "in.wav", sound, rate)
    spans = [(0.5, 1.5), (1.2, 3.0), (3.5, 9.0), (20.0, 21.0)]
    files = [tmp_path / f"{i}.wav" for i in range(4)]
    cuts = cut_clips(tmp_path / "in.wav", spans, files, 32_000, info=probe(tmp_path / "in.wav"))
    assert [cut and round(cut.seconds, 3) for cut in cuts] == [1.0, 1.8, 0.5, None]
    assert cuts[0].clipped_share == pytest.approx(0.01, abs=1e-4) and cuts[1].clipped_share == 0
    assert {cut.sample_rate for cut in cuts if cut} == {32_000} and not files[3].exists()


class _Whisper:
    """What faster-whisper's model hears in a test: always the same words."""

    heard = "the old lighthouse keeper"

    def __init__(self, folder: str, **_: object) -> None:
        assert Path(folder).is_dir()

    def transcribe(self, audio: np.ndarray, **_: object) -> tuple[list, None]:
        return [types.SimpleNamespace(start=0.0, end=len(audio) / 16_000, text=self.heard)], None


def test_a_recogniser_checks_the_subtitles(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.voice.recogniser = str(tmp_path)
    monkeypatch.setattr("faster_whisper.WhisperModel", _Whisper)
    warned: list[str] = []
    ctx = types.SimpleNamespace(
        settings=settings,
        warn=warned.append,
        progress=lambda *_: None,
        cancel=types.SimpleNamespace(check=lambda: None),
    )
    made = scene([(1.0, 9.0)], [], 10.0)
    write_wav(tmp_path / "a.wav", np.full(64_000, 0.1, np.float32), 16_000)
    cut = Cut(tmp_path / "a.wav", 4.0, 16_000, 0.0, -20.0)
    texts = ("The old lighthouse-keeper.", "Something else entirely was said.", "")
    judged = [Judged(0, Piece(0, 4, text, "subtitles"), Figures()) for text in texts]
    judged[2] = judged[2].rejected("too short", "2 s")
    built = Built(
        tuple(judged),
        dict.fromkeys(range(3), cut),
        (made.track,),
        (made.who,),
        most_talkative([1.0], ""),
        LIMITS,
        {},
        (),
    )
    info = probe(tmp_path / "a.wav")
    source = Source("a", "a", tmp_path / "a.wav", "0" * 16, info, (said(0, 4, texts[0]), said(4, 8, texts[1])))
    assert check_words(built, [source], "en", TABLE, ctx) == (built, f"subtitles; not checked ({WHY.format(tmp_path)})")
    for name in FILES:
        (tmp_path / name).write_bytes(b"x")
    found, by = check_words(built, [source], "en", TABLE, ctx)
    assert by == f"subtitles; checked by faster-whisper {tmp_path.name}"
    assert found.judged[0].figures.cer == 0 and found.judged[2].figures.cer is None
    assert [one.kept for one in found.judged] == [True, False, False]
    assert found.judged[1].reasons[0][0] == "transcript differs"
    silent, by = check_words(built, [Source("a", "a", tmp_path / "a.wav", "0" * 16, info)], "en", TABLE, ctx)
    assert silent is built and "no words were heard" in by and "no transcripts" in warned[-1]


def test_overlap_of_spans() -> None:
    assert overlap([(0.0, 1.0), (2.0, 3.0)], 0.5, 2.5) == 1.0


def test_what_a_separator_lacks_is_told(settings: Settings) -> None:
    found, why = find_separator(settings)
    assert found is None and "no separator is installed" in why
    settings.voice.separator = ""
    assert find_separator(settings) == (None, "no separator is set (voice.separator)")


def test_a_damaged_an_encrypted_and_a_blown_up_clip_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    from configs.errors import UsageError
    from tools.voice.dataset import manifest as form

    clip = form.Clip(file="clips/a.wav", seconds=4.0, sample_rate=16000, text="Hello there.")
    text = form.Manifest(character="Luca", language="en", clips=(clip,)).model_dump_json()

    def packed(name: str, content: bytes) -> Path:
        file = tmp_path / name
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("manifest.json", text)
            archive.writestr("clips/a.wav", content)
        return file

    bomb = packed("bomb.zip", b"\0" * 300_000)
    monkeypatch.setattr(form, "MAX_CLIP_BYTES", 200_000)
    with pytest.raises(UsageError, match=r"clips/a\.wav has more than"):
        form.unpack(bomb, tmp_path / "out")
    broken = packed("broken.zip", bytes(range(256)) * 64)
    content = bytearray(broken.read_bytes())
    at = content.index(b"clips/a.wav") + len("clips/a.wav")
    content[at : at + 40] = b"\xff" * 40
    broken.write_bytes(content)
    with pytest.raises(UsageError, match="missing or damaged"):
        form.unpack(broken, tmp_path / "out")
    locked = packed("locked.zip", b"x" * 64)
    content = bytearray(locked.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.rindex(mark)
        content[at + offset] |= 1
    locked.write_bytes(content)
    with pytest.raises(UsageError, match="missing or damaged"):
        form.unpack(locked, tmp_path / "out")


def test_the_same_sound_is_kept_once(tmp_path: Path) -> None:
    tones = [np.sin(np.arange(64_000) * pitch).astype(np.float32) * 0.3 for pitch in (0.05, 0.05, 0.06)]
    files = {number: tmp_path / f"{number}.wav" for number in range(3)}
    for number, tone in enumerate(tones):
        write_wav(files[number], tone, 16_000, tags={"comment": str(number)})
    made = drop_repeated([Judged(number, Piece(0, 4), Figures()) for number in range(3)], files)
    assert [one.kept for one in made] == [True, False, True]
    assert made[1].reasons == (("repeated", "the same sound as 0.wav"),)
