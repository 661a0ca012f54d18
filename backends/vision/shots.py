"""Where one shot ends and the next begins: PySceneDetect's detectors on frames that are already decoded.

Hard cuts and fades through black are found; long dissolves and wipes are mostly missed (PySceneDetect's own benchmark:
Adaptive finds 24 % of fades on ClipShots).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from backends.media.probe import MediaInfo, probe
from backends.vision.frame import Frame
from backends.vision.thresholds import thresholds
from backends.vision.watch import watch
from configs.errors import UsageError

Opening = Literal["start", "cut", "fade"]


@dataclass(frozen=True)
class SceneSpan:
    """One shot: from its first frame up to, not including, the next one's."""

    start: float
    """Seconds from the film's start."""
    end: float
    first_frame: int
    frames: int
    opening: Opening
    """How it begins: the film's start, a hard cut, or a fade through black."""

    @property
    def seconds(self) -> float:
        return self.end - self.start


class CutSink:
    """Feeds AdaptiveDetector (cuts) and ThresholdDetector (fades) with the frames of one pass."""

    def __init__(self, info: MediaInfo, sensitivity: float = 0.5) -> None:
        """sensitivity: 0 (only plain cuts) to 1 (also weak ones). Raises UsageError outside of that."""
        from scenedetect.common import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector, ThresholdDetector

        if not 0 <= sensitivity <= 1:
            raise UsageError(f"The sensitivity {sensitivity:g} is out of range", "it must lie between 0 and 1")
        table = thresholds().cuts
        rate = Fraction(info.fps or 25).limit_denominator(1001)
        ratio = table.ratio_at_lowest + sensitivity * (table.ratio_at_highest - table.ratio_at_lowest)
        shortest = max(1, round(table.min_scene_seconds * rate))
        self._timecode: Callable[[int], Any] = lambda index: FrameTimecode(index, fps=rate)
        self._detectors: tuple[tuple[Opening, Any], ...] = (
            (
                "cut",
                AdaptiveDetector(
                    adaptive_threshold=ratio,
                    min_scene_len=shortest,
                    window_width=table.window_frames,
                    min_content_val=table.min_content,
                ),
            ),
            ("fade", ThresholdDetector(threshold=table.fade_level, min_scene_len=shortest)),
        )
        self._shortest = shortest
        self._frame_seconds = float(1 / rate)
        self._found: list[tuple[int, Opening]] = []
        self._times: list[float] = []

    def see(self, frame: Frame) -> None:
        bgr = np.ascontiguousarray(frame.rgb[..., ::-1])
        self._times.append(frame.seconds)
        for name, detector in self._detectors:
            for cut in detector.process_frame(self._timecode(frame.index), bgr):
                self._found.append((cut.frame_num, name))

    def scenes(self) -> list[SceneSpan]:
        """The shots of what was seen, without gaps, in order; one shot when there was no cut."""
        if not self._times:
            return []
        openings: list[tuple[int, Opening]] = [(0, "start")]
        for frame, name in sorted(self._found):
            # A fade is also seen by the cut detector; what follows too soon belongs to the same change.
            if frame - openings[-1][0] >= self._shortest and frame < len(self._times):
                openings.append((frame, name))
        end_time = self._times[-1] + self._frame_seconds
        ends = [frame for frame, _ in openings[1:]] + [len(self._times)]
        return [
            SceneSpan(
                start=self._times[first],
                end=self._times[stop] if stop < len(self._times) else end_time,
                first_frame=first,
                frames=stop - first,
                opening=name,
            )
            for (first, name), stop in zip(openings, ends, strict=True)
        ]


def detect_scenes(
    path: Path,
    *,
    sensitivity: float = 0.5,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[SceneSpan]:
    """The film's shots in order, covering it without gaps.

    sensitivity: 0 (only plain cuts) to 1 (also weak ones). Raises UsageError when the file is not a film.
    """
    info = probe(path)
    sink = CutSink(info, sensitivity)
    watch(path, [sink], info=info, cancel=cancel, on_progress=on_progress)
    return sink.scenes()
