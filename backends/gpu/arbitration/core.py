"""The arbiter's loop side: requests come in, leases go out. Nothing in here blocks."""

from __future__ import annotations

import asyncio

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.ladder import Ladder
from backends.gpu.arbitration.leases import LeaseBook
from backends.gpu.arbitration.operations import Operations
from backends.gpu.arbitration.slots import Slot, Waiter, Work
from backends.gpu.arbitration.switch import Switch
from backends.gpu.arbitration.trouble import Trouble, ailment
from backends.gpu.arbitration.turns import NEVER, Turns
from backends.gpu.arbitration.waiting import WaitingRoom
from backends.gpu.arbitration.works import Works
from backends.gpu.engine import EngineState
from backends.gpu.lease import Lease
from configs.errors import EngineError, StudioError

BELIEVED_SHARE = 2.0
"""A device-wide figure above this multiple of the engine's own is somebody else's growth, not its need."""


class Core:
    """All decisions of one arbiter; every method runs on its loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, board: Board, operations: Operations, ladder: Ladder,
        leases: LeaseBook, switch: Switch,
    ) -> None:  # fmt: skip
        self._loop, self.board, self.do, self.ladder = loop, board, operations, ladder
        self.leases, self.switch = leases, switch
        self.works = Works(loop, board)
        self.waiting = WaitingRoom(loop, board)
        self.waiting.on_change = self.pump
        self.trouble = Trouble(board, operations, leases, self.waiting, self.works, self.pump)
        self._turns = Turns(board, self.waiting, self.works, switch, self.trouble, self._grant, self.pump)
        self._alarm: asyncio.TimerHandle | None = None
        self._pumping = self._again = False

    def ask(self, waiter: Waiter) -> None:
        """Serve it now, or let it wait."""
        try:
            if self.board.closing:
                raise EngineError("The studio is closing")
            self.board.refuse_impossible(waiter.needs, waiter.shape)
        except StudioError as error:
            self.waiting.refuse(waiter, error)
            return
        first = not self.waiting.queue.has(waiter.key)
        if first and self.board.is_grantable(waiter, self._turns.closed) and self._grant(waiter):
            return
        self.waiting.enter(waiter)
        if first:  # else it stands behind others who wait for the same
            self.pump()

    def abandon(self, waiter: Waiter) -> None:
        """Its caller went away: out of the queue, or its lease is given back when it was granted in that moment."""
        if waiter.lease is not None:
            self.end(waiter.lease)
        elif not waiter.done:
            self.waiting.gave_up(waiter)
            self.pump()

    def end(self, lease: Lease) -> None:
        """A lease was given back."""
        self._freed(self.leases.end(lease), lease)

    def void(self, lease: Lease, reason: str) -> None:
        """A lease is taken back."""
        self._freed(self.leases.void(lease, reason), lease)

    def pump(self) -> None:
        """Something changed: see whose turn it is."""
        if self.board.closing:
            return
        self._again = True
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._again:
                self._again = False
                self._set_alarm(self._turns.go())
        finally:
            self._pumping = False

    def _grant(self, waiter: Waiter) -> bool:
        """False when an engine turned out to be dead."""
        for name in waiter.needs:
            slot = self.board.slots[self.board.real(name)]
            if slot.is_watched and (what := ailment(slot)):
                self.trouble.crashed(slot, what)
                return False
        waiter.lease = lease = self.leases.grant(waiter)
        self.waiting.served(waiter)
        if not waiter.deliver(lease):
            self.leases.end(lease)
            self._again = True
        return True

    def _freed(self, slots: list[Slot] | None, lease: Lease) -> None:
        if slots and all(slot.leases for slot in slots):
            return  # others still use all of them: nothing became free
        for slot in slots or ():
            if slot.leases or slot.work is not None or slot.state is not EngineState.ACTIVE:
                continue
            if slot.suspected:
                self.trouble.canary(slot)
            elif slot.is_measured and not slot.spec.shared:
                self._measure(slot, lease.shape)
            elif slot.seen_mib:
                self.learn_seen(slot, lease.shape)
        if slots is not None:
            self.pump()

    def _measure(self, slot: Slot, shape: str) -> None:
        """Before somebody else works with it."""
        work = Work("measure")
        work.claim(slot)

        async def job() -> None:
            try:
                await self.do.measure(slot, shape)
            finally:
                self.works.finish(work)
                self.pump()

        self.works.spawn(job())

    def learn_seen(self, slot: Slot, shape: str) -> None:
        """The device-wide figure of a lease, for engines that cannot measure themselves.

        Others may have grown meanwhile: what is beyond belief or beyond the budget would lock the engine out for ever.
        """
        believed = min(BELIEVED_SHARE * slot.guess_mib, self.board.budget(self.board.device(slot.name)))
        if slot.seen_mib <= believed:
            self.do.learn(slot, shape, slot.seen_mib)
        slot.seen_mib = 0

    def _set_alarm(self, when: float) -> None:
        """Look again at `when`; an earlier alarm stays, it costs less than setting it anew."""
        if when >= NEVER or (self._alarm is not None and self._alarm.when() <= when):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.pump()
