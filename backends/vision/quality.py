"""What can be said of a picture or a film without knowing what is in it: black, frozen, blurred, burnt out, loud."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.media.audio import read_samples
from backends.media.probe import MediaInfo, probe
from backends.vision.frame import Frame, Frames
from backends.vision.thresholds import thresholds
from backends.vision.watch import watch

_LOUDNESS_RATE = 48_000
_TALLEST = 8
"""Times its width that a picture's height may be at the size that sharpness is measured at."""
_SAMPLED = 12
"""Sharpness and clipping are measured of every twelfth frame."""


@dataclass(frozen=True)
class PictureMeasures:
    """Levels are 0-255, shares 0-1."""

    width: int
    height: int
    mean_luma: float
    contrast: float
    """Standard deviation of luma."""
    black_share: float
    clipped_share: float
    """Pixels whose channels are all burnt out."""
    sharpness: float
    """Variance of the Laplacian at `picture.sharpness_width` (Pech-Pacheco 2000); below about 20 looks blurred."""
    nan_share: float
    """Values that are not finite, in a float picture."""
    blur: float
    """0 sharp to 1 blurred (Crete 2007: how little another blur changes), at `picture.sharpness_width`; of a flat
    picture it says nothing."""


def measure_image(rgb: NDArray[Any]) -> dict[str, Any]:
    """`PictureMeasures` of (H, W, 3) RGB as a dict: uint8 0-255, or floats 0-1, whose bad values count as black."""
    return asdict(_measure(rgb))


def _measure(rgb: NDArray[Any]) -> PictureMeasures:
    import cv2

    nan_share = 0.0
    if np.issubdtype(rgb.dtype, np.floating):
        finite = np.isfinite(rgb)
        nan_share = 1.0 - float(finite.mean())
        rgb = (np.clip(np.where(finite, rgb, 0.0), 0, 1) * 255).round().astype(np.uint8)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    table = thresholds()
    # a strip that is far taller than wide must not be blown up to gigabytes
    scale = min(table.picture.sharpness_width / width, _TALLEST * table.picture.sharpness_width / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sized = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return PictureMeasures(
        width=width,
        height=height,
        mean_luma=float(grey.mean()),
        contrast=float(grey.std()),
        black_share=float((grey <= table.black.luma).mean()),
        clipped_share=float((rgb >= table.picture.clipped_level).all(axis=2).mean()),
        sharpness=float(cv2.Laplacian(sized, cv2.CV_64F).var()),
        nan_share=nan_share,
        blur=_blur(sized),
    )


def _blur(grey: NDArray[np.uint8]) -> float:
    from skimage.measure import blur_effect

    if min(grey.shape) < 16 or grey.min() == grey.max():
        return 0.0
    value = float(blur_effect(grey))
    return value if np.isfinite(value) else 0.0


class QualitySink:
    """Black and frozen frames, brightness and sharpness of a film, in one pass."""

    def __init__(self) -> None:
        self._times = array("d")
        self._luma = array("f")
        self._black, self._still = array("b"), array("b")
        self._sharpness, self._clipped = array("f"), array("f")

    def see(self, frame: Frame) -> None:
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        self._times.extend(frame.seconds for frame in frames)
        self._luma.extend(frames.luma.tolist())
        self._black.extend(_black(frames))
        self._still.extend(_still(frames))
        for frame in frames:
            if frame.index % _SAMPLED == 0:
                self._look_closely(frame)

    def _look_closely(self, frame: Frame) -> None:
        import cv2

        clipped = cv2.inRange(frame.rgb, (thresholds().picture.clipped_level,) * 3, (255,) * 3)
        self._sharpness.append(cv2.meanStdDev(cv2.Laplacian(frame.grey, cv2.CV_16S))[1].item() ** 2)
        self._clipped.append(cv2.countNonZero(clipped) / clipped.size)

    def mean_luma(self, start: float, end: float) -> float:
        """Mean level (0-255) of the frames between two times in seconds; 0 when there are none."""
        first, last = np.searchsorted(np.asarray(self._times), (start, end))
        return float(np.mean(self._luma[first:last])) if last > first else 0.0

    def luma_at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Levels (N,) 0-255 at times (N,) in seconds."""
        if not len(self._times):
            return np.zeros(len(seconds))
        return np.asarray(np.interp(seconds, self._times, self._luma), np.float64)

    def report(self, info: MediaInfo) -> dict[str, Any]:
        """Shares (0-1) and spans ([start, end] seconds) of what was seen; JSON-ready."""
        table = thresholds()
        step = 1 / (info.fps or 25)
        duration = self._times[-1] + step if self._times else 0.0
        black = _spans(self._times, self._black, step, table.black.span_seconds)
        # A still frame repeats the one before it, which belongs to the frozen span too.
        repeats = _spans(self._times, self._still, step, max(0.0, table.frozen.span_seconds - step))
        frozen = [[round(max(0.0, first - step), 3), last] for first, last in repeats]
        return {
            "duration": duration,
            "frames": len(self._times),
            "mean_luma": float(np.mean(self._luma)) if self._luma else 0.0,
            "luma_flicker": float(np.abs(np.diff(np.asarray(self._luma, np.float64), 2)).mean())
            if len(self._luma) > 2
            else 0.0,
            "black_share": _share(black, duration),
            "black_spans": black,
            "frozen_share": _share(frozen, duration),
            "frozen_spans": frozen,
            "sharpness": float(np.median(self._sharpness)) if self._sharpness else 0.0,
            "clipped_share": float(np.mean(self._clipped)) if self._clipped else 0.0,
        }


def measure_video(
    path: Path,
    *,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Facts and measures of a film, JSON-ready: duration, frames, size, black and frozen spans, loudness.

    Sharpness and clipping are of the small pictures of the pass, so they compare only with other films' values.
    Raises UsageError when the file is not a film or is damaged.
    """
    info = probe(path)
    sink = QualitySink()
    watch(path, [sink], info=info, cancel=cancel, on_progress=on_progress)
    return {**film_facts(info), **sink.report(info), **measure_sound(path, info)}


def film_facts(info: MediaInfo) -> dict[str, Any]:
    """Size, rate and codecs, JSON-ready."""
    return {
        "width": info.width,
        "height": info.height,
        "fps": info.fps,
        "video_codec": info.video_codec,
        "audio_codec": info.audio_codec,
        "has_audio": info.has_audio,
        "vfr": info.vfr,
    }


def measure_sound(path: Path, info: MediaInfo) -> dict[str, Any]:
    """Integrated loudness (ITU-R BS.1770, LUFS) and sample peak (dBFS) of the stereo mix, JSON-ready.

    Both are None for a film without sound, for silence, and for one longer than `sound.loudness_max_seconds`; loudness
    also for less than 0.4 s (one gating block).
    """
    nothing = {"loudness_lufs": None, "peak_dbfs": None}
    if not info.has_audio or info.seconds > thresholds().sound.loudness_max_seconds:
        return nothing
    samples = read_samples(path, _LOUDNESS_RATE)
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    if peak < 1e-6:
        return nothing
    if len(samples) < 0.4 * _LOUDNESS_RATE:
        return {"loudness_lufs": None, "peak_dbfs": 20 * float(np.log10(peak))}
    import pyloudnorm

    loudness = float(pyloudnorm.Meter(_LOUDNESS_RATE).integrated_loudness(samples.astype(np.float64)))
    return {
        "loudness_lufs": loudness if np.isfinite(loudness) else None,
        "peak_dbfs": 20 * float(np.log10(peak)),
    }


def _black(frames: Frames) -> list[bool]:
    """Whether each frame is black: nearly all of its pixels."""
    import cv2

    level, share = thresholds().black.luma, thresholds().black.frame_share
    brightest = level * share + 255 * (1 - share)
    return [
        bool(luma <= brightest)
        and cv2.countNonZero(cv2.compare(frame.grey, level, cv2.CMP_LE)) >= share * frame.grey.size
        for frame, luma in zip(frames, frames.luma.tolist(), strict=True)
    ]


def _still(frames: Frames) -> list[bool]:
    """Whether each frame is the one before it again, coding noise left aside; a mouth that talks is a change."""
    still = frames.largest_change < thresholds().frozen.block_change
    if frames.before is None:
        still[0] = False
    same: list[bool] = still.tolist()
    return same


def _spans(times: Sequence[float], flags: Sequence[int], step: float, shortest: float) -> list[list[float]]:
    """Runs of set flags as [start, end] in seconds, those of at least `shortest`."""
    spans: list[list[float]] = []
    for seconds, flag in zip(times, flags, strict=True):
        if not flag:
            continue
        if spans and seconds - spans[-1][1] < step / 2:
            spans[-1][1] = seconds + step
        else:
            spans.append([seconds, seconds + step])
    return [[round(first, 3), round(last, 3)] for first, last in spans if last - first >= shortest - 1e-6]


def _share(spans: list[list[float]], duration: float) -> float:
    return min(1.0, sum(last - first for first, last in spans) / duration) if duration else 0.0
