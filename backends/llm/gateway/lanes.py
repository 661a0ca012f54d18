"""A bounded queue per model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from backends.llm.gateway.refusal import Refusal

RETRY_S = 2


class Lane:
    """Lets `max_running` requests through at a time, first come first served; `max_waiting` may wait."""

    def __init__(self, max_running: int, max_waiting: int) -> None:
        self._max_running, self._max_waiting = max_running, max_waiting
        self.running = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        """Wait for a turn. Raises Refusal (429) when too many wait already."""
        if self.running >= self._max_running or self._queue:
            if len(self._queue) >= self._max_waiting:
                raise Refusal(
                    429,
                    f"The model '{model}' is busy: {self.running} requests run and {len(self._queue)} wait.",
                    "queue_full",
                    retry_s=RETRY_S,
                )
            await self._wait()
        else:
            self.running += 1
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came in the same instant
                self._pass_on()
            else:
                with suppress(ValueError):
                    self._queue.remove(turn)
            raise

    def _pass_on(self) -> None:
        """A turn is over: the next in line takes it, so that `running` never dips in between."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1
