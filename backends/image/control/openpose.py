"""OpenPose skeletons as pictures: the drawing that pose ControlNets were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Bones of the COCO-18 skeleton in OpenPose's drawing order (pairs of joints: nose, neck, right shoulder, elbow, wrist,
left ones, right hip, knee, ankle, left ones, right eye, left eye, right ear, left ear)."""
COLORS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""OpenPose's rainbow: joint i has colour i, bone i too."""
BONE_SHADE = 0.6
"""OpenPose draws bones at this opacity over black."""
STICK_SHARE = 1 / 128
"""Half width of a bone as a share of the picture's longer side: 4 px at 512, as OpenPose's annotator draws."""
FINGERS = tuple((0 if k == 0 else 4 * f + k, 4 * f + k + 1) for f in range(5) for k in range(4))
"""Bones of a hand of 21 points: wrist, then four points per finger."""

Points = NDArray[np.float32]


@dataclass(frozen=True)
class Person:
    """One skeleton; a joint whose x is NaN is not drawn."""

    body: Points
    """(18, 2) px."""
    hands: tuple[Points, ...] = ()
    """(21, 2) px each."""
    face: Points | None = None
    """(68, 2) px."""


def draw_people(people: Sequence[Person], width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: the skeletons on black, later ones over earlier ones (far people first)."""
    canvas = np.zeros((height, width, 3), np.uint8)
    for person in people:
        stick = _stick(person.body, width, height)
        _bones(canvas, person.body, stick)
        for hand in person.hands:
            _hand(canvas, hand, stick)
        if person.face is not None:
            _dots(canvas, person.face, (255, 255, 255), max(1, round(stick * 0.6)))
    return canvas


def _stick(body: Points, width: int, height: int) -> int:
    """Half width of the bones: OpenPose's for the picture, thinner for a small figure, whose bones would be blobs."""
    seen = body[np.isfinite(body[:, 0])]
    tall = float(np.ptp(seen, axis=0).max()) if len(seen) > 1 else 0.0
    return max(1, round(min(max(width, height) * STICK_SHARE, max(tall / 24, 1.0))))


def _bones(canvas: NDArray[np.uint8], body: Points, stick: int) -> None:
    import cv2

    drawn = np.isfinite(body[:, 0])
    for (a, b), color in zip(LIMBS, COLORS, strict=False):
        if not (drawn[a] and drawn[b]):
            continue
        (x0, y0), (x1, y1) = body[a].tolist(), body[b].tolist()
        outline = cv2.ellipse2Poly(
            (round((x0 + x1) / 2), round((y0 + y1) / 2)),
            (max(int(np.hypot(x1 - x0, y1 - y0) / 2), 1), stick),
            round(float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))), 0, 360, 4,
        )  # fmt: skip
        cv2.fillConvexPoly(canvas, outline, [c * BONE_SHADE for c in color], lineType=cv2.LINE_AA)
    for index, color in enumerate(COLORS):
        if drawn[index]:
            _dots(canvas, body[index : index + 1], color, stick)


def _hand(canvas: NDArray[np.uint8], hand: Points, stick: int) -> None:
    import cv2

    drawn = np.isfinite(hand[:, 0])
    for number, (a, b) in enumerate(FINGERS):
        if drawn[a] and drawn[b]:
            hue: Any = np.array([[[number * 180 // len(FINGERS), 255, 255]]], np.uint8)
            color = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
            ends = [tuple(round(v) for v in hand[i].tolist()) for i in (a, b)]
            cv2.line(canvas, ends[0], ends[1], color, max(1, stick // 2), cv2.LINE_AA)
    _dots(canvas, hand, (0, 0, 255), max(1, round(stick * 0.6)))


def _dots(canvas: NDArray[np.uint8], points: Points, color: tuple[int, int, int], radius: int) -> None:
    import cv2

    for x, y in points[np.isfinite(points[:, 0])].tolist():
        cv2.circle(canvas, (round(x), round(y)), radius, color, -1, cv2.LINE_AA)
