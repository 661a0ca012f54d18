"""Changes of a picture's pixels that need no model: light, colour, sharpness, shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Mask = NDArray[np.uint8]
"""(H, W) uint8: 255 = fully, 0 = not at all."""
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)


def adjust(rgb: Rgb, name: str, strength: float = 1.0, mask: Mask | None = None) -> Rgb:
    """One adjustment of ADJUSTMENTS, only where `mask` says. Raises KeyError for another name."""
    strength = float(np.clip(strength, 0.0, 3.0))
    if mask is None:
        return ADJUSTMENTS[name](rgb, strength)
    if name == "blur":
        return blend(rgb, _blur_inside(rgb, strength, mask), mask)
    return blend(rgb, ADJUSTMENTS[name](rgb, strength), mask)


def blend(below: Rgb, above: Rgb, mask: Mask) -> Rgb:
    """`above` over `below` with `mask` as opacity; where it is 0 the pixels of `below` stay exactly."""
    share = mask.astype(np.float32)[..., None] / 255
    mixed = below + share * (above.astype(np.float32) - below)
    return np.asarray(mixed.round().clip(0, 255), np.uint8)


def tint(rgb: Rgb, colour: tuple[float, float, float], mask: Mask) -> Rgb:
    """The surface under `mask` in another colour (sRGB 0..1), its light and shade kept.

    In CIE LAB: hue and chroma are replaced, lightness moves to the colour's mean by a share, so that a dark surface can
    become a bright one and still has its shadows.
    """
    import cv2

    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    goal = cv2.cvtColor(np.asarray([[colour]], np.float32), cv2.COLOR_RGB2LAB)[0, 0]
    inside = mask > 127
    if not inside.any():
        return rgb
    mean = float(lab[..., 0][inside].mean())
    light = goal[0] + 0.75 * (lab[..., 0] - mean) * np.clip(goal[0] / max(mean, 12.0), 0.5, 1.6)
    own = lab[..., 1:] - lab[..., 1:][inside].mean(axis=0)
    made = np.dstack([np.clip(0.5 * lab[..., 0] + 0.5 * light, 0, 100), goal[1:] + 0.35 * own]).astype(np.float32)
    # what shines keeps its own colour: the sun in a coloured sky
    shine = np.clip((lab[..., :1] - max(90.0, mean + 4)) / 6, 0, 1)
    made = made + shine * (lab - made)
    painted = (cv2.cvtColor(made, cv2.COLOR_LAB2RGB).clip(0, 1) * 255).round().astype(np.uint8)
    return blend(rgb, painted, mask)


def crop_to(rgb: Rgb, ratio: tuple[int, int], focus: tuple[float, float] = (0.5, 0.5)) -> Rgb:
    """The largest part with this aspect ratio, as near to `focus` (shares of width and height) as it can be."""
    height, width = rgb.shape[:2]
    wide = min(width, max(1, round(height * ratio[0] / ratio[1])))
    tall = min(height, max(1, round(width * ratio[1] / ratio[0])))
    left = int(np.clip(round(focus[0] * width - wide / 2), 0, width - wide))
    top = int(np.clip(round(focus[1] * height - tall / 2), 0, height - tall))
    return np.ascontiguousarray(rgb[top : top + tall, left : left + wide])


def turn(rgb: Rgb, degrees: int, flip: str = "") -> Rgb:
    """Counter-clockwise by a multiple of 90, then mirrored: 'horizontal', 'vertical' or ''."""
    turned = np.rot90(rgb, degrees // 90 % 4)
    if flip:
        turned = turned[:, ::-1] if flip == "horizontal" else turned[::-1]
    return np.ascontiguousarray(turned)


def resize(rgb: Rgb, width: int, height: int) -> Rgb:
    """Lanczos in both directions."""
    from PIL import Image

    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS))


def pad(rgb: Rgb, left: int, top: int, right: int, bottom: int) -> tuple[Rgb, Mask]:
    """The picture on a larger canvas whose new part continues its edges softly; and the mask of the new part."""
    import cv2

    sides = (top, bottom, left, right)
    spread = cv2.copyMakeBorder(rgb, *sides, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(spread, (0, 0), max(1.0, max(sides) / 6))
    mask = cv2.copyMakeBorder(np.zeros(rgb.shape[:2], np.uint8), *sides, cv2.BORDER_CONSTANT, value=255)
    return blend(spread, soft, mask), mask


# -- the adjustments ---------------------------------------------------------------------------------------------------


def _curve(rgb: Rgb, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Rgb:
    table = change(np.linspace(0, 1, 256, dtype=np.float32))
    levels: Rgb = (table.clip(0, 1) * 255).round().astype(np.uint8)
    return levels[rgb]


def _contrast(rgb: Rgb, factor: float) -> Rgb:
    middle = float(np.clip(rgb.mean() / 255, 0.25, 0.75))
    return _curve(rgb, lambda levels: middle + (levels - middle) * np.float32(factor))


def _saturation(rgb: Rgb, factor: float) -> Rgb:
    grey = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    mixed = grey[..., None] + (rgb - grey[..., None]) * factor
    return np.asarray(mixed.round().clip(0, 255), np.uint8)


def _temperature(rgb: Rgb, amount: float) -> Rgb:
    gains = np.array([1 + 0.10 * amount, 1 + 0.02 * amount, 1 - 0.12 * amount], np.float32)
    gains /= float(gains @ np.array([0.2126, 0.7152, 0.0722], np.float32))
    return np.asarray((rgb * gains).round().clip(0, 255), np.uint8)


def _sharper(rgb: Rgb, strength: float) -> Rgb:
    import cv2

    soft = cv2.GaussianBlur(rgb, (0, 0), max(0.8, rgb.shape[1] / 900))
    return np.asarray(cv2.addWeighted(rgb, 1 + 0.8 * strength, soft, -0.8 * strength, 0), np.uint8)


def _blur(rgb: Rgb, strength: float) -> Rgb:
    import cv2

    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), max(0.5, strength * rgb.shape[1] / 110)), np.uint8)


def _blur_inside(rgb: Rgb, strength: float, mask: Mask) -> Rgb:
    """Blurred without what lies outside of the mask, whose colours would else make a halo round it."""
    import cv2

    weight = (mask.astype(np.float32) / 255)[..., None] ** 4
    reach = max(0.5, strength * rgb.shape[1] / 110)
    colours = cv2.GaussianBlur(rgb * weight, (0, 0), reach)
    amount = cv2.GaussianBlur(weight, (0, 0), reach)[..., None]
    made = np.where(amount > 1e-4, colours / np.maximum(amount, 1e-4), rgb)
    return np.asarray(made.round().clip(0, 255), np.uint8)


def _sepia(rgb: Rgb, strength: float) -> Rgb:
    toned = (rgb.astype(np.float32) @ _SEPIA.T).clip(0, 255)
    return np.asarray((rgb + min(strength, 1.0) * (toned - rgb)).round(), np.uint8)


def _vignette(rgb: Rgb, strength: float) -> Rgb:
    height, width = rgb.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    fall = 1 - 0.55 * min(strength, 1.6) * np.clip(np.hypot(x, y) - 0.55, 0, 1) ** 1.5
    return np.asarray((rgb * fall[..., None]).round().clip(0, 255), np.uint8)


ADJUSTMENTS: Mapping[str, Callable[[Rgb, float], Rgb]] = {
    # a gamma keeps black black and white white
    "brighter": lambda rgb, s: _curve(rgb, lambda v: v ** np.float32(1 / (1 + 0.45 * s))),
    "darker": lambda rgb, s: _curve(rgb, lambda v: v ** np.float32(1 + 0.45 * s)),
    "more_contrast": lambda rgb, s: _contrast(rgb, 1 + 0.3 * s),
    "less_contrast": lambda rgb, s: _contrast(rgb, 1 / (1 + 0.35 * s)),
    "warmer": _temperature,
    "cooler": lambda rgb, s: _temperature(rgb, -s),
    "more_colour": lambda rgb, s: _saturation(rgb, 1 + 0.35 * s),
    "less_colour": lambda rgb, s: _saturation(rgb, max(0.0, 1 - 0.4 * s)),
    "grey": lambda rgb, s: _saturation(rgb, 0.0),
    "sepia": _sepia,
    "sharper": _sharper,
    "blur": _blur,
    "invert": lambda rgb, s: np.asarray(255 - rgb, np.uint8),
    "vignette": _vignette,
}
