"""What floats in the air of a set: dust in low sun, pollen, fireflies, twinkling stars, rain."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tools.film.lexicon import lexicon


class Atmosphere:
    """Particles over a film of `width` x `height` pixels; the same seed gives the same air."""

    def __init__(self, place: str, time_of_day: str, width: int, height: int, seed: int) -> None:
        motion = lexicon("motion")
        self._plan = motion["atmosphere"][motion["airs"][place][time_of_day]]
        self._size = width, height
        chance = np.random.default_rng(seed)
        count = max(4, round(self._plan["count"] * width * height / 1e6))
        scale = height / 720
        low, high = self._plan["size"]
        self._at = chance.random((count, 2))
        if self._plan.get("sky"):
            self._at[:, 1] *= 0.42
        self._near = chance.random(count)
        self._radius = (low + (high - low) * self._near**2) * scale
        self._phase = chance.random(count) * 2 * np.pi
        self._beat = chance.uniform(0.25, 0.9, count)
        code = self._plan["colour"]
        self._colour = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32)

    def draw(self, frame: NDArray[np.uint8], seconds: float, shift_x: float = 0.0) -> None:
        """Add the particles to `frame` (H, W, 3) uint8 in place; `shift_x` in pixels follows the camera."""
        width, height = self._size
        speed = 0.5 + self._near
        x = (
            self._at[:, 0] * width + height * self._plan["drift"] * seconds * speed + shift_x * (1 + self._near)
        ) % width
        y = (self._at[:, 1] - self._plan["rise"] * seconds * speed) % 1.0 * height
        sway = 0 if self._plan["rise"] < -1 else np.sin(self._phase + seconds * 0.9) * height * 0.004
        glow = 1 - self._plan["twinkle"] * (0.5 + 0.5 * np.sin(self._phase + 2 * np.pi * self._beat * seconds))
        strength = self._plan["strength"] * glow * (0.55 + 0.45 * self._near)
        streak = self._plan.get("streak", 0.0)
        if streak:
            self._rain(frame, x, y, strength, streak * height)
            return
        for px, py, radius, power in zip(x + sway, y, self._radius, strength, strict=True):
            self._spot(frame, float(px), float(py), float(radius), float(power))

    def _spot(self, frame: NDArray[np.uint8], x: float, y: float, radius: float, power: float) -> None:
        sprite = _sprite(max(1, round(radius * 2)))
        half = sprite.shape[0] // 2
        left, top = round(x) - half, round(y) - half
        height, width = frame.shape[:2]
        x0, y0, x1, y1 = (
            max(left, 0),
            max(top, 0),
            min(left + sprite.shape[1], width),
            min(top + sprite.shape[0], height),
        )
        if x1 <= x0 or y1 <= y0:
            return
        weight = sprite[y0 - top : y1 - top, x0 - left : x1 - left, None] * power
        region = frame[y0:y1, x0:x1]
        region[:] = (region + (255 - region) * weight * (self._colour / 255)).astype(np.uint8)

    def _rain(self, frame: NDArray[np.uint8], x: NDArray, y: NDArray, strength: NDArray, length: float) -> None:
        import cv2

        veil = np.zeros(frame.shape[:2], np.uint8)
        slant = self._plan["drift"] / max(-self._plan["rise"], 0.1) * length
        for px, py, near, power in zip(x, y, self._near, strength, strict=True):
            reach = 0.5 + near
            start = (int(px), int(py))
            end = (int(px - slant * reach), int(py - length * reach))
            cv2.line(veil, start, end, int(255 * min(1.0, power)), 1, cv2.LINE_AA)
        tinted = (veil[..., None] * (self._colour / 255)).astype(np.uint8)
        cv2.add(frame, tinted, dst=frame)


@cache
def _sprite(size: int) -> NDArray[np.float32]:
    """(2n+1, 2n+1) 0..1: a soft disc with a bright middle."""
    reach = 2 * size
    grid = np.arange(-reach, reach + 1, dtype=np.float32) / size
    square = grid[:, None] ** 2 + grid[None, :] ** 2
    return np.asarray(0.75 * np.exp(-2.2 * square) + 0.25 * np.exp(-0.8 * square) * (square < 4), np.float32)
