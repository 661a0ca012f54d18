"""Which picture of a clip is best held near a moment: sharp, of one shot, with open eyes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.media.frames import read_frames

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord

REACH = 0.28
"""Seconds around a moment in which its picture is looked for: what is held must still be the moment."""
BLINK = 0.25
"""Seconds within which an eye has shut and opened again."""
WIDTH = 320
LATE = 0.25
"""What the farthest picture loses against the moment's own, where 1 is all of the sharpness."""
SHUT = 2.0
"""What a blink loses: more than any sharpness makes good."""
CHANGED, SAME = 25.0, 12.0
"""Grey levels that tell a lid from an eye, and an eye from itself a moment later."""
EYES = 0.0015
"""Share of the pixels that two eyes take at least."""
Grey = NDArray[np.float32]
Box = tuple[float, float, float, float]


class Stills:
    """The pictures of a clip, looked at where one is to be held."""

    def __init__(self, path: Path, record: FilmRecord, check: Callable[[], None]) -> None:
        self._path, self._record, self._check = path, record, check
        self._found: dict[float, float] = {}

    def near(self, at: float, shot: int = 0) -> float:
        """Seconds of the best picture near `at`, in the same shot and outside dissolves and fades."""
        if at not in self._found:
            self._check()
            self._found[at] = self._best(at, shot)
        return self._found[at]

    def _best(self, at: float, shot: int) -> float:
        low, high = self._span(at, shot)
        frames = [
            (seconds, rgb.mean(axis=2, dtype=np.float32))
            for seconds, rgb in read_frames(
                self._path, start=max(0.0, low - BLINK), end=min(self._record.film.seconds, high + BLINK), width=WIDTH
            )
        ]
        inside = [index for index, (seconds, _) in enumerate(frames) if low - 1e-3 <= seconds <= high + 1e-3]
        if not inside:
            return at
        eyes = self._eyes(shot)
        sharp = {index: sharpness(_part(frames[index][1], eyes)) for index in inside}
        most = max(sharp.values())
        if most <= 0:
            return at

        def worth(index: int) -> float:
            far = min(1.0, abs(frames[index][0] - at) / REACH)
            return sharp[index] / most - LATE * far - SHUT * shuts(frames, index, eyes)

        return float(frames[max(inside, key=lambda index: (worth(index), -abs(frames[index][0] - at)))][0])

    def _span(self, at: float, shot: int) -> tuple[float, float]:
        """Where may be looked: the shot without what mixes it with its neighbours."""
        low, high = max(0.0, at - REACH), min(at + REACH, self._record.film.seconds)
        for one in self._record.shots:
            if one.index == shot and one.start - 1e-3 <= at <= one.end + 1e-3:
                low, high = max(low, one.start), min(high, one.end - 1 / max(1.0, self._record.film.fps))
        for mix in self._record.transitions:
            if mix.frames and mix.start < high and mix.end > low:
                # To the side on which more is left.
                if mix.end - at < at - mix.start:
                    low = mix.end
                else:
                    high = mix.start
        return (low, high) if low <= high else (at, at)

    def _eyes(self, shot: int) -> Box | None:
        """Where eyes may be: the upper part of who is in the picture; None for all of it."""
        boxes: list[Box] = []
        for one in self._record.shots:
            if one.index == shot and one.composition is not None:
                boxes += [figure.box for figure in one.composition.figures]
        if not boxes:
            return None
        x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
        x1, y1 = max(box[2] for box in boxes), max(box[3] for box in boxes)
        return max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)


def sharpness(grey: Grey) -> float:
    """Variance of the Laplacian: high where edges are crisp, low where the picture moved or is out of focus."""
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).var())


def shuts(frames: Sequence[tuple[float, Grey]], index: int, eyes: Box | None) -> float:
    """1 where a picture differs from those before and after it, which are alike: a blink, or a flash; else 0."""
    at, own = frames[index]
    before = [grey for seconds, grey in frames if at - BLINK - 1e-3 <= seconds < at - BLINK / 2]
    after = [grey for seconds, grey in frames if at + BLINK / 2 < seconds <= at + BLINK + 1e-3]
    if not (before and after):
        return 0.0
    own, first, last = (_part(grey, eyes) for grey in (own, before[0], after[-1]))
    # What only moves past looks other before than after.
    away = np.minimum(np.abs(own - first), np.abs(own - last)) > CHANGED
    return float((away & (np.abs(first - last) < SAME)).mean() > EYES)


def _part(grey: Grey, box: Box | None) -> Grey:
    if box is None:
        return grey
    height, width = grey.shape
    x0, y0, x1, y1 = box
    part = grey[int(y0 * height) : max(int(y0 * height) + 3, round(y1 * height)),
                int(x0 * width) : max(int(x0 * width) + 3, round(x1 * width))]  # fmt: skip
    return part if part.size else grey
