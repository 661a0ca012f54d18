"""Those who wait: let in, told how the start goes, served, or sent away with a reason. Nobody is ever forgotten."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.ordering import Queue
from backends.gpu.arbitration.slots import Slot, Waiter
from backends.gpu.engine import EngineState
from backends.gpu.metrics import arbiter_metrics
from configs.errors import EngineError, StudioError

NAMED = 3
"""Holders that a message names at most."""


class WaitingRoom:
    """The queue with everything that hangs on a waiter: its timer, its ear for progress, its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, board: Board) -> None:
        self._loop, self._board = loop, board
        self.queue = Queue()
        self.on_change: Callable[[], None] = lambda: None
        """Called when somebody left by himself."""

    def enter(self, waiter: Waiter) -> None:
        self.queue.add(waiter)
        waiter.timer = self._loop.call_later(waiter.wait_s, self._wait_is_over, waiter)
        for slot in self._heard_by(waiter):
            if waiter.on_start is not None:
                slot.listeners = (*slot.listeners, waiter.on_start)

    def served(self, waiter: Waiter) -> None:
        """It was granted; it may have been served without waiting."""
        self._leave(waiter, "granted")

    def gave_up(self, waiter: Waiter) -> None:
        """Its caller went away."""
        self._leave(waiter, "cancelled")

    def refuse(self, waiter: Waiter, error: StudioError) -> None:
        """Send it away with a reason, whether it waited or not; one that has its answer keeps that."""
        if waiter.done:
            return
        self._leave(waiter, "failed")
        waiter.deliver(copy.copy(error))  # each caller raises its own: a shared one would collect all their tracebacks

    def fail(self, names: frozenset[str], error: StudioError) -> None:
        """Everybody who waits for one of `names` to come up is told, instead of trying the same one after the other."""
        names |= {n for n in self._board.slots if self._board.real(n) in names}
        for waiter in self.queue.asking_for(names):
            if not self._board.are_up(waiter):
                self.refuse(waiter, error)

    def fail_all(self, error: StudioError) -> None:
        for waiter in list(self.queue):
            self.refuse(waiter, error)

    def _wait_is_over(self, waiter: Waiter) -> None:
        if waiter.done:
            return
        self.refuse(
            waiter,
            EngineError(
                f"Waited {waiter.wait_s:.0f} s for {', '.join(sorted(waiter.needs))}",
                self._obstacle(waiter),
                "Try again later, or cancel the other work",
            ),
        )
        self.on_change()

    def _obstacle(self, waiter: Waiter) -> str:
        for name in sorted(waiter.needs):
            slot = self._board.slots[self._board.real(name)]
            if slot.state in (EngineState.STARTING, EngineState.RESTORING):
                phase = f" ({slot.progress.phase})" if slot.progress else ""
                return f"{slot.name} is still {slot.state.value}{phase}"
        lanes = {self._board.table.engines[n].device for n in waiter.needs}
        holders = sorted(
            {lease.holder for slot in self._board.slots.values() for lease in slot.leases.values()
             if slot.spec.device in lanes}
        )[:NAMED]  # fmt: skip
        return f"other work holds the engines ({', '.join(holders)})" if holders else "other engines are being changed"

    def _leave(self, waiter: Waiter, result: str) -> None:
        waiter.done = True
        waited = self.queue.remove(waiter)
        arbiter_metrics().waited(result).observe(time.monotonic() - waiter.since)
        if not waited:
            return
        if waiter.timer is not None:
            waiter.timer.cancel()
            waiter.timer = None
        for slot in self._heard_by(waiter):
            slot.listeners = tuple(f for f in slot.listeners if f is not waiter.on_start)
        if result != "granted":  # a change that nobody waits for any more may be called off
            for name in waiter.needs:
                if (work := self._board.slots[name].work) is not None:
                    work.stir.set()

    def _heard_by(self, waiter: Waiter) -> list[Slot]:
        """Engines whose start concerns it: what it asked for, and what may stand in."""
        found: dict[str, Slot] = {}
        for asked in waiter.needs if waiter.on_start is not None else ():
            name = asked
            while name and name not in found:
                found[name] = self._board.slots[name]
                name = found[name].spec.smaller
        return list(found.values())
