"""A closer look at a clip, five times a second: how sharp it is and where its subject goes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from configs.errors import UsageError
from tools.editing.drafts import draft_of
from tools.editing.moments import area

if TYPE_CHECKING:
    from backends.vision.composition.view import View
    from tools.editing.decision.known import Head, Heads

LOG = logging.getLogger("studio.editing")
RATE = 5.0
"""Samples per second."""
VERSION = 9
BLURRED, BLURRED_SHARE = 0.4, 0.65
"""A stretch is blurred that is less sharp than this (0-1), and than this share of the clip's usual sharpness. Measured
on photographs and drawings: 0.58-0.72 sharp, 0.15-0.28 after a Gaussian of 3 to 7 pixels at 320 wide."""
_ASIDE = 0.5
"""What the head of somebody else counts beside that of whom the camera frames."""
FACE_HOLD = 1.0
"""Seconds that a face stands for the subject after it was last found."""
TRAIL_SECONDS = 5.0
"""In which what has moved fades as the subject: who stands still for a moment is still looked at."""
_CUT, _PANS = 18.0, 0.02
"""Mean change of luma from one sample to the next from which it is another shot; widths per sample by which the camera
moves so far that where something moved says little of where it is."""
_WIDTH = 320
GRID = (9, 16)
ACROSS, DOWN = 32, 18
"""Columns and rows in which it is kept where the eye goes."""
_DRAWS, _SURE = 0.5, 3
"""What reaches this share of the greatest saliency draws the eye, and the power that it counts by: a large still thing
does not outweigh a small one that moves."""


@dataclass(frozen=True)
class Closer:
    """Samples every 1 / `RATE` seconds from the clip's first frame."""

    sharpness: NDArray[np.float64]
    """(N,) 0-1 at 320 pixels, whatever the light: 1 - the blur of Crete et al. 2007."""
    subject: NDArray[np.float64]
    """(N, 2) the subject's centre, shares of the picture: a face where one is found, else what draws the eye."""

    columns: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, ACROSS)))
    """(N, ACROSS) where the eye goes from left to right, each sample's sum 1: a face, else all that draws it."""
    rows: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, DOWN)))
    """(N, DOWN) the same from top to bottom."""
    view: NDArray[np.float64] = field(default_factory=lambda: np.zeros(GRID))
    """Mean luma (0-255) over the clip in cells of `GRID`: how it is framed, whatever moves in it."""
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """(K,) the samples of `pictures`: those that were asked for by their seconds."""
    pictures: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, *GRID, 3)))
    """(K, *GRID, 3) CIELAB of their cells."""

    def picture_at(self, seconds: float) -> NDArray[np.float64] | None:
        """(*GRID, 3) CIELAB of the sample that was asked for at these seconds, None when none was."""
        found = np.flatnonzero(self.numbers == round(seconds * RATE))
        return self.pictures[found[0]] if len(found) else None

    def like(self, other: Closer) -> float:
        """How alike two clips are framed, -1 to 1: the correlation of their views, whatever the light."""
        one, two = self.view - self.view.mean(), other.view - other.view.mean()
        size = float(np.sqrt((one**2).sum() * (two**2).sum()))
        return float((one * two).sum()) / size if size > 1e-6 else 0.0

    @property
    def usual(self) -> float:
        """The sharpness that most of the clip has."""
        return float(np.median(self.sharpness)) if len(self.sharpness) else 0.0

    def blurred(self, shortest: float = 0.6) -> tuple[tuple[float, float], ...]:
        """Stretches that are far less sharp than the rest of the clip."""
        from tools.editing.decision.facts import runs

        found = runs(self.sharpness < min(BLURRED, BLURRED_SHARE * self.usual), 1 / RATE)
        return tuple(span for span in found if span[1] - span[0] >= shortest)

    def subject_at(self, seconds: float) -> tuple[float, float]:
        if not len(self.subject):
            return 0.5, 0.5
        at = min(len(self.subject) - 1, max(0, round(seconds * RATE)))
        return float(self.subject[at, 0]), float(self.subject[at, 1])


_KEPT = tuple(one.name for one in fields(Closer))


def look_closer(
    path: Path, folder: Path, sha256: str, check: Callable[[], None], near: Collection[float] = (),
    heads: Heads | None = None,
) -> Closer:  # fmt: skip
    """The clip's closer look, kept in `folder` by the file's content. Raises UsageError when it is no film.

    near: seconds at which the subject is wanted; then it is looked for there only (elsewhere it keeps its last place),
    a face stands for its own sample alone, and the sharpness is not measured (it is 1).
    heads: where they are, in a film that the studio made; then nothing else is looked for while one is in the picture.
    """
    only = frozenset(max(0, round(seconds * RATE)) for seconds in near)
    said = (f":{sorted(only)}" if only else "") + (":heads" if heads is not None else "")
    kept = folder / f"{hashlib.sha256(f'{sha256}:{VERSION}:{RATE}{said}'.encode()).hexdigest()[:32]}.npz"
    try:
        with np.load(kept, allow_pickle=False) as data:
            return Closer(**{name: data[name] for name in _KEPT})
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError) as error:
        LOG.warning("the kept look %s cannot be used: %s", kept.name, error)
    made = _measure(path, check, only, heads)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft_of(kept) as draft, draft.open("wb") as file:
            np.savez(file, **{name: getattr(made, name) for name in _KEPT})
    except OSError as error:
        LOG.warning("the look is not kept: %s", error)
    return made


def _measure(path: Path, check: Callable[[], None], only: frozenset[int], heads: Heads | None) -> Closer:
    """only: numbers of the samples at which the subject is looked for; empty = at all, with the sharpness."""
    import cv2
    from skimage.measure import blur_effect

    from backends.media.frames import read_frames
    from backends.vision.composition.figures import CascadeFaces
    from backends.vision.composition.saliency import saliency, subject_of
    from backends.vision.composition.view import View

    sharpness: list[float] = []
    places: list[tuple[float, float]] = []
    view = np.zeros(GRID)
    drawn: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    pictures: dict[int, NDArray[np.float64]] = {}
    faces, seen, face = CascadeFaces(), -FACE_HOLD, (0.5, 0.5, 0.1, 0.1)
    last: NDArray[np.uint8] | None = None
    trail, opening = _Trail(), list[int]()
    for number, (seconds, rgb) in enumerate(read_frames(path, fps=RATE, width=_WIDTH)):
        check()
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        if only and number not in only:
            sharpness.append(1.0)
            places.append(places[-1] if places else (0.5, 0.5))
            drawn.append(_at_face((*places[-1], 0.1, 0.1)))
            last = grey
            continue
        if only:
            pictures[number] = _cells(rgb)
        blur = float(blur_effect(grey)) if not only and grey.min() < grey.max() else np.nan
        sharpness.append(1 - blur if np.isfinite(blur) else sharpness[-1] if sharpness else 1.0)
        seen_as = View(rgb)
        view += cv2.resize(grey, GRID[::-1], interpolation=cv2.INTER_AREA)
        there = heads(seconds) if heads is not None else ()
        if there:
            places.append(there[0][:2])
            drawn.append(_at_heads(there))
            last = grey
            continue
        found = [figure for figure in faces.find(rgb) if figure.kind == "face"]
        if found:
            x0, y0, x1, y1 = max(found, key=lambda figure: area(figure.box)).box
            face, seen = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), seconds
        if found or (not only and seconds - seen < FACE_HOLD):
            places.append(face[:2])
            drawn.append(_at_face(face))
        else:
            speed = trail.follow(seen_as, last, grey) if last is not None else None
            salient = saliency(seen_as, speed)
            subject = subject_of(salient)
            places.append(seen_as.whole(subject.x, subject.y))
            drawn.append(_drawing(salient, seen_as))
            if speed is None and not only:
                opening.append(number)
        last = grey
    if not sharpness:
        raise UsageError(f"'{path.name}' has no picture to look at")
    count = len(sharpness)
    for number in opening:
        # Of a shot's first picture nothing tells what moves; its second one knows.
        places[number], drawn[number] = places[min(number + 1, count - 1)], drawn[min(number + 1, count - 1)]
    return Closer(
        np.asarray(sharpness),
        np.asarray(places, np.float64).reshape(-1, 2),
        np.stack([across for across, _ in drawn]),
        np.stack([down for _, down in drawn]),
        view / count,
        np.asarray(list(pictures), np.int64),
        np.stack(list(pictures.values())) if pictures else np.zeros((0, *GRID, 3)),
    )


def _cells(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(*GRID, 3) CIELAB: what a picture looks like from afar, each colour where it is."""
    import cv2
    from skimage.color import rgb2lab

    small = cv2.resize(rgb, GRID[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(rgb2lab(small / 255.0).astype(np.float64), (0, 0), 0.8), np.float64)


def _at_face(face: tuple[float, float, float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns and rows of an eye that rests on a face: its centre, width and height, shares of the picture."""
    return _spread(face[0], face[2], ACROSS), _spread(face[1], face[3], DOWN)


def _at_heads(heads: Sequence[Head]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same for several: most of the eye is on the first."""
    share = np.array([1.0, *(_ASIDE for _ in heads[1:])])
    each = [_at_face(head) for head in heads]
    return tuple(np.average([one[axis] for one in each], axis=0, weights=share) for axis in (0, 1))  # type: ignore[return-value]


def _spread(middle: float, size: float, count: int) -> NDArray[np.float64]:
    places = (np.arange(count) + 0.5) / count
    made = np.exp(-0.5 * ((places - middle) / max(size / 2, 1 / count)) ** 2)
    return np.asarray(made / made.sum(), np.float64)


def _drawing(salient: NDArray[np.float32], view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns and rows of all that draws the eye, of the whole picture.

    salient: (h, w) of the view's cells.
    """
    import cv2

    weight = np.asarray(cv2.GaussianBlur(salient, (0, 0), 1.5), np.float64)
    weight = np.where(weight >= _DRAWS * weight.max(), weight, 0.0) ** _SURE
    (left, top), (right, bottom) = view.whole(0.0, 0.0), view.whole(1.0, 1.0)
    made = []
    for axis, (low, high), count in ((0, (left, right), ACROSS), (1, (top, bottom), DOWN)):
        sums = weight.sum(axis=axis)
        places = low + (np.arange(len(sums)) + 0.5) / len(sums) * (high - low)
        found, _ = np.histogram(places, count, (0.0, 1.0), weights=sums)
        made.append(found / found.sum() if found.sum() > 0 else np.full(count, 1 / count))
    return made[0], made[1]


class _Trail:
    """Where something moved lately: the last motion of each cell, fading."""

    def __init__(self) -> None:
        self._left: NDArray[np.float32] | None = None

    def follow(self, view: View, last: NDArray[np.uint8], grey: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """(h, w) widths per second, as `motion_against` gives it, of now or what is left of before; None at a cut.

        last, grey: (H, W) the sample before and this one.
        """
        import cv2

        from backends.vision.composition.saliency import motion_against
        from backends.vision.frame import flow_between

        if float(cv2.absdiff(last, grey).mean()) > _CUT:
            self._left = None
            return None
        flow = flow_between(last, grey)
        speed = motion_against(view, flow, RATE)
        camera = np.median(flow.reshape(-1, 2), axis=0)
        if float(np.hypot(*camera)) > _PANS * grey.shape[1]:
            self._left = None
        left = self._left if self._left is not None else np.zeros_like(speed)
        self._left = np.maximum(speed, left * np.float32(np.exp(-1 / (RATE * TRAIL_SECONDS))))
        return self._left
