"""A dialogue over several engines: servers that speak the true protocols, grouped, mixed, and failing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from cloning_installs import install_gpt_sovits, set_faults, weights
from test_voice_engines import clone
from voice_studio import VoiceStudio, voice_studio

from backends.voice.wav import read_wav
from configs.settings import Settings, load_settings
from tools.events import StepFinished

LINES = [
    {"character": "Rita", "text": "Where is the old map, Marta?"},
    {"character": "Marta", "text": "I have never seen a map here."},
    {"character": "Nino", "text": "Somebody took it from the table."},
    {"character": "Rita", "text": "Then we will look for it together."},
    {"character": "Marta", "text": "I have no time for such things!"},
    {"character": "Nino", "text": "There it is, under the lamp."},
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("engines")
    install_gpt_sovits(folder / "warehouse")
    (folder / "home" / "configs").mkdir(parents=True)
    (folder / "home" / "configs" / "tts_config.yaml").write_text(
        "engines: {gpt_sovits: {line_seconds: 1.5, tries: 1}}\norder: {default: [gpt_sovits, espeak]}\n"
    )
    memory, run = {"index": "numpy", "embedder": "letters"}, {"run_dir": str(folder / "run")}
    return load_settings(
        home=folder / "home", warehouse=folder / "warehouse", brain="offline", memory=memory, gpu=run,
        voice={"speaker_encoder": "none"},  # judging likeness loads torch, and is tested elsewhere
    )  # fmt: skip


@pytest.fixture(scope="module")
def studio(place: Settings) -> Iterator[VoiceStudio]:
    with voice_studio(place, budget_mib=16_000) as made:
        for name, hertz in (("Rita", 220.0), ("Marta", 160.0)):
            trained = weights(made.studio.workspace.home / "training" / f"{name.lower()}.pth", name)
            clone(made, name, hertz, sovits=str(trained))
        made.studio.memory.remember("character", "Nino", "a young fisherman")
        yield made


@pytest.fixture
def yaml_folder(place: Settings) -> Iterator[Path]:
    folder = place.home.resolve() / "cache" / "engines" / "gpt_sovits"
    yield folder
    set_faults(folder)


def _steps(studio: VoiceStudio) -> list[str]:
    return [event.step for event in studio.events if isinstance(event, StepFinished) and event.tool == "speak"]


def test_lines_are_spoken_by_engine_and_weights_and_mixed_in_story_order(studio: VoiceStudio) -> None:
    studio.events.clear()
    outcome, mix = studio.made("speak_dialogue", lines=LINES)
    assert _steps(studio) == ["line-1", "line-4", "line-2", "line-5", "line-3", "line-6"]
    assert [row["text"] for row in mix.params["lines"]] == [line["text"] for line in LINES]
    spoken = [asset for asset in outcome.assets if asset.tool == "speak"]
    assert [asset.engine for asset in spoken] == ["gpt_sovits"] * 2 + ["espeak"] + ["gpt_sovits"] * 2 + ["espeak"]
    by_step = {asset.step_key: asset for asset in spoken}
    used = [by_step[step].params["engine_params"].get("weights", {}).get("sovits", "") for step in _steps(studio)]
    assert [name for name, _ in groupby(used)] == ["rita.pth", "marta.pth", ""]  # each is switched to once
    whole, rate = read_wav(studio.file(mix))
    assert rate == 32000 and len(whole) / rate == pytest.approx(mix.params["duration"], abs=0.01)
    assert mix.engine == "espeak+gpt_sovits"
    assert {score.name: score.passed for score in mix.scores} == {"loudness": True, "true_peak": True}


def test_a_server_that_hangs_costs_its_line_only(studio: VoiceStudio, yaml_folder: Path) -> None:
    studio.made("speak_dialogue", lines=LINES)
    set_faults(yaml_folder, hang=2)
    outcome, mix = studio.made("speak_dialogue", lines=[*LINES, {"character": "Rita", "text": "This one hangs."}])
    result = outcome.result
    assert result is not None and [row["text"] for row in mix.params["lines"]] == [line["text"] for line in LINES]
    assert result.measurements["from_cache"] == len(LINES)
    assert [failed["number"] for failed in result.data["failed"]] == [7]
    assert any("Line 7 (Rita)" in text and "does not answer" in text for text in result.warnings)
