"""Looks around now and then: leases without a sign of life, dead engines, memory in use."""

from __future__ import annotations

import asyncio
import logging

from backends.gpu.arbitration.core import Core
from backends.gpu.arbitration.slots import Slot
from backends.gpu.arbitration.trouble import ailment
from backends.gpu.arbitration.worker import Workers
from backends.gpu.engine import EngineState
from configs.errors import StudioError

LOG = logging.getLogger("studio.arbiter")


async def watch(core: Core, workers: Workers, lease_seconds: float) -> None:
    """Runs until it is cancelled."""
    period = min(core.board.table.rules.watch_seconds, max(lease_seconds / 4, 0.01))
    while True:
        await asyncio.sleep(period)
        try:
            _expire(core, lease_seconds)
            _find_dead(core)
            await _sample(core)
            await _save(core, workers)
        except Exception:  # the watch must go on, whatever one look brings
            LOG.exception("the watch stumbled")


def _expire(core: Core, lease_seconds: float) -> None:
    for lease in core.leases.expired():
        core.void(lease, f"no sign of life for {lease_seconds:g} s")


def _find_dead(core: Core) -> None:
    for slot in core.board.slots.values():
        if not slot.is_watched:
            continue
        resting = slot.work is None and slot.state in (EngineState.ACTIVE, EngineState.PARKED)
        draining = slot.state is EngineState.DRAINING and bool(slot.leases)
        if (resting or draining) and (what := ailment(slot)):
            core.trouble.crashed(slot, what)
            core.pump()


async def _sample(core: Core) -> None:
    """The device-wide figure tells what an engine takes while it is the only one at work on the GPU."""
    slot = _alone(core)
    if slot is None or slot.floor_mib is None:
        return
    leases, floor = set(slot.leases), slot.floor_mib
    try:
        used = core.board.used_mib(await core.ladder.look())
    except StudioError as error:
        LOG.warning("%s", error)
        return
    if used is not None and _alone(core) is slot and leases == set(slot.leases) and slot.floor_mib == floor:
        slot.seen_mib = max(slot.seen_mib, used - floor)


def _alone(core: Core) -> Slot | None:
    board = core.board
    if not board.has_gpu or core.works.is_changing("gpu"):
        return None
    holders = [s for s in board.slots.values() if s.leases and board.device(s.name) == "gpu"]
    return holders[0] if len(holders) == 1 and holders[0].is_open else None


async def _save(core: Core, workers: Workers) -> None:
    needs = core.board.needs
    if needs.dirty:
        text = needs.text()
        await workers.run("needs-save", lambda: needs.write(text))
