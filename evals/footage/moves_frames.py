"""Frames of a made clip: planes seen by a camera, things that move in front, light, blur and noise of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.footage.moves_worlds import HEIGHT, PIXELS_PER_WIDTH, WIDTH, Plane

Rgb = NDArray[np.uint8]


class Camera:
    """A camera before planes; each step moves what it sees of them on the screen, so that the step's truth is exact."""

    def __init__(self, planes: tuple[Plane, ...], *, ahead: float = 0.0) -> None:
        """ahead: how far it has gone ahead of where the planes were drawn for, in depths of the first plane."""
        self._planes = planes
        self._ahead = ahead
        # Planes are drawn so that the start sees them all at one size.
        self._views = []
        for plane in planes:
            height, width = plane.picture.shape[:2]
            scale = WIDTH / PIXELS_PER_WIDTH * plane.depth / (plane.depth - ahead)
            self._views.append(np.array([[scale, 0, -scale * width / 2], [0, scale, -scale * height / 2], [0, 0, 1]]))

    def turn(self, right: float, down: float) -> None:
        """Pan and tilt, frame widths and heights."""
        for index in range(len(self._views)):
            self._shift(index, -right * WIDTH, -down * HEIGHT)

    def zoom(self, factor: float) -> None:
        for index in range(len(self._views)):
            self._grow(index, factor)

    def roll(self, turns: float) -> None:
        """Clockwise; the picture turns the other way."""
        angle = -2 * np.pi * turns
        # The screen's y points down: a positive angle turns the picture clockwise.
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        self._views = [turn @ view for view in self._views]

    def push(self, factor: float) -> None:
        """Go so far ahead (back below 1) that the first plane grows by this factor."""
        ahead = 1 - (1 - self._ahead) / factor
        for index, plane in enumerate(self._planes):
            self._grow(index, (plane.depth - self._ahead) / max(plane.depth - ahead, 0.02))
        self._ahead = ahead

    def travel(self, right: float, down: float = 0.0) -> None:
        """Go sideways, in frame widths and heights on the first plane."""
        for index, plane in enumerate(self._planes):
            nearer = (1 - self._ahead) / max(plane.depth - self._ahead, 0.02)
            self._shift(index, -right * WIDTH * nearer, -down * HEIGHT * nearer)

    def views(self) -> list[NDArray[np.float64]]:
        """(2, 3) affine of each plane's picture to the screen, pixels from its middle."""
        return [view[:2].copy() for view in self._views]

    def _shift(self, index: int, x: float, y: float) -> None:
        self._views[index][:2, 2] += (x, y)

    def _grow(self, index: int, factor: float) -> None:
        self._views[index][:2] *= factor


def seen(
    planes: tuple[Plane, ...], views: list[NDArray[np.float64]], shake: tuple[float, float, float] = (0, 0, 0)
) -> Rgb:
    """The frame (HEIGHT, WIDTH, 3) uint8. shake: the hand's aim right and down in widths, its roll in degrees."""
    import cv2

    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    angle = np.deg2rad(-shake[2])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for number, (plane, view) in enumerate(zip(planes, views, strict=True)):
        matrix = turn @ view
        matrix[:, 2] += (WIDTH / 2 - 0.5 - shake[0] * WIDTH, HEIGHT / 2 - 0.5 - shake[1] * WIDTH)
        border = cv2.BORDER_REFLECT_101
        laid = cv2.warpAffine(plane.picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=border)
        frame = cv2.copyTo(laid[..., :3], laid[..., 3], frame) if number else np.ascontiguousarray(laid[..., :3])
    return np.asarray(frame, np.uint8)


@dataclass(frozen=True)
class Thing:
    """Something in front of the planes, given in the frame's own measure."""

    picture: NDArray[np.uint8]
    """(h, w, 4) uint8."""
    at: tuple[float, float]
    """Its middle at the start, frame widths and heights."""
    speed: tuple[float, float] = (0.0, 0.0)
    """Widths and heights per second."""
    bob: float = 0.0
    """How far it goes up and down as it walks, heights."""


def thing(pick: np.random.Generator, area: float, *, person: bool = False) -> NDArray[np.uint8]:
    """A figure or a vehicle-like shape, (h, w, 4) uint8, that covers about this share of the frame."""
    import cv2

    ratio = 0.5 if person else float(pick.uniform(0.6, 1.6))
    high = int(np.sqrt(area * WIDTH * HEIGHT / ratio / 0.8))
    wide = max(8, int(high * ratio))
    rgb = np.empty((high, wide, 3), np.uint8)
    rgb[:] = pick.integers(20, 240, 3)
    mask = np.zeros((high, wide), np.uint8)
    if person:
        cv2.circle(mask, (wide // 2, high // 6), high // 7, 255, -1, cv2.LINE_AA)
        cv2.ellipse(mask, (wide // 2, high * 5 // 8), (wide // 2 - 1, high * 3 // 8), 0, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(mask, (0, high // 5), (wide, high), 255, -1)
        cv2.ellipse(mask, (wide // 2, high // 4), (wide // 2 - 1, high // 4), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for _ in range(int(pick.integers(6, 20))):
        colour = tuple(int(value) for value in pick.integers(0, 255, 3))
        at = (int(pick.integers(0, wide)), int(pick.integers(0, high)))
        cv2.circle(rgb, at, int(pick.integers(2, max(3, high // 8))), colour, -1, cv2.LINE_AA)
    return np.dstack([rgb, mask])


def put_in_front(frame: Rgb, one: Thing, seconds: float) -> Rgb:
    """The frame with the thing where it is then."""
    import cv2

    height, width = one.picture.shape[:2]
    x = (one.at[0] + one.speed[0] * seconds) * WIDTH - width / 2
    y = (one.at[1] + one.speed[1] * seconds + one.bob * abs(np.sin(2 * np.pi * 1.8 * seconds))) * HEIGHT - height / 2
    if x > WIDTH or y > HEIGHT or x + width < 0 or y + height < 0:
        return frame
    matrix = np.array([[1, 0, x], [0, 1, y]])
    laid = cv2.warpAffine(one.picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    alpha = laid[..., 3:].astype(np.uint16)
    return np.asarray((laid[..., :3] * alpha + frame * (255 - alpha)) // 255, np.uint8)


@dataclass(frozen=True)
class Recording:
    """What a recording does to the picture."""

    light: float = 0.0
    """How far brightness swings, a share of it."""
    light_period: float = 2.0
    """Seconds."""
    noise: float = 0.0
    """Standard deviation of the sensor's noise, grey levels."""
    quality: int = 90
    """JPEG quality of the coding, 100 for none."""
    shutter: float = 0.5
    """Share of a frame's time that the shutter is open."""


def recorded(
    frames: Iterator[tuple[Rgb, tuple[float, float]]], recording: Recording, fps: float, seed: int
) -> Iterator[Rgb]:
    """Frames with blur along (right, down) pixels that the picture moves by in a frame's time, light, noise, coding."""
    import cv2

    pick = np.random.default_rng((seed, 13))
    sensor = pick.normal(0, 1, (2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32) if recording.noise else None
    for number, (frame, (dx, dy)) in enumerate(frames):
        picture = _blurred(frame, dx * recording.shutter, dy * recording.shutter)
        if recording.light or recording.noise:
            gain = 1 + recording.light * np.sin(2 * np.pi * number / fps / recording.light_period)
            changed = picture * np.float32(gain)
            if sensor is not None:
                down, across = int(pick.integers(HEIGHT)), int(pick.integers(WIDTH))
                changed += sensor[down : down + HEIGHT, across : across + WIDTH] * np.float32(recording.noise)
            picture = np.asarray(changed.clip(0, 255), np.uint8)
        if recording.quality < 100:
            coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, recording.quality])[1]
            picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        yield picture


def _blurred(frame: Rgb, dx: float, dy: float) -> Rgb:
    import cv2

    length = round(float(np.hypot(dx, dy)))
    if length < 2:
        return frame
    size = length | 1
    kernel = np.zeros((size, size), np.float32)
    middle, far = size // 2, size / 2 / max(abs(dx), abs(dy))
    ends = [(round(middle + sign * dx * far), round(middle + sign * dy * far)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return np.asarray(cv2.filter2D(frame, -1, kernel / kernel.sum()), np.uint8)
