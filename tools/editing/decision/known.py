"""Where heads are in a film that the studio made: its layouts know, also where no detector finds a drawn face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tools.analysis.known_figures import Window, known_moments

if TYPE_CHECKING:
    from backends.image.layout.seen import Seen
    from backends.vision.record import FilmRecord, Shot
    from memory.records import Asset
    from tools.editing.moments import Box
    from tools.spec import ToolContext

Head = tuple[float, float, float, float]
"""x and y of the middle, width and height, shares of the picture."""
Heads = Callable[[float], Sequence[Head]]
"""The heads in the picture at a time in seconds, whom the camera frames first; empty where nothing is known."""
TOP, SIDE = 0.2, 0.05
"""Shares of a head above its face and beside it."""
_SEEN = 0.4
"""Share of a head that has to be in the picture."""


def known_heads(film: Asset, ctx: ToolContext) -> Heads | None:
    """The heads of a film by its making; None when the studio did not make it from layouts."""
    moments = known_moments(film, ctx)
    if moments is None:
        return None

    def at(seconds: float) -> Sequence[Head]:
        moment = moments(seconds)
        if moment is None:
            return ()
        found = (_head(one, moment.window) for one in moment.drawn.seen)
        return [head for head in found if head is not None]

    return at


def with_heads(record: FilmRecord, film: Asset, ctx: ToolContext) -> FilmRecord:
    """The record with the faces that a film of the studio's own is known to show, in shots where none was found."""
    from backends.vision.composition.result import Figure

    heads = known_heads(film, ctx) if any(_faceless(shot) for shot in record.shots) else None
    if heads is None:
        return record
    shots = []
    for shot in record.shots:
        found = [face_of(head) for head in heads(shot.keyframe)] if _faceless(shot) else []
        faces = [Figure(kind="face", box=box, by="the film's layouts") for box in found]
        look = shot.composition
        if faces and look is not None:
            look = look.model_copy(update={"figures": (*faces, *look.figures)})
        shots.append(shot.model_copy(update={"composition": look}))
    return record.model_copy(update={"shots": tuple(shots)})


def face_of(head: Head) -> Box:
    """The face of a head as finders give it: without the top of the head and its sides."""
    x, y, wide, high = head
    left, right = x - (0.5 - SIDE) * wide, x + (0.5 - SIDE) * wide
    return max(0.0, left), max(0.0, y - (0.5 - TOP) * high), min(1.0, right), min(1.0, y + 0.5 * high)


def _faceless(shot: Shot) -> bool:
    return shot.composition is not None and all(one.kind != "face" for one in shot.composition.figures)


def _head(who: Seen, window: Window) -> Head | None:
    """A character's head in a window of the drawn picture, None when too little of it is in there."""
    rows = who.points[(who.points[:, 1] <= who.chin) & (who.points[:, 1] >= who.chin - who.head)]
    if not len(rows):
        return None
    x0, y0, x1, y1 = window
    inside = (rows[:, 0] >= x0) & (rows[:, 0] < x1) & (rows[:, 1] >= y0) & (rows[:, 1] < y1)
    if inside.mean() < _SEEN:
        return None
    (left, top), (right, bottom) = rows[inside].min(axis=0), rows[inside].max(axis=0)
    wide, high = x1 - x0, y1 - y0
    middle = (float(left + right) / 2 - x0) / wide, (float(top + bottom) / 2 - y0) / high
    return *middle, float(right - left) / wide, float(bottom - top) / high
