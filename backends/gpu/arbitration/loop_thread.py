"""An event loop in a thread of its own, with a way in for all other threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from configs.errors import EngineError

T = TypeVar("T")

CLOSING = "The studio is closing"
LOOK_S, LAST_S = 0.5, 2.0
"""How often somebody who waits looks whether the loop is still there; how long its last tasks may take to end."""
ANSWER_S = 15.0
"""The loop never blocks; should it take this long to answer, something is very wrong."""


class LoopThread:
    """What runs on the loop is never interrupted by anything else that does."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._background: Callable[[], Coroutine[Any, Any, None]] | None = None

    def start(self, background: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`background()` runs until the loop is stopped."""
        self._background = background
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller is the loop's own thread."""
        return threading.current_thread() is self._thread

    def call(self, ask: Callable[[], T]) -> T:
        """`ask()` on the loop, where nothing changes meanwhile; once the loop is gone in this thread."""
        if self.loop.is_closed() or self.is_here:
            return ask()

        async def asked() -> T:
            return ask()

        job = asked()
        try:
            return asyncio.run_coroutine_threadsafe(job, self.loop).result(timeout=ANSWER_S)
        except (RuntimeError, concurrent.futures.TimeoutError):
            if not self.loop.is_closed():
                raise
            job.close()
            return ask()

    def wait_for(self, job: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """The result of a coroutine on the loop. Raises EngineError in the loop's own thread, which must not wait."""
        if self.is_here:
            job.close()
            raise EngineError("The arbiter cannot wait for itself", fix="Call it from another thread")
        try:
            answer = asyncio.run_coroutine_threadsafe(job, self.loop)
        except RuntimeError:  # the loop is closed
            job.close()
            raise EngineError(CLOSING) from None
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return answer.result(timeout=min(LOOK_S, max(0.0, until - time.monotonic())))
            except concurrent.futures.CancelledError:
                raise EngineError(CLOSING) from None
            except concurrent.futures.TimeoutError:
                if answer.done() or time.monotonic() >= until:
                    raise
                if self.loop.is_closed():  # what reached it in its last moment is never begun
                    raise EngineError(CLOSING) from None

    def submit(self, job: Coroutine[Any, Any, Any]) -> None:
        """Have it done on the loop; nobody waits for it."""
        asyncio.run_coroutine_threadsafe(job, self.loop)

    def stop(self) -> None:
        """End the loop and close it."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        assert self._background is not None
        background = self.loop.create_task(self._background())
        try:
            self.loop.run_forever()
            background.cancel()
            with suppress(asyncio.CancelledError):
                self.loop.run_until_complete(background)
            # Whoever waits for one of these is told.
            while left := asyncio.all_tasks(self.loop):
                for task in left:
                    task.cancel()
                self.loop.run_until_complete(asyncio.wait(left, timeout=LAST_S))
                if left & asyncio.all_tasks(self.loop):
                    break  # it does not let itself be ended
        finally:
            self.loop.close()
