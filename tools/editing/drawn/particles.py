"""Snow, rain, confetti, sparks and hearts, drawn by OpenCV as a loop without a seam."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rgba = NDArray[np.uint8]
SHIFT = 4
"""Fractional bits of OpenCV's coordinates: slow flakes would jump from pixel to pixel."""
ONE = 1 << SHIFT
CONFETTI = ((255, 92, 92), (255, 196, 61), (92, 214, 128), (77, 163, 255), (199, 125, 255), (255, 255, 255))
SHADE = (96, 112, 140)
"""The dark side of snow and rain."""
HEARTS = ((255, 77, 109), (255, 117, 143), (201, 24, 74), (255, 143, 163))


@dataclass(frozen=True)
class Loop:
    """What is drawn: at its end it looks as at its beginning."""

    width: int
    height: int
    fps: float
    seconds: float
    strength: float
    """0-1: how many and how strong."""
    seed: int

    @property
    def frames(self) -> int:
        return round(self.seconds * self.fps)


@dataclass(frozen=True)
class Swarm:
    """(N,) values of all particles; x and y 0-1, `laps` whole falls through the frame per loop."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    size: NDArray[np.float64]
    """0 (far) to 1 (near)."""
    laps: NDArray[np.int64]
    phase: NDArray[np.float64]
    """0-1, against the others'."""
    turns: NDArray[np.int64]
    """Sways or spins per loop."""
    kind: NDArray[np.int64]
    """Which of the colours."""

    def __len__(self) -> int:
        return len(self.x)


def draw(name: str, loop: Loop) -> Iterator[Rgba]:
    """The loop's frames, (H, W, 4) uint8 RGBA with straight alpha; the same loop gives the same pixels."""
    count, speed, paint, ground = KINDS[name]
    swarm = _swarm(loop, round(count * (0.35 + 1.3 * loop.strength)), speed)
    for number in range(loop.frames):
        picture = np.zeros((loop.height, loop.width, 4), np.uint8)
        picture[..., :3] = ground
        paint(picture, swarm, number / loop.frames, loop)
        yield picture


def _swarm(loop: Loop, count: int, speed: float) -> Swarm:
    """speed: heights per second of a near particle."""
    rng = np.random.default_rng([loop.seed, count])
    size = rng.beta(1.2, 2.2, count)
    laps = np.maximum(1, np.rint(speed * (0.45 + 0.55 * size) * rng.uniform(0.85, 1.15, count) * loop.seconds))
    return Swarm(
        rng.uniform(0, 1, count),
        rng.uniform(0, 1, count),
        np.sort(size),
        laps.astype(np.int64),
        rng.uniform(0, 1, count),
        rng.integers(1, 4, count) * rng.choice((-1, 1), count),
        rng.integers(0, 1000, count),
    )


def _fallen(swarm: Swarm, n: int, time: float, margin: float = 0.08) -> float:
    """How far down a particle is at a share of the loop, beyond both edges by `margin`."""
    return float((swarm.y[n] + swarm.laps[n] * time) % 1.0) * (1 + 2 * margin) - margin


def _sway(swarm: Swarm, n: int, time: float) -> float:
    return math.sin(2 * math.pi * (swarm.phase[n] + swarm.turns[n] * time))


def _snow(picture: Rgba, swarm: Swarm, time: float, loop: Loop) -> None:
    import cv2

    far, near = (np.zeros(picture.shape[:2], np.uint8) for _ in range(2))
    for n in range(len(swarm)):
        size = swarm.size[n]
        x = (swarm.x[n] + 0.02 * _sway(swarm, n, time)) * loop.width
        y = _fallen(swarm, n, time) * loop.height
        radius = max(1, round(loop.height * (0.0022 + 0.0075 * size) * ONE))
        light = round(255 * (0.45 + 0.5 * size))
        cv2.circle(far if size < 0.55 else near, _fixed(x, y), radius, light, -1, cv2.LINE_AA, SHIFT)
    alpha = np.maximum(far, cv2.GaussianBlur(near, (0, 0), loop.height / 400))
    # A cold shade around the near ones: white flakes before a white sky would not be there.
    around = cv2.GaussianBlur(cv2.dilate(near, np.ones((5, 5), np.uint8)), (0, 0), loop.height / 300)
    _edged(picture, alpha, np.asarray(cv2.convertScaleAbs(around, alpha=0.6) & 0xF0, np.uint8), SHADE)


def _rain(picture: Rgba, swarm: Swarm, time: float, loop: Loop) -> None:
    import cv2

    drops, shade = (np.zeros(picture.shape[:2], np.uint8) for _ in range(2))
    for n in range(len(swarm)):
        size = swarm.size[n]
        length = loop.height * (0.035 + 0.075 * size)
        y = _fallen(swarm, n, time, 0.12) * loop.height
        # The wind leans a drop as it falls: by the frame's end it is where it began, one width of lean further.
        x = (swarm.x[n] * 1.2 - 0.1) * loop.width - 0.12 * y
        light, thick = round(255 * (0.2 + 0.4 * size)), 1 if size < 0.5 else 2
        cv2.line(drops, _fixed(x, y), _fixed(x - 0.12 * length, y + length), light, thick, cv2.LINE_AA, SHIFT)
        beside = _fixed(x + thick, y), _fixed(x + thick - 0.12 * length, y + length)
        cv2.line(shade, *beside, round(0.55 * light), thick, cv2.LINE_AA, SHIFT)
    # The dark side of a drop is what is seen of it before a bright sky.
    _edged(picture, drops, shade, SHADE)


def _confetti(picture: Rgba, swarm: Swarm, time: float, loop: Loop) -> None:
    import cv2

    painted = np.zeros_like(picture)
    for n in range(len(swarm)):
        size = loop.height * (0.008 + 0.013 * swarm.size[n])
        x = (swarm.x[n] + 0.03 * _sway(swarm, n, time)) * loop.width
        y = _fallen(swarm, n, time) * loop.height
        flip = math.cos(2 * math.pi * (swarm.phase[n] + 3 * swarm.turns[n] * time))
        angle = 2 * math.pi * (swarm.phase[n] * 7 + swarm.turns[n] * time)
        corners = np.array([[-1, -0.6 * flip], [1, -0.6 * flip], [1, 0.6 * flip], [-1, 0.6 * flip]]) * size
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        points = np.rint((corners @ turn.T + (x, y)) * ONE).astype(np.int32)
        colour = np.array(CONFETTI[int(swarm.kind[n]) % len(CONFETTI)]) * (0.72 + 0.28 * abs(flip))
        cv2.fillConvexPoly(painted, points, (*(int(part) for part in colour), 255), cv2.LINE_AA, SHIFT)
    _straight(picture, painted)


def _sparks(picture: Rgba, swarm: Swarm, time: float, loop: Loop) -> None:
    import cv2

    core = np.zeros(picture.shape[:2], np.uint8)
    halo = np.zeros((loop.height // 4, loop.width // 4), np.uint8)
    for n in range(len(swarm)):
        size = swarm.size[n]
        age = 1 - _fallen(swarm, n, time, 0.0)
        x = (swarm.x[n] + 0.05 * age * _sway(swarm, n, time)) * loop.width
        y = (1.02 - age * (0.4 + 0.75 * size)) * loop.height
        # Alight for a third of its way: in daylight a spark that begins to fade at once is not seen.
        flicker = 0.65 + 0.35 * math.sin(2 * math.pi * (swarm.phase[n] + 9 * swarm.turns[n] * time))
        glow = min(1.0, 1.5 * (1 - age)) * flicker
        radius = max(1, round(loop.height * (0.003 + 0.0045 * size) * ONE))
        cv2.circle(halo, _fixed(x / 4, y / 4), radius, round(220 * glow), -1, cv2.LINE_AA, SHIFT)
        cv2.circle(core, _fixed(x, y), radius, round(255 * glow), -1, cv2.LINE_AA, SHIFT)
    halo = cv2.resize(cv2.GaussianBlur(halo, (0, 0), loop.height / 300), (loop.width, loop.height))
    heat = np.arange(256)[:, None] / 255
    picture[..., :3] = np.rint((1 - heat) * (255, 130, 30) + heat * (255, 232, 175)).astype(np.uint8)[core]
    # Few levels: a run-length code then holds the glow in a fifth of the bytes.
    picture[..., 3] = np.maximum(core, halo & 0xF0)


def _hearts(picture: Rgba, swarm: Swarm, time: float, loop: Loop) -> None:
    import cv2

    painted = np.zeros_like(picture)
    angle = np.linspace(0, 2 * math.pi, 36, endpoint=False)
    shape = np.stack([
        16 * np.sin(angle) ** 3,
        -(13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle)),
    ], 1) / 17  # fmt: skip
    for n in range(len(swarm)):
        size = loop.height * (0.012 + 0.035 * swarm.size[n])
        age = _fallen(swarm, n, time)
        x = (swarm.x[n] + 0.025 * _sway(swarm, n, time)) * loop.width
        y = (1 - age) * loop.height
        lean = 0.25 * _sway(swarm, n, time)
        turn = np.array([[math.cos(lean), -math.sin(lean)], [math.sin(lean), math.cos(lean)]])
        points = np.rint((shape * size @ turn.T + (x, y)) * ONE).astype(np.int32)
        colour = HEARTS[int(swarm.kind[n]) % len(HEARTS)]
        light = round(255 * min(1.0, 2.2 * (1 - age)) * (0.75 + 0.25 * swarm.size[n]))
        cv2.fillPoly(painted, [points], (*colour, max(0, light)), cv2.LINE_AA, SHIFT)
    _straight(picture, painted)


Paint = Callable[[Rgba, Swarm, float, Loop], None]
KINDS: dict[str, tuple[int, float, Paint, tuple[int, int, int]]] = {
    "snow": (230, 0.3, _snow, (255, 255, 255)),
    "rain": (320, 2.0, _rain, (214, 226, 240)),
    "confetti": (130, 0.38, _confetti, (230, 150, 150)),
    "sparks": (110, 0.42, _sparks, (255, 140, 40)),
    "hearts": (34, 0.26, _hearts, HEARTS[0]),
}
"""Particles at half strength, heights per second, how one is painted, and the colour where nothing is."""


def _fixed(x: float, y: float) -> tuple[int, int]:
    return round(x * ONE), round(y * ONE)


def _edged(picture: Rgba, alpha: NDArray[np.uint8], shade: NDArray[np.uint8], colour: tuple[int, int, int]) -> None:
    """Puts in what is light, and a shade of this colour where that is stronger."""
    picture[shade > alpha, :3] = colour
    picture[..., 3] = np.maximum(alpha, shade)


def _straight(picture: Rgba, painted: Rgba) -> None:
    """Puts in what was painted on transparent black: OpenCV fades edges into it, and their colour is brought back."""
    inside = painted[..., 3] > 0
    colour = painted[inside].astype(np.float32)
    peak = np.maximum(colour[:, :3].max(axis=1, keepdims=True), 1)
    colour[:, :3] *= np.minimum(255 / peak, 255 / np.maximum(colour[:, 3:], 1))
    picture[inside] = np.minimum(colour, 255).astype(np.uint8)
