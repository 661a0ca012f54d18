"""Control maps of a drawn shot, exact and of the frame's own size: never to be preprocessed again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.render import LayoutFrame

LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Bones of the COCO-18 skeleton in OpenPose's drawing order (pairs of JOINTS indices)."""
COLORS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""OpenPose's rainbow: joint i has colour i, bone i too."""
BONE_SHADE = 0.6
"""OpenPose draws bones at this opacity over black."""
FOREGROUND_REACH = 2.2
"""The map spans the characters' depths and this many times as far, where the set is (m beyond, at least)."""

Map = NDArray[np.uint8]


def depth_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: near = white, far = black, the sky black.

    Inverse depth, as the estimators give that depth ControlNets were trained on, normalised over the foreground:
    the nearest thing is white, and what lies far behind the characters runs out to black.
    """
    depth = frame.depth
    seen = np.isfinite(depth)
    result = np.zeros(depth.shape, np.float32)
    if seen.any():
        people = seen & (frame.owner > 1)
        near = float(np.percentile(depth[seen], 0.5))
        basis = depth[people] if people.any() else depth[seen]
        far = max(float(np.percentile(basis, 99.5)) * FOREGROUND_REACH, near * 1.5)
        low, high = 1 / far, 1 / near
        result[seen] = np.clip((1 / depth[seen] - low) / (high - low), 0, 1)
        # What lies beyond keeps a little order instead of one flat black.
        result[seen] = 0.08 * np.clip(near / depth[seen], 0, 1) + 0.92 * result[seen]
    return np.repeat(np.rint(result * 255).astype(np.uint8)[..., None], 3, 2)


def normal_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: camera-space normals, red = right, green = up, blue = to the camera; the sky faces it."""
    local = np.zeros_like(frame.normal)
    if frame.kept is not None:
        local = (frame.normal @ frame.kept.camera.axes.T.astype(np.float32)) * np.array([1, -1, -1], np.float32)
    local[~np.isfinite(frame.depth)] = (0, 0, 1)
    return np.asarray(np.clip(np.rint((local * 0.5 + 0.5) * 255), 0, 255), np.uint8)


def pose_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: OpenPose skeletons (COCO-18, its colours) on black, of the joints that are seen."""
    import cv2

    height, width = frame.depth.shape
    canvas = np.zeros((height, width, 3), np.uint8)
    stick = max(1, round(min(height, width) / 128))
    for joints in frame.joints.values():
        points = [(p[0], p[1]) if np.isfinite(p).all() and p[2] > 0 else None for p in joints]
        for (a, b), color in zip(LIMBS, COLORS, strict=False):
            start, end = points[a], points[b]
            if start is None or end is None:
                continue
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
            length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
            angle = float(np.degrees(np.arctan2(end[1] - start[1], end[0] - start[0])))
            outline = cv2.ellipse2Poly((round(middle[0]), round(middle[1])), (max(int(length / 2), 1), stick),
                                       round(angle), 0, 360, 4)  # fmt: skip
            cv2.fillConvexPoly(canvas, outline, [c * BONE_SHADE for c in color], lineType=cv2.LINE_AA)
        for point, color in zip(points, COLORS, strict=True):
            if point is not None:
                cv2.circle(canvas, (round(point[0]), round(point[1])), stick, color, -1, lineType=cv2.LINE_AA)
    return canvas


def canny_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: white lines on black where the owner, the form or the picture changes."""
    import cv2

    normals = normal_map(frame)
    edges = cv2.Canny(normals, 90, 200)
    owner = frame.owner
    border = np.zeros(owner.shape, bool)
    border[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    border[1:] |= owner[1:] != owner[:-1]
    edges[border] = 255
    # Features without form of their own (lips, irises, stripes) come from the picture, inside characters only.
    features = cv2.Canny(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), 70, 160)
    edges[(frame.owner > 1) & (features > 0)] = 255
    return np.repeat(edges[..., None], 3, 2)
