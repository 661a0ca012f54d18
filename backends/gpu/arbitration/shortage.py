"""Why there is no room for an engine, in one sentence."""

from __future__ import annotations

from backends.gpu.arbitration.board import Board
from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.monitor import Snapshot, gpu_processes

NAMED = 3
"""Programs that the sentence names at most."""


def shortage(board: Board, name: str, mib: int, missing: int, over: int, seen: Snapshot) -> EngineOutOfMemory:
    """The error for an engine that lacks `missing` MiB. It asks the driver, so call it from a worker thread.

    Args:
        mib: what the engine needs.
        over: MiB above the budget, when that is the reason.
    """
    device = board.device(name)
    where = "GPU" if device == "gpu" else "main memory"
    mine = ", ".join(
        f"{s.name} {s.charge_mib} MiB"
        for s in board.slots.values()
        if s.charge_mib and s.name != name and board.device(s.name) == device
    )
    if over >= missing:
        return EngineOutOfMemory(
            f"There is no room for '{name}'",
            f"{missing} MiB are missing in the {device} budget of {board.budget(device)} MiB; held: {mine or 'none'}",
            "Stop one of them with 'studio models stop', or raise the budget",
        )
    free = max(board.room_mib(device, seen), 0)
    ours = sum(s.charge_mib for s in board.slots.values() if board.device(s.name) == device)
    used = board.used_mib(seen) if device == "gpu" else seen.ram_used_mib
    others = max((used or 0) - ours, 0)
    return EngineOutOfMemory(
        f"The {where} has too little free memory for '{name}'",
        f"{missing} MiB are missing: it needs {mib} MiB, {free} MiB can be had, other programs hold about {others} MiB"
        f"{_programs(board) if device == 'gpu' else ''}",
        f"Close other programs that use the {where}",
    )


def _programs(board: Board) -> str:
    rows = [f"{p.name} (process {p.pid}, {p.mib} MiB)" for p in gpu_processes(board.gpu_index) if p.mib][:NAMED]
    return f": {', '.join(rows)}" if rows else ""
