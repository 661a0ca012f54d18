"""How far a finished picture follows the control map that steered it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ControlMap


class MapModels(Protocol):
    """What looks at a finished picture: `backends.image.control.models.MapModels`; None where it cannot."""

    def depth(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """(H, W) inverse depth, larger = nearer, of (H, W, 3) uint8 RGB; None when there is no depth model."""

    def joints(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]] | None:
        """Per person (18, 3): x px, y px, confidence; None when there is no pose model."""


def adherence(control: ControlMap, rgb: NDArray[np.uint8], models: MapModels | None = None) -> float | None:
    """0 (ignores it) to 1 (follows it) for a picture (H, W, 3) uint8 RGB; None: not measured, no model for that kind."""
    import cv2

    if control.kind != "canny":
        return None
    wanted = control.image.max(axis=2) > 127
    found = cv2.Canny(cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1.0), 100, 200) > 0
    if found.shape != wanted.shape or not wanted.any():
        return None
    near = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float((wanted & near).sum() / wanted.sum())
