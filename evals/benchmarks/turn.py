"""The studio's own time in a turn (no engine works), warm, and how soon something is seen."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from typing import Any

TURNS = 20
WISHES = ("list my pictures", "what do you remember about Luca?", "hello")


def run() -> dict[str, Any]:
    """Milliseconds per turn with the built-in brain over `TURNS` turns of each wish, in a fresh home."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        return asyncio.run(_measure(home))


async def _measure(home: str) -> dict[str, Any]:
    from agent.build import build_agent
    from agent.events import Done
    from configs.settings import load_settings

    figures: dict[str, Any] = {}
    began = time.perf_counter()
    with build_agent(load_settings(home=home, brain="offline")) as agent:
        figures["build_ms"] = _ms(time.perf_counter() - began)
        agent.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
        began = time.perf_counter()
        agent.warm_up()
        figures["warm_up_ms"] = _ms(time.perf_counter() - began)
        for wish in WISHES:
            first: list[float] = []
            whole: list[float] = []
            for number in range(TURNS):
                began, seen = time.perf_counter(), None
                async for event in agent.astream(wish, thread=f"{wish}-{number % 3}"):
                    seen = seen or time.perf_counter() - began
                    if isinstance(event, Done):
                        whole.append(time.perf_counter() - began)
                first.append(seen or 0.0)
            name = wish.split()[0]
            figures[f"{name}_turn_ms_median"] = _ms(statistics.median(whole))
            figures[f"{name}_turn_ms_max"] = _ms(max(whole))
            figures[f"{name}_first_event_ms_median"] = _ms(statistics.median(first))
    return figures


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
