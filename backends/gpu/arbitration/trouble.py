"""Engines that died or hang."""

from __future__ import annotations

import logging
from collections.abc import Callable

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.leases import LeaseBook
from backends.gpu.arbitration.operations import Operations, told
from backends.gpu.arbitration.slots import Slot, Work
from backends.gpu.arbitration.waiting import WaitingRoom
from backends.gpu.arbitration.works import Works
from backends.gpu.engine import EngineOutOfMemory, EngineState, Watched
from backends.gpu.metrics import arbiter_metrics
from configs.errors import StudioError

LOG = logging.getLogger("studio.arbiter")


class Trouble:
    """Crashes, canaries and the breaker's count."""

    def __init__(
        self, board: Board, operations: Operations, leases: LeaseBook, waiting: WaitingRoom, works: Works,
        pump: Callable[[], None],
    ) -> None:  # fmt: skip
        self._board, self._do, self._leases = board, operations, leases
        self._waiting, self._works, self._pump = waiting, works, pump

    def crashed(self, slot: Slot, reason: str) -> None:
        """The engine is no longer fit for work: its leases are over, it is cleaned up, the next request starts it."""
        LOG.error("%s crashed: %s", slot.name, reason)
        arbiter_metrics().crashes.labels(slot.name).inc()
        opened = self._board.breakers[slot.name].add(reason)
        for lease in list(slot.leases.values()):
            self._leases.void(lease, f"{slot.name} crashed: {reason}")
        if slot.work is None:  # else the change that holds it finds out by itself
            work = Work("crashed")
            work.claim(slot)
            slot.suspected, slot.error = "", reason
            self._board.set_state(slot, EngineState.FAILED)
            self._works.spawn(self._clean(slot, work, reason))
        if opened:
            self._waiting.fail(frozenset({slot.name}), self._board.breakers[slot.name].error(slot.name))

    def could_not_start(self, names: frozenset[str], failure: StudioError) -> None:
        """Counted like a crash; a full device or another studio's lock is not the engine's fault."""
        if isinstance(failure, EngineOutOfMemory):
            return
        for name in names:
            if self._board.slots[name].state is EngineState.FAILED:
                self._board.breakers[name].add(failure.sentence)

    def suspect(self, slot: Slot, reason: str) -> None:
        """Somebody saw it hang: the canary decides, as soon as nobody is alone with it."""
        if slot.state is not EngineState.ACTIVE or slot.suspected:
            return
        slot.suspected = reason
        if slot.work is None and (slot.spec.shared or not slot.leases):
            self.canary(slot)

    def canary(self, slot: Slot) -> None:
        """Probe a suspected engine; nobody gets it meanwhile."""
        work = Work("canary")
        work.claim(slot)
        self._works.spawn(self._probe(slot, work))

    async def _clean(self, slot: Slot, work: Work, reason: str) -> None:
        try:
            await self._do.unload(slot, work)
            self._board.set_state(slot, EngineState.FAILED)
            slot.error = reason
        except StudioError:
            slot.error = f"{reason}; {slot.error}"
        finally:
            self._works.finish(work)
            self._pump()

    async def _probe(self, slot: Slot, work: Work) -> None:
        reason, slot.suspected = slot.suspected, ""
        failure = ""
        try:
            await self._do.probe(slot)
            LOG.info("%s was suspected (%s) and is well", slot.name, reason)
        except Exception as error:
            failure = f"{reason}; the canary failed: {told(error, slot.name).sentence}"
        self._works.finish(work)
        if failure:
            self.crashed(slot, failure)
        self._pump()


def ailment(slot: Slot) -> str:
    """What ails the engine, '' while it is well or cannot tell."""
    if not isinstance(slot.engine, Watched):
        return ""
    try:
        return slot.engine.ailment()
    except Exception as error:  # an engine that cannot even answer this is not well
        return f"{type(error).__name__}: {error}"[:200]
