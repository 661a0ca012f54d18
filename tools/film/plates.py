"""A picture taken apart for 2.5D: a background filled in behind the characters, and one cut-out per character."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tools.film.layers import Layers

_SPREAD = 4
"""Pixels around a character that carry its soft edge and glow, and so belong to neither plate."""
_LEAST = 0.0006
"""Characters with a smaller share of the picture stay part of the background."""
_FAR_METRES = 1.0e3


@dataclass
class Cutout:
    """One character as a layer of its own, full picture size."""

    name: str
    rgb: NDArray[np.uint8]
    """(H, W, 3); outside the character it continues its edge colours."""
    alpha: NDArray[np.float32]
    """(H, W) 0..1."""
    nearness: float
    """Subject depth / own depth: 1 moves with the subject, 0 with the far background."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the cut-out in pixels."""
    face: tuple[float, float, float, float] | None = None


@dataclass
class Plates:
    background: NDArray[np.uint8]
    nearness: NDArray[np.float32]
    """(H/4, W/4) subject depth / depth per background pixel, smooth."""
    sky: NDArray[np.float32]
    """(H/4, W/4) 0..1, smooth."""
    cutouts: list[Cutout] = field(default_factory=list)
    """Farthest first."""


def take_apart(rgb: NDArray[np.uint8], layers: Layers | None, names: list[str], focus: str | None) -> Plates:
    """Plates of a picture. Without layers the whole picture is one flat background."""
    height, width = rgb.shape[:2]
    low = (max(2, width // 4), max(2, height // 4))
    if layers is None:
        flat = np.ones((low[1], low[0]), np.float32)
        return Plates(rgb, flat, np.zeros_like(flat))
    import cv2

    masks = {name: layers.mask(name) for name in names}
    masks = {name: mask for name, mask in masks.items() if mask.mean() >= _LEAST}
    depth = np.minimum(layers.depth, _FAR_METRES)
    subject = _subject_depth(depth, masks, focus)
    everyone = np.zeros((height, width), np.uint8)
    for mask in masks.values():
        everyone |= mask.astype(np.uint8)
    hole = cv2.dilate(everyone, _disc(_SPREAD)) > 0
    background = fill_background(rgb, hole) if masks else rgb
    plain_depth = (
        fill_holes(np.repeat(np.log(depth)[..., None], 3, axis=2).astype(np.float32), hole)[..., 0]
        if masks
        else np.log(depth)
    )
    small = cv2.GaussianBlur(cv2.resize(plain_depth.astype(np.float32), low, interpolation=cv2.INTER_AREA), (0, 0), 4)
    nearness = np.clip(subject / np.exp(small), 0.0, 1.6).astype(np.float32)
    sky = (layers.depth >= _FAR_METRES).astype(np.float32)
    sky = cv2.erode(cv2.resize(sky, low, interpolation=cv2.INTER_AREA), _disc(5))
    sky = np.asarray(cv2.GaussianBlur(sky, (0, 0), 6), np.float32)
    cutouts = [_cutout(name, rgb, mask, depth, subject, layers) for name, mask in masks.items()]
    cutouts.sort(key=lambda one: one.nearness)
    return Plates(np.ascontiguousarray(background), nearness, sky, cutouts)


def _subject_depth(depth: NDArray[np.float32], masks: dict[str, NDArray[np.bool_]], focus: str | None) -> float:
    if focus in masks:
        return float(np.median(depth[masks[str(focus)]]))
    if masks:
        return float(np.mean([np.median(depth[mask]) for mask in masks.values()]))
    return float(np.percentile(depth, 30))


def _cutout(
    name: str,
    rgb: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    depth: NDArray[np.float32],
    subject: float,
    layers: Layers,
) -> Cutout:
    import cv2

    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.9)
    near = cv2.dilate(mask.astype(np.uint8), _disc(_SPREAD + 4)) > 0
    colours = rgb.copy()
    ys, xs = np.nonzero(near)
    x0, y0, x1, y1 = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
    area = (slice(max(0, y0 - 8), y1 + 8), slice(max(0, x0 - 8), x1 + 8))
    rim = ~mask
    colours[area] = np.where(rim[area][..., None], fill_holes(rgb[area], rim[area]), rgb[area])
    return Cutout(
        name,
        np.ascontiguousarray(colours),
        alpha,
        float(np.clip(subject / float(np.median(depth[mask])), 0.0, 1.6)),
        (x0, y0, x1, y1),
        layers.face_box.get(name),
    )


def fill_background(rgb: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """`rgb` (H, W, 3) with `hole` filled row by row with what lies beside it, mirrored at the hole's edges.

    Horizons, shores and walls run across pictures, so rows continue them; only a rim of the fill is ever seen. What has
    no neighbour in its row is filled smoothly.
    """
    width = rgb.shape[1]
    smooth = fill_holes(rgb, hole).astype(np.float32)
    column = np.arange(width)[None, :]
    left = np.maximum.accumulate(np.where(hole, -1, column), axis=1)
    right = np.minimum.accumulate(np.where(hole, width, column)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(rgb.shape[0])[:, None]
    out = np.zeros_like(smooth)
    total = np.zeros(hole.shape, np.float32)
    for edge, present in ((left, left >= 0), (right, right < width)):
        mirrored = np.clip(2 * edge - column, 0, width - 1)
        taken = np.where(hole[rows, mirrored], np.clip(edge, 0, width - 1), mirrored)
        weight = present / np.maximum(np.abs(column - edge), 1).astype(np.float32) ** 2
        out += rgb[rows, taken] * weight[..., None]
        total += weight
    found = hole & (total > 0)
    filled = rgb.copy()
    filled[hole] = np.clip(smooth[hole] + 0.5, 0, 255).astype(np.uint8)
    filled[found] = np.clip(out[found] / total[found][:, None] + 0.5, 0, 255).astype(np.uint8)
    return filled


def fill_holes(image: NDArray, hole: NDArray[np.bool_]) -> NDArray:
    """`image` (H, W, 3) with the pixels of `hole` filled smoothly from around it (push-pull pyramid).

    Gortler et al., The Lumigraph (SIGGRAPH 1996), section 3.4.
    """
    import cv2

    weight = (~hole).astype(np.float32)
    if weight.all() or not weight.any():
        return image
    levels: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = [
        (image.astype(np.float32) * weight[..., None], weight)
    ]
    while min(levels[-1][1].shape) > 2 and levels[-1][1].min() < 1e-3:
        colour, count = levels[-1]
        size = ((count.shape[1] + 1) // 2, (count.shape[0] + 1) // 2)
        less = cv2.resize(count, size, interpolation=cv2.INTER_AREA)
        few = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
        scale = np.minimum(1.0, 4 * less) / np.maximum(less, 1e-6)
        levels.append((few * scale[..., None], np.minimum(1.0, 4 * less)))
    colour, count = levels[-1]
    filled = colour / np.maximum(count, 1e-6)[..., None]
    for colour, count in reversed(levels[:-1]):
        up = cv2.resize(filled, (count.shape[1], count.shape[0]), interpolation=cv2.INTER_LINEAR)
        filled = colour + up * (1 - count)[..., None]
    if image.dtype == np.uint8:
        filled = np.clip(filled + 0.5, 0, 255)
    out: NDArray = filled.astype(image.dtype)
    out[~hole] = image[~hole]
    return out


def _disc(radius: int) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
