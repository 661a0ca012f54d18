"""A GPT-SoVITS stand-in that runs, shared by the files of tests that let it speak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloning_installs import installed, set_faults

from backends.engines import make_engine
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceProfile, VoiceSource
from configs.settings import Settings

LINE = "Good morning, little robot."
VOICE = VoiceProfile("Luca")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return installed(tmp_path_factory.mktemp("sovits"), "gpt_sovits")


@pytest.fixture(scope="module")
def started(place: Settings) -> Iterator[Any]:
    engine = make_engine("gpt_sovits", place, place.home / "cache")
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def engine(started: Any, yaml_folder: Path) -> Iterator[Any]:
    """Well, whatever the test before did to it."""
    set_faults(yaml_folder)
    if started.ailment() or not started.base_url:
        started.unload()
        started.load()
    yield started
    set_faults(yaml_folder)


@pytest.fixture(scope="module")
def yaml_folder(place: Settings) -> Path:
    return place.home.resolve() / "cache" / "engines" / "gpt_sovits"


def say(engine: Any, voice: VoiceSource, text: str = LINE, language: str = "en", **more: Any) -> SpeechResult:
    result: SpeechResult = engine.speak(SpeechRequest(text, VOICE, language, source=voice, **more))
    return result
