"""Which engines have to go so that others can come up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.slots import UP, Plan, Slot
from backends.gpu.engine import EngineState


def make_plan(board: Board, wants: Mapping[str, int], asked: frozenset[str] = frozenset()) -> Plan | None:
    """The plan that disturbs least: engines in use stay if possible, then those that `asked` names, then recent ones.

    None while there is no way, because a change under way or an engine in its hands is in between.
    """
    if any(board.slots[n].work is not None for n in wants):
        return None
    on_gpu = frozenset(n for n in wants if board.table.engines[n].device == "gpu")
    movable = [s for s in board.slots.values() if s.state in UP and s.work is None and s.name not in wants]
    options = [o for keep in _allowed(board, on_gpu, movable) if (o := _fit(board, wants, keep, movable, asked))]
    if not options:
        return None
    return min(options, key=lambda option: option[0])[1]


def _allowed(board: Board, on_gpu: frozenset[str], movable: list[Slot]) -> Iterable[frozenset[str]]:
    """Sets of movable engines that may stay, as far as the table of allowed sets goes."""
    everyone = frozenset(s.name for s in movable)
    if not on_gpu:
        return [everyone]
    gpu = frozenset(s.name for s in movable if s.spec.device == "gpu")
    taken = frozenset(
        s.name for s in board.slots.values() if s.work is not None and s.spec.device == "gpu" and _occupies(s)
    )
    fixed = on_gpu | taken
    if not board.table.may_share_gpu(fixed):
        return []
    sets = {gpu & allowed for allowed in board.table.together if fixed <= allowed}
    return [(everyone - gpu) | keep for keep in sets or {frozenset[str]()}]


def _occupies(slot: Slot) -> bool:
    return slot.state in UP or slot.reserved_mib > 0 or (slot.state is EngineState.FAILED and slot.charge_mib > 0)


def _fit(
    board: Board, wants: Mapping[str, int], keep: frozenset[str], movable: list[Slot], asked: frozenset[str]
) -> tuple[tuple[int, int, int, int, float], Plan] | None:
    """The cheapest plan that keeps at most `keep`, with its cost; None when the memory does not suffice."""
    by_worth = sorted((s for s in movable if s.name in keep), key=lambda s: _worth(s, asked))
    gone = [s for s in movable if s.name not in keep]
    dropped: list[Slot] = []
    unload: list[Slot] = []
    for device in ("cpu", "gpu"):
        here = [s for s in by_worth if board.device(s.name) == device]
        while _excess(board, device, wants, gone + dropped, unload) > 0 and here:
            dropped.append(here.pop(0))
        for slot in sorted((s for s in dropped if board.device(s.name) == device), key=lambda s: _worth(s, asked),
                           reverse=True):  # fmt: skip
            without = [s for s in dropped if s is not slot]
            if _excess(board, device, wants, gone + without, unload) <= 0:
                dropped = without
        for slot in _leftovers(board, device, wants, gone + dropped):
            if _excess(board, device, wants, gone + dropped, unload) <= 0:
                break
            unload.append(slot)
        if _excess(board, device, wants, gone + dropped, unload) > 0:
            return None
    park = [s for s in gone + dropped if s not in unload]
    out = [*park, *unload]
    cost = (
        sum(bool(s.leases) for s in out),
        sum(s.name in asked for s in out),
        len(unload),
        len(park),
        max((s.used_at for s in out), default=0.0),
    )
    bring_up = tuple(
        n for n in sorted(wants)
        if board.slots[n].state is not EngineState.ACTIVE or board.slots[n].charge_mib < wants[n]
    )  # fmt: skip
    return cost, Plan(dict(wants), tuple(s.name for s in park), tuple(s.name for s in unload), bring_up)


def _worth(slot: Slot, asked: frozenset[str]) -> tuple[bool, bool, float]:
    return bool(slot.leases), slot.name in asked, slot.used_at


def _leftovers(board: Board, device: str, wants: Mapping[str, int], parked: list[Slot]) -> list[Slot]:
    """What still holds memory though it is not up, least recently used first; unloading gives that back."""
    resting = [
        s for s in board.slots.values()
        if s.work is None and s.name not in wants and board.device(s.name) == device
        and ((s.state in (EngineState.PARKED, EngineState.FAILED) and s.charge_mib > 0)
             or (s in parked and s.spec.parked_mib > 0))
    ]  # fmt: skip
    return sorted(resting, key=lambda s: s.used_at)


def _excess(board: Board, device: str, wants: Mapping[str, int], parked: list[Slot], unloaded: list[Slot]) -> int:
    """MiB above the budget after the plan; at most 0 when it fits."""
    total = 0
    for slot in board.slots.values():
        if board.device(slot.name) != device or slot in unloaded:
            continue
        if slot.name in wants:
            total += max(wants[slot.name], slot.charge_mib if slot.state is EngineState.ACTIVE else 0)
        elif slot in parked:
            total += min(slot.spec.parked_mib, slot.held_mib)
        else:
            total += slot.held_mib
    return total - board.budget(device)
