"""Where heads are in a film that the studio made: its layouts know, also where no detector finds a drawn face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tools.analysis.known_figures import Window, known_moments

if TYPE_CHECKING:
    from backends.image.layout.seen import Seen
    from memory.records import Asset
    from tools.spec import ToolContext

Head = tuple[float, float, float, float]
"""x and y of the middle, width and height, shares of the picture."""
Heads = Callable[[float], Sequence[Head]]
"""The heads in the picture at a time in seconds, whom the camera frames first; empty where nothing is known."""
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
