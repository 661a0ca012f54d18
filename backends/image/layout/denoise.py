"""Noise-free light at full size from a few samples at half size.

The picture is split into light and surface colour; only the light is noisy, and it changes slowly along a surface.
An edge-avoiding a-trous filter (Dammertz et al. 2010) smooths it where normal, plane and brightness agree, with the
variance of two independent halves as the brightness scale (as in SVGF, Schied et al. 2017). A joint-bilateral look-up
(Kopf et al. 2007) then gives every full-size sample the light of its own surface.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.gbuffer import Frame
from backends.image.layout.geometry import F32, traced_albedo

DARK = 0.03
"""Least linear albedo that is traced: dividing by less would only blow up noise. Darker things are darkened when the
light is multiplied back."""
LEVELS = 4
NORMAL_FALLOFF = 16.0
LOOKUP_FALLOFF = 10.0


@dataclass(frozen=True)
class Guides:
    """Half-size surface data (h, w, ...) that steer the filters."""

    normal: F32
    position: F32
    span: F32
    """(h, w) metres that one half-size pixel covers."""
    trust: F32
    """(h, w) 1 where the pixel shows one surface, near 0 where it mixes several, 0 where nothing stands."""
    albedo: F32
    """(h, w, 3) mean over the pixel, nothing counting as black, as the renderer sees it."""


def guides(frame: Frame, glowing: NDArray[np.bool_], set_: NDArray[np.bool_], focal: float) -> Guides:
    """Reduce full-size buffers (even h, w) by two.

    `glowing` marks pixels that the renderer does not draw, `set_` those of the set.
    """
    import cv2

    h, w = frame.part.shape[0] // 2, frame.part.shape[1] // 2

    def four(values: NDArray) -> list[NDArray]:
        return [values[i::2, j::2][:h, :w] for i in (0, 1) for j in (0, 1)]

    parts, normals, depths = four(frame.part), four(frame.normal), four(frame.depth)
    hit = np.stack([p >= 0 for p in parts])
    # Every half pixel is described by its nearest sample, so that thin things in front keep a guide of their own.
    depth = np.stack(depths)
    first = depth.argmin(0)[None, ..., None]
    normal = np.take_along_axis(np.stack(normals), first, 0)[0]
    position = np.take_along_axis(np.stack(four(frame.position)), first, 0)[0]
    nearest = depth.min(0)
    same = np.ones((h, w), bool)
    for p, n, d in zip(parts, normals, depths, strict=True):
        same &= p == parts[0]
        same &= np.einsum("ijk,ijk->ij", n, normal) > 0.8
        same &= np.abs(1 - np.where(np.isfinite(d), d, 0) / np.where(np.isfinite(nearest), nearest, 1)) < 0.04
    glow = np.stack(four(glowing)).any(0)
    # Four samples cannot tell how much of a pixel an edge leaves, so its light is a guess; next to it, nearly so.
    inside = cv2.erode(same.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    trust = np.where(hit.any(0), np.where(inside, 1.0, np.where(same, 0.2, 0.003)), 0.0) * np.where(glow, 1e-3, 1.0)
    span = np.where(np.isfinite(nearest), nearest, 1.0) * 2 / focal
    albedo = np.mean(
        [
            np.maximum(a, DARK) * (p >= 0)[..., None]
            for a, p in zip(four(traced_albedo(frame.albedo, set_)), parts, strict=True)
        ],
        0,
    )
    return Guides(normal, position, span.astype(np.float32), trust.astype(np.float32), albedo.astype(np.float32))


def demodulate(radiance: F32, guide: Guides) -> F32:
    """Radiance (h, w, 3) -> light (h, w, 3): what a white surface would show there."""
    return np.asarray(radiance / np.maximum(guide.albedo, DARK), np.float32)


def _shifts(radius: int, step: int) -> Iterator[tuple[int, int, float]]:
    kernel = {0: 3 / 8, 1: 1 / 4, 2: 1 / 16}
    for i in range(-radius, radius + 1):
        for j in range(-radius, radius + 1):
            yield i * step, j * step, kernel[abs(i)] * kernel[abs(j)]


def _views(shape: tuple[int, int], i: int, j: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Index pairs (here, there) with there = here + (i, j), inside the picture; empty when the shift is larger."""
    h, w = shape
    # the ends must not turn negative: Python would count them from the other side
    here = (slice(max(0, -i), max(0, min(h, h - i))), slice(max(0, -j), max(0, min(w, w - j))))
    there = (slice(max(0, i), max(0, min(h, h + i))), slice(max(0, j), max(0, min(w, w + j))))
    return here, there


def _luma(light: F32) -> F32:
    return light @ np.array([0.2126, 0.7152, 0.0722], np.float32)


def smooth(first: F32, second: F32, guide: Guides) -> F32:
    """(h, w, 3) filtered mean of two independent noisy lights (h, w, 3)."""
    light = (first + second) / 2
    variance = _box((_luma(first) - _luma(second)) ** 2 / 4, 4)
    limit = _box(_luma(light), 2)
    # Fireflies: no half-size pixel may shine far above its surroundings.
    top = (3.0 * limit + 0.2)[..., None]
    light = np.minimum(light, top)
    shape = light.shape[:2]
    for level in range(LEVELS):
        scale = 3.2 * np.sqrt(np.maximum(variance, 0)) + 0.015 * limit + 1e-4
        total = np.zeros(shape, np.float32)
        spread = np.zeros(shape, np.float32)
        result = np.zeros_like(light)
        luma = _luma(light)
        for i, j, weight in _shifts(2, 2**level):
            here, there = _views(shape, i, j)
            difference = guide.position[there] - guide.position[here]
            off = np.abs(np.einsum("ijk,ijk->ij", difference, guide.normal[here])) / guide.span[here]
            bend = 1.0 - np.einsum("ijk,ijk->ij", guide.normal[here], guide.normal[there])
            step = np.abs(luma[there] - luma[here]) / scale[here]
            w = weight * guide.trust[there] * np.exp(-NORMAL_FALLOFF * bend - 0.7 * off / 2**level - step)
            total[here] += w
            spread[here] += w * w * variance[there]
            result[here] += w[..., None] * light[there]
        light = np.where(total[..., None] > 1e-9, result / np.maximum(total, 1e-9)[..., None], light)
        variance = np.where(total > 1e-9, spread / np.maximum(total, 1e-9) ** 2, variance)
    return np.asarray(light, np.float32)


def _box(values: F32, radius: int) -> F32:
    import cv2

    size = 2 * radius + 1
    return np.asarray(cv2.blur(np.ascontiguousarray(values, np.float32), (size, size), borderType=cv2.BORDER_REFLECT))


def spread_to(
    light: F32, guide: Guides, x: NDArray[np.floating], y: NDArray[np.floating], position: F32, normal: F32
) -> F32:
    """Light (N, 3) of N full-size samples at window pixel positions (x, y) with their surface point and normal."""
    h, w = light.shape[:2]
    packed = np.concatenate([light, guide.normal, guide.position, guide.trust[..., None],
                             1.0 / guide.span[..., None]], -1).reshape(h * w, 11)  # fmt: skip
    hx, hy = x / 2 - 0.5, y / 2 - 0.5
    bx, by = np.rint(hx).astype(np.int32), np.rint(hy).astype(np.int32)
    result = np.zeros((len(hx), 3), np.float32)
    total = np.zeros(len(hx), np.float32)

    def gather(rows: NDArray[np.int64] | slice, reach: int, falloff: float) -> None:
        for i in range(-reach, reach + 1):
            for j in range(-reach, reach + 1):
                px, py = np.clip(bx[rows] + j, 0, w - 1), np.clip(by[rows] + i, 0, h - 1)
                there = packed.take(py * w + px, axis=0)
                distance = (px - hx[rows]) ** 2 + (py - hy[rows]) ** 2
                bend = 1.0 - np.einsum("ij,ij->i", there[:, 3:6], normal[rows])
                off = np.abs(np.einsum("ij,ij->i", there[:, 6:9] - position[rows], normal[rows])) * there[:, 10]
                weight = np.exp(-falloff * distance - LOOKUP_FALLOFF * bend - 0.8 * off) * there[:, 9]
                total[rows] += weight.astype(np.float32)
                result[rows] += (weight[:, None] * there[:, :3]).astype(np.float32)

    gather(slice(None), 1, 1.1)
    weak = np.flatnonzero(total < 2e-3)
    if len(weak):
        gather(weak, 3, 0.12)
    lost = np.flatnonzero(total < 1e-7)
    if len(lost):
        inside = np.clip(by[lost], 0, h - 1) * w + np.clip(bx[lost], 0, w - 1)
        result[lost], total[lost] = light.reshape(-1, 3)[inside], 1.0
    return result / np.maximum(total, 1e-9)[:, None]
