"""What the camera of a made clip looks at: planes of made worlds, photographs and flat cartoons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.footage.world import world

Rgba = NDArray[np.uint8]
"""(H, W, 4) uint8, not premultiplied."""
WIDTH, HEIGHT = 320, 180
_SIZE = (900, 1500)
"""Height and width of a plane's picture."""
PIXELS_PER_WIDTH = 1.2 * WIDTH
"""Pixels of a plane's picture per frame width, where the camera begins."""
FLAT = ("world", "photo", "cartoon", "sparse")
LAYERED = ("layers", "cartoon layers")
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "hubble_deep_field", "stereo_motorcycle")


@dataclass(frozen=True)
class Plane:
    """A picture that stands across the line of sight at `depth` (1: where the camera's moves are measured)."""

    picture: Rgba
    depth: float = 1.0


def photographs() -> list[str]:
    """Names for `photograph`: pictures that come with scikit-image and scikit-learn."""
    return [*PHOTOGRAPHS, "china.jpg", "flower.jpg"]


@lru_cache(maxsize=2)
def photograph(name: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8."""
    if name.endswith(".jpg"):
        from sklearn.datasets import load_sample_image

        return np.asarray(load_sample_image(name), np.uint8)
    from skimage import data

    found: Any = getattr(data, name)()
    picture = np.asarray(found[0] if isinstance(found, tuple) else found, np.uint8)
    return np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]


def planes(texture: str, seed: int) -> tuple[Plane, ...]:
    """The planes of a world, far to near. texture: one of FLAT or LAYERED."""
    pick = np.random.default_rng((seed, 11))
    match texture:
        case "world":
            return (Plane(_opaque(_shrunk(world(seed)))),)
        case "photo":
            return (Plane(_opaque(_spread(photograph(str(pick.choice(photographs()))), pick))),)
        case "cartoon":
            return (Plane(_opaque(_cartoon(pick, rich=True))),)
        case "sparse":
            return (Plane(_opaque(_cartoon(pick, rich=False))),)
    return _layers(texture, seed, pick)


def _layers(texture: str, seed: int, pick: np.random.Generator) -> tuple[Plane, ...]:
    drawn = texture == "cartoon layers"
    if drawn:
        far = _cartoon(pick, rich=True)
    elif pick.random() < 0.5:
        far = _shrunk(world(seed))
    else:
        far = _spread(photograph(str(pick.choice(photographs()))), pick)
    middle = 1 / float(pick.uniform(1.3, 1.9))
    near = middle / float(pick.uniform(1.25, 1.8))
    skin = None if drawn else _shrunk(world(seed + 7000))
    return (
        Plane(_opaque(far)),
        Plane(_row(pick, skin, ground=0.66, tall=(90, 220)), middle),
        Plane(_row(pick, skin, ground=0.8, tall=(40, 420)), near),
    )


def _opaque(rgb: NDArray[np.uint8]) -> Rgba:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(picture, _SIZE[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _spread(picture: NDArray[np.uint8], pick: np.random.Generator) -> NDArray[np.uint8]:
    """A photograph with its mirror pictures around it, at about its own size."""
    import cv2

    scale = float(pick.uniform(0.9, 1.4)) * 600 / picture.shape[1]
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=kind)
    down, across = (max(0, want - have) for want, have in zip(_SIZE, small.shape[:2], strict=True))
    edges = (down // 2, down - down // 2, across // 2, across - across // 2)
    wide = cv2.copyMakeBorder(small, *edges, cv2.BORDER_REFLECT_101)
    return np.asarray(wide[: _SIZE[0], : _SIZE[1]], np.uint8)


def _colour(pick: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in pick.integers(20, 250, 3))
    return red, green, blue


def _cartoon(pick: np.random.Generator, *, rich: bool) -> NDArray[np.uint8]:
    """Flat colours: sky, hills, clouds, houses and trees, few unless `rich`; some with an outline."""
    import cv2

    height, width = _SIZE
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = _colour(pick)
    line = (25, 20, 30) if pick.random() < 0.6 else None
    for _ in range(int(pick.integers(18, 30) if rich else pick.integers(5, 8))):
        centre = (int(pick.integers(0, width)), int(pick.integers(0, height * 6 // 10)))
        for _ in range(3):
            at = (centre[0] + int(pick.integers(-40, 40)), centre[1] + int(pick.integers(-10, 10)))
            _filled_ellipse(canvas, at, (int(pick.integers(20, 60)), int(pick.integers(12, 26))), _colour(pick), None)
    for layer in range(4 if rich else 2):
        level = height * (0.42 + 0.14 * layer)
        points = [(x, int(level + pick.normal(0, 30))) for x in range(-100, width + 200, int(pick.integers(90, 220)))]
        hill = np.array([*points, (width + 200, height), (-100, height)], np.int32)
        cv2.fillPoly(canvas, [hill], _colour(pick), cv2.LINE_AA)
        if line is not None:
            cv2.polylines(canvas, [hill], True, line, 3, cv2.LINE_AA)
        for _ in range(int(pick.integers(6, 12) if rich else pick.integers(3, 6))):
            _thing(canvas, pick, (int(pick.integers(0, width)), int(level + pick.integers(0, 60))), line)
    return canvas


def _filled_ellipse(
    canvas: NDArray[np.uint8], at: tuple[int, int], axes: tuple[int, int], colour: Any, line: Any
) -> None:
    import cv2

    cv2.ellipse(canvas, at, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    if line is not None:
        cv2.ellipse(canvas, at, axes, 0, 0, 360, line, 2, cv2.LINE_AA)


def _thing(canvas: NDArray[np.uint8], pick: np.random.Generator, foot: tuple[int, int], line: Any) -> None:
    """A house or a tree that stands at `foot`."""
    import cv2

    x, y = foot
    tall, wide = int(pick.integers(50, 150)), int(pick.integers(30, 90))
    if pick.random() < 0.5:
        cv2.rectangle(canvas, (x - wide, y - tall), (x + wide, y), _colour(pick), -1)
        roof = np.array([(x - wide - 8, y - tall), (x + wide + 8, y - tall), (x, y - tall - wide)], np.int32)
        cv2.fillPoly(canvas, [roof], _colour(pick), cv2.LINE_AA)
        for side in (-1, 1):
            left = x + side * wide // 2 - 10
            cv2.rectangle(canvas, (left, y - tall + 15), (left + 20, y - tall + 40), _colour(pick), -1)
        if line is not None:
            cv2.rectangle(canvas, (x - wide, y - tall), (x + wide, y), line, 2)
    else:
        cv2.rectangle(canvas, (x - 6, y - tall), (x + 6, y), _colour(pick), -1)
        _filled_ellipse(canvas, (x, y - tall), (wide, int(wide * 0.8)), _colour(pick), line)


def _row(pick: np.random.Generator, skin: NDArray[np.uint8] | None, *, ground: float, tall: tuple[int, int]) -> Rgba:
    """A strip of ground with posts and crowns; what is above is transparent. skin: its texture, or flat colours."""
    import cv2

    height, width = _SIZE
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = _colour(pick)
    mask = np.zeros((height, width), np.uint8)
    # Planes look at one point: their ground is below the frame's middle in the middle of the picture.
    level = int(height / 2 + (ground - 0.5) * PIXELS_PER_WIDTH * HEIGHT / WIDTH)
    mask[level:] = 255
    for _ in range(int(pick.integers(8, 14))):
        x, high, wide = int(pick.integers(0, width)), int(pick.integers(*tall)), int(pick.integers(10, 34))
        colour = _colour(pick)
        for canvas, value in ((rgb, colour), (mask, 255)):
            cv2.rectangle(canvas, (x - wide // 2, level - high), (x + wide // 2, height), value, -1)
            cv2.circle(canvas, (x, level - high), wide, value, -1, cv2.LINE_AA)
    for _ in range(160):
        at = (int(pick.integers(0, width)), int(pick.integers(level, height)))
        cv2.circle(rgb, at, int(pick.integers(3, 14)), _colour(pick), -1, cv2.LINE_AA)
    if skin is not None:
        rgb = np.asarray(cv2.addWeighted(rgb, 0.4, skin, 0.6, 0), np.uint8)
    return np.dstack([rgb, mask])
