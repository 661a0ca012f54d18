"""A switch: admission closed, leases drained or revoked, parked, memory waited for by the device's own figures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from arbiter_engines import Bench, MortalEngine, benches, until

from backends.gpu.engine import EngineOutOfMemory
from configs.errors import EngineError

Make = Callable[..., Bench]
PAIR = {"llm": 60, "sdxl": 60}


@pytest.fixture
def bench() -> Iterator[Make]:
    with benches() as build:
        yield build


def test_a_swap_tells_its_phases_and_its_reason(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, card=100)
    b.touch("llm")
    with b.arbiter.lease(["sdxl"], "shot 3") as lease:
        park, load = lease.swaps
    assert (park.engine, park.action, park.reason) == ("llm", "park", "shot 3")
    assert [p for p, _ in park.phases] == ["drain", "park"] and [p for p, _ in load.phases] == ["free", "load", "probe"]
    b.touch("llm")
    assert [p for p, _ in b.arbiter.history[-1].phases] == ["free", "restore", "probe"]


def test_streams_are_cut_after_the_drain_time_and_pictures_never(bench: Make) -> None:
    b = bench({"llm": 60, "sdxl": 60}, gpu=PAIR, shared=["llm"], card=100)
    stream = b.arbiter.lease(["llm"], "stream", revocable=True)
    work = b.arbiter.lease(["llm"], "plan")
    reasons: list[str] = []
    stream.on_void(reasons.append)
    picture = b.in_thread("sdxl")
    until(lambda: stream.wanted and work.wanted)
    assert b.state("llm") == "draining"
    until(lambda: reasons)
    assert "others waited" in reasons[0] and not work.void and picture.waits
    with pytest.raises(EngineError, match="The engines were taken back"):
        stream.check()
    late: list[str] = []
    stream.on_void(late.append)
    assert late == reasons, "who asks later is told at once"
    stream.release()
    assert picture.waits, "the lease that may not be revoked still holds"
    work.heartbeat()
    work.release()
    picture.done().release()


def test_a_victim_that_is_asked_for_meanwhile_is_not_revived_half_way(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, card=100)
    b.touch("llm")
    gate = threading.Event()
    b.engines["llm"].plan["park"].append(lambda: gate.wait(10))
    picture = b.in_thread("sdxl")
    until(lambda: b.state("llm") == "parking")
    chat = b.in_thread("llm")
    gate.set()
    lease = picture.done()
    assert chat.waits and b.engines["llm"].diary == ["load", "probe", "park"]
    lease.release()
    chat.done().release()
    assert b.engines["llm"].diary == ["load", "probe", "park", "restore", "probe"]


def test_a_victim_that_is_asked_for_while_it_drains_waits_too(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, shared=["llm"], card=100)
    held = b.arbiter.lease(["llm"], "one")
    picture = b.in_thread("sdxl")
    until(lambda: b.state("llm") == "draining")
    chat = b.in_thread("llm")
    held.release()
    picture.done().release()
    chat.done().release()
    assert [m[0] for m in b.moves() if m[1] in ("load", "restore")] == ["llm", "sdxl", "llm"]


def test_a_voice_stays_beside_either_and_a_third_one_has_to_go(bench: Make) -> None:
    needs = {"llm": 60, "sdxl": 60, "voice": 30}
    b = bench(needs, gpu=needs, together=[["llm", "voice"], ["sdxl", "voice"]], card=100)
    b.touch("voice")
    b.touch("llm")
    b.touch("sdxl")
    assert [m for m in b.moves() if m[1] == "park"] == [("llm", "park")] and b.state("voice") == "active"
    b.touch("llm", "voice")


def test_parked_contexts_count_and_the_oldest_is_ended_for_room(bench: Make) -> None:
    needs = {"a": 50, "b": 50, "c": 85}
    b = bench(needs, gpu=needs, parked={"a": 10, "b": 10, "c": 0}, card=100)
    b.touch("a")
    b.touch("b")  # a parked: 10 + 50
    assert b.row("a")["held_mib"] == 10
    b.touch("c")  # 10 + 10 + 85 is too much
    assert b.state("a") == "cold" and b.state("b") == "parked" and b.state("c") == "active"
    assert b.memory.highest <= 100


def test_it_waits_until_the_device_really_has_the_memory(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, card=100, rules={"free_seconds": 5.0})
    b.memory.foreign = 70
    asked = b.in_thread("llm")
    time.sleep(0.1)
    assert asked.waits and b.engines["llm"].diary == []
    b.memory.foreign = 30
    asked.done().release()


def test_too_little_free_memory_is_told_with_the_figures(bench: Make) -> None:
    b = bench({"llm": 60, "voice": 20}, gpu=["llm", "voice"], together=[["llm", "voice"]], card=100)
    b.touch("voice")
    b.memory.foreign = 60
    with pytest.raises(EngineOutOfMemory) as caught:
        b.arbiter.lease(["llm"], "x")
    assert "20 MiB are missing: it needs 60 MiB, 40 MiB can be had, other programs hold about 60 MiB" in str(
        caught.value
    )
    assert "Close other programs" in str(caught.value)
    assert b.engines["llm"].diary == [] and b.engines["voice"].diary[-1] == "park", "the idle voice made room first"
    assert b.row("llm")["crashes"] == 0, "a full card is not the engine's fault"
    b.memory.foreign = 0
    b.touch("llm")


def test_a_budget_for_nearly_the_whole_card_limits_all_programs_together(bench: Make) -> None:
    b = bench({"llm": 60}, gpu=["llm"], budget=90, card=100)
    b.memory.foreign = 35  # 65 free, but 35 + 60 is above 90
    with pytest.raises(EngineOutOfMemory, match="5 MiB are missing"):
        b.arbiter.lease(["llm"], "x")
    b.memory.foreign = 30
    b.touch("llm")


def test_work_of_a_larger_shape_gets_more_memory_before_it_starts(bench: Make) -> None:
    from backends.gpu.needs import LearnedNeeds

    learned = LearnedNeeds()
    for _ in range(3):
        learned.add("sdxl", "big", 80, 60)
    b = bench({"sdxl": 60, "voice": 30}, gpu=["sdxl", "voice"], together=[["sdxl", "voice"]], card=100, needs=learned)
    b.touch("voice")
    b.touch("sdxl", shape="small")
    assert b.state("voice") == "active"
    with b.arbiter.lease(["sdxl"], "poster", shape="big") as lease:
        assert [(s.engine, s.action) for s in lease.swaps] == [("voice", "park")] and b.row("sdxl")["held_mib"] == 88


def test_two_devices_are_brought_up_for_one_request(bench: Make) -> None:
    b = bench({"sdxl": 60, "espeak": 10, "llm": 60}, gpu=["sdxl", "llm"], card=100)
    b.touch("llm")
    with b.arbiter.lease(["sdxl", "espeak"], "film") as lease:
        assert set(lease.engines) == {"sdxl", "espeak"} and len(lease.swaps) == 3


# -- leases ------------------------------------------------------------------------------------------------------


def test_an_expired_lease_cannot_end_anothers(bench: Make) -> None:
    b = bench({"a": 60}, lease_seconds=0.5)
    lost = b.arbiter.lease(["a"], "lost")
    told: list[str] = []
    lost.on_void(told.append)
    found = b.arbiter.lease(["a"], "found", wait_s=5)
    assert found.epoch > lost.epoch and told == ["no sign of life for 0.5 s"]
    for call in (lost.check, lost.heartbeat):
        with pytest.raises(EngineError, match="no sign of life"):
            call()
    lost.release()
    found.heartbeat()
    assert b.row("a")["leases"] == ["found"]
    found.release()


def test_a_heartbeat_keeps_a_lease(bench: Make) -> None:
    b = bench({"a": 60}, lease_seconds=0.6)
    held = b.arbiter.lease(["a"], "one")
    for _ in range(10):
        time.sleep(0.1)
        held.heartbeat()
    assert not held.void
    held.release()
    with pytest.raises(EngineError, match="given back"):
        held.heartbeat()


# -- crashes -----------------------------------------------------------------------------------------------------


def test_a_dead_engine_voids_its_leases_and_the_next_request_starts_it(bench: Make) -> None:
    b = bench({"llm": 60}, shared=["llm"], kinds={"llm": MortalEngine})
    one, two = b.arbiter.lease(["llm"], "one"), b.arbiter.lease(["llm"], "two")
    b.engines["llm"].dead = "killed by signal 9"
    until(lambda: one.void and two.void)
    assert one.void == "llm crashed: killed by signal 9"
    until(lambda: b.row("llm")["held_mib"] == 0)
    assert b.row("llm")["error"] == "killed by signal 9" and b.row("llm")["crashes"] == 1
    with b.arbiter.lease(["llm"], "three", wait_s=5):
        assert b.engines["llm"].diary == ["load", "probe", "unload", "load", "probe"]


def test_a_request_never_gets_an_engine_that_has_just_died(bench: Make) -> None:
    b = bench({"llm": 60}, shared=["llm"], kinds={"llm": MortalEngine}, rules={"watch_seconds": 60.0})
    b.touch("llm")
    b.engines["llm"].dead = "killed by signal 9"
    with b.arbiter.lease(["llm"], "next", wait_s=5):
        assert b.engines["llm"].diary == ["load", "probe", "unload", "load", "probe"]


def test_a_parked_engine_that_died_is_started_afresh(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, kinds={"llm": MortalEngine}, card=100)
    b.touch("llm")
    b.touch("sdxl")
    b.engines["llm"].dead = "gone"
    until(lambda: b.engines["llm"].diary[-1] == "unload")
    b.touch("llm")
    assert b.engines["llm"].diary[-2:] == ["load", "probe"]


def test_an_engine_that_dies_while_it_drains_does_not_hold_up_the_switch(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, kinds={"llm": MortalEngine}, card=100)
    held = b.arbiter.lease(["llm"], "one")
    picture = b.in_thread("sdxl")
    until(lambda: b.state("llm") == "draining")
    b.engines["llm"].plan["park"].append(EngineError("no such process"))
    b.engines["llm"].dead = "killed by signal 9"
    picture.done().release()
    assert "crashed" in held.void and b.row("llm")["crashes"] == 1


def test_a_wedged_engine_is_found_by_its_canary(bench: Make) -> None:
    b = bench({"llm": 60}, shared=["llm"])
    held = b.arbiter.lease(["llm"], "stream")
    b.arbiter.suspect("llm", "no first token for 120 s")
    until(lambda: b.engines["llm"].diary == ["load", "probe", "probe"])
    held.heartbeat()
    b.touch("llm", holder="it was well")
    b.engines["llm"].plan["probe"].append(EngineError("the canary got no answer in 10 s"))
    b.arbiter.suspect("llm", "no first token for 120 s")
    until(lambda: held.void)
    assert "the canary got no answer" in held.void and b.row("llm")["crashes"] == 1
    b.touch("llm")


def test_a_suspected_engine_in_sole_use_is_probed_afterwards(bench: Make) -> None:
    b = bench({"sdxl": 60})
    held = b.arbiter.lease(["sdxl"], "picture")
    b.arbiter.suspect("sdxl", "black pictures")
    time.sleep(0.05)
    assert b.engines["sdxl"].diary == ["load", "probe"]
    held.release()
    b.touch("sdxl")
    assert b.engines["sdxl"].diary == ["load", "probe", "probe"]


def test_the_breaker_opens_and_the_user_may_try_again(bench: Make) -> None:
    b = bench({"llm": 60}, rules={"crashes": 3})
    b.engines["llm"].plan["load"] += [EngineError(f"failure {i}") for i in range(3)]
    for number in range(3):
        with pytest.raises(EngineError, match=f"failure {number}"):
            b.arbiter.lease(["llm"], "x")
    with pytest.raises(EngineError, match=r"left alone after 3 failures .* the last one: failure 2.*models start llm"):
        b.arbiter.lease(["llm"], "x")
    assert b.engines["llm"].diary.count("load") == 3 and b.row("llm")["breaker_open"]
    assert [s.action for s in b.arbiter.start("llm")] == ["load"]
    assert b.row("llm")["crashes"] == 0
    b.touch("llm")


def test_a_death_that_opens_the_breaker_is_told_once_to_who_waited(
    bench: Make, caplog: pytest.LogCaptureFixture
) -> None:
    b = bench({"llm": 60, "other": 10}, kinds={"llm": MortalEngine}, rules={"crashes": 1, "watch_seconds": 60.0})
    held = b.arbiter.lease(["llm"], "one")
    waiting = [b.in_thread("llm", holder="two"), b.in_thread("llm", holder="three")]
    until(lambda: len(b.arbiter.waiting()) == 2)
    b.engines["llm"].dead = "killed by signal 9"
    held.release()
    for asked in waiting:
        with pytest.raises(EngineError, match="left alone after 1 failure"):
            asked.done()
    b.touch("other")  # the loop goes on
    assert not b.arbiter.waiting()
    assert not [record for record in caplog.records if record.name == "asyncio"], "nobody is answered twice"


def test_the_breaker_lets_one_try_through_after_its_window(bench: Make) -> None:
    b = bench({"llm": 60}, rules={"crashes": 2, "crash_window_seconds": 600})
    now = [1000.0]
    b.arbiter._board.breakers["llm"].clock = lambda: now[0]
    b.engines["llm"].plan["load"] += [EngineError("no")] * 3
    for _ in range(2):
        with pytest.raises(EngineError, match="no"):
            b.arbiter.lease(["llm"], "x")
    now[0] += 599
    with pytest.raises(EngineError, match="left alone after 2 failures"):
        b.arbiter.lease(["llm"], "still open")
    now[0] += 2
    with pytest.raises(EngineError, match="no"):
        b.arbiter.lease(["llm"], "half open")
    with pytest.raises(EngineError, match="left alone"):
        b.arbiter.lease(["llm"], "one failure closed the door again")
    now[0] += 601
    b.touch("llm")
    assert not b.row("llm")["breaker_open"] and b.row("llm")["crashes"] == 0
