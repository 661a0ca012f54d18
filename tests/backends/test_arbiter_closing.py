"""A studio that closes while commands are under way: whoever gave one is told, and no engine stays up."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from arbiter_engines import Bench, MortalEngine

from backends.gpu.arbitration.loop_thread import LoopThread
from configs.errors import EngineError

SIZES = {"voice": 10, "image": 40, "llm": 45}


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.003, 0.01])
@pytest.mark.parametrize("command", ["stop", "park"])
def test_a_command_under_way_is_told_and_its_engine_ended(command: str, pause: float) -> None:
    for _ in range(5):
        bench = Bench(SIZES, gpu=frozenset(SIZES), kinds=dict.fromkeys(SIZES, MortalEngine), budget=100, card=100)
        bench.touch("voice")
        bench.touch("image")
        lease = bench.arbiter.lease(["image"], "somebody")
        for engine in bench.engines.values():
            engine.seconds = {"unload": 0.02, "park": 0.02, "load": 0.02, "restore": 0.02}
        told: list[str] = []

        def run(name: str, bench: Bench = bench, told: list[str] = told) -> None:
            try:
                getattr(bench.arbiter, command)(name, wait_s=60.0)
                told.append("done")
            except EngineError as error:
                told.append(error.sentence)

        threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in ("voice", "image")]
        for thread in threads:
            thread.start()
        time.sleep(pause)
        bench.arbiter.close()
        for thread in threads:
            thread.join(timeout=10)
        assert len(told) == 2, "somebody still waits"
        assert not bench.memory.up
        lease.release()


def test_what_reaches_a_loop_in_its_last_moment_is_told() -> None:
    """The loop may end between a question and its answer, or be gone before it."""
    loop = LoopThread("closing")
    begun, answers = threading.Event(), list[str]()

    async def background() -> None:
        await asyncio.Event().wait()

    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    def ask() -> None:
        try:
            loop.wait_for(never())
        except EngineError as error:
            answers.append(error.sentence)

    loop.start(background)
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert begun.wait(5)
    loop.stop()
    thread.join(timeout=5)
    assert len(answers) == 1 and answers[0].startswith("The studio is closing")
    with pytest.raises(EngineError, match="closing"):
        loop.wait_for(never())
