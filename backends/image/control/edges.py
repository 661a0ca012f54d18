"""Canny edges of a picture, by OpenCV: the one map that needs no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from configs.controlnet_config import Canny

BLUR_WIDTH = 1024
"""The width that `Canny.blur` is given for."""


def canny_edges(rgb: NDArray[np.uint8], canny: Canny) -> NDArray[np.bool_]:
    """(H, W): where (H, W, 3) uint8 RGB has an edge of the table's thresholds."""
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    sigma = canny.blur * max(grey.shape) / BLUR_WIDTH
    if sigma >= 0.3:  # a narrower kernel has one tap
        grey = cv2.GaussianBlur(grey, (0, 0), sigma)
    low, high = sorted((canny.low, canny.high))
    return np.asarray(cv2.Canny(grey, low, high) > 0)


def canny_map(rgb: NDArray[np.uint8], canny: Canny) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: white edges on black."""
    return np.repeat((canny_edges(rgb, canny) * np.uint8(255))[..., None], 3, axis=2)
