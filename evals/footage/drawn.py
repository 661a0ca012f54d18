"""Drawn shots: painted backgrounds in flat colours, and outlined figures on ones, twos or threes in front of them."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from evals.footage.defects_actors import Actor, Pose, actor, draw_actor
from evals.footage.transitions_shots import SIZE
from evals.footage.world import Rgb, look

PAPER = (720, 1280)
"""Height and width of a painted background."""
Colour = tuple[int, int, int]
ROLES = ("nobody", "walks", "talks", "stands")


@dataclass
class Figure:
    """Somebody in a drawn shot."""

    who: Actor
    role: str
    feet: tuple[float, float]
    """At the start, screen pixels."""
    speed: float = 0.0
    """Screen pixels per second."""


@dataclass
class DrawnShot:
    """One drawn take: `at(k)` is its frame k, (H, W, 3) uint8; any k. The camera moves on ones, figures are held."""

    picture: Rgb
    name: str
    fps: float
    hold: int
    """Frames that each drawing of a figure is shown."""
    size: tuple[int, int] = SIZE
    centre: tuple[float, float] = (640.0, 360.0)
    scale: float = 0.4
    speed: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    figures: list[Figure] = field(default_factory=list)

    def background(self, k: int) -> Rgb:
        seconds = k / self.fps
        place = self.centre[0] + self.speed[0] * seconds, self.centre[1] + self.speed[1] * seconds
        return look(self.picture, place, self.scale * self.zoom**seconds, 0.0, self.size).copy()

    def at(self, k: int) -> Rgb:
        frame = self.background(k)
        for figure in self.figures:
            self.act(frame, figure, k)
        return frame

    def act(self, frame: Rgb, figure: Figure, k: int) -> None:
        """Paint a figure as it is in frame k."""
        t = k // self.hold * self.hold / self.fps
        mouth = float(np.clip(np.sin(29 * t) * np.sin(10.7 * t + 1), 0, 1)) if figure.role == "talks" else 0.0
        eyes = 0.0 if (t + 0.3) % 2.4 < 0.13 else 1.0
        swing = 1.0 if figure.role == "walks" else 0.0
        x = figure.feet[0] + figure.speed * t
        draw_actor(frame, figure.who, (x, figure.feet[1]), Pose(7.0 * t, swing, mouth, eyes))


def make_drawn(
    pick: np.random.Generator, seed: int, fps: float, avoid: str = "", size: tuple[int, int] = SIZE
) -> DrawnShot:
    """A drawn take of a place other than `avoid`: half of them with a still camera, the others pan or move in."""
    number = seed * 1000 + int(pick.integers(0, 1000))
    if f"paper {number}" == avoid:
        number += 1
    view = float(pick.uniform(0.45, 0.85))
    shot = DrawnShot(
        paper(number), f"paper {number}", fps, int(pick.choice([1, 2, 2, 3])), size, scale=size[1] / (PAPER[1] * view)
    )
    shot.centre = (float(pick.uniform(0.4, 0.6)) * PAPER[1], float(pick.uniform(0.42, 0.58)) * PAPER[0])
    across = size[1] / shot.scale
    match pick.choice(["still", "pan", "in"], p=[0.5, 0.3, 0.2]):
        case "pan":
            shot.speed = (across * float(pick.uniform(0.05, 0.25)) * float(pick.choice([-1, 1])), 0.0)
        case "in":
            shot.zoom = float(pick.choice([0.93, 1.08, 1.15]))
    for _ in range(int(pick.choice([0, 1, 1, 2]))):
        shot.figures.append(make_figure(pick, size))
    return shot


def make_figure(pick: np.random.Generator, size: tuple[int, int] = SIZE, role: str | None = None) -> Figure:
    """Somebody of a third of the picture's height to nearly all of it, or nearer."""
    role = role or str(pick.choice(ROLES[1:]))
    tall = float(pick.uniform(0.35, 0.9)) * size[0]
    if role == "talks" and pick.random() < 0.5:
        tall *= 2.2
    who = actor(int(pick.integers(1 << 30)), tall)
    floor = float(pick.uniform(0.85, 0.97)) * size[0] if tall < size[0] else 0.2 * size[0] + 0.9 * tall
    speed = float(pick.choice([-1, 1])) * 0.5 * tall if role == "walks" else 0.0
    return Figure(who, role, (float(pick.uniform(0.25, 0.75)) * size[1], floor), speed)


@lru_cache(maxsize=8)
def paper(number: int) -> Rgb:
    """(720, 1280, 3) uint8: a painted place in flat colours, outlined in half of the cases."""
    pick = np.random.default_rng((23, number))
    canvas = np.zeros((*PAPER, 3), np.uint8)
    ways: list[Callable[[Rgb, np.random.Generator, int], None]] = [_hills, _room, _town, _shapes]
    ways[int(pick.integers(len(ways)))](canvas, pick, int(pick.choice([0, 0, 2, 3])))
    return canvas


def _paint(pick: np.random.Generator, low: float = 0.25, high: float = 0.98) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(pick.uniform(0, 1), pick.uniform(0.15, 0.85), pick.uniform(low, high))
    return int(red * 255), int(green * 255), int(blue * 255)


def _fill(canvas: Rgb, points: object, colour: Colour, outline: int) -> None:
    import cv2

    corners = np.asarray(points, np.int32)
    cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA)
    if outline:
        cv2.polylines(canvas, [corners], True, (25, 20, 30), outline, cv2.LINE_AA)


def _ball(canvas: Rgb, centre: tuple[int, int], radius: int, colour: Colour, outline: int) -> None:
    import cv2

    cv2.circle(canvas, centre, radius, colour, -1, cv2.LINE_AA)
    if outline:
        cv2.circle(canvas, centre, radius, (25, 20, 30), outline, cv2.LINE_AA)


def _sky(canvas: Rgb, pick: np.random.Generator, low: float = 0.4) -> None:
    top, bottom = np.asarray(_paint(pick, low)), np.asarray(_paint(pick, low))
    share = np.linspace(0, 1, PAPER[0])[:, None, None]
    canvas[:] = (top + (bottom - top) * share).astype(np.uint8)


def _hills(canvas: Rgb, pick: np.random.Generator, outline: int) -> None:
    height, width = PAPER
    _sky(canvas, pick)
    _ball(canvas, (int(pick.integers(0, width)), int(pick.integers(60, 240))), 55, _paint(pick, 0.8), outline)
    for row in range(4):
        crest = np.cumsum(pick.normal(0, 26, 14)) + height * (0.42 + 0.15 * row)
        points = [(0, height), *((width * n // 13, int(y)) for n, y in enumerate(crest)), (width, height)]
        _fill(canvas, points, _paint(pick), outline)
        for _ in range(6):
            x, y = int(pick.integers(0, width)), int(height * (0.44 + 0.15 * row) + pick.integers(0, 60))
            _fill(canvas, [(x - 6, y), (x + 6, y), (x + 6, y - 60), (x - 6, y - 60)], (90, 60, 40), outline)
            _ball(canvas, (x, y - 75), int(pick.integers(18, 44)), _paint(pick, 0.2, 0.8), outline)


def _room(canvas: Rgb, pick: np.random.Generator, outline: int) -> None:
    height, width = PAPER
    canvas[:] = _paint(pick, 0.5)
    floor = int(height * pick.uniform(0.62, 0.75))
    _fill(canvas, [(0, floor), (width, floor), (width, height), (0, height)], _paint(pick), outline)
    for _ in range(14):
        x, wide, tall = int(pick.integers(0, width)), int(pick.integers(40, 200)), int(pick.integers(50, 260))
        base = floor + int(pick.integers(-260, 60))
        colour = _paint(pick)
        _fill(canvas, [(x, base), (x + wide, base), (x + wide, base - tall), (x, base - tall)], colour, outline)
        inner = [(x + 12, base - 12), (x + wide - 12, base - 12), (x + wide - 12, base - tall // 2),
                 (x + 12, base - tall // 2)]  # fmt: skip
        _fill(canvas, inner, _paint(pick), outline)


def _town(canvas: Rgb, pick: np.random.Generator, outline: int) -> None:
    height, width = PAPER
    _sky(canvas, pick, 0.1)
    x = 0
    while x < width:
        wide, tall = int(pick.integers(70, 190)), int(pick.integers(220, 560))
        wall, lit, dark = _paint(pick, 0.15, 0.6), (250, 220, 120), _paint(pick, 0.1, 0.3)
        _fill(canvas, [(x, height), (x + wide, height), (x + wide, height - tall), (x, height - tall)], wall, outline)
        for left in range(x + 12, x + wide - 22, 34):
            for top in range(height - tall + 16, height - 40, 44):
                colour = lit if pick.random() < 0.4 else dark
                canvas[top : top + 24, left : left + 18] = colour
        x += wide + int(pick.integers(0, 40))


def _shapes(canvas: Rgb, pick: np.random.Generator, outline: int) -> None:
    height, width = PAPER
    canvas[:] = _paint(pick)
    for _ in range(60):
        centre = np.asarray([pick.integers(0, width), pick.integers(0, height)])
        around = np.sort(pick.uniform(0, 2 * np.pi, int(pick.integers(3, 9))))
        radius = float(pick.uniform(25, 130))
        points = centre + radius * np.stack([np.cos(around), np.sin(around)], axis=1)
        _fill(canvas, points, _paint(pick), outline)
