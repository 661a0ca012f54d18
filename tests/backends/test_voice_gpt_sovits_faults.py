"""GPT-SoVITS in trouble: silence, half an answer, a server that dies, restarts or hangs (tests/fake_gpt_sovits.py)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cloning_installs import set_faults, source, weights
from gpt_sovits_fixtures import engine, place, say, started, yaml_folder

from backends.engines import make_engine
from backends.gpu.engine import EngineOutOfMemory
from configs.errors import EngineError
from configs.settings import Settings

__all__ = ["engine", "place", "started", "yaml_folder"]


def test_silence_is_asked_for_again(engine: Any, tmp_path: Path, yaml_folder: Path) -> None:
    set_faults(yaml_folder, silent=2)
    made = say(engine, source(tmp_path), seed=5)
    assert made.params["seeds"] == [7] and made.sample_rate == 32000


def test_a_server_that_only_gives_silence_is_told(engine: Any, tmp_path: Path, yaml_folder: Path) -> None:
    set_faults(yaml_folder, silent=3)
    with pytest.raises(EngineError, match="answered with silence: 3 times"):
        say(engine, source(tmp_path))


@pytest.mark.parametrize(
    ("failure", "kind", "told"),
    [
        ("Resource averaged_perceptron_tagger_eng not found.", EngineError, "its log says: .*tagger_eng not found"),
        ("CUDA out of memory. Tried to allocate 2.00 GiB.", EngineOutOfMemory, "ran out of GPU memory .*2.00 GiB"),
    ],
)
def test_why_it_was_silent_is_read_in_its_log(
    engine: Any, tmp_path: Path, yaml_folder: Path, failure: str, kind: type[EngineError], told: str
) -> None:
    set_faults(yaml_folder, silent=3, failure=failure)
    with pytest.raises(kind, match=told):
        say(engine, source(tmp_path))
    assert not engine.ailment() and say(engine, source(tmp_path)).samples.any()


@pytest.mark.parametrize(
    ("answer", "told"),
    [("half", r"it breaks off after \d+ of \d+ bytes"), ("<html>Bad gateway</html>", "no WAV file, sent as text/html")],
)
def test_half_an_answer_and_a_page_are_no_sound(
    engine: Any, tmp_path: Path, yaml_folder: Path, answer: str, told: str
) -> None:
    set_faults(yaml_folder, answer=answer)
    with pytest.raises(EngineError, match=told):
        say(engine, source(tmp_path))


def test_a_server_that_found_no_gpu_is_told(place: Settings, tmp_path: Path) -> None:
    settings = place.model_copy(update={"home": tmp_path / "home"})
    folder = tmp_path / "home" / "cache" / "engines" / "gpt_sovits"
    folder.mkdir(parents=True)
    set_faults(folder, no_gpu=True)
    engine: Any = make_engine("gpt_sovits", settings, tmp_path)
    engine.load()
    try:
        assert say(engine, source(tmp_path)).warnings == ("GPT-SoVITS found no GPU and speaks on the CPU, slowly.",)
    finally:
        engine.unload()


def test_the_padding_at_the_end_is_cut(engine: Any, tmp_path: Path) -> None:
    made = say(engine, source(tmp_path))
    tail = made.samples[-made.sample_rate // 10 :]
    assert np.abs(tail).max() > 1e-3


def test_a_server_that_dies_in_mid_line_is_started_again_and_the_line_comes(
    engine: Any, tmp_path: Path, yaml_folder: Path
) -> None:
    voice = dataclasses.replace(source(tmp_path), weights={"sovits": str(weights(tmp_path / "luca.pth", "luca"))})
    before = say(engine, voice)
    set_faults(yaml_folder, die=1)
    after = say(engine, voice)
    assert np.array_equal(before.samples, after.samples) and not engine.ailment()


def test_a_server_that_dies_of_the_same_line_again_is_given_up(engine: Any, tmp_path: Path, yaml_folder: Path) -> None:
    set_faults(yaml_folder, die=2)
    with pytest.raises(EngineError, match="connection to GPT-SoVITS broke off"):
        say(engine, source(tmp_path))
    assert "broke off" in engine.ailment()
    with pytest.raises(EngineError, match="broke off"):
        say(engine, source(tmp_path))


def test_a_server_that_died_and_does_not_start_again_is_told(engine: Any, tmp_path: Path, yaml_folder: Path) -> None:
    voice = source(tmp_path)
    say(engine, voice)
    set_faults(yaml_folder, die=1)
    program = Path(engine._root) / "api_v2.py"
    content = program.read_bytes()
    program.unlink()
    try:
        with pytest.raises(EngineError, match=r"died and could not be started again: .*no file .*api_v2"):
            say(engine, voice)
    finally:
        program.write_bytes(content)
    assert "could not be started again" in engine.ailment()


def test_a_server_that_restarts_itself_is_waited_for(engine: Any, tmp_path: Path) -> None:
    voice = source(tmp_path)
    before = say(engine, voice)
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{engine.base_url}/control", params={"command": "restart"}, trust_env=False, timeout=5)
    assert np.array_equal(say(engine, voice).samples, before.samples)


def test_a_server_that_hangs_ends_at_the_time_limit_with_one_clear_error(
    engine: Any, tmp_path: Path, yaml_folder: Path
) -> None:
    voice = source(tmp_path)
    say(engine, voice)
    set_faults(yaml_folder, hang=3)
    with pytest.raises(EngineError, match=r"GPT-SoVITS does not answer: nothing came .* within 1\.5 s"):
        say(engine, voice)
    assert "does not answer" in engine.ailment()  # the arbiter's watch reads this, and starts it afresh
