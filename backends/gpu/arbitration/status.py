"""The arbiter's state in rows, for people and programs to read."""

from __future__ import annotations

import time
from typing import Any

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.ordering import Queue
from backends.gpu.arbitration.slots import UP, Slot


def engine_rows(board: Board) -> list[dict[str, Any]]:
    """One row per engine, in the order of the table."""
    return [_row(board, slot) for slot in board.slots.values()]


def waiting_rows(queue: Queue) -> list[dict[str, Any]]:
    """One row per request, oldest first."""
    now = time.monotonic()
    return [
        {"holder": w.holder, "needs": sorted(w.needs), "waited_s": round(now - w.since, 3), "revocable": w.revocable}
        for w in queue
    ]


def _row(board: Board, slot: Slot) -> dict[str, Any]:
    breaker, progress, is_up = board.breakers[slot.name], slot.progress, slot.state in UP
    return {
        "name": slot.name,
        "kind": slot.spec.kind,
        "device": slot.spec.device,
        "state": slot.state.value,
        "leases": sorted(lease.holder for lease in slot.leases.values()),
        "need_mib": board.need(slot.name),
        "learned": board.is_learned(slot.name),
        "parked_mib": slot.spec.parked_mib,
        "held_mib": slot.charge_mib,
        "error": slot.error,
        "phase": progress.phase if progress else "",
        "share": progress.share if progress else None,
        "note": progress.note if progress else "",
        "up_seconds": round(time.monotonic() - slot.up_since, 1) if is_up and slot.up_since else 0.0,
        "crashes": breaker.count,
        "breaker_open": breaker.is_open,
        "kept": slot.kept,
        "stand_in": board.real(slot.name) if board.real(slot.name) != slot.name else "",
    }
