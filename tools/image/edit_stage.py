"""The clauses of an instruction, one after the other, applied to the shot behind a layout picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memory.store import Memory
from tools.film.shot import CastMember, Shot
from tools.image.edit_plan import EditPlan
from tools.image.restage import Restaged, Restager


def stage(
    plan: EditPlan, shot: Shot, cast: Sequence[CastMember], memory: Memory, language: str = "en"
) -> tuple[Restaged, list[tuple[EditPlan, Restaged]]]:
    """The shot after all clauses of `plan` about content, and the clauses that changed nothing in it."""
    whole = Restaged(shot, tuple(cast), ())
    left: list[tuple[EditPlan, Restaged]] = []
    for clause in plan.each:
        if clause.content:
            made = _one(clause, whole, memory, language)
            if not made.changes:
                left.append((clause, made))
            whole = replace(made, changes=tuple(dict.fromkeys((*whole.changes, *made.changes))))
    return whole, left


def _one(clause: EditPlan, so_far: Restaged, memory: Memory, language: str) -> Restaged:
    restager = Restager(so_far.shot, so_far.cast, memory, language, so_far.meant)
    doing = {"background": restager.background, "remove": restager.remove}.get(clause.content, restager.change)
    made = doing(clause.what)
    if not made.changes and clause.content == "background":
        # 'make the background darker blue' and the like
        made = restager.change(clause.text)
    return made
