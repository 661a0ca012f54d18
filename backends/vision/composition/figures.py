"""Who is in a picture: faces and people by what is installed here, each behind the same small protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from backends.vision.composition.result import Figure
from backends.vision.composition.view import WIDTH, View

Rgb = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1; pixels or shares, as said."""
NOBODY = "no face or figure could be measured"


@runtime_checkable
class FigureFinder(Protocol):
    """Finds figures in pictures of one film, or of any."""

    name: str
    sees: str
    """What it can find at all, to be said when it found nobody: 'frontal faces of ...'."""

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        """Figures of (H, W, 3) uint8 RGB, the most prominent first. Raises EngineError.

        seconds: when the picture is in its film; finders that know a film by its making need it.
        """


class FirstOf:
    """Asks finders in turn until one finds somebody."""

    def __init__(self, finders: Sequence[FigureFinder]) -> None:
        """At least one finder."""
        self._finders = tuple(finders)
        self.name = ", ".join(finder.name for finder in self._finders)
        self.sees = "; ".join(finder.sees for finder in self._finders)

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        for finder in self._finders:
            if found := finder.find(rgb, seconds):
                return found
        return ()


_SMALLEST = 24
"""Pixels: the window that the cascade was trained on."""
_CHECKED = 50.0
"""Pixels that a candidate is scaled to before it is looked at again."""
_AROUND = 0.35
"""Of its size, kept on each side of a candidate."""
_OVERLAP = 0.45
_CANDIDATE, _CERTAIN = 2, 3
"""Hits at neighbouring places and sizes that make a candidate, and that a second look must have."""
_CONTRAST = 14.0
"""Standard deviation of luma in a face: the patterns know no contrast, and faces are seen in plain walls. On a film of
frontal faces, on which this was set, true ones had 21-41 and false ones 4-12."""


class CascadeFaces:
    """Frontal faces by a cascade of local binary patterns (Liao et al. 2007), which scikit-image's wheel brings along.

    It needs no weights. A candidate counts only if it is found again enlarged, as it is and mirrored: that keeps its
    many false finds out. It knows frontal photographed faces, not profiles, backs, animals or most drawn ones.
    """

    name = "face cascade"
    sees = f"frontal faces of at least {_SMALLEST / WIDTH:.0%} of the picture's width"

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        view = View(rgb)
        high, wide = view.grey.shape
        if min(high, wide) < _SMALLEST:
            return ()
        found = _hits(view.rgb, 1.2, 1.5, (_SMALLEST, min(high, wide)), _CANDIDATE)
        candidates = [one for one in found if view.grey[one[1] : one[3], one[0] : one[2]].std() > _CONTRAST]
        faces = sorted((face for one in candidates if (face := _again(view.rgb, one))), key=lambda box: box[0] - box[2])
        kept: list[Box] = []
        for face in faces:
            if not any(_beside(face, other) for other in kept):
                kept.append(face)
        return tuple(
            Figure(
                kind="face",
                box=shares((*view.whole(x0 / wide, y0 / high), *view.whole(x1 / wide, y1 / high))),
                by=self.name,
            )
            for x0, y0, x1, y1 in kept
        )


SAME_PLACE, SAME_SIZE = 1.0, 1.7
"""Two looks show the same face when its centre has moved by at most so many times its size, and its size by at most
this factor: what a head does in the one to three seconds between looks."""


def doubted(figure: Figure) -> bool:
    """Whether one look is not enough to believe in a figure: patterns of light and dark are no model of a face."""
    return figure.by == CascadeFaces.name


def confirmed(looks: Sequence[Sequence[Figure]], looked: int) -> list[tuple[Figure, ...]]:
    """Of what each look at a shot found, what can be believed; looks that are left with nobody are dropped.

    A face by the cascade must be seen at about the same place in two looks; looked: how many there were. In a shot
    that was looked at once nothing can be confirmed and everything is kept.
    """
    if looked <= 1:
        return [tuple(some) for some in looks]
    kept = [
        tuple(one for one in some if not doubted(one) or any(same_place(one, other) for other in _others(looks, at)))
        for at, some in enumerate(looks)
    ]
    return [some for some in kept if some]


def _others(looks: Sequence[Sequence[Figure]], at: int) -> list[Figure]:
    return [one for place, some in enumerate(looks) if place != at for one in some]


def same_place(one: Figure, other: Figure) -> bool:
    """Whether two figures of different looks may be the same face."""
    if one.kind != other.kind:
        return False
    for low, high in ((0, 2), (1, 3)):
        sizes = sorted(figure.box[high] - figure.box[low] for figure in (one, other))
        moved = abs(one.box[low] + one.box[high] - other.box[low] - other.box[high]) / 2
        if moved > SAME_PLACE * sizes[1] or sizes[1] > SAME_SIZE * sizes[0]:
            return False
    return True


def shares(box: Box) -> Box:
    """A box with its numbers rounded, for the record."""
    x0, y0, x1, y1 = (round(float(value), 4) for value in box)
    return (x0, y0, x1, y1)


def _hits(
    picture: Rgb, scale: float, step: float, sizes: tuple[int, int], fewest: int
) -> list[tuple[int, int, int, int]]:
    """Boxes in pixels."""
    found = _cascade().detect_multi_scale(
        picture, scale_factor=scale, step_ratio=step, min_size=(sizes[0],) * 2, max_size=(sizes[1],) * 2,
        min_neighbor_number=fewest,
    )  # fmt: skip
    return [(d["c"], d["r"], d["c"] + d["width"], d["r"] + d["height"]) for d in found]


def _again(picture: Rgb, box: Box) -> Box | None:
    """The box as a second look has it, at a fixed size and also mirrored; None when either does not see it."""
    import cv2

    side = box[2] - box[0]
    x0, y0 = (max(0, int(value - _AROUND * side)) for value in box[:2])
    piece = picture[y0 : int(box[3] + _AROUND * side), x0 : int(box[2] + _AROUND * side)]
    zoom = _CHECKED / side
    piece = cv2.resize(piece, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    sizes = (round(0.76 * _CHECKED), round(1.32 * _CHECKED))
    seen = []
    for mirrored in (False, True):
        looked = np.ascontiguousarray(piece[:, ::-1] if mirrored else piece, np.uint8)
        found = _hits(looked, 1.1, 1.0, sizes, _CERTAIN)
        if mirrored:
            found = [(piece.shape[1] - right, top, piece.shape[1] - left, low) for left, top, right, low in found]
        boxes = [(a / zoom + x0, b / zoom + y0, c / zoom + x0, d / zoom + y0) for a, b, c, d in found]
        best = max(boxes, key=lambda one: _overlap(one, box), default=None)
        if best is None or _overlap(best, box) < _OVERLAP:
            return None
        seen.append(best)
    mean = np.mean(seen, axis=0)
    return float(mean[0]), float(mean[1]), float(mean[2]), float(mean[3])


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / max(sum(areas) - both, 1e-9)


def _beside(face: Box, larger: Box) -> bool:
    """Whether two boxes are so near that they are one head, or a head and a hand."""
    reach = 0.85 * (larger[2] - larger[0])
    return all(abs(face[at] + face[at + 2] - larger[at] - larger[at + 2]) / 2 < reach for at in (0, 1))


@cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())
