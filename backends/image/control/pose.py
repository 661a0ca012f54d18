"""People and their joints in any picture by rtmlib: YOLOX finds people, RTMPose or RTMW joints; local files only."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.control.openpose import Person
from configs.errors import EngineError

SURE = 0.3
"""Joints below this confidence are not drawn (DWPose's mark)."""
DETECTOR = "a YOLOX file for people (rtmlib's yolox_m_8xb8-300e_humanart .onnx)"
POSE = "an RTMPose or RTMW file (.onnx)"
WHOLE_BODY = 134
"""Points of a whole-body model with the neck added: 18 body, 6 feet, 68 face, 2 x 21 hands."""
_FACE, _HANDS = slice(24, 92), (slice(92, 113), slice(113, 134))


class PoseFinder:
    """Loads its models when first asked; works on the CPU."""

    def __init__(self, detector: Path | None, pose: Path | None) -> None:
        """Paths as the table has them; None where it says nothing."""
        self._detector, self._pose = detector, pose
        self._loaded: tuple[Any, Any] | None = None

    def missing(self) -> str:
        """'' when joints can be found, else one sentence: what to put where."""
        for path, what, key in ((self._detector, DETECTOR, "detector"), (self._pose, POSE, "pose")):
            if path is None:
                return f"no pose model is set: name {what} at preprocessors.pose.{key} of controlnet_config.yaml"
            if not path.is_file():
                return f"no pose model is installed: put {what} at {path}"
        if importlib.util.find_spec("rtmlib") is None:
            return "the package rtmlib is not installed: pip install --no-deps rtmlib"
        return ""

    def joints(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Per person (K, 3): x px, y px, confidence. OpenPose's 18 come first. Raises EngineError.

        rgb: (H, W, 3) uint8. [] when nobody is found.
        """
        detector, pose = self._models()
        # The detector was trained on BGR, the pose models on RGB (bgr_to_rgb in their mmpose configs): rtmlib converts
        # nothing (its issue 48).
        try:
            boxes = detector(np.ascontiguousarray(rgb[..., ::-1]))
            if len(boxes) == 0:
                return []
            points, scores = pose(np.ascontiguousarray(rgb), boxes)
        except Exception as error:  # onnxruntime's own and whatever a file of another form leads to
            raise self._unusable(" ".join(str(error).split())[:200]) from error
        if points.ndim != 3 or points.shape[1] < 18:
            raise self._unusable(f"it gives {points.shape[-2]} joints, not the 17 of COCO or more")
        return [np.concatenate([p, s[:, None]], 1).astype(np.float32) for p, s in zip(points, scores, strict=True)]

    def people(self, rgb: NDArray[np.uint8]) -> list[Person]:
        """Skeletons to draw, the smallest first, which usually is the farthest. Raises EngineError."""
        found = [person_of(table) for table in self.joints(rgb)]
        drawn = [person for person in found if np.isfinite(person.body[:, 0]).sum() >= 2]
        return sorted(drawn, key=lambda person: float(np.nanmax(person.body[:, 1]) - np.nanmin(person.body[:, 1])))

    def _models(self) -> tuple[Any, Any]:
        if self._loaded is None:
            if lacks := self.missing():
                raise EngineError("The pose in this picture cannot be found", lacks, "")
            from rtmlib import YOLOX, RTMPose

            try:
                with contextlib.redirect_stdout(io.StringIO()):  # rtmlib prints each file that it loads
                    detector = YOLOX(str(self._detector), backend="onnxruntime", device="cpu")
                    pose = RTMPose(str(self._pose), backend="onnxruntime", device="cpu", to_openpose=True)
                detector.model_input_size = _input_size(detector, (640, 640))
                high, wide = _input_size(pose, (256, 192))
                pose.model_input_size = (wide, high)
            except Exception as error:  # onnxruntime has no public base class for its errors
                raise self._unusable(" ".join(str(error).split())[:200]) from error
            self._loaded = (detector, pose)
        return self._loaded

    def _unusable(self, cause: str) -> EngineError:
        return EngineError("The pose models cannot be used", cause, f"Put {DETECTOR} and {POSE} where the table says")


def person_of(table: NDArray[np.float32]) -> Person:
    """A skeleton of one person's (K, 3) joints, unsure ones left out; K = 134 has hands and a face too."""
    points = np.where(table[:, 2:3] >= SURE, table[:, :2], np.float32(np.nan)).astype(np.float32)
    if len(points) < WHOLE_BODY:
        return Person(points[:18])
    return Person(points[:18], tuple(points[part] for part in _HANDS), points[_FACE])


def _input_size(tool: Any, usual: tuple[int, int]) -> tuple[int, int]:
    """(height, width) that the file itself asks for."""
    shape = tool.session.get_inputs()[0].shape
    given = shape[2:4] if len(shape) == 4 else []
    return (int(given[0]), int(given[1])) if all(isinstance(v, int) for v in given) and given else usual
