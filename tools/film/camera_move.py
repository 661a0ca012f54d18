"""Camera moves over a finished picture: where the window is, and how far things at other depths shift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.film.lexicon import lexicon
from tools.film.shot import Move

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""


@dataclass(frozen=True)
class Window:
    """What the camera sees at one moment, in pixels of the picture."""

    x: float
    y: float
    zoom: float
    """1 = the whole picture; it is how much things at the subject's depth are enlarged."""
    far_zoom: float
    """How much the farthest background is enlarged: less, when the camera travels."""
    shift_x: float
    shift_y: float
    """How far the farthest background moves against the subject, pixels."""


class CameraMove:
    """One move over a picture of `width` x `height` pixels.

    The window never leaves the picture and never cuts one of `faces` (boxes in pixels) that the picture holds whole.
    `subject` (x, y) is where a push goes to.
    """

    def __init__(
        self, move: Move, width: int, height: int, faces: Sequence[Box], subject: tuple[float, float], seed: int = 0
    ) -> None:
        plan = lexicon("motion")["moves"][move]
        self._size = width, height
        self._faces = [face for face in faces if _inside(face, width, height)]
        self._margin = float(lexicon("motion")["face_margin"]) * height
        self._zoom: Sequence[float] = plan["zoom"]
        self._parallax: Sequence[float] = plan["parallax"]
        self._shake = float(plan.get("shake", 0.0))
        self._seed = seed
        towards = float(plan.get("towards", 0.0))
        self._travels = move in ("push_in", "pull_out", "handheld")
        x0, y0, x1, y1 = plan["pan"]
        self._from = (width * (0.5 + x0), height * (0.5 + y0))
        self._to = (width * (0.5 + x1), height * (0.5 + y1))
        if towards:
            goal = (_mix(width / 2, subject[0], towards), _mix(height / 2, subject[1], towards))
            if move == "pull_out":
                self._from = goal
            else:
                self._to = goal

    def at(self, progress: float, seconds: float) -> Window:
        """The window at `progress` 0..1 of the shot, `seconds` after its start."""
        width, height = self._size
        eased = _ease(min(max(progress, 0.0), 1.0))
        zoom = _mix(self._zoom[0], self._zoom[1], eased)
        x, y = _mix(self._from[0], self._to[0], eased), _mix(self._from[1], self._to[1], eased)
        if self._shake:
            x += width * self._shake * _wander(seconds, self._seed)
            y += width * self._shake * _wander(seconds, self._seed + 7)
        zoom = self._spare_faces(zoom)
        half_w, half_h = width / zoom / 2, height / zoom / 2
        x, y = self._keep_faces(x, y, half_w, half_h)
        x, y = min(max(x, half_w), width - half_w), min(max(y, half_h), height - half_h)
        far = 1 + (zoom - 1) * (0.35 if self._travels else 1.0)
        a, b, c, d = self._parallax
        return Window(x, y, zoom, far, width * _mix(a, c, eased), height * _mix(b, d, eased))

    def _spare_faces(self, zoom: float) -> float:
        """The largest zoom up to the wished one at which all faces and their margin still fit."""
        if not self._faces:
            return zoom
        width, height = self._size
        span_x = max(face[2] for face in self._faces) - min(face[0] for face in self._faces) + self._margin
        span_y = max(face[3] for face in self._faces) - min(face[1] for face in self._faces) + self._margin
        return max(1.0, min(zoom, width / span_x, height / span_y))

    def _keep_faces(self, x: float, y: float, half_w: float, half_h: float) -> tuple[float, float]:
        edge = self._margin / 2
        for x0, y0, x1, y1 in self._faces:
            x = min(max(x, x1 + edge - half_w), x0 - edge + half_w)
            y = min(max(y, y1 + edge - half_h), y0 - edge + half_h)
        return x, y


def _inside(box: Box, width: int, height: int) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height


def _mix(a: float, b: float, part: float) -> float:
    return a + (b - a) * part


def _ease(part: float) -> float:
    """Smoothstep with some constant speed left in it, so that a move is never dead at a cut."""
    return 0.7 * (part * part * (3 - 2 * part)) + 0.3 * part


def _wander(seconds: float, seed: int) -> float:
    """-1..1, slow and never repeating within a shot: a hand that holds a camera."""
    phase = (seed % 97) * 0.731
    return (
        0.55 * math.sin(2 * math.pi * 0.43 * seconds + phase)
        + 0.3 * math.sin(2 * math.pi * 0.97 * seconds + 2.1 * phase)
        + 0.15 * math.sin(2 * math.pi * 1.9 * seconds + 3.3 * phase)
    )
