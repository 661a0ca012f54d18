"""Pushes and slides: the new picture moves in from one side, over the old one, beside it, or from behind it.

Every frame is then made of a shifted part of the old and a shifted part of the new picture, with the seam at the place
that the shift says. All shifts are tried at once: the distances of all pairs of columns (or rows) of two thumbnails
hold each shift's misfit in one of their diagonals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.vision.cuts.evidence import passes, same_scene
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import SHOT, continues, textured
from backends.vision.cuts.thumb import Thumb
from backends.vision.cuts.window import VALUES, Floats, Indices, Window
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
_GOES_ON = 0.6
"""How well the borders of two views agree that lie side by side; those of two pictures stay below 0.4."""
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
        seams = self._look(window)
        if not seams and not self._pending:
            return
        for stop in window.replay():
            for first, model in seams.get(stop, ()):
                move = self._followed(window, first, model)
                if move is not None:
                    self._pending.append((stop, move))
            self._judge(window, WAIT)

    def finish(self, window: Window) -> None:
        self._judge(window, 0)

    def _look(self, window: Window) -> dict[int, list[tuple[int, Model]]]:
        """The windows with a seam in their middle frame, by the index after their last: first frame and best model."""
        lasts, reaches = self._candidates(window)
        if not len(lasts):
            return {}
        firsts, middles = lasts - 2 * reaches, lasts - reaches
        old, between, new = (window.pictures(indices) for indices in (firsts, middles, lasts))
        shares, places = (
            np.concatenate(parts, axis=1)
            for parts in zip(*(explained(old, between, new, along) for along in ("columns", "rows")), strict=True)
        )
        fitting = (shares >= self._order) & (places > _MIDDLE[0]) & (places < _MIDDLE[1])
        best = np.where(fitting, shares, -1).argmax(axis=1)
        seams: dict[int, list[tuple[int, Model]]] = {}
        for row in np.flatnonzero(fitting.any(axis=1)).tolist():
            seams.setdefault(int(lasts[row]) + 1, []).append((int(firsts[row]), MODELS[best[row]]))
        return seams

    def _candidates(self, window: Window) -> tuple[Indices, Indices]:
        """The last frames and the reaches of the windows that differ enough at both ends and in the middle, (m,)."""
        pairs = [
            (stop - 1, reach)
            for reach, stride in REACHES.items()
            for stop in range(window.added + 1, window.stop + 1)
            if stop % stride == 0 and stop > 2 * reach
        ]
        lasts, reaches = np.asarray(pairs, np.int64).reshape(-1, 2).T
        firsts, middles = lasts - 2 * reaches, lasts - reaches
        least = self._table.wipe_distance**2 * VALUES
        differ = window.squares(firsts, lasts) >= least
        differ &= np.minimum(window.squares(firsts, middles), window.squares(middles, lasts)) >= least / 4
        return lasts[differ], reaches[differ]

    def _followed(self, window: Window, first: int, model: Model) -> Move | None:
        """The move over all frames from `first` on: the seam must go from side to side without turning back."""
        pictures = window.colours(first, window.stop)
        at = [one for one in MODELS if one.along == model.along].index(model)
        fits = explained(pictures[:1], pictures, pictures[-1:], model.along)
        fit, places = fits[0][:, at], fits[1][:, at]
        inner = np.flatnonzero((places > 0.02) & (places < 0.98))
        if len(inner) < 4:
            return None
        begin, end = int(inner[0]), int(inner[-1]) + 1
        steps = np.diff(places[begin:end])
        forward = float(steps.clip(0).sum()) / max(float(np.abs(steps).sum()), 1e-6)
        shares = float(np.median(fit[begin:end]))
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
        old, new, table = window.thumb(before), window.thumb(after), self._table
        if min(textured(old), textured(new)) < SHOT:
            return False
        shown = window.details(range(move.first + 1, move.stop - 1)).sum(axis=1)
        ends = (float(old.details.sum()) + float(new.details.sum())) / 2
        if float(shown.mean()) < _BLURRED * ends:
            return False
        if same_scene(old, new, table.wipe_likeness) or _goes_on(old, new, move):
            return False
        return not passes(window, before, after, table.passing_likeness)


def _goes_on(old: Thumb, new: Thumb, move: Move) -> bool:
    """Whether the new picture begins where the old one ended: a camera that turned by just its own width."""
    kind, side = move.detail.split()
    if kind != "push":
        return False
    return continues(old, new, rows=side in ("up", "down"), lower=side in ("left", "up")) >= _GOES_ON


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


def explained(old: Floats, between: Floats, new: Floats, along: str) -> tuple[Floats, Floats]:
    """By frame and model (those of MODELS `along` columns or rows), (m, 6) each: the share of the nearer picture's
    misfit that the best seam explains, and how far it has come, 0..1.

    Pictures (m, 18, 32, 3) each; of the old and the new one there may be one for all.
    """
    axis = 2 if along == "columns" else 1
    olds, frames, news = (_lines(pictures, axis) for pictures in (old, between, new))
    size = frames.shape[1]
    old_moved, new_moved = _shifted(frames, olds), _shifted(frames, news)
    old_still, new_still = (np.square(frames - other).sum(axis=2) for other in (olds, news))
    whole = np.maximum(np.minimum(old_still.sum(axis=1), new_still.sum(axis=1)), 1e-3)
    zero = size - 1
    misfits = np.zeros((len(frames), 6, size + 1), np.float32)
    for place, lower in ((0, True), (3, False)):
        moving = old_moved[:, zero:] if lower else old_moved[:, zero::-1]
        coming = new_moved[:, : zero + 1] if lower else new_moved[:, : zero - 1 : -1]
        staying = np.cumsum(old_still if lower else old_still[:, ::-1], axis=1)[:, ::-1]
        waiting = np.cumsum(new_still[:, ::-1] if lower else new_still, axis=1)
        for model, (gone, come) in enumerate(((moving, coming), (staying, coming), (moving, waiting)), place):
            misfits[:, model, :-1] = gone
            misfits[:, model, 1:] += come
    best = misfits.argmin(axis=2)
    least = np.take_along_axis(misfits, best[..., None], axis=2)[..., 0]
    return 1 - least / whole[:, None], (best / size).astype(np.float32)


def _lines(pictures: Floats, axis: int) -> Floats:
    """(m, lines, values) of pictures (m, 18, 32, 3)."""
    lines = np.moveaxis(pictures, axis, 1)
    return lines.reshape(*lines.shape[:2], -1)


def _shifted(one: Floats, other: Floats) -> Floats:
    """(m, 2 size - 1) sums of the diagonals of all pairs' squared distances; index size - 1 is no shift."""
    own, others = np.square(one).sum(axis=2), np.square(other).sum(axis=2)
    pairs = own[:, :, None] + others[:, None] - 2 * one @ other.swapaxes(1, 2)
    count, size = pairs.shape[:2]
    # Rows of one place more than there are diagonals: read as rows of one less, each begins a place further on.
    wide = np.zeros((count, size, 2 * size), np.float32)
    wide[:, :, :size] = pairs[:, ::-1]
    skewed = wide.reshape(count, -1)[:, : size * (2 * size - 1)].reshape(count, size, -1)
    return np.asarray(skewed.sum(axis=1))
