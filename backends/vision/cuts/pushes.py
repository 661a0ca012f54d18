"""Pushes and slides: the new picture moves in from one side, over the old one, beside it, or from behind it.

Every frame is then made of a shifted part of the old and a shifted part of the new picture, with the seam at the place
that the shift says. All shifts are tried at once: the distances of all pairs of columns (or rows) of two thumbnails
hold each shift's misfit in one of their diagonals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.vision.cuts.evidence import passes
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import SHOT, details, likeness, textured, unmoved
from backends.vision.cuts.window import Floats, Window
from backends.vision.thresholds import thresholds

REACHES = {7: 3, 13: 3, 24: 6}
"""Frames on each side of the middle of the move in which it must lie, and how often that is looked at, frames."""
WAIT = 40
_SIDES = {("columns", True): "left", ("columns", False): "right", ("rows", True): "up", ("rows", False): "down"}
_MIDDLE = (0.25, 0.75)
_STILL = 0.7
"""Of the speed inside: what the picture may move at before and after."""
_ORDERLY = 0.85
_SEAM, _SMOOTH = 2.0, 2.0
"""Times the usual step; levels that a step is taken to be at least, since blur leaves hardly any."""
_BLURRED = 0.6
"""Of the detail of both ends: a camera that is thrown round shows less on its way, two sharp pictures do not."""
_EDGE = 3
_BLACK = 28 - 128


@dataclass(frozen=True)
class Model:
    """One way of moving in: along columns or rows, towards the lower index or the higher, and which picture moves."""

    along: str
    lower: bool
    old_moves: bool
    new_moves: bool

    @property
    def detail(self) -> str:
        kind = "push" if self.old_moves and self.new_moves else "slide" if self.new_moves else "reveal"
        return f"{kind} {_SIDES[self.along, self.lower]}"


MODELS = tuple(
    Model(along, lower, old, new)
    for along in ("columns", "rows")
    for lower in (True, False)
    for old, new in ((True, True), (False, True), (True, False))
)


@dataclass(frozen=True)
class Move:
    first: int
    stop: int
    score: float
    detail: str


class PushTest:
    """Sees the window after each new frame; `found` grows."""

    def __init__(self, order: float) -> None:
        """order: the share of a frame's difference to both pictures that the seam must explain, about."""
        self._table = thresholds().cuts
        self._order = order
        self._pending: list[tuple[int, Move]] = []
        self.found: list[Found] = []

    def see(self, window: Window) -> None:
        for reach, stride in REACHES.items():
            move = self._look(window, reach) if window.stop % stride == 0 else None
            if move is not None:
                self._pending.append((window.stop, move))
        self._judge(window, WAIT)

    def finish(self, window: Window) -> None:
        self._judge(window, 0)

    def _look(self, window: Window, reach: int) -> Move | None:
        last = window.stop - 1
        first, middle = last - 2 * reach, last - reach
        if first < window.start or window.distance(first, last) < self._table.wipe_distance:
            return None
        if min(window.distance(first, middle), window.distance(middle, last)) < self._table.wipe_distance / 2:
            return None
        pictures = window.colours(first, last + 1)
        best: tuple[float, Model] | None = None
        for along in ("columns", "rows"):
            diagonals = _Diagonals(pictures[0], pictures[reach], pictures[-1], along)
            for model in (model for model in MODELS if model.along == along):
                share, place = diagonals.explained(model)
                if share >= self._order and _MIDDLE[0] < place < _MIDDLE[1] and (best is None or share > best[0]):
                    best = share, model
        return None if best is None else self._followed(window, pictures, first, best[1])

    def _followed(self, window: Window, pictures: Floats, first: int, model: Model) -> Move | None:
        """The move over all frames: the seam must go from one side to the other without turning back."""
        fits = [_Diagonals(pictures[0], picture, pictures[-1], model.along).explained(model) for picture in pictures]
        places = np.asarray([place for _, place in fits])
        inner = np.flatnonzero((places > 0.02) & (places < 0.98))
        if len(inner) < 4:
            return None
        begin, end = int(inner[0]), int(inner[-1]) + 1
        steps = np.diff(places[begin:end])
        forward = float(steps.clip(0).sum()) / max(float(np.abs(steps).sum()), 1e-6)
        shares = float(np.median([share for share, _ in fits[begin:end]]))
        if forward < _ORDERLY or shares < self._order or places[end - 1] - places[begin] < 0.6:
            return None
        if begin < 1 or end >= len(places) or not _rests(window, first + begin, first + end):
            return None
        if _seam(pictures[begin:end], places[begin:end], model) < _SEAM:
            return None
        return Move(first + begin, first + end, min(1.0, shares), model.detail)

    def _judge(self, window: Window, wait: int) -> None:
        while self._pending and window.stop - self._pending[0][0] >= wait:
            seed = self._pending[0][1]
            group = [move for _, move in self._pending if move.first <= seed.stop and seed.first <= move.stop]
            best = max(group, key=lambda move: move.score)
            self._pending = [entry for entry in self._pending if entry[1] not in group]
            if best.first - 2 >= window.start and self._is_transition(window, best):
                self.found.append(Found("wipe", best.first, best.stop, best.score, "seam", best.detail))

    def _is_transition(self, window: Window, move: Move) -> bool:
        before, after = move.first - 2, min(window.stop - 1, move.stop + 1)
        old, new, table = window.grey(before), window.grey(after), self._table
        if min(textured(old), textured(new)) < SHOT:
            return False
        shown = [float(details(window.grey(index)).sum()) for index in range(move.first + 1, move.stop - 1)]
        ends = (float(details(old).sum()) + float(details(new).sum())) / 2
        if float(np.mean(shown)) < _BLURRED * ends:
            return False
        if likeness(old, new) >= table.wipe_likeness or unmoved(old, new) >= table.blend_unmoved:
            return False
        return not passes(window, before, after, table.passing_likeness)


def _rests(window: Window, first: int, stop: int) -> bool:
    """Whether the picture moves much less just before and after: a camera that pans on makes such seams as well."""
    gap = max(2, min(4, (stop - first) // 3))
    middle = (first + stop) // 2
    inside = window.distance(middle - gap // 2, middle - gap // 2 + gap)
    before, after = first - 1, stop
    if before - gap < window.start or after + gap >= window.stop:
        return False
    outside = (window.distance(before - gap, before), window.distance(after, after + gap))
    return max(outside) < _STILL * inside


def _seam(pictures: Floats, places: Floats, model: Model) -> float:
    """How much larger the step at the seam is than between other neighbouring columns or rows, in the median frame.

    A camera that pans by a picture's width makes every other sign of a push, but what it shows has no seam.
    """
    axis = 1 if model.along == "columns" else 0
    steps = []
    for picture, place in zip(pictures, places, strict=True):
        lines = np.moveaxis(picture, axis, 0).reshape(picture.shape[axis], -1)
        at = round((1 - place if model.lower else place) * len(lines))
        if not _EDGE <= at <= len(lines) - _EDGE:
            continue
        if lines[at - 1 : at + 1].max() < _BLACK:
            # Black bars that move through the picture.
            steps.append(2 * _SEAM)
            continue
        differences = np.abs(np.diff(lines, axis=0)).mean(axis=1)
        steps.append(float(differences[at - 2 : at + 1].max()) / max(float(np.median(differences)), _SMOOTH))
    return float(np.median(steps)) if steps else 0.0


class _Diagonals:
    """The misfit of every shift of the old and of the new picture to a frame between them."""

    def __init__(self, old: Floats, between: Floats, new: Floats, along: str) -> None:
        """Pictures (18, 32, 3)."""
        axis = 1 if along == "columns" else 0
        lines = [np.moveaxis(picture, axis, 0).reshape(picture.shape[axis], -1) for picture in (old, between, new)]
        self.size = len(lines[1])
        self._old, self._new = (self._summed(lines[1], lines[other]) for other in (0, 2))
        self._old_still = np.square(lines[1] - lines[0]).sum(axis=1)
        self._new_still = np.square(lines[1] - lines[2]).sum(axis=1)
        self._whole = min(float(self._old_still.sum()), float(self._new_still.sum()))

    def _summed(self, one: Floats, other: Floats) -> Floats:
        """(2 size - 1,) sums of the diagonals of all pairs' squared distances; index size - 1 is no shift."""
        pairs = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
        shift = np.arange(self.size)[None] - np.arange(self.size)[:, None] + self.size - 1
        return np.bincount(shift.ravel(), pairs.ravel(), 2 * self.size - 1).astype(np.float32)

    def explained(self, model: Model) -> tuple[float, float]:
        """The share of the nearer picture's misfit that the best seam explains, and how far it has come, 0..1."""
        size = self.size
        come = np.arange(size + 1)
        zero = size - 1
        way = 1 if model.lower else -1
        old_part = np.zeros(size + 1, np.float32)
        new_part = np.zeros(size + 1, np.float32)
        if model.old_moves:
            old_part[:-1] = self._old[zero + way * come[:-1]]
        else:
            still = self._old_still if model.lower else self._old_still[::-1]
            old_part[:-1] = np.cumsum(still)[::-1]
        if model.new_moves:
            new_part[1:] = self._new[zero - way * (size - come[1:])]
        else:
            still = self._new_still[::-1] if model.lower else self._new_still
            new_part[1:] = np.cumsum(still)
        misfit = old_part + new_part
        best = int(misfit.argmin())
        return 1 - float(misfit[best]) / max(self._whole, 1e-3), best / size
