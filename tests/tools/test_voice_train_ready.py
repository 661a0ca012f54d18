"""What stands against a training is told before its plan and before anybody agrees; its minutes follow the dataset."""

from __future__ import annotations

import asyncio
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from scripted_brain import SCRIPTED, ScriptedBrain, calls, says, understands
from voice_studio import VoiceStudio
from voice_training import dataset, installed, training_studio

from agent.events import ApprovalAsked
from agent.studio_agent import StudioAgent
from configs.errors import EngineError, QuestionOpen, UsageError
from configs.settings import Settings
from configs.voice_training import load_voice_training
from memory.records import Asset
from tools.publish import publish
from tools.voice.train_cost import Seen, Size, expected_seconds, needed_mib

CONSENT = "written consent of Anna Rossi, 3 May 2026"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[VoiceStudio]:
    with training_studio(tmp_path) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return installed(tmp_path / "warehouse")


def _dataset(studio: VoiceStudio, **more: Any) -> Asset:
    file = studio.studio.workspace.tmp / "luca.zip"
    dataset(file, **more)
    return publish(
        studio.studio.workspace, studio.studio.memory, file, "dataset", "luca.zip", engine="", engine_version="",
        tool="build_voice_dataset", params={"character": "Luca"}, seed=None, parents=(), scores=(), thread="t",
        step="", summary="",
    )  # fmt: skip


def _planned(studio: VoiceStudio, *wanted: tuple[str, dict[str, Any]]) -> tuple[list[Any], str]:
    """Events of a turn in which the brain plans these calls, and what it was told of them."""
    brain = ScriptedBrain().enqueue(understands("train_voice"), calls(*wanted), says("I see."))
    agent = StudioAgent(studio.studio, studio.executor, brain, SCRIPTED, None)

    async def turn() -> list[Any]:
        return [event async for event in agent.astream("train Luca's voice", thread="a", approve="ask")]

    seen = asyncio.run(turn())
    agent.close()
    told = [str(m.content) for asked in brain.asked for m in asked if isinstance(m, ToolMessage)]
    return seen, told[-1] if told else ""


def test_what_is_missing_is_told_before_the_plan_is_agreed_to(studio: VoiceStudio) -> None:
    seen, told = _planned(studio, ("train_voice", {"character": "Luca"}))
    assert not any(isinstance(event, ApprovalAsked) for event in seen)
    assert "GPT-SoVITS is not installed" in told and "no voice dataset of Luca" in told


def test_a_training_that_can_be_done_is_planned_by_its_length(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    forecast = studio.executor.forecast("train_voice", {"character": "Luca"})[0]
    seen, told = _planned(studio, ("train_voice", {"character": "Luca"}))
    asked = next(event for event in seen if isinstance(event, ApprovalAsked))
    assert asked.plan.seconds == pytest.approx(forecast.seconds, abs=1) and not told


def test_a_dataset_that_an_earlier_step_builds_is_not_missed(studio: VoiceStudio, root: Path) -> None:
    seen, told = _planned(
        studio, ("build_voice_dataset", {"source": "in/film.mp4", "character": "Luca"}),
        ("train_voice", {"character": "Luca"}),
    )  # fmt: skip
    assert any(isinstance(event, ApprovalAsked) for event in seen) and not told


def test_reasons_come_before_the_question_who_agreed(studio: VoiceStudio) -> None:
    _dataset(studio, language="it")
    outcome = studio.call("train_voice", character="Luca")
    assert isinstance(outcome.error, EngineError), outcome.error
    said = outcome.error.sentence
    assert "not installed" in said and "cannot be trained in Italian" in said and "export='qwen3'" in said
    assert said.startswith("Luca's voice cannot be trained yet: ")


def test_a_disk_too_small_for_the_checkpoints(studio: VoiceStudio, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _dataset(studio)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, 3000 * 2**20))
    outcome = studio.call("train_voice", character="Luca", consent=CONSENT)
    assert isinstance(outcome.error, EngineError)
    assert "3000 MiB are free" in outcome.error.sentence and not (studio.studio.workspace.home / "training").exists()


def _no_python(root: Path) -> None:
    (root / ".venv" / "bin" / "python").unlink()


def _no_torch(root: Path) -> None:
    (root / ".venv" / "lib" / "python3.10" / "site-packages" / "pip").mkdir(parents=True)


def _broken_download(root: Path) -> None:
    (root / "GPT_SoVITS/pretrained_models/s1v3.ckpt").write_bytes(b"")


def _pointer(root: Path) -> None:
    file = root / "GPT_SoVITS/pretrained_models/v2Pro/s2Gv2ProPlus.pth"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 200\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_no_python, "has no environment of its own"),
        (_no_torch, "environment is empty: there is no torch"),
        (_broken_download, "s1v3.ckpt is missing"),
        (_pointer, "s2Gv2ProPlus.pth is missing"),
    ],
)
def test_an_installation_that_is_not_whole(studio: VoiceStudio, root: Path, spoil: Any, words: str) -> None:
    _dataset(studio)
    spoil(root)
    outcome = studio.call("train_voice", character="Luca")
    assert isinstance(outcome.error, EngineError) and words in outcome.error.sentence


def test_without_a_reason_against_it_consent_is_asked(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    assert isinstance(studio.call("train_voice", character="Luca").error, QuestionOpen)


def test_an_unknown_character_is_told_before_the_plan(studio: VoiceStudio, root: Path) -> None:
    with pytest.raises(UsageError, match="No character 'Zorro' is remembered"):
        studio.executor.check_possible("train_voice", {"character": "Zorro"})


def test_dry_runs_and_exports_leave_the_forecast_of_a_training_alone(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    before = studio.executor.forecast("train_voice", {"character": "Luca"})[0]
    for _ in range(3):
        studio.made("train_voice", character="Luca", dry_run=True)
    assert studio.executor.forecast("train_voice", {"character": "Luca"})[0] == before


def test_minutes_follow_clips_and_epochs() -> None:
    table = load_voice_training(Settings()).gpt_sovits

    def minutes(clips: int, sovits: int = 8, gpt: int = 15, **more: Any) -> float:
        size = Size("v2ProPlus", clips, clips * 5.0, sovits, gpt)
        return expected_seconds(size, table, has_gpu=True, **more)[0] / 60

    assert minutes(300) > 1.8 * minutes(100) and minutes(150, sovits=16) > 1.4 * minutes(150)
    assert minutes(20) == pytest.approx(minutes(100), rel=0.1), "the loaders repeat small datasets"
    assert minutes(150, done=("text", "hubert", "speaker", "semantic", "sovits")) < 0.5 * minutes(150)
    seen = tuple(Seen(step, 800, 20 + 8.0) for step in ("text", "hubert", "speaker", "semantic", "sovits", "gpt"))
    size = Size("v2ProPlus", 100, 500.0, 8, 15)
    seconds, measured = expected_seconds(size, table, has_gpu=True, seen=seen)
    assert measured and seconds == pytest.approx(6 * 20 + 0.01 * (4 * 100 + 800 + 1500))
    assert needed_mib(size, table) > 4000


def test_a_training_seen_here_tells_the_next_one(studio: VoiceStudio, root: Path) -> None:
    _dataset(studio)
    wish = {"character": "Luca", "sovits_epochs": 1, "gpt_epochs": 1}
    studio.made("train_voice", consent=CONSENT, batch=32, **wish)
    again = studio.executor.forecast("train_voice", {**wish, "resume": False})[0]
    assert again.basis == "measured"
    assert studio.executor.forecast("train_voice", wish)[0].seconds == 0, "everything is done"
