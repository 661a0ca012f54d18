"""The three switches and the memory's figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from arbiter_engines import Bench, LastingEngine

from backends.gpu.switchboard import Switchboard
from configs.errors import EngineError, UsageError
from configs.models import EngineSpec

SIZES = {"qwen": 60, "coder": 60, "sdxl": 60, "voice": 30}
SETS = [["qwen", "voice"], ["coder", "voice"], ["sdxl", "voice"]]


class Board(Bench):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            SIZES, gpu=SIZES, shared=["qwen", "coder"], together=SETS, card=100,
            kinds={"qwen": LastingEngine, "coder": LastingEngine}, **options,
        )  # fmt: skip
        self.arbiter.close()
        kinds = {"qwen": "llm", "coder": "llm", "sdxl": "image", "voice": "voice"}
        specs: dict[str, EngineSpec] = {
            n: s.model_copy(update={"kind": kinds[n]}) for n, s in self.table.engines.items()
        }
        self.table = self.table.model_copy(update={"engines": specs})
        self.arbiter = self.open()
        self.switches = Switchboard(self.arbiter, llm="qwen", image="sdxl", voice="voice")


@pytest.fixture
def board() -> Iterator[Callable[..., Board]]:
    opened: list[Board] = []

    def build(**options: Any) -> Board:
        opened.append(Board(**options))
        return opened[-1]

    yield build
    for one in opened:
        one.arbiter.close()
        assert one.memory.wrong == []


def told(swaps: list[Any]) -> list[tuple[str, str]]:
    return [(s.engine, s.action) for s in swaps]


def test_from_one_to_the_other_and_back(board: Callable[..., Board]) -> None:
    b = board()
    s = b.switches
    assert told(s.switch_to_llm()) == [("qwen", "load")]
    assert told(s.switch_to_llm()) == []
    assert told(s.switch_to_sdxl()) == [("qwen", "park"), ("sdxl", "load")]
    assert told(s.switch_to_tts()) == [("voice", "load")], "the voice may be beside pictures"
    assert told(s.switch_to_llm()) == [("sdxl", "park"), ("qwen", "restore")]
    assert told(s.switch_to_llm("coder")) == [("qwen", "park"), ("coder", "load")]
    assert all(row["leases"] == [] for row in b.arbiter.status())


def test_the_voice_with_and_without_the_language_model(board: Callable[..., Board]) -> None:
    b = board()
    b.switches.switch_to_llm()
    assert told(b.switches.switch_to_tts()) == [("voice", "load")] and b.state("qwen") == "active"
    assert told(b.switches.switch_to_tts(allow_with_llm=False)) == [("qwen", "park")]
    assert b.state("voice") == "active" and b.state("qwen") == "parked"


def test_a_voice_that_cannot_come_up_costs_the_language_model_nothing(board: Callable[..., Board]) -> None:
    b = board()
    b.switches.switch_to_llm()
    b.switches.switch_to_tts()
    b.arbiter.stop("voice")
    b.engines["voice"].plan["load"] += [EngineError("no voice today")] * 3
    with pytest.raises(EngineError):
        b.switches.switch_to_tts(allow_with_llm=False)
    assert b.state("qwen") == "active"


def test_wrong_names_are_told(board: Callable[..., Board]) -> None:
    b = board()
    with pytest.raises(UsageError, match="'sdxl' is no language model"):
        b.switches.switch_to_llm("sdxl")
    with pytest.raises(UsageError, match="Did you mean 'qwen'"):
        b.switches.switch_to_llm("qwenn")


def test_a_failure_is_told_and_holds_nothing(board: Callable[..., Board]) -> None:
    b = board()
    b.engines["sdxl"].plan["load"].append(EngineError("the weights are missing"))
    b.switches.switch_to_llm()
    with pytest.raises(EngineError, match="the weights are missing"):
        b.switches.switch_to_sdxl()
    assert told(b.switches.switch_to_llm()) == [("qwen", "restore")]


def test_what_the_memory_holds(board: Callable[..., Board]) -> None:
    b = board(parked={"qwen": 4})
    b.memory.foreign = 10
    b.switches.switch_to_llm()
    b.switches.switch_to_sdxl()
    usage = b.switches.get_vram_usage()
    card, ram = usage["devices"]
    assert usage["gpu"] and card == {
        "device": "gpu:0", "name": "Test GPU", "total_mib": 100, "used_mib": 74, "free_mib": 26, "budget_mib": 100,
        "engines_mib": 64,
    }  # fmt: skip
    assert ram["name"] == "main memory" and ram["engines_mib"] == 0
    rows = {e["name"]: (e["state"], e["device"], e["need_mib"], e["held_mib"]) for e in usage["engines"]}
    assert rows["sdxl"] == ("active", "gpu", 60, 60) and rows["qwen"] == ("parked", "gpu", 60, 4)


def test_without_a_gpu_the_main_memory_is_told(board: Callable[..., Board]) -> None:
    from arbiter_engines import no_gpu

    b = board(look=no_gpu)
    b.switches.switch_to_llm()
    usage = b.switches.get_vram_usage()
    assert not usage["gpu"] and usage["reason"] == "a test machine" and len(usage["devices"]) == 1
    assert usage["devices"][0]["engines_mib"] == 60 and usage["devices"][0]["budget_mib"] == 100
