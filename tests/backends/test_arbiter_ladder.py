"""The ladder of fallbacks, rung by rung: logged, counted, told to those who wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from arbiter_engines import Bench, FakeEngine, ShrinkingEngine, benches, full, until
from prometheus_client import REGISTRY

from backends.gpu.engine import EngineOutOfMemory
from configs.errors import EngineError

Make = Callable[..., Bench]
PAIR = {"llm": 60, "sdxl": 60}
TRIO = {"llm": 60, "sdxl": 60, "voice": 30}
SETS = [["llm", "voice"], ["sdxl", "voice"], ["small", "voice"]]


@pytest.fixture
def bench() -> Iterator[Make]:
    with benches(card=100) as build:
        yield build


def counted(engine: str, step: str) -> float:
    return REGISTRY.get_sample_value("studio_fallbacks_total", {"engine": engine, "step": step}) or 0.0


def test_an_engine_that_cannot_be_parked_is_ended(bench: Make, caplog: pytest.LogCaptureFixture) -> None:
    b = bench(PAIR, gpu=PAIR)
    b.touch("llm")
    b.engines["llm"].plan["park"].append(EngineError("the server does not fall asleep"))
    before = counted("llm", "unload")
    with caplog.at_level(logging.WARNING, "studio.arbiter"), b.arbiter.lease(["sdxl"], "x") as lease:
        assert [(s.engine, s.action) for s in lease.swaps] == [("llm", "unload"), ("sdxl", "load")]
    assert "could not be parked" in lease.notices[0] and "does not fall asleep" in lease.notices[0]
    assert b.notices == list(lease.notices) and lease.notices[0] in caplog.text
    assert counted("llm", "unload") == before + 1


def test_an_engine_that_cannot_be_ended_keeps_its_memory_counted(bench: Make) -> None:
    b = bench({"llm": 60, "sdxl": 60, "tiny": 30}, gpu=["llm", "sdxl", "tiny"])
    b.touch("llm")
    b.engines["llm"].plan["park"].append(EngineError("asleep is it not"))
    b.engines["llm"].plan["unload"] += [EngineError("process 4711 does not end")] * 2
    with pytest.raises(EngineOutOfMemory, match=r"20 MiB are missing in the gpu budget of 100 MiB; held: llm 60 MiB"):
        b.arbiter.lease(["sdxl"], "x")
    assert b.row("llm")["state"] == "failed" and b.row("llm")["held_mib"] == 60
    assert "does not end" in b.row("llm")["error"] and any("stay counted" in n for n in b.notices)
    b.touch("tiny")  # there is room beside it
    b.touch("sdxl")  # the next one tries once more, and now it ends
    assert b.row("llm")["held_mib"] == 0


def test_out_of_memory_while_waking_parks_the_idle_voice_and_tries_once_more(bench: Make) -> None:
    b = bench(TRIO, gpu=TRIO, together=SETS, parked={"voice": 2})
    for name in ("voice", "llm", "sdxl"):
        b.touch(name)
    b.engines["llm"].plan["restore"].append(full("llm"))
    with b.arbiter.lease(["llm"], "x") as lease:
        assert b.state("voice") == "parked" and "voice makes room for llm" in lease.notices
    assert b.engines["llm"].diary[-3:] == ["restore", "restore", "probe"]


def test_a_voice_in_use_is_not_evicted(bench: Make) -> None:
    b = bench(TRIO, gpu=TRIO, together=SETS)
    for name in ("voice", "llm", "sdxl"):
        b.touch(name)
    held = b.arbiter.lease(["voice"], "speaking")
    b.engines["llm"].plan["restore"].append(full("llm"))
    with b.arbiter.lease(["llm"], "x") as lease:
        assert b.state("voice") == "active" and any("started afresh" in n for n in lease.notices)
    assert b.engines["llm"].diary[-4:] == ["restore", "unload", "load", "probe"]
    held.release()


def test_then_it_is_started_afresh_with_less_and_grows_back_later(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, kinds={"llm": ShrinkingEngine})
    b.touch("llm")
    b.touch("sdxl")
    llm = b.engines["llm"]
    llm.plan["restore"].append(full("llm"))
    llm.plan["load"].append(full("llm"))
    with b.arbiter.lease(["llm"], "x") as lease:
        assert b.row("llm")["held_mib"] == 20, "60 less twice 20"
    assert llm.diary[3:] == ["restore", "unload", "load", "unload", "load", "probe"]
    assert [n for n in lease.notices if "makes do with less" in n]
    b.arbiter.stop("llm")
    b.touch("llm")
    assert b.row("llm")["held_mib"] == 60


def test_then_a_smaller_one_stands_in_and_says_so(bench: Make) -> None:
    needs = {"llm": 60, "small": 30, "sdxl": 60}
    b = bench(needs, gpu=needs, smaller={"llm": "small"}, shared=["llm", "small"])
    b.engines["llm"].plan["load"].append(full("llm"))
    with b.arbiter.lease(["llm"], "x") as lease:
        assert lease.substitutes == {"llm": "small"} and lease.engines["llm"] is b.engines["small"]
        assert "small stands in for llm" in lease.notices[-1]
        assert b.row("llm")["stand_in"] == "small" and b.row("small")["leases"] == ["x"]
        with b.arbiter.lease(["llm"], "y") as second:
            assert second.substitutes == {"llm": "small"} and b.engines["llm"].diary == ["load", "unload"]
        with b.arbiter.lease(["small"], "z") as plain:
            assert plain.substitutes == {}
    assert b.row("llm")["crashes"] == 0
    b.arbiter.start("llm")
    with b.arbiter.lease(["llm"], "again") as lease:
        assert lease.substitutes == {} and b.state("small") == "parked"


def test_the_smaller_one_also_stands_in_when_others_hold_the_device(bench: Make) -> None:
    needs = {"llm": 60, "small": 30}
    b = bench(needs, gpu=needs, smaller={"llm": "small"})
    b.memory.foreign = 60
    with b.arbiter.lease(["llm"], "x") as lease:
        assert lease.substitutes == {"llm": "small"} and b.engines["llm"].diary == []


def test_at_the_end_of_the_ladder_is_a_clear_error(bench: Make) -> None:
    needs = {"llm": 60, "small": 30, "voice": 30}
    b = bench(needs, gpu=needs, together=SETS, smaller={"llm": "small"}, kinds={"llm": ShrinkingEngine})
    b.touch("voice")
    b.engines["llm"].plan["load"] += [full("llm")] * 4
    b.engines["small"].plan["load"] += [full("small")] * 4
    asked = [b.in_thread("llm", holder=f"w{i}") for i in range(3)]
    for one in asked:
        with pytest.raises(EngineOutOfMemory, match="llm found no room"):
            one.done()
    assert b.engines["llm"].diary.count("load") == 4, "as it is, with the voice parked, and shrunk twice"
    assert b.row("llm")["held_mib"] == b.row("small")["held_mib"] == 0
    assert b.memory.held["llm"] == b.memory.held["small"] == 0


def test_waking_or_a_canary_that_fails_otherwise_gets_one_fresh_start(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR)
    b.touch("llm")
    b.touch("sdxl")
    b.engines["llm"].plan["restore"].append(EngineError("half awake"))
    with b.arbiter.lease(["llm"], "x") as lease:
        assert "started afresh" in lease.notices[0] and "half awake" in lease.notices[0]
    b.touch("sdxl")
    b.engines["llm"].plan["probe"].append(EngineError("gibberish"))
    b.touch("llm")
    assert b.engines["llm"].diary[-5:] == ["restore", "probe", "unload", "load", "probe"]
    b.touch("sdxl")
    b.engines["llm"].plan["restore"].append(EngineError("half awake"))
    b.engines["llm"].plan["probe"].append(EngineError("gibberish"))
    with pytest.raises(EngineError, match="gibberish"):
        b.arbiter.lease(["llm"], "x")
    assert b.row("llm")["crashes"] == 1 and b.row("llm")["held_mib"] == 0


def test_a_fresh_start_with_a_failing_canary_is_tried_once_more(bench: Make) -> None:
    b = bench({"llm": 60}, gpu=["llm"])
    b.engines["llm"].plan["probe"].append(EngineError("not yet"))
    b.touch("llm")
    assert b.engines["llm"].diary == ["load", "probe", "unload", "load", "probe"]


def test_an_engine_with_a_bug_is_an_error_in_words(bench: Make) -> None:
    b = bench({"llm": 60}, gpu=["llm"])
    b.engines["llm"].plan["load"].append(KeyError("weights"))
    with pytest.raises(EngineError, match=r"The engine 'llm' failed: KeyError: 'weights'"):
        b.arbiter.lease(["llm"], "x")
    b.engines["llm"].plan["load"].append(MemoryError("4 GiB"))
    with pytest.raises(EngineOutOfMemory, match="ran out of memory"):
        b.arbiter.lease(["llm"], "x")


def test_an_engine_that_cannot_be_made_is_told(bench: Make) -> None:
    class Broken(FakeEngine):
        def need_mib(self) -> int:
            raise EngineError("the engine needs packages that are not installed", "no diffusers", "pip install it")

    b = bench({"a": 10}, kinds={"a": Broken})
    with pytest.raises(EngineError, match="packages that are not installed"):
        b.arbiter.lease(["a"], "x")
    assert b.arbiter.waiting() == []
    until(lambda: b.row("a")["held_mib"] == 0)
