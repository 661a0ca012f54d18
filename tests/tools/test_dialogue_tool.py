"""speak_dialogue with scripts: scenes, failures, groups, cancelling and being killed; real executor and eSpeak."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.gpu.arbiter import Arbiter
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, SpeechResult
from backends.voice.wav import read_wav
from configs.errors import EngineError, StudioError, UsageError
from configs.models import load_models
from configs.settings import Settings, load_settings
from memory.records import Asset
from tools.editing.timeline_file import load_timeline
from tools.events import Event, Progress, StepFinished
from tools.executor import Executor, Run
from tools.intake import attach
from tools.spec import CancelToken
from tools.voice.dialogue import SpeakDialogueArgs
from tools.voice.dialogue_lines import NOT_TRIED, Spoken
from tools.voice.scenes import foreseen
from tools.voice.screenplay_lines import ScriptLine

FILM = """INT. LIGHTHOUSE - NIGHT

LUCA
(sadly)
La lampada si è spenta.

BOO
(beeps)
I can fix it --

NONNA ROSA
(laughs)
You cannot!

EXT. HARBOUR - DAWN

BOO
(dancing)
It shines.

LUCA
(to Boo)
Ce l'abbiamo fatta!
"""


def _settings(home: Path) -> Settings:
    return load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    with voice_studio(_settings(tmp_path_factory.mktemp("scripts"))) as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair", {"language": "it"})
        made.studio.memory.remember("character", "Boo", "a tiny robot")
        yield made


def _attached(studio: VoiceStudio, folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    it = studio.studio
    return attach(folder / name, it.workspace, it.memory, it.settings, "t").id


@pytest.fixture(scope="module")
def film(studio: VoiceStudio, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _attached(studio, tmp_path_factory.mktemp("up"), "lamp.fountain", FILM)


def _lines(assets: tuple[Asset, ...]) -> list[Asset]:
    return [asset for asset in assets if asset.tool == "speak"]


def test_a_script_becomes_lines_scenes_stems_subtitles_and_a_timeline(studio: VoiceStudio, film: str) -> None:
    outcome, mix = studio.made("speak_dialogue", script=film, stems=True, timeline=True)
    result = outcome.result
    assert result is not None and mix.name == "lamp" and not result.data["failed"]
    rows = mix.params["lines"]
    assert [row["character"] for row in rows] == ["Luca", "Boo", "Nonna Rosa", "Boo", "Luca"]
    assert [row["language"] for row in rows] == ["it", "en", "en", "en", "it"]
    assert rows[0]["emotion"] == "sad" and rows[1]["text"].startswith("*beeps* I can") and "*laughs*" in rows[2]["text"]
    assert rows[2]["start"] < rows[1]["end"]  # she cuts in
    assert rows[3]["start"] - rows[2]["end"] > 1.0  # a new scene
    sounds = {asset.name: asset for asset in outcome.assets if asset.kind == "audio" and asset.tool != "speak"}
    whole, rate = read_wav(studio.file(mix))
    first, second = (
        read_wav(studio.file(sounds[f"lamp - {name}"]))[0] for name in ("INT LIGHTHOUSE - NIGHT", "EXT HARBOUR - DAWN")
    )
    assert np.array_equal(whole[: len(first)], first)
    start = round(rows[3]["start"] * rate)
    assert np.array_equal(whole[start : start + len(second)], second)
    assert sounds["lamp - EXT HARBOUR - DAWN"].params["lines"][0]["start"] == 0
    assert sounds["lamp - EXT HARBOUR - DAWN"].params["phonemes"][0][0] < 0.2
    for name in ("Luca", "Boo", "Nonna Rosa"):
        assert len(read_wav(studio.file(sounds[f"lamp - {name}"]))[0]) == len(whole)
    (timeline,) = (asset for asset in outcome.assets if asset.kind == "timeline")
    tracks = load_timeline(studio.file(timeline)).audio_tracks()
    clips = sorted(
        (clip for track in tracks for clip in track.find_clips()), key=lambda c: c.source_range.start_time.to_seconds()
    )
    assert len(clips) == 5 and all(clip.name.startswith(("Luca", "Boo", "Nonna")) for clip in clips)
    for clip, row in zip(clips, rows, strict=True):  # cut out of the stems: the sound stays where the mix has it
        begins = clip.source_range.start_time.to_seconds()
        assert begins <= row["start"] < begins + 1 / 24 + 1e-6
        assert clip.range_in_parent().start_time.to_seconds() == pytest.approx(begins, abs=1e-6)
        assert begins + clip.source_range.duration.to_seconds() >= row["end"] - 1 / 24
    told = " ".join(result.warnings)
    assert "'Nonna Rosa' is remembered" in told and "'dancing'" in told and "'to Boo'" not in told
    assert {score.name: score.passed for score in mix.scores} == {"loudness": True, "true_peak": True}


def test_one_scene_or_some_lines_alone(studio: VoiceStudio, film: str) -> None:
    _, mix = studio.made("speak_dialogue", script=film, scene="harbour")
    assert [row["character"] for row in mix.params["lines"]] == ["Boo", "Luca"]
    _, mix = studio.made("speak_dialogue", script=film, only="1, 4-5")
    assert [row["character"] for row in mix.params["lines"]] == ["Luca", "Boo", "Luca"]
    for wrong, said in (
        ({"scene": "harbor down"}, "EXT. HARBOUR - DAWN"),
        ({"only": "9"}, "there are 5"),
        ({"only": "x"}, "Nobody called x speaks there"),
    ):
        error = studio.call("speak_dialogue", script=film, **wrong).error
        assert isinstance(error, UsageError) and said in error.sentence


def test_a_script_may_stand_in_the_call(studio: VoiceStudio) -> None:
    _, mix = studio.made("speak_dialogue", script="Luca: Ciao!\nBoo (sad): Beep.")
    assert [(row["character"], row["emotion"]) for row in mix.params["lines"]] == [("Luca", "neutral"), ("Boo", "sad")]
    error = studio.call("speak_dialogue", script="Luca: a\nBoo: b", lines=["Luca: c"]).error
    assert isinstance(error, UsageError) and "both" in error.sentence


def test_a_scene_goes_from_one_emotion_to_another(studio: VoiceStudio) -> None:
    lines = ["Luca: Uno.", {"character": "Boo", "text": "Two.", "emotion": "angry"}, "Luca: Tre.", "Boo: Four."]
    _, mix = studio.made("speak_dialogue", lines=lines, emotion="from sad to happy")
    felt = [row["emotion"] for row in mix.params["lines"]]
    assert felt[0] == "sad" and felt[1] == "angry" and felt[3] == "happy" and felt[2] not in ("sad", "angry", "neutral")


def test_progress_tells_the_line(studio: VoiceStudio, film: str) -> None:
    studio.events.clear()
    studio.made("speak_dialogue", script=film)
    seen = [event for event in studio.events if isinstance(event, Progress) and event.step == ""]
    assert [event.note.split(",")[0] for event in seen][:5] == [f"line {number} of 5" for number in range(1, 6)]
    assert seen[-2].note == "mixing" and seen[-1].done == seen[-1].total


class _Faulty(EspeakEngine):
    """Breaks where the words say so, as a server does that hangs or dies."""

    def speak(self, request: SpeechRequest) -> SpeechResult:
        if "boom" in request.text:
            raise EngineError("The voice server does not answer", "it was silent for 30 s", "Try again")
        if "hush" in request.text:
            return replace(super().speak(request), samples=np.zeros(22050, np.float32))
        return super().speak(request)


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[VoiceStudio]:
    with voice_studio(_settings(tmp_path)) as made:
        arbiter = Arbiter(load_models(), lambda _: _Faulty(), cpu_budget_mib=2000, gpu_budget_mib=2000)
        events: list[Event] = []
        try:
            yield VoiceStudio(made.studio, Executor(made.studio, arbiter), events)
        finally:
            arbiter.close()


def test_a_line_that_fails_is_told_and_the_others_stay(faulty: VoiceStudio) -> None:
    lines = ["Luca: One.", "Boo: boom!", "Luca: Three.", "Boo: hush now.", "Luca: Five."]
    outcome, mix = faulty.made("speak_dialogue", lines=lines)
    result = outcome.result
    assert result is not None and [row["text"] for row in mix.params["lines"]] == ["One.", "Three.", "Five."]
    assert [row["number"] for row in mix.params["lines"]] == [1, 3, 5]
    assert [failed["number"] for failed in result.data["failed"]] == [2, 4]
    assert "2 failed: 2, 4" in result.summary and "only these are spoken anew" in result.summary
    assert any("Line 2 (Boo)" in text and "does not answer" in text for text in result.warnings)
    assert any("Line 4 (Boo)" in text and "silence" in text for text in result.warnings)
    faulty.events.clear()
    alone, again = faulty.made(
        "speak_dialogue", lines=[failed["line"] for failed in result.data["failed"][1:]] + lines[:1]
    )
    assert alone.result is not None and alone.result.measurements["from_cache"] == 1
    assert [row["text"] for row in again.params["lines"]] == ["One."]


def test_when_nothing_can_be_spoken_the_reason_is_the_error(faulty: VoiceStudio) -> None:
    outcome = faulty.call("speak_dialogue", lines=["Luca: boom.", "Boo: boom."])
    assert outcome.status == "failed" and outcome.error is not None and "does not answer" in outcome.error.sentence


def test_an_engine_that_hangs_is_not_asked_a_hundred_times(faulty: VoiceStudio) -> None:
    outcome, _ = faulty.made("speak_dialogue", lines=["Luca: First.", *[f"Boo: boom {n}." for n in range(6)]])
    tried = [event for event in faulty.events if isinstance(event, StepFinished) and event.tool == "speak"]
    assert len(tried) == 4 and outcome.result is not None
    assert any("not tried" in text for text in outcome.result.warnings)


def test_stopping_keeps_the_lines_that_are_finished(studio: VoiceStudio) -> None:
    token = CancelToken()
    finished: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, StepFinished) and event.tool == "speak":
            finished.append(event.step)
            if len(finished) == 3:
                token.cancel()

    lines = [{"character": "Luca", "text": f"Riga numero {number}."} for number in range(8)]
    outcome = studio.executor.run("speak_dialogue", {"lines": lines}, Run(thread="stop", emit=watch, cancel=token))
    assert outcome.status == "cancelled" and finished == ["line-1", "line-2", "line-3"]
    again, _ = studio.made("speak_dialogue", lines=lines)
    assert again.result is not None and again.result.measurements["from_cache"] == 3


def test_a_killed_dialogue_goes_on_and_speaks_no_line_twice(tmp_path: Path) -> None:
    script = "\n".join(
        f"{name}: This is what I say as number {n}, and it takes a while."
        for n in range(12)
        for name in ("Luca", "Boo")
    )
    home = tmp_path / "home"
    command = [sys.executable, str(Path(__file__).with_name("dialogue_child.py")), str(home), script, "job-1"]
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(list((home / "assets").glob("*.wav"))) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = {file: file.stat().st_mtime_ns for file in (home / "assets").glob("*.wav")}
    kept = set((home / "cache" / "lines").glob("*.npz"))
    assert 4 <= len(before) < 24, "killed in the middle"
    with voice_studio(_settings(home)) as studio:
        outcome = studio.resumed("speak_dialogue", {"script": script}, "job-1")
        result = outcome.result
        assert result is not None and result.measurements["lines"] == 24
        # The line that was being recorded when it was killed is at least in the cache.
        assert result.measurements["from_cache"] == len(kept) >= len(before)
        newest = max(before, key=lambda file: before[file])  # was perhaps not recorded yet
        assert all(file.stat().st_mtime_ns == then for file, then in before.items() if file != newest)
        assert len({asset.id for asset in _lines(outcome.assets)}) == 24


def test_where_lines_overlap_each_mouth_follows_its_own(studio: VoiceStudio) -> None:
    lines = ["Luca: Mamma mia, ma perché --", {"character": "Boo", "text": "My poor bomb!", "language": "en"}]
    outcome, mix = studio.made("speak_dialogue", lines=lines)
    first, second = mix.params["lines"]
    assert second["start"] < first["end"]
    for row, asset in zip((first, second), _lines(outcome.assets), strict=True):
        own = mix.params["phonemes"][slice(*row["phonemes"])]
        assert [sign for _, _, sign in own] == [sign for _, _, sign in asset.params["phonemes"]]
        assert own[0][0] == pytest.approx(asset.params["phonemes"][0][0] + row["start"], abs=1e-3)
    made, _ = studio.made("lip_sync", audio=mix.id, character="Boo")
    assert made.result is not None
    moving = [start for start, _, shape in made.result.data["cues"] if shape != "X"]
    assert min(moving) >= second["start"] - 0.15


def test_a_script_in_the_call_is_foreseen_and_a_line_without_words_is_told(studio: VoiceStudio) -> None:
    args = SpeakDialogueArgs(script="LUCA: Ciao!\nBOO: Beep.\n")
    assert len(foreseen(args, studio.studio)) == 2
    outcome, mix = studio.made("speak_dialogue", lines=["Luca: ", "Boo: Hello."])
    assert [row["text"] for row in mix.params["lines"]] == ["Hello."]
    assert outcome.result is not None and any("line 1: no text" in text for text in outcome.result.warnings)


def test_one_sentence_tells_why_and_one_what_was_not_tried_after_it() -> None:
    line = ScriptLine("Rita", "Hello.")
    spoken = Spoken()
    for number, port in ((4, 1200), (6, 34567)):
        spoken.fail(number, line, EngineError("It does not answer", f"nothing from http://127.0.0.1:{port}/tts"))
    quoted = "the last one: It does not answer: nothing from http://127.0.0.1:34567/tts"
    spoken.fail(1, line, EngineError("It is left alone after 2 failures", quoted, "Mend the cause"))
    spoken.fail(2, line, StudioError(NOT_TRIED, "it had failed"))
    spoken.fail(3, ScriptLine("", "Hm."), UsageError("Nothing to speak"))
    assert spoken.complaints() == [
        "Lines 5 (Rita), 7 (Rita) were not spoken: It does not answer: nothing from http://127.0.0.1:1200/tts.",
        "Line 4 (Narrator) was not spoken: Nothing to speak.",
        "Lines 2 (Rita), 3 (Rita) were not tried after that: It is left alone after 2 failures. Mend the cause.",
    ]
