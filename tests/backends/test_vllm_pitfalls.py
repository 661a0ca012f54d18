"""What goes wrong with vLLM's sleep mode in practice; each trap is played by the fake server, for real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_vllm import FakeVllm
from vllm_bench import NAME, VllmBench, vllm_bench

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.servers.processes import birth
from backends.gpu.servers.records import end_orphans
from backends.llm.vllm.engine import VllmEngine
from configs.errors import EngineError

ALONE = {"FAKE_VLLM_DEVICE": ""}
"""On a device of its own."""
QUESTION = {"model": NAME, "messages": [{"role": "user", "content": "Tell a story."}], "temperature": 0}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmBench]:
    with vllm_bench(tmp_path_factory.mktemp("pitfalls")) as made:
        yield made


@pytest.fixture(scope="module")
def _loaded(bench: VllmBench) -> VllmEngine:
    return bench.engine()


@pytest.fixture
def engine(_loaded: VllmEngine, bench: VllmBench) -> VllmEngine:
    """Awake and without traps, started anew only where a test before has spoilt it."""
    if not _loaded.base_url or _loaded.ailment():
        _loaded.load()
    fake = bench.fake(_loaded)
    fake.reset()
    fake.forget()
    if fake.seen()["is_sleeping"]:
        _loaded.restore()
    return _loaded


@pytest.fixture
def fake(engine: VllmEngine, bench: VllmBench) -> FakeVllm:
    return bench.fake(engine)


class Story(threading.Thread):
    """A client that reads one stream to its end."""

    def __init__(self, engine: VllmEngine) -> None:
        super().__init__(daemon=True)
        self._url, self._headers = f"{engine.base_url}/v1/chat/completions", engine.headers
        self.text = ""
        self.start()

    def run(self) -> None:
        body = {**QUESTION, "stream": True}
        with httpx.stream("POST", self._url, json=body, headers=self._headers, timeout=20) as answer:
            for line in answer.iter_lines():
                self.text += line

    def end(self) -> str:
        self.join(20)
        return self.text


# -- 1: the default mode of /sleep cuts streams -----------------------------------------------------------------------


def test_parking_lets_running_streams_end(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.trap(tokens=30, token_s=0.02)
    story = Story(engine)
    fake.wait_for(lambda seen: seen["running"] == 1)
    engine.park()
    assert '"stop"' in story.end() and fake.seen()["cut"] == 0
    fake.wake()
    cut = Story(engine)
    fake.wait_for(lambda seen: seen["running"] == 1)
    httpx.post(f"{engine.base_url}/sleep", headers=engine.headers, timeout=10)  # vLLM's own default
    assert '"abort"' in cut.end() and fake.seen()["cut"] == 1


def test_parking_does_not_wait_for_ever(bench: VllmBench) -> None:
    engine = bench.engine(name="slow", first_sleep_seconds=0.5, env=ALONE)
    engine.load()
    fake = bench.fake(engine)
    fake.trap(wedged=True)
    threading.Thread(target=_ask_quietly, args=(engine,), daemon=True).start()
    fake.wait_for(lambda seen: seen["running"] == 1)
    with pytest.raises(EngineError, match="did not answer /sleep within"):
        engine.park()
    engine.unload()


def _ask_quietly(engine: VllmEngine) -> None:
    try:
        body = {**QUESTION, "model": engine.served_model}
        httpx.post(f"{engine.base_url}/v1/chat/completions", json=body, headers=engine.headers, timeout=20)
    except httpx.HTTPError:
        pass


# -- 2: a sleeping server takes requests, holds them for ever, and says that it is well --------------------------------


def test_a_sleeping_server_looks_well_and_the_canary_knows_better(engine: VllmEngine, fake: FakeVllm) -> None:
    engine.park()
    assert httpx.get(f"{engine.base_url}/health").status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{engine.base_url}/v1/chat/completions", json=QUESTION, headers=engine.headers, timeout=0.3)
    with pytest.raises(EngineError, match="asleep"):
        engine.probe()
    fake.wait_for(lambda seen: seen["open"] == 0)
    held = threading.Thread(target=_ask_quietly, args=(engine,), daemon=True)
    held.start()
    fake.wait_for(lambda seen: seen["open"] == 1)
    engine.restore()
    held.join(5)
    assert not held.is_alive()


@pytest.mark.parametrize(("trap", "words"), [("sleep_lies", "did not fall asleep"), ("wake_lies", "did not wake up")])
def test_words_are_not_believed(engine: VllmEngine, fake: FakeVllm, trap: str, words: str) -> None:
    if trap == "wake_lies":
        engine.park()
    fake.trap(**{trap: True})
    with pytest.raises(EngineError, match=words):
        engine.restore() if trap == "wake_lies" else engine.park()


def test_a_sleep_that_was_left_half_done_is_undone(engine: VllmEngine, fake: FakeVllm) -> None:
    """Paused but with all its memory: what a sleep leaves whose requests did not end in time."""
    httpx.post(f"{engine.base_url}/sleep?level=1&mode=keep", headers=engine.headers, timeout=10)
    engine.restore()
    engine.probe()


def test_garbage_is_no_answer(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.trap(garbage=True)
    with pytest.raises(EngineError, match="does not answer /v1/completions as vLLM does"):
        engine.probe()
    fake.trap(garbage=False, garbage_admin=True)
    with pytest.raises(EngineError, match="does not answer /is_sleeping as vLLM does"):
        engine.probe()


# -- 3: killed or wedged inside, green outside -------------------------------------------------------------------------


def test_a_wedged_engine_is_caught_by_the_canary(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.trap(wedged=True)
    assert httpx.get(f"{engine.base_url}/health").status_code == 200 and engine.ailment() == ""
    with pytest.raises(EngineError, match="did not answer /v1/completions within 1 s"):
        engine.probe()


def test_one_that_wedges_on_waking(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.trap(wedged_after_wake=True)
    engine.park()
    engine.restore()
    with pytest.raises(EngineError, match="did not answer"):
        engine.probe()


def test_a_busy_engine_is_not_taken_for_a_wedged_one(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.trap(tokens=30, token_s=0.05)
    story = Story(engine)
    fake.wait_for(lambda seen: seen["running"] == 1)
    fake.trap(first_token_s=3)  # the canary queues behind it
    engine.probe()
    story.end()


def test_a_killed_core_is_noticed(engine: VllmEngine, fake: FakeVllm) -> None:
    pid = fake.seen()["pid"]
    fake.kill_core()
    while httpx.get(f"{engine.base_url}/health").status_code == 200:
        time.sleep(0.01)
    with pytest.raises(EngineError, match=r"500 The server had an error|does not run|could not be asked"):
        engine.probe()
    until = time.monotonic() + 10
    while not engine.ailment() and time.monotonic() < until:
        time.sleep(0.05)
    assert "engine core exited unexpectedly" in engine.ailment() and not birth(pid)
    engine.load()
    engine.probe()


def test_a_killed_server_is_noticed(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.kill()
    while not engine.ailment():
        time.sleep(0.01)
    assert "signal 9" in engine.ailment()
    for use in (engine.probe, engine.park, engine.restore):
        with pytest.raises(EngineError, match="does not run"):
            use()


# -- 4: no room to wake ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["weights", "kv_cache"])
def test_waking_without_room_is_told_and_can_be_tried_again(engine: VllmEngine, fake: FakeVllm, part: str) -> None:
    engine.park()
    fake.trap(wake_oom=1, wake_oom_at=part)
    with pytest.raises(EngineOutOfMemory, match="out of memory"):
        engine.restore()
    # Weights that were back when the cache found no room are asleep again.
    assert fake.seen()["is_sleeping"] and fake.seen()["asleep"] == ["kv_cache", "weights"]
    engine.restore()
    engine.probe()


@pytest.mark.parametrize(("voice_mib", "left_mib"), [(9_000, 1_100), (10_000, 6_384)], ids=["cache", "weights"])
def test_a_voice_engine_that_grew_takes_the_room(
    engine: VllmEngine, bench: VllmBench, voice_mib: int, left_mib: int
) -> None:
    """Where the weights fit and the cache does not, the weights go back; half the weights stay until the next wake."""
    engine.park()
    bench.device.hold(voice_mib, "voice")
    try:
        with pytest.raises(EngineOutOfMemory):
            engine.restore()
        assert bench.device.used_mib == voice_mib + left_mib
    finally:
        bench.device.hold(3_500, "voice")
    engine.restore()
    engine.probe()
    assert bench.device.used_mib == 3_500 + 1_100 + 5_800 + 2_304
    bench.device.hold(0, "voice")


def test_sleep_that_trips_over_another_process(engine: VllmEngine, fake: FakeVllm) -> None:
    fake.trap(sleep_fails=1)
    with pytest.raises(EngineError, match="Memory usage increased after sleeping"):
        engine.park()


# -- 6: the studio is killed at every state ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["starting", "active", "parking", "parked", "restoring"])
def test_a_studio_killed_at_any_moment_leaves_nothing_that_stays(tmp_path: Path, state: str) -> None:
    traps = {
        "starting": {"start_hangs": True},
        "parking": {"sleep_hangs": True},
        "restoring": {"wake_s": 60},
    }.get(state, {})
    studio = f"""
        import os, pathlib, signal, sys, threading, time
        sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}
        from vllm_bench import vllm_bench
        def die():
            os.kill(os.getpid(), signal.SIGKILL)
        with vllm_bench(pathlib.Path({str(tmp_path)!r})) as bench:
            engine = bench.engine(traps={traps!r})
            state = {state!r}
            if state == "starting":
                engine.on_start = lambda progress: progress.note == "reading weights" and die()
            engine.load()
            if state == "active":
                die()
            if state == "parking":
                threading.Timer(0.2, die).start()
            engine.park()
            if state == "parked":
                die()
            threading.Timer(0.2, die).start()
            engine.restore()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(studio)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with vllm_bench(tmp_path) as bench:  # the next studio, in the same folders
        record = bench.record()
        assert record is not None and birth(record.pid)
        assert len(end_orphans(bench.run_dir, 0.3)) == 1
        assert not birth(record.pid) and bench.device.used_mib == 0 and bench.record() is None
        engine = bench.engine()
        engine.load()
        engine.probe()


# -- 7: the first sleep is slow ----------------------------------------------------------------------------------------


def test_the_first_sleep_may_take_longer_than_later_ones(bench: VllmBench) -> None:
    engine = bench.engine(name="first", traps={"first_sleep_s": 0.8}, sleep_seconds=0.4, env=ALONE)
    engine.load()
    engine.park()
    engine.restore()
    engine.park()
    fake = bench.fake(engine)
    engine.restore()
    fake.trap(sleep_s=1.0)
    with pytest.raises(EngineError, match="did not answer /sleep"):
        engine.park()
    engine.unload()


def test_a_cycle_at_the_start_that_fails_leaves_nothing(bench: VllmBench) -> None:
    engine = bench.engine(name="cycled", traps={"wake_oom": -1}, cycle_at_start=True, env=ALONE)
    with pytest.raises(EngineOutOfMemory):
        engine.load()
    assert bench.record("cycled") is None and engine.base_url == ""


# -- 10: starting while others hold the GPU ----------------------------------------------------------------------------


def test_a_start_without_room_is_refused_by_vllm_and_told_as_such(tmp_path: Path) -> None:
    with vllm_bench(tmp_path) as bench:
        bench.device.hold(8_000, "sdxl")
        engine = bench.engine()
        with pytest.raises(EngineOutOfMemory, match="less than desired GPU memory utilization"):
            engine.load()
        bench.device.hold(3_500, "sdxl")
        engine.load()  # vLLM's default of 0.92 would still refuse
        engine.probe()
