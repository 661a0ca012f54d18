"""An explosion: a ball of fire that turns to smoke, with burning splinters; it happens once and is no loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.editing.drawn.particles import ONE, SHIFT, Loop, Rgba

SECONDS = 1.6
PUFFS, SPLINTERS = 110, 46
FIRE = np.array(
    [[44, 42, 42], [66, 46, 40], [176, 56, 14], [255, 132, 24], [255, 208, 88], [255, 248, 222]], np.float32
)
"""Smoke to white heat, sRGB."""
FADE = 0.45
"""Share of its time in which it goes away."""


@dataclass(frozen=True)
class _Blast:
    """(N,) values of its puffs: where they fly to, how large they get, how fast they cool, 0-1 when they begin."""

    way: NDArray[np.float64]
    size: NDArray[np.float64]
    cool: NDArray[np.float64]
    late: NDArray[np.float64]


def explosion(loop: Loop) -> Iterator[Rgba]:
    """Frames (H, W, 4) RGBA with straight alpha, of a square that it fills; the same loop gives the same pixels."""
    import cv2

    rng = np.random.default_rng([loop.seed, 7])
    angle, far = rng.uniform(0, 2 * math.pi, PUFFS), np.sqrt(rng.uniform(0, 1, PUFFS))
    blast = _Blast(
        np.stack([np.cos(angle) * far, np.sin(angle) * far * 0.8 - 0.12], 1),
        rng.uniform(0.3, 1.0, PUFFS) ** 1.3,
        rng.uniform(0.45, 2.2, PUFFS),
        rng.uniform(0, 0.06, PUFFS),
    )
    grain = _cloud(rng, loop.height, loop.width)
    flights = rng.uniform(-math.pi, 0.25 * math.pi, SPLINTERS), rng.uniform(0.35, 1.0, SPLINTERS)
    reach = (0.24 + 0.12 * loop.strength) * loop.height
    for number in range(loop.frames):
        time = (number + 1) / loop.frames
        heat, smoke = (np.zeros((loop.height, loop.width), np.float32) for _ in range(2))
        for n in range(PUFFS):
            _puff(heat, smoke, blast, n, time, reach)
        soft = loop.height / 130
        heat, smoke = (np.asarray(cv2.GaussianBlur(one, (0, 0), soft), np.float32) for one in (heat, smoke))
        rolled = np.roll(grain, -round(0.12 * time * loop.height), axis=0)
        heat, smoke = heat * (0.25 + 1.5 * rolled), smoke * (0.35 + 1.3 * rolled)
        hot = np.clip(1.2 * heat / np.maximum(heat + smoke, 1e-3), 0, 1) ** 1.15
        leaving = min(1.0, (1 - time) / FADE)
        picture = np.zeros((loop.height, loop.width, 4), np.uint8)
        steps = hot * (len(FIRE) - 1)
        low = np.minimum(steps.astype(np.int32), len(FIRE) - 2)
        share = (steps - low)[..., None]
        picture[..., :3] = (FIRE[low] * (1 - share) + FIRE[low + 1] * share).astype(np.uint8)
        alpha = (1 - np.exp(-2.6 * (heat + 1.3 * smoke))) * leaving
        picture[..., 3] = (255 * np.clip(alpha * _inside(loop), 0, 1)).astype(np.uint8)
        _splinters(picture, flights, time, reach)
        yield picture


def _puff(
    heat: NDArray[np.float32], smoke: NDArray[np.float32], blast: _Blast, n: int, time: float, reach: float
) -> None:
    import cv2

    age = time - float(blast.late[n])
    if age <= 0:
        return
    high, wide = heat.shape
    # Thrown out at once and slowed down by the air; smoke rises.
    out = 1 - math.exp(-10 * age)
    x = wide / 2 + float(blast.way[n, 0]) * reach * out
    y = high / 2 + float(blast.way[n, 1]) * reach * out - 0.3 * reach * age * age
    radius = max(1, round(float(blast.size[n]) * reach * (0.12 + 0.36 * math.sqrt(age)) * ONE))
    glow = math.exp(-4.5 * float(blast.cool[n]) * age)
    layer = np.zeros((high, wide), np.uint8)
    cv2.circle(layer, (round(x * ONE), round(y * ONE)), radius, 255, -1, cv2.LINE_AA, SHIFT)
    heat += layer * np.float32(0.5 * glow / 255)
    smoke += layer * np.float32(0.42 * (1 - glow) * math.exp(-0.8 * age) / 255)


def _splinters(
    picture: Rgba, flights: tuple[NDArray[np.float64], NDArray[np.float64]], time: float, reach: float
) -> None:
    import cv2

    high, wide = picture.shape[:2]
    out, before = (1 - math.exp(-4 * max(0.0, at)) for at in (time, time - 0.035))
    light = round(255 * max(0.0, 1 - 1.5 * time))
    if not light:
        return
    layer = np.zeros((high, wide), np.uint8)
    for angle, speed in zip(*flights, strict=True):
        ends = []
        for way, at in ((before, time - 0.035), (out, time)):
            x = wide / 2 + math.cos(angle) * speed * 1.9 * reach * way
            y = high / 2 + math.sin(angle) * speed * 1.9 * reach * way + 0.9 * reach * max(0.0, at) ** 2
            ends.append((round(x * ONE), round(y * ONE)))
        cv2.line(layer, ends[0], ends[1], light, max(1, round(high / 200)), cv2.LINE_AA, SHIFT)
    on = layer > picture[..., 3]
    picture[on, :3] = (255, 214, 120)
    picture[..., 3] = np.maximum(picture[..., 3], layer)


def _inside(loop: Loop) -> NDArray[np.float32]:
    """1 but at the square's border, so that smoke is never cut off by a straight line."""
    across, down = (np.minimum(np.arange(size) + 1, size - np.arange(size)) for size in (loop.width, loop.height))
    edge = np.minimum(across[None, :], down[:, None]) / (0.06 * loop.height)
    return np.minimum(1.0, edge).astype(np.float32)


def _cloud(rng: np.random.Generator, high: int, wide: int) -> NDArray[np.float32]:
    """(H, W) 0-1: noise of several sizes."""
    import cv2

    made = np.zeros((high, wide), np.float32)
    for cells, share in ((5, 0.45), (11, 0.3), (25, 0.17), (60, 0.08)):
        rough = rng.uniform(0, 1, (cells, cells)).astype(np.float32)
        made += share * np.asarray(cv2.resize(rough, (wide, high), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray((made - made.min()) / (made.max() - made.min()), np.float32)
