"""Changes made to a timeline: all of them or none, each said in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from configs.errors import UsageError, one_line
from tools.editing.change import cuts, looks, sounds, tempo
from tools.editing.change.desk import Desk, SourceFacts
from tools.editing.change.making import FindAsset
from tools.editing.change.model import CHANGES, AnyChange
from tools.editing.program import MAX_CLIPS, MAX_SECONDS

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = ["Applied", "FindAsset", "SourceFacts", "apply", "read_changes"]

MAKERS: dict[str, Callable[[Desk, Any, FindAsset], str]] = {
    "trim": cuts.trim,
    "split": cuts.split_clip,
    "insert": cuts.insert,
    "overwrite": cuts.overwrite,
    "ripple_delete": cuts.ripple_delete,
    "move": cuts.move,
    "title": cuts.title,
    "transition": looks.transition,
    "effect": looks.effect,
    "grade": looks.grade,
    "crop": looks.crop,
    "reframe": looks.reframe,
    "reverse": looks.reverse,
    "retime": tempo.retime,
    "freeze": tempo.freeze,
    "audio_gain": sounds.audio_gain,
    "duck": sounds.duck,
    "caption": sounds.caption,
    "overlay": sounds.overlay,
}


@dataclass(frozen=True)
class Applied:
    """A changed timeline."""

    timeline: otio.schema.Timeline
    said: tuple[str, ...]
    """One sentence per change."""


def apply(timeline: otio.schema.Timeline, changes: Sequence[AnyChange], find_asset: FindAsset) -> Applied:
    """Make changes in their order, each on what the one before has left. The given timeline is never touched.

    Times are rounded to whole frames. After every change nothing overlaps on a track, every clip has at least one
    frame, and each transition joins two neighbours and fits them (it is shortened where it does not, and that is said).

    Raises UsageError naming the first change that does not fit, and why; nothing is changed then.
    """
    desk = Desk(timeline)
    desk.settle()
    said: list[str] = []
    for number, change in enumerate(changes, 1):
        desk.notes = []
        try:
            text = MAKERS[change.op](desk, change, find_asset)
            desk.settle()
            _within_limits(desk)
        except UsageError as error:
            where = f"Change {number} ({change.op}) does not fit: " if len(changes) > 1 else ""
            raise UsageError(where + error.problem, error.cause, error.fix or "Nothing was changed") from error
        said.append(one_line("; ".join([text, *desk.notes])) + ".")
    return Applied(desk.write(), tuple(said))


def read_changes(data: Any) -> list[AnyChange]:
    """Changes from plain data: a list of objects with 'op'. Raises UsageError saying what is wrong with which."""
    for count, each in enumerate(data if isinstance(data, list) else (), 1):
        if isinstance(each, Mapping) and each.get("op") not in MAKERS:
            raise _unknown(count, each)
    try:
        return CHANGES.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"]]
        number = f"Change {int(where[0]) + 1}" if where and where[0].isdigit() else "The list of changes"
        field = ".".join(where[1:])[:80]
        why = str(first["msg"])[:200]
        raise UsageError(
            f"{number} cannot be read", f"{field}: {why}" if field else why, "Nothing was changed"
        ) from None


def _unknown(number: int, change: Mapping[Any, Any]) -> UsageError:
    """What to say of a change of no known kind: the nearest one, or all there are."""
    op = str(change.get("op") or "")[:40]
    near = difflib.get_close_matches(op.casefold().replace("-", "_").replace(" ", "_"), MAKERS, n=1, cutoff=0.5)
    fix = f"The nearest is '{near[0]}'" if near else f"There are {', '.join(MAKERS)}"
    return UsageError(f"Change {number}: " + (f"there is no change '{op}'" if op else "it has no 'op'"), fix=fix)


def _within_limits(desk: Desk) -> None:
    count = sum(len(lane.slots) for lane in desk.lanes)
    if count > MAX_CLIPS or desk.length > MAX_SECONDS * desk.rate:
        raise UsageError(
            "The timeline would be too large", f"{MAX_SECONDS // 3600} hours and {MAX_CLIPS} clips are the limit"
        )
