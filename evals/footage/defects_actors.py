"""Figures and things that move through made footage, drawn with their outline, so that masks are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]
SKIN: tuple[Colour, ...] = ((236, 188, 156), (198, 134, 92), (122, 78, 52), (250, 214, 190))


@dataclass(frozen=True)
class Actor:
    """Somebody drawn from plain shapes; `height` in pixels from head to foot."""

    shirt: Colour
    trousers: Colour
    hair: Colour
    skin: Colour
    height: float = 200.0

    def dressed(self, shirt: Colour, trousers: Colour) -> Actor:
        """The same in other clothes."""
        return replace(self, shirt=shirt, trousers=trousers)


def actor(seed: int, height: float = 200.0) -> Actor:
    """Someone of seeded colours."""
    pick = np.random.default_rng(seed)
    colours = [_vivid(pick) for _ in range(3)]
    return Actor(colours[0], colours[1], colours[2], SKIN[int(pick.integers(len(SKIN)))], height)


def _vivid(pick: np.random.Generator) -> Colour:
    import colorsys

    rgb = colorsys.hsv_to_rgb(pick.uniform(0, 1), pick.uniform(0.45, 0.95), pick.uniform(0.35, 0.95))
    return (int(rgb[0] * 255), int(rgb[1] * 255), int(rgb[2] * 255))


@dataclass(frozen=True)
class Pose:
    """stride: phase of the walk, radians (legs and arms swing with its sine), `swing` 0 standing to 1 walking;
    mouth: 0 shut to 1 wide open; eyes: 1 open, 0 shut; nod: degrees."""

    stride: float = 0.0
    swing: float = 0.0
    mouth: float = 0.0
    eyes: float = 1.0
    nod: float = 0.0


def draw_actor(canvas: Rgb, who: Actor, feet: tuple[float, float], pose: Pose) -> Mask:
    """Paint somebody onto (H, W, 3) `canvas`, standing at `feet` (x, y pixels); (H, W) True where they are seen."""
    before = canvas.copy()
    size = who.height
    x, y = feet
    hip, shoulder = (x, y - 0.46 * size), (x, y - 0.78 * size)
    thick = max(2, round(0.09 * size))
    for side in (-1, 1):
        angle = side * 0.5 * pose.swing * np.sin(pose.stride) + side * 0.06
        foot = (hip[0] + 0.46 * size * np.sin(angle), hip[1] + 0.46 * size * np.cos(angle))
        _limb(canvas, hip, foot, who.trousers, thick)
    for side in (-1, 1):
        angle = -side * 0.6 * pose.swing * np.sin(pose.stride) + side * 0.25
        hand = (shoulder[0] + 0.33 * size * np.sin(angle), shoulder[1] + 0.33 * size * np.cos(angle))
        _limb(canvas, (shoulder[0] + side * 0.09 * size, shoulder[1] + 0.02 * size), hand, who.skin, thick * 2 // 3)
    _limb(canvas, (x, y - 0.5 * size), (x, y - 0.72 * size), who.shirt, round(0.24 * size))
    _head(canvas, who, (x + 0.002 * size * pose.nod, y - 0.89 * size), 0.11 * size, pose)
    return np.asarray((canvas != before).any(axis=2))


def _head(canvas: Rgb, who: Actor, centre: tuple[float, float], radius: float, pose: Pose) -> None:
    x, y = centre
    _disc(canvas, (x, y - 0.25 * radius), (1.08 * radius, 1.02 * radius), who.hair)
    _disc(canvas, (x, y + 0.08 * radius), (0.86 * radius, 0.95 * radius), who.skin)
    for side in (-1, 1):
        _disc(canvas, (x + side * 0.36 * radius, y - 0.1 * radius), (0.17 * radius, 0.2 * radius), (250, 250, 250))
        _disc(canvas, (x + side * 0.36 * radius, y - 0.1 * radius), (0.09 * radius, 0.11 * radius), (30, 30, 40))
        if pose.eyes < 1:
            lid = 0.22 * radius * (1 - pose.eyes)
            _disc(canvas, (x + side * 0.36 * radius, y - 0.1 * radius), (0.2 * radius, lid), who.skin)
    _disc(canvas, (x, y + 0.55 * radius), (0.34 * radius, (0.05 + 0.22 * pose.mouth) * radius), (120, 30, 40))


def draw_thing(canvas: Rgb, seed: int, centre: tuple[float, float], radius: float, turn: float = 0.0) -> None:
    """Paint a patterned thing (ball or box) onto (H, W, 3) `canvas`. turn: degrees."""
    import cv2

    pick = np.random.default_rng(seed)
    one, two = _vivid(pick), _vivid(pick)
    if pick.random() < 0.5:
        _disc(canvas, centre, (radius, radius), one)
        _disc(canvas, (centre[0] - 0.25 * radius, centre[1] - 0.2 * radius), (0.45 * radius, 0.45 * radius), two)
    else:
        corners = np.array([(-1, -0.8), (1, -0.8), (1, 0.8), (-1, 0.8)]) * radius
        spin = np.deg2rad(turn)
        matrix = np.array([(np.cos(spin), -np.sin(spin)), (np.sin(spin), np.cos(spin))])
        for scale, colour in ((1.0, one), (0.55, two)):
            points = (corners * scale) @ matrix.T + centre
            cv2.fillConvexPoly(canvas, _fixed(points), colour, cv2.LINE_AA, shift=4)


def _limb(canvas: Rgb, one: tuple[float, float], other: tuple[float, float], colour: Colour, thick: int) -> None:
    import cv2

    start, end = (tuple(int(v) for v in _fixed(np.array(p))) for p in (one, other))
    cv2.line(canvas, start, end, colour, thick, cv2.LINE_AA, shift=4)


def _disc(canvas: Rgb, centre: tuple[float, float], axes: tuple[float, float], colour: Colour) -> None:
    import cv2

    at, size = _fixed(np.array(centre)), _fixed(np.array(axes))
    cv2.ellipse(
        canvas, (int(at[0]), int(at[1])), (int(size[0]), int(size[1])), 0, 0, 360, colour, -1, cv2.LINE_AA, shift=4
    )


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """In sixteenths of a pixel, as OpenCV draws with `shift=4`."""
    return np.asarray(np.round(points * 16), np.int32)
