"""Who is served when: joined swaps, what is up goes first, minimum time, starvation, two lanes, giving up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from arbiter_engines import Bench, benches, until

from configs.errors import Cancelled, EngineError, UsageError

Make = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[Make]:
    with benches() as build:
        yield build


def test_identical_wishes_share_one_start(bench: Make) -> None:
    b = bench({"llm": 50}, shared=["llm"])
    b.engines["llm"].seconds["load"] = 0.2
    asked = [b.in_thread("llm", holder=f"w{i}") for i in range(8)]
    leases = [a.done() for a in asked]
    assert b.engines["llm"].diary == ["load", "probe"]
    assert [len(v.swaps) for v in leases].count(1) == 1, "the swap is told once"


def test_a_failed_start_is_told_to_all_who_waited_and_tried_once(bench: Make) -> None:
    b = bench({"llm": 50}, shared=["llm"])
    b.engines["llm"].seconds["load"] = 0.2
    b.engines["llm"].plan["load"].append(EngineError("the weights are missing", "no such folder", "Download them"))
    asked = [b.in_thread("llm", holder=f"w{i}") for i in range(5)]
    for one in asked:
        with pytest.raises(EngineError, match=r"the weights are missing: no such folder. Download them."):
            one.done()
    assert b.engines["llm"].diary == ["load", "unload"] and b.state("llm") == "failed"
    assert len({id(a.error) for a in asked}) == 5
    b.touch("llm")
    assert b.state("llm") == "active"


def test_the_other_device_is_served_while_one_starts_slowly(bench: Make) -> None:
    b = bench({"llm": 50, "sdxl": 50, "voice": 10, "preview": 20}, gpu=["llm", "sdxl"], card=100)
    b.touch("voice")
    gate = threading.Event()
    b.engines["llm"].plan["load"].append(lambda: gate.wait(10))
    slow = b.in_thread("llm")
    until(lambda: "load" in b.engines["llm"].diary)
    b.touch("voice")  # up already
    b.touch("preview")  # has to be loaded
    assert slow.waits and b.state("llm") == "starting" and b.state("preview") == "active"
    other = b.in_thread("sdxl")
    assert other.waits and b.engines["sdxl"].diary == [], "one change at a time on one device"
    gate.set()
    slow.done().release()
    other.done().release()


def test_also_without_a_gpu_a_slow_start_blocks_no_voice(bench: Make) -> None:
    b = bench({"llm": 50, "voice": 10}, gpu=["llm"], rules={"starvation_seconds": 0.05})
    gate = threading.Event()
    b.engines["llm"].plan["load"].append(lambda: gate.wait(10))
    slow = b.in_thread("llm")
    time.sleep(0.1)  # it starves by now, and what it waits for is only itself
    b.touch("voice")
    b.touch("voice")
    gate.set()
    slow.done().release()


def test_memory_promised_to_a_change_that_still_drains_stops_nobody_who_fits(bench: Make) -> None:
    b = bench({"llm": 60, "sdxl": 60, "espeak": 5}, gpu=["llm", "sdxl"])
    held = b.arbiter.lease(["sdxl"], "picture")
    b.engines["espeak"].seconds["load"] = 0.2
    voice = b.in_thread("espeak")
    other = b.in_thread("llm")  # without a GPU all three share one budget: 60 up, 60 promised, 5 coming up
    voice.done().release()
    assert other.waits
    held.release()
    other.done().release()


def test_what_is_up_goes_first(bench: Make) -> None:
    b = bench({"a": 60, "b": 60})
    held = b.arbiter.lease(["a"], "first")
    a1 = b.in_thread("a", holder="a1")
    other = b.in_thread("b")
    a2 = b.in_thread("a", holder="a2")
    held.release()
    a1.done().release()
    a2.done().release()
    other.done().release()
    assert [m for m in b.moves() if m[1] == "park"] == [("a", "park")], "A A A B, not A B A B"


def test_an_idle_engine_blocks_nobody_but_one_in_use_stays_its_minimum_time(bench: Make) -> None:
    b = bench({"a": 60, "b": 60}, rules={"dwell_seconds": 60, "starvation_seconds": 60})
    b.touch("a")
    b.touch("b")  # at once: a was idle
    held = b.arbiter.lease(["b"], "holder", revocable=True)
    other = b.in_thread("a")
    time.sleep(0.1)
    assert not held.wanted and b.state("b") == "active", "b has only just come up"
    held.release()
    other.done().release()


def test_after_its_minimum_time_an_engine_in_use_is_drained(bench: Make) -> None:
    b = bench({"a": 60, "b": 60}, rules={"dwell_seconds": 0.2, "starvation_seconds": 60})
    held = b.arbiter.lease(["b"], "holder")
    other = b.in_thread("a")
    until(lambda: held.wanted)
    assert b.state("b") == "draining" and b.row("b")["up_seconds"] >= 0.1
    held.release()
    other.done().release()


def test_a_starving_request_closes_the_door_for_newcomers(bench: Make) -> None:
    b = bench({"a": 60, "b": 60}, shared=["a"], rules={"starvation_seconds": 0.8, "dwell_seconds": 60})
    first = b.arbiter.lease(["a"], "first")
    other = b.in_thread("b")
    b.touch("a", holder="newcomer")  # it may: nobody starves yet
    until(lambda: first.wanted)
    late = b.in_thread("a", holder="late")
    time.sleep(0.05)
    assert late.waits and other.waits
    first.release()
    other.done().release()
    late.done().release()
    assert other.at < late.at


def test_a_starving_request_for_two_engines_gets_both(bench: Make) -> None:
    b = bench({"a": 10, "b": 10}, rules={"starvation_seconds": 0.2})
    b.touch("a", "b")
    over = threading.Event()

    def hog(name: str, shift: float) -> None:
        time.sleep(shift)
        while not over.is_set():
            with b.arbiter.lease([name], f"hog {name}", wait_s=10):
                time.sleep(0.03)

    # Two hogs per engine, so that one always waits at the door: together they never leave both engines free.
    hogs = [threading.Thread(target=hog, args=(n, i * 0.015)) for i, n in enumerate("abab")]
    for thread in hogs:
        thread.start()
    time.sleep(0.1)
    b.in_thread("a", "b").done().release()
    over.set()
    for thread in hogs:
        thread.join(timeout=10)


def test_a_request_that_is_served_by_a_switch_is_not_overtaken_at_its_end(bench: Make) -> None:
    b = bench({"a": 60, "b": 60}, shared=["a", "b"], rules={"starvation_seconds": 0.1})
    b.touch("a")
    b.engines["b"].seconds["load"] = 0.3
    asked = b.in_thread("b")
    starving = b.in_thread("a")  # older than the cap when b is up
    got = asked.done()
    assert got.swaps and starving.waits
    got.release()
    starving.done().release()


# -- giving up ---------------------------------------------------------------------------------------------------


def test_giving_up_leaves_nothing(bench: Make) -> None:
    b = bench({"a": 10})
    held = b.arbiter.lease(["a"], "one")

    def check() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        b.arbiter.lease(["a"], "two", check=check)
    with pytest.raises(EngineError, match=r"Waited 0 s for a: other work holds the engines \(one\)"):
        b.arbiter.lease(["a"], "three", wait_s=0.05)
    assert b.arbiter.waiting() == [] and b.row("a")["leases"] == ["one"]
    held.release()
    b.touch("a")


async def test_a_cancelled_async_request_leaves_nothing_even_when_it_was_granted_in_that_moment(bench: Make) -> None:
    b = bench({"a": 10})
    for turn in range(60):
        held = await b.arbiter.alease(["a"], "one")
        task = asyncio.create_task(b.arbiter.alease(["a"], "two"))
        await asyncio.sleep(0)
        held.release()  # the grant for 'two' races with its cancel
        await asyncio.sleep(0.0001 * (turn % 12))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            (await task).release()
            raise asyncio.CancelledError  # it was faster, which is fine too
    with await b.arbiter.alease(["a"], "last", wait_s=5):
        assert b.row("a")["leases"] == ["last"]
    assert b.arbiter.waiting() == []


def test_a_caller_whose_loop_is_gone_holds_nothing(bench: Make) -> None:
    b = bench({"a": 10})
    held = b.arbiter.lease(["a"], "one")
    loop = asyncio.new_event_loop()
    task = loop.create_task(b.arbiter.alease(["a"], "two"))
    loop.run_until_complete(asyncio.sleep(0.01))
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    held.release()
    b.touch("a", holder="three")


def test_a_change_that_nobody_waits_for_any_more_is_called_off(bench: Make) -> None:
    b = bench({"a": 60, "b": 60}, shared=["a"])
    held = b.arbiter.lease(["a"], "one")
    with pytest.raises(EngineError, match="Waited"):
        b.arbiter.lease(["b"], "two", wait_s=0.1)
    until(lambda: b.state("a") == "active")
    assert not held.wanted
    b.touch("a", holder="three")
    assert b.moves() == [("a", "load")]
    held.release()


def test_impossible_wishes_are_refused_at_once(bench: Make) -> None:
    b = bench({"qwen3-8b": 60, "sdxl": 60, "huge": 900, "x": 30, "y": 30, "z": 50}, gpu=["qwen3-8b", "sdxl"])
    with pytest.raises(UsageError, match=r"There is no engine 'qwen-8b'.*Did you mean 'qwen3-8b'"):
        b.arbiter.lease(["qwen-8b"], "x")
    with pytest.raises(EngineError, match="needs 900 MiB and the cpu budget is 100 MiB"):
        b.arbiter.lease(["huge"], "x")
    with pytest.raises(EngineError, match="may not be on the GPU together"):
        b.arbiter.lease(["qwen3-8b", "sdxl"], "x")
    with pytest.raises(EngineError, match="do not fit together: they need 110 MiB"):
        b.arbiter.lease(["x", "y", "z"], "x")
    with b.arbiter.lease([], "nothing") as empty:
        assert empty.engines == {} and empty.swaps == ()


def test_progress_reaches_all_who_wait(bench: Make) -> None:
    from arbiter_engines import TellingEngine

    b = bench({"llm": 10}, shared=["llm"], kinds={"llm": TellingEngine})
    gate = threading.Event()
    b.engines["llm"].plan["load"].append(lambda: gate.wait(10))
    heard: dict[str, list[str]] = {"one": [], "two": []}
    one = b.in_thread("llm", holder="one", on_start=lambda p: heard["one"].append(p.phase))
    until(lambda: b.row("llm")["phase"] == "download")
    assert b.row("llm")["share"] == 0.5 and b.row("llm")["note"] == "half of it"

    def broken(progress: object) -> None:
        heard["two"].append("told")
        raise RuntimeError("a listener's bug")

    two = b.in_thread("llm", holder="two", on_start=broken)
    gate.set()
    one.done().release()
    two.done().release()
    assert heard["one"] == ["load", "download", "ready"] and heard["two"] == ["told"]
