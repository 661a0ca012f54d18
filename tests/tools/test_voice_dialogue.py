"""speak_dialogue and lip_sync, through the real executor, memory and eSpeak."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.voice.lips.visemes import MouthCue, cues_from_json, shape_at
from backends.voice.wav import read_wav, write_wav
from configs.errors import UsageError
from configs.settings import load_settings
from memory.records import Asset
from tools.events import Progress, StepFinished
from tools.intake import attach

LINES = [
    {"character": "Luca", "text": "Ciao, piccolo!", "emotion": "happily"},
    {"character": "Boo", "text": "*beeps*"},
    {"character": "Luca", "text": "Vieni con me?", "language": "it"},
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("dialogue")
    with voice_studio(load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})) as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
        made.studio.memory.remember("character", "Boo", "a tiny robot")
        yield made


@pytest.fixture(scope="module")
def dialogue(studio: VoiceStudio) -> tuple[Asset, ...]:
    return studio.made("speak_dialogue", lines=LINES)[0].assets


@pytest.fixture(scope="module")
def upload(studio: VoiceStudio, tmp_path_factory: pytest.TempPathFactory) -> Asset:
    """A recording that nobody made here: 0.7 s of silence, a line, 0.5 s of silence, at 16 kHz."""
    _, line = studio.made("speak", text="My mother bought five maps.", character="Luca", language="en")
    samples, rate = read_wav(studio.file(line))
    path: Path = tmp_path_factory.mktemp("up") / "recording.wav"
    parts = [np.zeros(int(0.7 * rate)), samples, np.zeros(int(0.5 * rate))]
    write_wav(path, np.concatenate(parts).astype(np.float32), rate)
    return attach(path, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")


def _cues(studio: VoiceStudio, asset: Asset) -> tuple[MouthCue, ...]:
    return cues_from_json(studio.file(asset).read_text(encoding="utf-8"))


def test_each_line_a_sound_and_one_mix(studio: VoiceStudio, dialogue: tuple[Asset, ...]) -> None:
    mix, first, second, third, subtitles, vtt = dialogue
    assert [asset.kind for asset in dialogue] == ["audio"] * 4 + ["subtitle"] * 2
    assert mix.parents == (first.id, second.id, third.id)
    assert [asset.params["character"] for asset in (first, second, third)] == ["Luca", "Boo", "Luca"]
    assert first.params["emotion"] == "happy"
    whole, rate = read_wav(studio.file(mix))
    assert len(whole) / rate == pytest.approx(mix.params["duration"], abs=0.01)
    gain = 10 ** (mix.params["gain_db"] / 20)
    for row, asset in zip(mix.params["lines"], (first, second, third), strict=True):
        part, _ = read_wav(studio.file(asset))
        start = round(row["start"] * rate)
        placed = whole[start : start + len(part)]  # as it is, but for peaks that the limiter held down
        assert np.corrcoef(placed, part)[0, 1] > 0.995 and np.median(np.abs(placed - gain * part)) < 1e-3
        assert row["asset"] == asset.id
    text = studio.file(subtitles).read_text(encoding="utf-8")
    assert "[beeps]" in text and "Vieni con me?" in text
    assert studio.file(vtt).read_text(encoding="utf-8").startswith("WEBVTT")


def test_pauses_lie_between_the_lines_and_scale(studio: VoiceStudio, dialogue: tuple[Asset, ...]) -> None:
    rows = dialogue[0].params["lines"]
    gaps = [after["start"] - before["end"] for before, after in pairwise(rows)]
    assert all(0.2 < gap < 0.8 for gap in gaps)
    tight = studio.made("speak_dialogue", lines=LINES, pause=0)[1].params["lines"]
    assert tight[1]["start"] == pytest.approx(tight[0]["end"], abs=1e-3)


def test_progress_is_told_per_line(studio: VoiceStudio) -> None:
    studio.events.clear()
    studio.made("speak_dialogue", lines=["Luca: Ciao!", "Boo: beep", "Just the narrator"])
    notes = [event.note for event in studio.events if isinstance(event, Progress)]
    assert [note for note in notes if note.startswith("line")] == ["line 1 of 3", "line 2 of 3", "line 3 of 3"]
    steps = [event.step for event in studio.events if isinstance(event, StepFinished) and event.tool == "speak"]
    assert steps == ["line-1", "line-2", "line-3"]


def test_a_finished_line_is_not_spoken_again_after_a_kill(studio: VoiceStudio) -> None:
    args = {"lines": LINES}
    first = studio.resumed("speak_dialogue", args, job="film-1")
    studio.events.clear()
    again = studio.resumed("speak_dialogue", args, job="film-1")
    states = [event.status for event in studio.events if isinstance(event, StepFinished) and event.tool == "speak"]
    assert states == ["reused"] * 3
    assert [asset.sha256 for asset in again.assets] == [asset.sha256 for asset in first.assets]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no lines"),
        ([{"text": ""}], "no text to speak"),
        ([{"text": "hi", "emotion": "hapy"}], "Did you mean 'happy'"),
        ([{"text": "hi"}] * 500, "at most 200"),
    ],
)
def test_wrong_lines_are_named(studio: VoiceStudio, lines: list[dict[str, str]], said: str) -> None:
    outcome = studio.call("speak_dialogue", lines=lines)
    assert outcome.status == "failed" and isinstance(outcome.error, UsageError)
    assert said in outcome.error.sentence


def test_lip_sync_follows_the_stored_phonemes(studio: VoiceStudio, dialogue: tuple[Asset, ...]) -> None:
    line = dialogue[1]
    outcome, asset = studio.made("lip_sync", audio=line.id)
    assert outcome.engine == "" and outcome.result is not None
    assert outcome.result.measurements["source"] == "phonemes"
    body = json.loads(studio.file(asset).read_text(encoding="utf-8"))
    assert body["metadata"]["duration"] == pytest.approx(line.params["duration"], abs=0.02)
    assert asset.kind == "lipsync" and asset.parents == (line.id,)
    cues = _cues(studio, asset)
    assert cues[0].start == 0 and cues[-1].end == body["metadata"]["duration"]
    # "Ciao, piccolo": the lips shut before the p and nowhere in "ciao".
    closing = next(p for p in line.params["phonemes"] if p[2] == "p")
    assert next(cue for cue in cues if cue.shape == "A").end == pytest.approx(closing[1], abs=0.06)
    tsv = studio.file(outcome.assets[1]).read_text(encoding="utf-8").splitlines()
    assert len(tsv) == len(cues) + 1 and tsv[0].split("\t") == ["0.00", cues[0].shape]


def test_lip_sync_of_one_speaker_in_a_mix(studio: VoiceStudio, dialogue: tuple[Asset, ...]) -> None:
    mix = dialogue[0]
    boo = next(row for row in mix.params["lines"] if row["character"] == "Boo")
    _, asset = studio.made("lip_sync", audio=mix.id, character="boo")
    cues = _cues(studio, asset)
    assert shape_at(cues, (boo["start"] + boo["end"]) / 2) in "BCDEFAX"
    moving = [cue for cue in cues if cue.shape != "X"]
    assert moving and all(boo["start"] - 0.1 <= cue.start and cue.end <= boo["end"] + 0.1 for cue in moving)
    outcome = studio.call("lip_sync", audio=mix.id, character="Nobody")
    assert outcome.error is not None and "Boo, Luca" in outcome.error.sentence


def test_lip_sync_of_a_recording_with_its_text(studio: VoiceStudio, upload: Asset) -> None:
    outcome, asset = studio.made("lip_sync", audio=upload.name, text="My mother bought five maps.", character="Luca")
    assert asset.engine == "espeak" and outcome.result is not None
    assert outcome.result.measurements["source"] == "text"
    cues = _cues(studio, asset)
    assert all(shape_at(cues, time) == "X" for time in (0.1, 0.4, 0.6, cues[-1].end - 0.2))
    truth = studio.made(
        "lip_sync",
        audio=studio.made("speak", text="My mother bought five maps.", character="Luca", language="en")[1].id,
    )[1]
    right = _cues(studio, truth)
    times = np.arange(0.0, right[-1].end, 0.02)
    assert np.mean([shape_at(right, t) == shape_at(cues, t + 0.7) for t in times]) > 0.8


def test_lip_sync_of_a_recording_without_text_says_so(studio: VoiceStudio, upload: Asset) -> None:
    outcome, asset = studio.made("lip_sync", audio=upload.id)
    assert outcome.result is not None and outcome.result.measurements["source"] == "energy"
    assert "loudness" in outcome.result.warnings[0]
    cues = _cues(studio, asset)
    assert shape_at(cues, 0.3) == "X"
    assert len({cue.shape for cue in cues}) >= 4


def test_lip_sync_of_what_has_no_sound(studio: VoiceStudio, tmp_path: Path) -> None:
    outcome = studio.call("lip_sync", audio="nothing-like-this.wav")
    assert isinstance(outcome.error, UsageError)
    subtitles = studio.made("speak_dialogue", lines=LINES[:1])[0].assets[-1]
    outcome = studio.call("lip_sync", audio=subtitles.id)
    assert isinstance(outcome.error, UsageError)


def test_a_missing_file_is_named(studio: VoiceStudio) -> None:
    _, line = studio.made("speak", text="This one goes away.", character="Luca")
    shutil.move(studio.file(line), studio.file(line).with_suffix(".gone"))
    outcome = studio.call("lip_sync", audio=line.id)
    assert isinstance(outcome.error, UsageError) and "gone" in outcome.error.sentence
