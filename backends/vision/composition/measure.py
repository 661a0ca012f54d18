"""How pictures and shots are composed: one picture at once, a film on pictures sampled while it passes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.colours import shade_clusters
from backends.vision.composition.depth import depth_of
from backends.vision.composition.figures import NOBODY, FigureFinder, confirmed, doubted, same_place
from backends.vision.composition.lines import lines_of
from backends.vision.composition.result import Composition, Figure
from backends.vision.composition.saliency import (
    balance,
    motion_against,
    negative_space,
    saliency,
    subject_of,
    thirds,
)
from backends.vision.composition.summary import summed_up
from backends.vision.composition.tone import symmetry_of, tone_of
from backends.vision.composition.view import View
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame
from configs.errors import StudioError

Rgb = NDArray[np.uint8]
PALETTE = 8
"""Clusters of colours that are kept of a picture."""
FRAMES_APART = 6
"""A shot of so many frames has at least one sample, wherever it begins (up to 30 frames per second)."""
_MOST_PER_SECOND = 5.0
_FIGURES_AGAIN, _FIGURES_NEW, _CHANGE = 3.0, 1.0, 8.0
"""Seconds after which figures are looked for again: anyway, and when a face is still doubted or the picture's lightness
has changed by the last (CIELAB, mean) since: looking costs far more than all measures of a picture together."""
_HOLDS, _ANOTHER, _NOISE = 0.5, 0.4, 0.5
"""A sample is taken to be composed like the last that was measured for so many seconds at most, and while its colours
differ from that by no more than this share of their spread, plus noise (CIELAB, mean of the cells): the camera's moves
change a fifth to a third in a quarter of a second, another shot all of it."""
_FOLLOWED = 8.0
"""Mean change of luma from the frame before up to which optical flow is believed: more is a cut or a blur."""


class Measured(NamedTuple):
    """Numbers of one picture; places and shares as in `Composition`, NaN where there is nothing."""

    x: float
    y: float
    thirds: float
    symmetry: float
    balance: float
    negative_space: float
    lines: float
    vanishing_x: float
    vanishing_y: float
    layers: float
    layers_confidence: float
    luma: float
    contrast: float
    saturation: float
    median: float
    """Of CIELAB lightness, 0-100."""
    shadow: float
    bright: float


NUMBERS = len(Measured._fields)


def measured(view: View, figures: Sequence[Figure] = (), speed: NDArray[np.float32] | None = None) -> Measured:
    """Everything but colours and scale of one picture.

    The subject is the first figure, else what draws the eye. speed: as `motion_against` gives it, in a film.
    """
    salient = saliency(view, speed)
    subject = subject_of(salient)
    x, y = subject.x, subject.y
    if figures:
        left, top, right, bottom = figures[0].box
        x, y = view.inside((left + right) / 2, (top + bottom) / 2)
    lines, tone, depth = lines_of(view), tone_of(view), depth_of(view, figures)
    meeting = view.whole(*lines.vanishing) if lines.vanishing is not None else (np.nan, np.nan)
    return Measured(
        *view.whole(x, y), thirds(x, y), symmetry_of(view), balance(salient), negative_space(view, salient),
        lines.strength, *meeting, depth.layers, depth.confidence, tone.luma, tone.contrast, tone.saturation,
        tone.median, tone.shadow, tone.bright,
    )  # fmt: skip


def compose(rgb: Rgb, *, figures: Sequence[Figure] = (), why_none: str = "") -> Composition:
    """The composition of one picture, (H, W, 3) uint8 of any size.

    figures: who is in it, the most prominent first, as a `FigureFinder` gives them; without them the scale is
    'unknown', for the reason that `why_none` may give.
    """
    view = View(rgb)
    numbers = np.array([measured(view, figures)])
    clusters = shade_clusters(view.shades, PALETTE)
    return summed_up(numbers, clusters, [tuple(figures)] if figures else [], why_none, rgb.shape[1] / rgb.shape[0])


@dataclass(frozen=True)
class _Known:
    """What was measured of a picture."""

    seconds: float
    lab: NDArray[np.float32]
    """As in its `View`."""
    followed: bool
    """Whether it was known what moves in it: of a shot's first picture nothing tells."""
    figures: tuple[Figure, ...]
    numbers: Measured
    clusters: NDArray[np.float32]
    """(PALETTE, 4)"""

    def outdated(self, seconds: float, view: View, figures: tuple[Figure, ...]) -> bool:
        """Whether a later picture is so much another one that it has to be measured itself."""
        if seconds - self.seconds > _HOLDS - 1e-3 or not self.followed or figures is not self.figures:
            return True
        if self.lab.shape != view.lab.shape:
            return True
        return float(np.abs(view.lab - self.lab).mean()) > _ANOTHER * self.spread + _NOISE

    @cached_property
    def spread(self) -> float:
        """Of the colours, CIELAB: mean distance from their mean in each channel."""
        return float(np.abs(self.lab - self.lab.mean(axis=(0, 1))).mean())


class CompositionSink:
    """The composition of each shot: means over pictures sampled every sixth frame (at most five a second).

    Which frames are sampled is decided by time alone; one that hardly differs from the last measured counts as that
    one. Of each it keeps 49 floats, and the figures found.
    """

    def __init__(self, info: MediaInfo, figures: FigureFinder | None = None, why_none: str = "") -> None:
        """figures: finds who is in the pictures; without one, `why_none` is the reason told for an unknown scale."""
        self._fps = info.fps or 25.0
        self._per_second = min(_MOST_PER_SECOND, self._fps / FRAMES_APART)
        self._finder = figures
        self._why_none = why_none
        self._frames, self._numbers, self._colours = array("q"), array("f"), array("f")
        self._figures: dict[int, tuple[Figure, ...]] = {}
        self._looked: list[int] = []
        self._tick = -1
        self._known: _Known | None = None
        self._last: tuple[float, NDArray[np.float32]] | None = None
        self._now: tuple[Figure, ...] = ()
        self._unconfirmed = False
        self._aspect = 16 / 9

    def see(self, frame: Frame) -> None:
        # Times are rounded in containers: a frame a little before its sixth is that sixth.
        tick = int(frame.seconds * self._per_second + 0.02)
        if tick == self._tick:
            return
        self._tick = tick
        self._aspect = frame.rgb.shape[1] / frame.rgb.shape[0]
        view = View(frame.rgb, frame.grey)
        self._look_for_figures(frame, view)
        known = self._known
        if known is None or known.outdated(frame.seconds, view, self._now):
            clusters = np.zeros((PALETTE, 4), np.float32)
            found = shade_clusters(view.shades, PALETTE)
            clusters[: len(found)] = found
            speed = self._speed(frame, view)
            numbers = measured(view, self._now, speed)
            known = _Known(frame.seconds, view.lab, speed is not None, self._now, numbers, clusters)
            self._known = known
        self._frames.append(frame.index)
        self._numbers.extend(known.numbers)
        self._colours.frombytes(known.clusters.tobytes())

    @property
    def sampled(self) -> tuple[int, ...]:
        """Numbers of the frames that were measured."""
        return tuple(self._frames)

    def report(self, shots: Sequence[ShotSpan]) -> list[Composition]:
        """One per shot, in order. A shot without a sample gets the nearest one's."""
        frames = np.array(self._frames, np.int64)
        if not len(frames):
            return [Composition(scale_reason="no frame was seen") for _ in shots]
        numbers = np.array(self._numbers, np.float64).reshape(-1, NUMBERS)
        colours = np.array(self._colours, np.float32).reshape(-1, PALETTE, 4)
        return [self._of(shot, frames, numbers, colours) for shot in shots]

    def _of(
        self, shot: ShotSpan, frames: NDArray[np.int64], numbers: NDArray[np.float64], colours: NDArray[np.float32]
    ) -> Composition:
        chosen = np.flatnonzero((frames >= shot.clean.start) & (frames < shot.clean.stop))
        if not len(chosen):
            chosen = np.flatnonzero((frames >= shot.first_frame) & (frames < shot.first_frame + shot.frames))
        if not len(chosen):
            chosen = np.array([int(np.argmin(np.abs(frames - shot.clean_first - shot.clean_frames // 2)))])
        looked = [at for at in self._looked if shot.clean.start <= at < shot.clean.stop]
        seen = [self._figures[at] for at in looked if at in self._figures]
        found = confirmed(seen, len(looked))
        clusters = colours[chosen].reshape(-1, 4)
        return summed_up(
            numbers[chosen],
            clusters[clusters[:, 3] > 0],
            found,
            self._reason(looked, doubtful=bool(seen)),
            self._aspect,
            max(1, len(looked)),
        )

    def _reason(self, looked: Sequence[int], doubtful: bool) -> str:
        if self._finder is None or self._why_none:
            return self._why_none
        if not looked:
            return f"{NOBODY}: the shot is too short for figures to be looked for"
        if doubtful:
            return f"{NOBODY}: what one look took for a face, no other look at the shot confirmed"
        return f"{NOBODY}: here {self._finder.sees} are found, and there were none"

    def _speed(self, frame: Frame, view: View) -> NDArray[np.float32] | None:
        """What moves against the camera; None where the frame before shows too much else to follow anything."""
        import cv2

        if frame.before is None or frame.before.grey.shape != frame.grey.shape:
            return None
        change = cv2.norm(frame.grey, frame.before.grey, cv2.NORM_L1) / frame.grey.size
        if change >= _FOLLOWED:
            return None
        return motion_against(view, frame.flow_cells, self._fps, frame.grey.shape[1])

    def _look_for_figures(self, frame: Frame, view: View) -> None:
        if self._finder is None:
            return
        lightness = view.lab[..., 0]
        if self._last is not None:
            since, then = frame.seconds - self._last[0], self._last[1]
            new = then.shape != lightness.shape or float(np.abs(then - lightness).mean()) > _CHANGE
            self._now = () if new else self._now
            if since < (_FIGURES_NEW if new or self._unconfirmed else _FIGURES_AGAIN):
                return
        self._last, before = (frame.seconds, lightness), self._now
        try:
            self._now = tuple(self._finder.find(frame.rgb, frame.seconds))
        except StudioError as error:  # a model that cannot be used costs the scale, not the film
            self._finder, self._why_none = None, f"{NOBODY}: {error.sentence}"
            return
        self._looked.append(frame.index)
        doubts = [one for one in self._now if doubted(one)]
        self._unconfirmed = any(not any(same_place(one, other) for other in before) for one in doubts)
        if self._now:
            self._figures[frame.index] = self._now
