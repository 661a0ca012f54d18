"""What the one pass over a film hands around: a small picture with what others already worked out of it, and sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Protocol, TypeVar, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from backends.media.sound_track import MONO_RATE, STEREO_RATE
from backends.vision.cuts.result import ShotSpan
from backends.vision.flow import coarse, flow_between, flow_cell, flow_cells_between, made_large

__all__ = [
    "MONO_RATE",
    "STEREO_RATE",
    "BatchSink",
    "Frame",
    "FrameSink",
    "Frames",
    "ShotMeasure",
    "SoundBlock",
    "SoundSink",
    "coarse",
    "flow_between",
    "flow_cell",
    "flow_cells_between",
    "show",
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
    def coarse(self) -> NDArray[np.uint8]:
        """(h, w) uint8 luma at the size that flow is measured at, see `flow.coarse`."""
        return coarse(self.grey)

    @cached_property
    def flow_cells(self) -> NDArray[np.float32]:
        """(h, w, 2) float32: `flow` as it is measured, in cells of 4x4 pixels, or of one pixel when the
        picture is small (`flow_cell`). Its unit is the pixel of `grey` all the same.
        """
        return self._cells(forward=True)

    @cached_property
    def flow_back_cells(self) -> NDArray[np.float32]:
        """(h, w, 2) float32 pixels of `grey`: `flow_back` as it is measured, in cells like `flow_cells`."""
        return self._cells(forward=False)

    @cached_property
    def flow(self) -> NDArray[np.float32]:
        """(H, W, 2) float32 pixels: where each pixel of `before` is in this frame. Zeros for the first frame.

        Nothing but `flow_cells` made large: ask for those where cells will do.
        """
        return made_large(self.flow_cells, self.grey.shape)

    @cached_property
    def flow_back(self) -> NDArray[np.float32]:
        """(H, W, 2) float32 pixels: where each pixel of this frame was in `before`; `flow_back_cells` made large."""
        return made_large(self.flow_back_cells, self.grey.shape)

    def _converted(self, code: str) -> NDArray[np.uint8]:
        import cv2

        return np.asarray(cv2.cvtColor(self.rgb, getattr(cv2, code)), np.uint8)

    def _cells(self, *, forward: bool) -> NDArray[np.float32]:
        if self.before is None:
            return np.zeros((*self.coarse.shape, 2), np.float32)
        one, other = (self.before, self) if forward else (self, self.before)
        return flow_cells_between(one.coarse, other.coarse, flow_cell(self.grey.shape))


class Frames(Sequence[Frame]):
    """A few frames that follow each other, and what was worked out of all of them in one step.

    Small pictures cost more for each call than for each pixel: a sink that can should measure many at once.
    """

    def __init__(self, frames: Sequence[Frame], rgb: NDArray[np.uint8] | None = None) -> None:
        """frames: at least one, all of one size, `frames[0].before` the one before them all. rgb: (N, H, W, 3) uint8
        of them, where they lie one after another already.
        """
        self._frames = tuple(frames)
        if rgb is not None:
            self.__dict__["rgb"] = rgb
        self.before = self._frames[0].before
        """The frame before the first, None at the film's start."""
        for before, frame in pairwise(self._frames):
            frame.before = before

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, at: int) -> Frame: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Frame]: ...

    def __getitem__(self, at: int | slice) -> Frame | Sequence[Frame]:
        return self._frames[at]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8."""
        return np.stack([frame.rgb for frame in self._frames])

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(N, H, W) uint8 luma."""
        return self._converted("grey", "COLOR_RGB2GRAY")

    @cached_property
    def grey_from_before(self) -> NDArray[np.uint8]:
        """(N + 1, H, W) uint8 luma, that of the frame before first; at the film's start its first frame twice."""
        first = self.before.grey if self.before is not None else self.grey[0]
        return np.concatenate([first[None], self.grey])

    @cached_property
    def luma(self) -> NDArray[np.float64]:
        """(N,) mean of `grey`, 0-255."""
        return means_of(self.grey)

    @cached_property
    def change(self) -> NDArray[np.uint8]:
        """(N, H, W) uint8: how far luma is from that of the frame before; 0 at the film's start."""
        import cv2

        greys = self.grey_from_before
        rows = greys.reshape(-1, greys.shape[2])
        height = greys.shape[1]
        return np.asarray(cv2.absdiff(rows[height:], rows[:-height]), np.uint8).reshape(self.grey.shape)

    @cached_property
    def largest_change(self) -> NDArray[np.uint8]:
        """(N,) the largest mean of `change` in any block of 8x8 pixels, whole levels; 0 at the film's start."""
        import cv2

        count, height, width = self.change.shape
        rows, columns = -(-height // 8), -(-width // 8)
        # Blocks of whole pixels are averaged many times faster: the last ones begin earlier where 8 does not divide.
        whole = self.change
        if rows * 8 > height:
            whole = np.concatenate([whole[:, : rows * 8 - 8], whole[:, -8:]], axis=1)
        if columns * 8 > width:
            whole = np.concatenate([whole[:, :, : columns * 8 - 8], whole[:, :, -8:]], axis=2)
        blocks = cv2.resize(whole.reshape(-1, columns * 8), (columns, count * rows), interpolation=cv2.INTER_AREA)
        largest: NDArray[np.uint8] = np.asarray(blocks, np.uint8).reshape(count, -1).max(axis=1)
        return largest

    @cached_property
    def hsv(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8, hue 0-179."""
        return self._converted("hsv", "COLOR_RGB2HSV")

    @cached_property
    def flow_cells(self) -> NDArray[np.float32]:
        """(N, h, w, 2) float32 pixels of `grey`: flow since the frame before in cells, see `Frame.flow_cells`."""
        _ = self.grey
        return np.stack([frame.flow_cells for frame in self._frames])

    @cached_property
    def flow_back_cells(self) -> NDArray[np.float32]:
        """(N, h, w, 2) float32 pixels of `grey`: flow to the frame before in cells, see `Frame.flow_back_cells`."""
        _ = self.grey
        return np.stack([frame.flow_back_cells for frame in self._frames])

    def release(self) -> None:
        """Forget each frame's `before`, else every frame of the film would stay alive. Call it when all was seen."""
        for frame in self._frames:
            frame.before = None

    def _converted(self, name: str, code: str) -> NDArray[np.uint8]:
        """All in one step; each frame then has its own part."""
        import cv2

        rows = self.rgb.reshape(-1, *self.rgb.shape[2:])
        made = np.asarray(cv2.cvtColor(rows, getattr(cv2, code)), np.uint8)
        made = made.reshape(*self.rgb.shape[:3], *made.shape[2:])
        for frame, part in zip(self._frames, made, strict=True):
            frame.__dict__.setdefault(name, part)
        return made


def means_of(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) mean level of each picture (N, H, W)."""
    import cv2

    flat = pictures.reshape(len(pictures), -1)
    return np.asarray(cv2.reduce(flat, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S), np.float64)[:, 0] / flat.shape[1]


def show(frames: Frames, sinks: Sequence[FrameSink]) -> None:
    """Let each sink look at all of `frames`: at once if it can, else one after another."""
    for sink in sinks:
        if isinstance(sink, BatchSink):
            sink.see_all(frames)
        else:
            for frame in frames:
                sink.see(frame)
    frames.release()


class FrameSink(Protocol):
    """Something that looks at every frame once, in order, and keeps a few numbers of each, never the frame."""

    def see(self, frame: Frame) -> None:
        """Look at the next frame; `frame.before` is the one before it."""


@runtime_checkable
class BatchSink(FrameSink, Protocol):
    """A `FrameSink` that measures many frames in one step, with the same numbers however they are divided."""

    def see_all(self, frames: Frames) -> None:
        """Look at the next frames; the next call goes on where this one ended."""


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
