"""The changes that are under way: who holds which slot and which lane."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.slots import Slot, Work
from configs.errors import EngineError


class Works:
    """One change at a time per lane (device), so that the device-wide figures mean something while one waits for them.

    A change on one lane never waits for one on the other.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, board: Board) -> None:
        self._loop, self._board = loop, board
        self._tasks: set[asyncio.Task[None]] = set()
        self._served: set[frozenset[str]] = set()
        self._lanes: dict[str, Work] = {}
        self._reserved: Counter[str] = Counter()
        self._ended = asyncio.Event()

    def spawn(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a change beside the loop's other events."""
        task = self._loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        return set(self._tasks)

    def take(self, work: Work) -> None:
        """Its lanes are its own until `finish`."""
        for lane in work.lanes:
            self._lanes[lane] = work
        if work.needs:
            self._served.add(work.needs)
        self._board.bump()

    def finish(self, work: Work) -> None:
        """Its slots and lanes are free again."""
        work.let_go()
        self._lanes = {lane: other for lane, other in self._lanes.items() if other is not work}
        self._served.discard(work.needs)
        self._board.bump()
        self._ended.set()

    def serves(self, needs: frozenset[str]) -> bool:
        """Whether a change for exactly this is under way."""
        return needs in self._served

    def are_free(self, lanes: frozenset[str], kept: frozenset[str] = frozenset()) -> bool:
        """Whether a change on these lanes may begin; `kept` are those that somebody starving waits for."""
        return not any(lane in kept or lane in self._lanes or self._reserved[lane] for lane in lanes)

    def is_changing(self, lane: str) -> bool:
        return lane in self._lanes

    async def turn(self, work: Work, slot: Slot, until: float | None = None) -> None:
        """Wait until the slot and the lanes of `work` are free, and take them; a command goes before requests.

        Raises EngineError at `until` (monotonic), or when the studio closes.
        """
        self._reserved.update(work.lanes)
        try:
            while slot.work is not None or any(lane in self._lanes for lane in work.lanes):
                self._ended.clear()
                left = None if until is None else max(until - time.monotonic(), 0.0)
                try:
                    await asyncio.wait_for(self._ended.wait(), left)
                except TimeoutError:
                    raise EngineError(
                        f"'{slot.name}' is still busy", f"its state is {slot.state.value}", "Try again later"
                    ) from None
        finally:
            self._reserved.subtract(work.lanes)
            self._board.bump()
        if self._board.closing:
            raise EngineError("The studio is closing")
        work.claim(slot)
        self.take(work)
