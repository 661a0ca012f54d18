"""How one picture gives way to another: dissolves, fades, wipes, pushes, drawn frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evals.footage.world import Rgb

Mask = NDArray[np.float32]

WIPES = (
    "left to right", "right to left", "top to bottom", "bottom to top", "diagonal", "diagonal back",
    "iris in", "iris out", "clock",
)  # fmt: skip
PUSHES = ("push left", "push right", "push up", "push down", "slide left", "slide right")


def mix(old: Rgb, new: Rgb, share: float) -> Rgb:
    """(1 - share) of the old picture and share of the new one, in the stored (gamma) values, as editors do."""
    import cv2

    return np.asarray(cv2.addWeighted(old, 1 - share, new, share, 0), np.uint8)


def fade_through(old: Rgb, new: Rgb, share: float, colour: tuple[int, int, int], hold: float = 0.0) -> Rgb:
    """The old picture fades to a colour, which stays for `hold` of the time, from which the new one rises."""
    flat = np.empty_like(old)
    flat[:] = colour
    side = (1 - hold) / 2
    if share < side:
        return mix(old, flat, share / side)
    if share > 1 - side:
        return mix(flat, new, (share - 1 + side) / side)
    return flat


def wiped(old: Rgb, new: Rgb, share: float, style: str, soft: float = 0.0) -> Rgb:
    """The new picture where the wipe has passed. soft: width of the edge as a share of the way."""
    mask = _mask(style, share, old.shape[:2], soft)[..., None]
    return np.asarray(old * (1 - mask) + new * mask + 0.5, np.uint8)


def irised(old: Rgb, new: Rgb, share: float) -> Rgb:
    """The old picture is closed by a circle to black, and the new one opens in one, as at a cartoon's end."""
    dark = np.zeros_like(old)
    if share < 0.5:
        return wiped(old, dark, 2 * share, "iris in")
    return wiped(dark, new, 2 * share - 1, "iris out")


def cross_zoomed(old: Rgb, new: Rgb, share: float) -> Rgb:
    """The old picture rushes nearer, the new one comes from nearer still; both are smeared outwards and mixed."""
    return mix(_rushed(old, 1 + 2 * share), _rushed(new, 3 - 2 * share), float(np.clip(2 * share - 0.5, 0, 1)))


def _rushed(picture: Rgb, scale: float) -> Rgb:
    """Grown about its middle, smeared over the last tenth of the way."""
    import cv2

    height, width = picture.shape[:2]
    total = np.zeros(picture.shape, np.float32)
    for step in np.linspace(1.0, 1.1, 6):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + (scale - 1) * float(step))
        total += cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(total / 6, np.uint8)


def pushed(old: Rgb, new: Rgb, share: float, style: str) -> Rgb:
    """Push: the new picture moves in and moves the old one out. Slide: it moves in over the old one, which stays."""
    kind, way = style.split()
    axis = 1 if way in ("left", "right") else 0
    length = old.shape[axis]
    at = min(length, max(0, round(share * length)))
    forward = way in ("left", "up")
    rest = old if kind == "slide" else np.roll(old, -at if forward else at, axis)
    out = rest.copy()
    if at:
        target = [slice(None), slice(None)]
        source = [slice(None), slice(None)]
        target[axis] = slice(length - at, None) if forward else slice(0, at)
        source[axis] = slice(0, at) if forward else slice(length - at, None)
        out[tuple(target)] = new[tuple(source)]
    return out


def _mask(style: str, share: float, size: tuple[int, int], soft: float) -> Mask:
    """(H, W) float32, 1 where the new picture is."""
    order = _order(style, size)
    edge = max(soft, 1e-3)
    return np.asarray(np.clip((share * (1 + edge) - order) / edge, 0, 1), np.float32)


def _order(style: str, size: tuple[int, int]) -> Mask:
    """(H, W) float32: the share of the wipe at which it reaches each pixel."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    x, y = x / (size[1] - 1), y / (size[0] - 1)
    ways: dict[str, Callable[[], Mask]] = {
        "left to right": lambda: x,
        "right to left": lambda: 1 - x,
        "top to bottom": lambda: y,
        "bottom to top": lambda: 1 - y,
        "diagonal": lambda: (x + y) / 2,
        "diagonal back": lambda: (1 - x + y) / 2,
        "iris out": lambda: _radius(x, y, size),
        "iris in": lambda: 1 - _radius(x, y, size),
        "clock": lambda: (np.arctan2(x - 0.5, 0.5 - y) / (2 * np.pi)) % 1,
    }
    return np.asarray(ways[style](), np.float32)


def _radius(x: Mask, y: Mask, size: tuple[int, int]) -> Mask:
    wide = size[1] / size[0]
    radius = np.hypot((x - 0.5) * wide, y - 0.5)
    return np.asarray(radius / radius.max(), np.float32)
