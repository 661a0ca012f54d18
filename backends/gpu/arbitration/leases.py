"""Leases that are good now: granted, given back, expired or revoked, always on the arbiter's loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.slots import Slot, Waiter
from backends.gpu.lease import Lease
from configs.errors import EngineError

LOG = logging.getLogger("studio.arbiter")


class LeaseBook:
    """Knows every lease; a lease that is not in it ends nothing, whatever its holder does later."""

    def __init__(self, board: Board, seconds: float, give_back: Callable[[Lease], None]) -> None:
        """`seconds` without a heartbeat end a lease; `give_back` is called from any thread by `Lease.release`."""
        self._board, self._seconds, self._give_back = board, seconds, give_back
        self._good: dict[int, Lease] = {}
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._good)

    def all(self) -> list[Lease]:
        return list(self._good.values())

    def grant(self, waiter: Waiter) -> Lease:
        """A lease on engines that are up and free."""
        self._epoch += 1
        now = time.monotonic()
        slots = {name: self._board.slots[self._board.real(name)] for name in waiter.needs}
        lease = Lease(
            waiter.holder,
            {name: slot.engine for name, slot in slots.items() if slot.engine is not None},
            self._epoch,
            tuple(waiter.swaps),
            now - waiter.since,
            self._beat,
            self._give_back,
            notices=(*waiter.notices, *self._capped(waiter)),
            substitutes={name: slot.name for name, slot in slots.items() if slot.name != name},
            shape=waiter.shape,
            revocable=waiter.revocable,
        )
        self._good[lease.id] = lease
        for slot in slots.values():
            if not slot.leases:
                self._board.in_use |= {slot.name}
            slot.leases[lease.id] = lease
            slot.used_at, slot.epoch, slot.seen_mib = now, self._epoch, 0
        return lease

    def end(self, lease: Lease) -> list[Slot] | None:
        """The slots that it held; None when it was over already."""
        if self._good.pop(lease.id, None) is None:
            return None
        now = time.monotonic()
        slots = [self._board.slots[n] for n in {lease.substitutes.get(name, name) for name in lease.engines}]
        for slot in slots:
            del slot.leases[lease.id]
            if not slot.leases:
                self._board.in_use -= {slot.name}
            slot.used_at = now
            if slot.work is not None:
                slot.work.stir.set()
        return slots

    def void(self, lease: Lease, reason: str) -> list[Slot] | None:
        """Take it back: its holder learns it at the next check, and from `on_void`. As `end` otherwise."""
        slots = self.end(lease)
        if slots is not None and not lease.void:
            lease.void = reason
            LOG.info("lease of %s is over: %s", lease.holder, reason)
            tell_all(lease)
        return slots

    def expired(self) -> list[Lease]:
        """Those without a sign of life for too long."""
        oldest = time.monotonic() - self._seconds
        return [v for v in self._good.values() if v.beaten_at < oldest]

    def oldest_seconds(self) -> float:
        """Age of the oldest lease, 0 without one."""
        first = next(iter(self._good.values()), None)
        return time.monotonic() - first.granted_at if first is not None else 0.0

    def _beat(self, lease: Lease) -> None:
        # Any thread: a float is replaced in one step, and the loop voids a lease before it forgets it.
        if lease.id not in self._good:
            raise EngineError("The engines were taken back", lease.void or "the lease is over", "Try again")
        lease.beaten_at = time.monotonic()

    def _capped(self, waiter: Waiter) -> list[str]:
        return [
            f"{name} was seen to need nearly all of its budget; there is no margin left"
            for name in sorted(waiter.needs)
            if self._board.is_capped(self._board.real(name), waiter.shape)
        ]


def tell_all(lease: Lease) -> None:
    """Run the `on_void` callbacks of a lease that is over, once."""
    told, lease._on_void = lease._on_void, []
    for tell in told:
        try:
            tell(lease.void)
        except Exception:  # a holder's bug must not stop the arbiter
            LOG.exception("on_void failed")
