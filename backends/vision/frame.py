"""What the one pass over a film hands around: a small picture with what others already worked out of it, and sound."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import local
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from backends.media.sound_track import MONO_RATE, STEREO_RATE
from backends.vision.cuts.result import ShotSpan

__all__ = [
    "MONO_RATE",
    "STEREO_RATE",
    "Frame",
    "FrameSink",
    "ShotMeasure",
    "SoundBlock",
    "SoundSink",
    "flow_between",
]

T_co = TypeVar("T_co", covariant=True)


class Frame:
    """One frame, made small. Whatever is asked of it is worked out once and shared by all sinks; change nothing."""

    def __init__(
        self,
        index: int,
        seconds: float,
        rgb: NDArray[np.uint8],
        before: Frame | None = None,
        duration: float = 0.0,
    ) -> None:
        """index: 0, 1, 2...; seconds from the film's first frame; rgb: (H, W, 3) uint8, upright, the longer side
        `motion.width` at most and the shorter 32 at least; duration: seconds until the next frame, 0 = unknown.
        """
        self.index, self.seconds, self.rgb, self.duration = index, seconds, rgb, duration
        self.before = before
        if before is not None:
            before.before = None  # else every frame of the film would stay alive

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(H, W) uint8 luma."""
        return self._converted("COLOR_RGB2GRAY")

    @cached_property
    def hsv(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, hue 0-179."""
        return self._converted("COLOR_RGB2HSV")

    @cached_property
    def lab(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 CIELAB as OpenCV codes it: L 0-255, a and b about 128."""
        return self._converted("COLOR_RGB2LAB")

    @cached_property
    def flow(self) -> NDArray[np.float32]:
        """(H, W, 2) float32 pixels: where each pixel of `before` is in this frame. Zeros for the first frame."""
        return self._flow(forward=True)

    @cached_property
    def flow_back(self) -> NDArray[np.float32]:
        """(H, W, 2) float32 pixels: where each pixel of this frame was in `before`."""
        return self._flow(forward=False)

    def _converted(self, code: str) -> NDArray[np.uint8]:
        import cv2

        return np.asarray(cv2.cvtColor(self.rgb, getattr(cv2, code)), np.uint8)

    def _flow(self, *, forward: bool) -> NDArray[np.float32]:
        if self.before is None:
            return np.zeros((*self.grey.shape, 2), np.float32)
        one, other = self.before.grey, self.grey
        return flow_between(one, other) if forward else flow_between(other, one)


def flow_between(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 2) float32 pixels: where each pixel of `one` (H, W) is in `other`.

    DIS optical flow (Kroeger et al. 2016), OpenCV's ultrafast preset.
    """
    return np.asarray(_flow_of(one.shape).calc(one, other, None), np.float32)


_OF_THREAD = local()
_SIZES_KEPT = 8


def _flow_of(shape: tuple[int, ...]) -> Any:
    """One for each thread, whose pyramids it keeps between calls, and for each size: small pictures change its scales
    for good, and the same pair of larger ones would give another flow afterwards.
    """
    flows: dict[tuple[int, ...], Any] = _OF_THREAD.__dict__.setdefault("flows", {})
    if shape not in flows:
        import cv2

        if len(flows) >= _SIZES_KEPT:
            flows.clear()
        flows[shape] = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return flows[shape]


class FrameSink(Protocol):
    """Something that looks at every frame once, in order, and keeps a few numbers of each, never the frame."""

    def see(self, frame: Frame) -> None:
        """Look at the next frame; `frame.before` is the one before it."""


class ShotMeasure(FrameSink, Protocol[T_co]):
    """A sink whose numbers are summed up per shot, when the pass is over and the shots are known."""

    def report(self, shots: Sequence[ShotSpan]) -> Sequence[T_co]:
        """One result per shot, in order, from its clean frames."""


class SoundBlock:
    """A piece of the sound track. Blocks follow each other without gaps; sample 0 of the first is the film's time 0."""

    def __init__(
        self,
        seconds: float,
        stereo: NDArray[np.float32],
        mono: NDArray[np.float32],
        native: NDArray[np.float32] | None = None,
        native_rate: int = 0,
    ) -> None:
        """seconds: of its first sample; stereo: (n, 2) float32 at STEREO_RATE; mono: (m,) float32 at MONO_RATE.

        native: (k, channels) float32 as decoded, before any mixing or change of rate (which move peaks and blur what
        was clipped), at `native_rate` Hz. n and m may differ by a few samples from their common length in seconds:
        count what was heard.
        """
        self.seconds, self.stereo, self.mono = seconds, stereo, mono
        self.native, self.native_rate = native, native_rate


class SoundSink(Protocol):
    """Something that hears the whole sound track once, in order."""

    def hear(self, block: SoundBlock) -> None:
        """Listen to the next block (of any length)."""
