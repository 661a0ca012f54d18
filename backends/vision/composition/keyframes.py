"""Pictures kept while a film passes, so that the best one of each shot is there when the shots are known."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import overload

import numpy as np
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames, means_of
from backends.vision.thresholds import thresholds

Rgb = NDArray[np.uint8]
_THUMB = (32, 18)
"""Width and height on which a change of picture is looked for."""
_MIDDLE_WEIGHT = 0.6
"""What a picture at a shot's border loses against one in its middle, in units of relative sharpness."""
_SURPRISE = 3.0
"""Times the usual change from frame to frame that a new picture differs by: motion is a change, but a usual one."""
_MEMORY = 0.9
"""How much the usual change keeps of what it was, per frame."""


@dataclass(frozen=True)
class Keyframe:
    """A picture that was kept."""

    seconds: float
    rgb: Rgb
    """(H, W, 3) uint8, as wide as the frames of the pass."""
    frame: int
    """Its number in the film, from 0."""
    sharpness: float
    """Variance of the Laplacian of its luma; compare only within one film."""
    luma: float
    """Mean, 0-255."""


class Kept(Sequence[Keyframe]):
    """Pictures of a sink, each read from its file when it is asked for: many take no more memory than one."""

    def __init__(self, read: Callable[[int], Keyframe], numbers: Sequence[int], seconds: Sequence[float]) -> None:
        """numbers: which of the sink's pictures; seconds: of each."""
        self._read, self._numbers = read, numbers
        self.seconds = tuple(seconds)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Keyframe: ...

    @overload
    def __getitem__(self, at: slice) -> Kept: ...

    def __getitem__(self, at: int | slice) -> Keyframe | Kept:
        if isinstance(at, slice):
            return Kept(self._read, self._numbers[at], self.seconds[at])
        return self._read(self._numbers[at])


class PictureSink:
    """Keeps about `keyframes.per_second` small pictures and the first after each big change, in a temporary file.

    Memory: 32 bytes a picture. The file holds JPEG pictures, about `keyframes.mib_per_hour` at
    most, and is gone after `close` (or with the process). Use it as a context manager.
    """

    def __init__(self, info: MediaInfo, folder: Path | None = None) -> None:
        """folder: where the temporary file is made; None is the system's place for such."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by close)
        self._frames, self._offsets = array("q"), array("q", [0])
        self._seconds, self._sharpness, self._luma = array("d"), array("f"), array("f")
        self._tick = -1
        self._end = 0.0
        self._step = 1 / (info.fps or 25)
        self._last: NDArray[np.uint8] | None = None
        self._usual = 0.0

    def __enter__(self) -> PictureSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file; what was not asked for by now is gone."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._frames)

    def see(self, frame: Frame) -> None:
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        per_second = thresholds().keyframes.per_second
        for frame, change in zip(frames, self._changes(frames), strict=True):
            tick = int(frame.seconds * per_second + 1e-6)
            surprising = self._surprising(change)
            if surprising or tick != self._tick:
                self._keep(frame)
            self._tick = tick
        self._end = frames[-1].seconds + self._step

    def pictures(self, shots: Sequence[ShotSpan]) -> Kept:
        """The picture that shows each shot best, one per shot: sharp, not black, in no transition, near the middle.

        A shot of which none was kept gets the picture nearest in time. Empty when the film had no frame. They can be
        read until the sink is closed, from any thread.
        """
        return self._kept([self._best(shot) for shot in shots] if len(self) else [])

    def strip(self, count: int) -> Kept:
        """`count` pictures evenly spaced over the film, the nearest kept ones; fewer when fewer were kept."""
        count = min(count, len(self))
        return self._kept([self._nearest((at + 0.5) / count * self._end) for at in range(count)])

    def near(self, seconds: float) -> Keyframe:
        """The picture nearest to a time. Raises IndexError when the film had no frame."""
        return self._read(self._nearest(seconds))

    def _nearest(self, seconds: float) -> int:
        return int(np.argmin(np.abs(self._column(self._seconds) - seconds)))

    def _kept(self, numbers: Sequence[int]) -> Kept:
        self._file.flush()
        return Kept(self._read, numbers, [self._seconds[at] for at in numbers])

    def _changes(self, frames: Frames) -> list[float]:
        """How far each frame is from the one before, seen small, in levels; endlessly far for the first."""
        import cv2

        thumbs = _thumbs(frames.grey)
        last = self._last if self._last is not None else thumbs[0]
        before = np.concatenate([last[None], thumbs[:-1]])
        changes: list[float] = means_of(cv2.absdiff(thumbs, before)).tolist()
        if self._last is None:
            changes[0] = float("inf")
        self._last = thumbs[-1]
        return changes

    def _surprising(self, change: float) -> bool:
        """Whether a frame differs from the one before by much more than frames did lately."""
        if change == float("inf"):
            return True
        surprising = change > max(thresholds().keyframes.change, _SURPRISE * self._usual)
        self._usual = _MEMORY * self._usual + (1 - _MEMORY) * change
        return surprising

    def _keep(self, frame: Frame) -> None:
        import cv2

        table = thresholds().keyframes
        allowance = table.mib_per_hour * 2**20 / 3600 * (frame.seconds + 60)
        quality = table.quality if self._offsets[-1] < allowance else table.quality_when_full
        _, coded = cv2.imencode(".jpg", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
        self._file.seek(self._offsets[-1])
        self._file.write(coded.tobytes())
        self._offsets.append(self._offsets[-1] + len(coded))
        self._frames.append(frame.index)
        self._seconds.append(frame.seconds)
        self._sharpness.append(cv2.meanStdDev(cv2.Laplacian(frame.grey, cv2.CV_16S))[1].item() ** 2)
        self._luma.append(cv2.mean(frame.grey)[0])

    def _best(self, shot: ShotSpan) -> int:
        frames = np.array(self._frames, np.int64)
        inside = np.flatnonzero((frames >= shot.clean.start) & (frames < shot.clean.stop))
        if not len(inside):
            inside = np.flatnonzero((frames >= shot.first_frame) & (frames < shot.first_frame + shot.frames))
        if not len(inside):
            return int(np.argmin(np.abs(frames - (shot.clean_first + shot.clean_frames // 2))))
        sharp, luma = self._column(self._sharpness)[inside], self._column(self._luma)[inside]
        lit = np.minimum(1.0, luma / (2 * thresholds().black.luma))
        middle = shot.clean_first + (shot.clean_frames - 1) / 2
        away = np.abs(frames[inside] - middle) / max(1.0, shot.clean_frames / 2)
        worth = lit * np.minimum(1.0, sharp / max(float(np.percentile(sharp, 75)), 1e-6)) - _MIDDLE_WEIGHT * away**2
        return int(inside[np.argmax(worth)])

    def _read(self, at: int) -> Keyframe:
        import cv2

        self._file.flush()
        # Not seek and read: captions read from several threads.
        start, end = self._offsets[at : at + 2]
        coded = np.frombuffer(os.pread(self._file.fileno(), end - start, start), np.uint8)
        rgb = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), np.uint8)
        return Keyframe(self._seconds[at], rgb, self._frames[at], self._sharpness[at], self._luma[at])

    @staticmethod
    def _column(values: array[float]) -> NDArray[np.float64]:
        return np.array(values, np.float64)


def _thumbs(greys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 18, 32) of luma (N, H, W), in one step where whole pixels make one."""
    import cv2

    count, height, width = greys.shape
    if height % _THUMB[1] == 0 and width % _THUMB[0] == 0:
        rows = greys.reshape(-1, width)
        made = cv2.resize(rows, (_THUMB[0], count * _THUMB[1]), interpolation=cv2.INTER_AREA)
        return np.asarray(made, np.uint8).reshape(count, *_THUMB[::-1])
    return np.stack([np.asarray(cv2.resize(grey, _THUMB, interpolation=cv2.INTER_AREA), np.uint8) for grey in greys])
