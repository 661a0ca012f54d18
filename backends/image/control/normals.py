"""Normals as a picture, and normals guessed from a depth map.

The colours are those of ControlNet's normal nets (ControlNet 1.1, NYU's and ScanNet's protocol): blue faces the camera,
red faces left, green faces up. Rendering programs often have red to the right: flip the first channel of their maps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ASSUMED_FOV_DEG = 50.0
"""Horizontal angle of view of a picture whose camera nobody knows."""
FAR_TO_NEAR = 6.0
"""Inverse depth has no scale: the farthest thing is taken to be this many times as far away as the nearest."""


def encode(normals: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(H, W, 3) unit normals in camera axes right, down, forward -> (H, W, 3) uint8 RGB."""
    colours = normals * np.array([-0.5, -0.5, -0.5], np.float32) + 0.5
    return np.asarray(np.clip(np.rint(colours * 255), 0, 255), np.uint8)


def from_nearness(nearness: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Normal map of a relative inverse depth (H, W) 0..1, 1 = near: an estimate, good for shapes, not for angles."""
    import cv2

    height, width = nearness.shape
    smooth = cv2.GaussianBlur(nearness.astype(np.float32), (0, 0), max(0.8, width / 512))
    z = 1.0 / (1 / FAR_TO_NEAR + (1 - 1 / FAR_TO_NEAR) * np.clip(smooth, 0, 1))
    focal = width / 2 / np.tan(np.radians(ASSUMED_FOV_DEG / 2))
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None] / focal * z
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None] / focal * z
    points = np.stack([x, y, z], -1)
    across, along = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normals = np.cross(along, across)  # towards the camera: forward is negative
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return encode(normals)
