"""What could not be loaded whatever room is made is found out before anything has to go for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arbiter_engines import Bench, FakeEngine, MortalEngine, until

from backends.engines import make_engine
from backends.gpu.engine import Checked, Engine
from backends.image.sdxl.engine import SdxlEngine
from backends.llm.vllm.engine import VllmEngine
from configs.errors import EngineError
from configs.llm_services import LlmService, VllmSpec
from configs.settings import Settings, load_settings

PAIR = {"llm": 60, "sdxl": 60}


class CheckedEngine(FakeEngine):
    lacks = ""

    def check_startable(self) -> None:
        self.diary.append("check")
        if self.lacks:
            raise EngineError(f"{self.name} is not installed", self.lacks, "Get it")


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    opened: list[Bench] = []

    def build(**options: Any) -> Bench:
        opened.append(
            Bench(PAIR, gpu=PAIR, shared=["llm"], kinds={"sdxl": CheckedEngine, "llm": MortalEngine}, **options)
        )
        return opened[-1]

    yield build
    for one in opened:
        one.arbiter.close()
        assert one.memory.wrong == []


def test_an_active_engine_is_not_touched_for_one_that_cannot_start(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.engines["sdxl"].lacks = "there is no folder"
    held = b.arbiter.lease(["llm"], "stream")
    before, moves = list(b.engines["llm"].diary), b.moves()
    for _ in range(4):  # more often than the breaker forgives crashes
        with pytest.raises(EngineError, match=r"sdxl is not installed: there is no folder\. Get it"):
            b.arbiter.lease(["sdxl"], "picture", wait_s=5)
    assert b.engines["sdxl"].diary == ["check"] * 4
    assert b.engines["llm"].diary == before and b.moves() == moves
    held.check()
    assert not held.wanted and not held.void and b.state("llm") == "active"
    row = b.row("sdxl")
    assert row["state"] == "cold" and "there is no folder" in row["error"] and row["crashes"] == 0
    b.touch("llm", holder="another")
    held.release()
    b.engines["sdxl"].lacks = ""  # the user has put it there
    b.touch("sdxl")
    assert b.state("llm") == "parked" and b.row("sdxl")["error"] == ""


def test_what_is_parked_is_restored_without_a_question(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.touch("sdxl")
    b.touch("llm")
    b.engines["sdxl"].lacks = "its folder was moved meanwhile"
    b.touch("sdxl")
    assert b.engines["sdxl"].diary.count("check") == 1


def test_one_that_cannot_even_be_made_moves_nobody(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.touch("llm")
    del b.engines["sdxl"]
    with pytest.raises(EngineError, match="sdxl"):
        b.arbiter.lease(["sdxl"], "picture", wait_s=5)
    assert b.state("llm") == "active" and b.engines["llm"].diary == ["load", "probe"]


def test_two_that_wait_for_it_are_both_told(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.engines["sdxl"].lacks = "no weights"
    held = b.arbiter.lease(["llm"], "stream")
    asked = [b.in_thread("sdxl", holder=f"picture {n}") for n in range(3)]
    for one in asked:
        with pytest.raises(EngineError, match="no weights"):
            one.done()
    until(lambda: not b.arbiter.waiting())
    held.check()
    held.release()


def test_the_need_that_an_engine_tells_when_made_counts(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.engines["sdxl"].need = 90
    b.touch("sdxl")
    assert b.row("sdxl")["held_mib"] == 90


# -- the real engines --------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", warehouse=tmp_path / "shelf", gpu={"run_dir": str(tmp_path / "run")})


@pytest.mark.parametrize(
    ("name", "words"),
    [("sdxl", "no SDXL weights"), ("gpt_sovits", "GPT-SoVITS"), ("qwen3-8b", "make vllm|Qwen3-8B-AWQ")],
)
def test_real_engines_say_what_they_lack(settings: Settings, tmp_path: Path, name: str, words: str) -> None:
    engine = make_engine(name, settings, tmp_path / "cache")
    assert isinstance(engine, Checked) and isinstance(engine, Engine)
    with pytest.raises(EngineError, match=words):
        engine.check_startable()
    assert not (tmp_path / "home" / "logs").exists()


@pytest.mark.parametrize(
    ("vllm", "words"),
    [
        ({"environment": "/nowhere"}, "Run 'make vllm'"),
        ({"runtime": "docker", "image": "i"}, "no program docker"),
    ],
)
def test_vllm_without_a_program(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vllm: dict[str, str], words: str
) -> None:
    (tmp_path / "shelf" / "llm" / "m").mkdir(parents=True)
    (tmp_path / "shelf" / "llm" / "m" / "config.json").write_text("{}")
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = VllmSpec.model_validate({"version": "1", **vllm})
    engine = VllmEngine("m", LlmService(model="m", need_mib=5000), spec, settings, run_dir=tmp_path / "run")
    with pytest.raises(EngineError, match=words):
        engine.check_startable()


def test_the_check_of_sdxl_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    code = (
        "import pathlib, sys\nfrom configs.errors import EngineError\n"
        "from backends.image.sdxl.engine import SdxlEngine\n"
        f"try:\n    SdxlEngine(pathlib.Path({str(tmp_path)!r}, 'model.safetensors')).check_startable()\n"
        "except EngineError as error:\n    print(error)\n"
        "print([name for name in ('torch', 'diffusers', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "no SDXL checkpoint" in done.stdout and done.stdout.endswith("[]\n"), done.stdout


def test_a_single_file_needs_its_configs_beforehand(tmp_path: Path) -> None:
    header = b'{"conditioner.embedders.1.model.x": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}'
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2))
    with pytest.raises(EngineError, match=r"image\.sdxl_config names no folder"):
        SdxlEngine(path).check_startable()
    SdxlEngine(path, config_dir=tmp_path).check_startable()
