"""The studio's events as MCP progress: one figure from 0 to 100 that only grows, with a few words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from agent.events import Event, ModelStarting, PlanProposed, Progress, StepFinished, StepStarted
from ui.wording import starting_text

Send = Callable[[float, str], Coroutine[Any, Any, None]]
TOTAL = 100.0
LEAST = 0.001
"""The protocol wants each figure larger than the last, also where only the words are new."""
EVERY_S = 0.1
"""Of one step, the least time between two messages."""


class ProgressTeller:
    """Takes events from any thread and sends them in order; `finish` before the answer, which ends the progress."""

    def __init__(self, send: Send | None) -> None:
        """send: (progress of 100, message); None: the client did not ask for progress."""
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run()) if send is not None else None
        self._at, self._last, self._words = 0.0, 0.0, ""
        self._steps, self._ended = 1, 0
        self._open = True

    def emit(self, event: Event) -> None:
        """Thread-safe sink for events."""
        if self._send is None:
            return
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        if not self._open:
            return
        share, words = self._last, ""
        match event:
            case PlanProposed(steps=steps):
                self._steps, self._ended = max(1, len(steps)), 0
            case Progress(step=step, done=done, total=total, note=note):
                words = note
                if "/" not in step and total > 0:
                    share = TOTAL * (self._ended + min(1.0, done / total)) / self._steps
            case StepStarted(title=title):
                words = title
            case ModelStarting(progress=starting):
                words = starting_text(starting)
            case StepFinished(step=step, status=status):
                if "/" not in step and status in ("done", "reused"):
                    self._ended += 1
                    share = TOTAL * min(1.0, self._ended / self._steps)
        self._tell(share, " ".join(words.split()))

    def _tell(self, share: float, words: str) -> None:
        now = time.monotonic()
        if share <= self._last and words in ("", self._words):
            return
        if words == self._words and now - self._at < EVERY_S:
            return
        value = min(TOTAL, max(share, self._last + LEAST))
        if value <= self._last:
            return
        self._at, self._last, self._words = now, value, words
        self._queue.put_nowait((value, words))

    async def _run(self) -> None:
        assert self._send is not None
        while (note := await self._queue.get()) is not None:
            await self._send(*note)

    async def finish(self) -> None:
        """All that was told is sent; nothing comes after it."""
        await asyncio.sleep(0)  # what other threads have handed over
        self._open = False
        if self._task is not None:
            self._queue.put_nowait(None)
            with suppress(Exception):
                await self._task

    def drop(self) -> None:
        """The caller is gone."""
        self._open = False
        if self._task is not None:
            self._task.cancel()
