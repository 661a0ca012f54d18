"""Mouth cues as files for other programs: Rhubarb, Moho, ARKit."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise

import numpy as np
import pytest

from backends.voice.engines.protocol import Phoneme
from backends.voice.lips.arkit import ROTATIONS, SHAPES, arkit_csv, weights
from backends.voice.lips.moho import PRESTON_BLAIR, cues_from_dat, moho_dat
from backends.voice.lips.visemes import MouthCue, cues_from_phonemes, rhubarb_json, rhubarb_tsv, shape_at

CUES = (
    MouthCue(0.0, 0.2, "X"), MouthCue(0.2, 0.3, "A"), MouthCue(0.3, 0.38, "C"), MouthCue(0.38, 0.62, "D"),
    MouthCue(0.62, 0.7, "C"), MouthCue(0.7, 0.81, "F"), MouthCue(0.81, 0.93, "G"), MouthCue(0.93, 1.5, "X"),
)  # fmt: skip
MOUTH = re.compile(r"^(Mouth|Jaw|TongueOut)")


def test_rhubarb_files_are_as_its_own_importers_read_them() -> None:
    # Blender's and Spine's importers split TSV lines at tabs and read start and value; JSON by these keys.
    rows = [line.split("\t") for line in rhubarb_tsv(CUES).splitlines()]
    assert all(len(row) == 2 and re.fullmatch(r"\d+\.\d\d", row[0]) and row[1] in "ABCDEFGHX" for row in rows)
    assert [float(row[0]) for row in rows] == sorted(float(row[0]) for row in rows)
    assert rows[-1] == ["1.50", "X"]
    body = json.loads(rhubarb_json(CUES, "a.wav", 1.5))
    assert list(body) == ["metadata", "mouthCues"] and body["metadata"] == {"soundFile": "a.wav", "duration": 1.5}
    assert all(set(cue) == {"start", "end", "value"} for cue in body["mouthCues"])
    assert all(a["end"] == b["start"] for a, b in pairwise(body["mouthCues"]))


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 29.97, 60.0])
def test_moho_keys_are_frames_of_the_films_rate(fps: float) -> None:
    lines = moho_dat(CUES, fps).splitlines()
    assert lines[0] == "MohoSwitch1" and lines[1] == "1 rest"
    keys = [(int(frame), name) for frame, name in (line.split() for line in lines[1:])]
    assert {name for _, name in keys} <= set(PRESTON_BLAIR.values())
    assert [frame for frame, _ in keys] == sorted({frame for frame, _ in keys})
    back = cues_from_dat("\n".join(lines), fps)
    for cue in (cue for cue in CUES if cue.end - cue.start > 2 / fps):
        assert shape_at(back, (cue.start + cue.end) / 2) == cue.shape
    starts = {round(cue.start, 3) for cue in CUES}
    assert all(min(abs(cue.start - start) for start in starts) <= 0.5 / fps + 1e-9 for cue in back)


def test_moho_files_of_other_forms_are_refused() -> None:
    for text in ("", "1 rest", "MohoSwitch1\nx rest", "MohoSwitch1\n1 smile"):
        with pytest.raises(ValueError, match="Moho"):
            cues_from_dat(text, 24)
    assert moho_dat((), 24) == "MohoSwitch1\n"


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_arkit_rows_are_what_live_link_face_writes(fps: float) -> None:
    rows = list(csv.reader(io.StringIO(arkit_csv(CUES, fps))))
    header, frames = rows[0], rows[1:]
    assert header[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"] and header[-1] == "RightEyeRoll"
    assert len(SHAPES) == 52 == len(set(SHAPES)) and len(header) == 2 + 52 + len(ROTATIONS) == 63
    assert len(frames) == round(1.5 * fps)
    assert all(len(row) == 63 and row[1] == "61" for row in frames)
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d:\d\d\.\d{3}", row[0]) for row in frames)
    assert frames[int(fps)][0] == "00:00:01:00.000"
    values = np.array([[float(value) for value in row[2:]] for row in frames])
    moving = {name for name, column in zip(header[2:], values.T, strict=True) if column.any()}
    assert moving and all(MOUTH.match(name) for name in moving)
    assert values.min() >= 0 and values.max() <= 1


def test_arkit_weights_follow_the_shapes_smoothly() -> None:
    fps = 60.0
    found = weights(CUES, fps)
    jaw, close, pucker = (SHAPES.index(name) for name in ("JawOpen", "MouthPressLeft", "MouthPucker"))
    at = (np.arange(len(found)) + 0.5) / fps
    assert at[np.argmax(found[:, jaw])] == pytest.approx(0.5, abs=0.1)
    assert at[np.argmax(found[:, close])] == pytest.approx(0.25, abs=0.02) and found[:, close].max() > 0.4
    assert at[np.argmax(found[:, pucker])] == pytest.approx(0.755, abs=0.02) and found[:, pucker].max() > 0.75
    assert np.abs(np.diff(found, axis=0)).max() < 0.35  # at 60 fps: no jump from shape to shape
    assert not found[:6].any() and not found[-20:].any()
    assert weights((), fps).shape == (0, 52)


def _cues(*sounds: tuple[str, float]) -> tuple[MouthCue, ...]:
    phonemes, at = [], 0.0
    for ipa, seconds in sounds:
        phonemes.append(Phoneme(at, at + seconds, ipa))
        at += seconds
    return cues_from_phonemes(phonemes, at)


def test_lips_round_before_the_rounded_vowel_is_heard() -> None:
    early = _cues(("e", 0.2), ("t", 0.12), ("u", 0.2))
    assert shape_at(early, 0.30) == "F" and shape_at(early, 0.24) != "F"
    plain = _cues(("e", 0.2), ("t", 0.12), ("e", 0.2))
    assert shape_at(plain, 0.30) == "B"
    vowel = _cues(("i", 0.2), ("u", 0.2))  # a vowel keeps its own shape to its end
    assert shape_at(vowel, 0.15) == "B"


def test_a_long_l_shows_the_tongue_and_a_short_one_does_not() -> None:
    assert "H" in {cue.shape for cue in _cues(("e", 0.2), ("l", 0.09), ("e", 0.2))}
    assert "H" not in {cue.shape for cue in _cues(("e", 0.2), ("l", 0.045), ("e", 0.2))}


@pytest.mark.parametrize("geminate", [[("p", 0.1), ("p", 0.1)], [("pː", 0.2)]])
def test_italian_geminates_close_once_and_long(geminate: list[tuple[str, float]]) -> None:
    cues = _cues(("a", 0.2), *geminate, ("a", 0.2))
    closed = [cue for cue in cues if cue.shape == "A"]
    assert len(closed) == 1 and closed[0].end - closed[0].start >= 0.1
