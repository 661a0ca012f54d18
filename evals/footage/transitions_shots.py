"""Shots made of worlds and photographs: a camera that pans, zooms and shakes, and objects that move in front."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from evals.footage.world import Rgb, look, world

TUNING_PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "hubble_deep_field", "brick", "camera", "immunohistochemistry")
"""For seeds below 1000."""
REPORT_PHOTOGRAPHS = ("china", "flower", "rocket", "retina", "gravel", "coins", "grass", "stereo_motorcycle")
"""For other seeds: no picture that thresholds were chosen with is reported on."""
SIZE = (180, 320)
"""Height and width of the frames."""
_WORLD = (720, 1280)


@lru_cache(maxsize=8)
def photograph(name: str) -> Rgb:
    """A photograph that comes with scikit-image or scikit-learn, (H, W, 3) uint8, grown to cover 1280 x 720."""
    import cv2

    if name in ("china", "flower"):
        picture = import_module("sklearn.datasets").load_sample_image(f"{name}.jpg")
    else:
        found = getattr(import_module("skimage.data"), name)()
        picture = found[0] if isinstance(found, tuple) else found
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    scale = max(_WORLD[0] / picture.shape[0], _WORLD[1] / picture.shape[1])
    grown = cv2.resize(np.ascontiguousarray(picture[..., :3]), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown, np.uint8)


@lru_cache(maxsize=8)
def small_world(seed: int) -> Rgb:
    """A world of 1280 x 720."""
    return world(seed, _WORLD)


@dataclass
class Sprite:
    """A textured ellipse that moves through the picture and may sway."""

    texture: Rgb
    mask: NDArray[np.float32]
    start: tuple[float, float]
    speed: tuple[float, float]
    sway: tuple[float, float]

    def draw(self, frame: Rgb, at: float) -> None:
        """at: seconds."""
        height, width = self.mask.shape[:2]
        x = round(self.start[0] + self.speed[0] * at + self.sway[0] * np.sin(2 * np.pi * self.sway[1] * at) - width / 2)
        y = round(self.start[1] + self.speed[1] * at - height / 2)
        top, left = max(0, y), max(0, x)
        bottom, right = min(frame.shape[0], y + height), min(frame.shape[1], x + width)
        if top >= bottom or left >= right:
            return
        inside = np.s_[top - y : bottom - y, left - x : right - x]
        below = frame[top:bottom, left:right]
        mask = self.mask[inside]
        below[:] = (below * (1 - mask) + self.texture[inside] * mask).astype(np.uint8)


@dataclass
class Shot:
    """One take: `at(k)` is its frame k, (H, W, 3) uint8; any k, also beyond its nominal length."""

    picture: Rgb
    name: str
    fps: float
    size: tuple[int, int] = SIZE
    centre: tuple[float, float] = (640.0, 360.0)
    scale: float = 0.5
    speed: tuple[float, float] = (0.0, 0.0)
    """World pixels per second."""
    zoom: float = 1.0
    """Growth per second."""
    roll: float = 0.0
    """Degrees per second."""
    shake: float = 0.0
    """Screen pixels."""
    grain: float = 0.0
    sprites: list[Sprite] = field(default_factory=list)
    seed: int = 0

    def at(self, k: int) -> Rgb:
        seconds = k / self.fps
        scale = self.scale * self.zoom**seconds
        jolt = self._jolt(seconds) / scale
        x = self.centre[0] + self.speed[0] * seconds + jolt[0]
        y = self.centre[1] + self.speed[1] * seconds + jolt[1]
        frame = look(self.picture, (x, y), scale, self.roll * seconds, self.size).copy()
        for sprite in self.sprites:
            sprite.draw(frame, seconds)
        if self.grain:
            noise = np.random.default_rng((self.seed, k + 1000)).normal(0, self.grain, (*frame.shape[:2], 1))
            frame = np.asarray((frame + noise).clip(0, 255), np.uint8)
        return frame

    def _jolt(self, seconds: float) -> NDArray[np.float64]:
        """Hand shake: a few incommensurate swings."""
        if not self.shake:
            return np.zeros(2)
        phase = np.random.default_rng(self.seed).uniform(0, 6.28, (2, 3))
        rates = np.asarray([1.7, 4.3, 9.1]) * 2 * np.pi * seconds
        return np.asarray(self.shake * (np.sin(rates + phase) * [1.0, 0.5, 0.25]).sum(axis=1))


def pick_picture(pick: np.random.Generator, seed: int, avoid: str = "") -> tuple[str, Rgb]:
    """A world or a photograph (half and half) by the seed's set, other than `avoid`."""
    if pick.random() < 0.5:
        names = [n for n in (TUNING_PHOTOGRAPHS if seed < 1000 else REPORT_PHOTOGRAPHS) if n != avoid]
        name = str(pick.choice(names))
        return name, photograph(name)
    number = seed * 1000 + int(pick.integers(0, 1000))
    return f"world {number}", small_world(number)


def make_shot(pick: np.random.Generator, seed: int, fps: float, avoid: str = "", size: tuple[int, int] = SIZE) -> Shot:
    """A take of a world or photograph: a third static, the others pan, zoom, roll or are held by hand."""
    name, picture = pick_picture(pick, seed, avoid)
    height, width = picture.shape[:2]
    scale = float(pick.uniform(1.0, 2.0)) * size[1] / width
    centre = (float(pick.uniform(0.3, 0.7)) * width, float(pick.uniform(0.3, 0.7)) * height)
    shot = Shot(picture, name, fps, size, centre, scale, seed=int(pick.integers(0, 2**31)))
    view = size[1] / scale
    turn = pick.uniform(0, 2 * np.pi)
    match pick.choice(["static", "slow", "pan", "zoom", "hand", "roll"], p=[0.3, 0.2, 0.15, 0.15, 0.15, 0.05]):
        case "slow":
            shot.speed = (view * 0.04 * np.cos(turn), view * 0.02 * np.sin(turn))
        case "pan":
            across = float(pick.uniform(0.1, 0.35)) * float(pick.choice([-1, 1]))
            shot.speed = (view * across, view * 0.02 * np.sin(turn))
        case "zoom":
            shot.zoom = float(pick.choice([0.85, 0.92, 1.08, 1.2]))
        case "hand":
            shot.shake = float(pick.uniform(0.8, 3.0))
        case "roll":
            shot.roll = float(pick.uniform(-6, 6))
    shot.grain = float(pick.choice([0, 0, 2, 4]))
    if pick.random() < 0.5:
        shot.sprites = [make_sprite(pick, seed, size) for _ in range(int(pick.integers(1, 4)))]
    return shot


def make_sprite(
    pick: np.random.Generator, seed: int, size: tuple[int, int] = SIZE, radius: float | None = None, fast: float = 1.0
) -> Sprite:
    """An object of a fifth of the picture's height or so that moves up to 0.3 * `fast` widths per second."""
    import cv2

    _, source = pick_picture(pick, seed)
    height, width = size
    half = radius or float(pick.uniform(0.08, 0.3)) * height
    tall, wide = int(2 * half), int(2 * half * pick.uniform(0.5, 1.3))
    y, x = int(pick.integers(0, source.shape[0] - 200)), int(pick.integers(0, source.shape[1] - 200))
    texture = cv2.resize(source[y : y + 200, x : x + 200], (wide, tall), interpolation=cv2.INTER_AREA)
    mask = np.zeros((tall, wide, 1), np.float32)
    cv2.ellipse(mask, (wide // 2, tall // 2), (max(1, wide // 2 - 1), max(1, tall // 2 - 1)), 0, 0, 360, 1.0, -1)
    speed = (width * float(pick.uniform(-0.3, 0.3)) * fast, width * float(pick.uniform(-0.05, 0.05)) * fast)
    sway = (float(pick.uniform(0, 8)), float(pick.uniform(0.3, 2)))
    start = (float(pick.uniform(0.15, 0.85)) * width, float(pick.uniform(0.3, 0.9)) * height)
    return Sprite(np.asarray(texture, np.uint8), mask, start, speed, sway)
