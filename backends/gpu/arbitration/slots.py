"""The arbiter's records: one slot per engine, one waiter per request, one work per change under way.

Only the arbiter's loop writes them.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backends.gpu.engine import Engine, EngineState, OnStart, StartProgress, Swap
from backends.gpu.lease import Lease
from configs.models import EngineSpec

_order = itertools.count()

UP = frozenset({EngineState.STARTING, EngineState.ACTIVE, EngineState.DRAINING, EngineState.PARKING,
                EngineState.RESTORING})  # fmt: skip
"""States in which an engine may hold all of its memory."""


@dataclass(eq=False)
class Work:
    """A change under way. The slots it holds are touched by nobody else until it ends."""

    reason: str
    """For whom or why, e.g. the holder that waits, 'canary', 'crashed'."""
    needs: frozenset[str] = frozenset()
    """What the waiters that it serves asked for; empty for the user's own commands and for cleaning up."""
    shape: str = ""
    lanes: frozenset[str] = frozenset()
    """Devices on which nothing else may change meanwhile."""
    stir: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a lease on one of its slots ended or a waiter left."""
    swaps: list[Swap] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    failing: frozenset[str] = frozenset()
    """What could not be had, should the work fail."""

    def claim(self, slot: Slot, reserved_mib: int = 0) -> None:
        """Nobody else touches the slot until `let_go`."""
        slot.work, slot.reserved_mib = self, reserved_mib
        self.slots.append(slot)
        slot.changed()

    def let_go(self) -> None:
        for slot in self.slots:
            slot.work, slot.reserved_mib = None, 0
            slot.changed()
        self.slots.clear()


@dataclass(eq=False)
class Slot:
    """One engine as the loop sees it; memory in MiB, times monotonic."""

    name: str
    spec: EngineSpec
    changed: Callable[[], None]
    """Called when something changed that plans depend on."""
    state: EngineState = EngineState.COLD
    engine: Engine | None = None
    leases: dict[int, Lease] = field(default_factory=dict)
    work: Work | None = None
    charge_mib: int = 0
    """Counted against the budget now."""
    reserved_mib: int = 0
    """Promised by the work under way."""
    guess_mib: int = 0
    """What the engine itself says, or the table before it is made."""
    used_at: float = 0.0
    up_since: float = 0.0
    epoch: int = 0
    error: str = ""
    progress: StartProgress | None = None
    listeners: tuple[OnStart, ...] = ()
    """Who wants to hear of the start; read from the engine's threads, so it is replaced and never changed."""
    stand_in: str = ""
    """The smaller engine that serves for this one, while `stand_in_until` is not over."""
    stand_in_until: float = 0.0
    shrunk: bool = False
    is_watched: bool = False
    is_measured: bool = False
    suspected: str = ""
    """Why the canary is due."""
    kept: bool = False
    floor_mib: int | None = None
    """What the device held without this engine, as far as known."""
    seen_mib: int = 0
    """Highest figure of the present lease, by the device-wide measure."""

    @property
    def is_open(self) -> bool:
        return self.state is EngineState.ACTIVE and self.work is None

    @property
    def held_mib(self) -> int:
        """What must be counted while somebody else plans."""
        return max(self.charge_mib, self.reserved_mib)


@dataclass(eq=False)
class Waiter:
    """A request that is not served yet."""

    needs: frozenset[str]
    holder: str
    shape: str
    revocable: bool
    on_start: OnStart | None
    deliver: Callable[[Lease | BaseException], bool]
    """Hands the outcome over; False when nobody takes it any more. Callable from the loop, never blocks."""
    wait_s: float
    since: float = field(default_factory=time.monotonic)
    order: int = field(default_factory=lambda: next(_order))
    lease: Lease | None = None
    done: bool = False
    swaps: list[Swap] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    @property
    def key(self) -> tuple[frozenset[str], str]:
        return self.needs, self.shape


@dataclass(frozen=True)
class Plan:
    """What has to change so that `wants` are up together."""

    wants: Mapping[str, int]
    """Engine -> MiB."""
    park: tuple[str, ...]
    unload: tuple[str, ...]
    bring_up: tuple[str, ...]
    """Engines of `wants` that are not up, or were given less memory than is wanted now."""

    @property
    def victims(self) -> tuple[str, ...]:
        return (*self.park, *self.unload)
