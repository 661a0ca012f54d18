"""From buffers and light to a finished picture: surfaces, haze, film response, bloom, vignette."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.camera import Camera
from backends.image.layout.geometry import F32, I32, Geometry, to_srgb
from backends.image.layout.sky import Sky
from backends.image.layout.stage import Points, Surface


def paint(
    geometry: Geometry, surfaces: Mapping[str, Surface], sky: Sky, camera: Camera,
    part: I32, position: F32, normal: F32, albedo: F32, depth: F32, scale: float = 1.0,
) -> tuple[F32, F32]:  # fmt: skip
    """Albedo and unlit radiance (N, 3) of N surface samples; `scale` shrinks their footprint (finer sampling)."""
    color = albedo.copy()
    extra = np.zeros_like(albedo)
    for index, item in enumerate(geometry.parts):
        surface = surfaces.get(item.label)
        glow = float(geometry.emission[index])
        if surface is None and glow <= 0:
            continue
        at = np.flatnonzero(part == index)
        if not len(at):
            continue
        if surface is not None:
            view = (camera.position - position[at]).astype(np.float32)
            view /= np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9)
            slope = np.maximum(np.abs(np.einsum("ij,ij->i", view, normal[at])), 0.04)
            footprint = depth[at] / camera.focal / np.sqrt(slope) * scale
            color[at], added = surface(Points(position[at], normal[at], view, albedo[at], footprint, sky))
            if added is not None:
                extra[at] = added
        if glow > 0:
            extra[at] += color[at] * glow
    _flatter(geometry, sky, camera, part, position, normal, color, extra)
    return color, extra


def _flatter(
    geometry: Geometry, sky: Sky, camera: Camera, part: I32, position: F32, normal: F32, color: F32, extra: F32
) -> None:  # fmt: skip
    """Add the characters' own lights to `extra`: a soft one from beside the camera and a thin one along the edge.

    A photographer's reflector: faces stay readable in every set and at every time, and free of noise.
    """
    at = np.flatnonzero(geometry.person[part])
    if not len(at):
        return
    view = (camera.position - position[at]).astype(np.float32)
    view /= np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9)
    n = normal[at]
    right, up = camera.axes[0].astype(np.float32), np.array([0.0, 1.0, 0.0], np.float32)
    aim = view + np.float32(0.55) * up - np.float32(0.45) * right
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    soft = np.clip(0.35 + 0.65 * np.einsum("ij,ij->i", n, aim), 0, None) ** 1.3
    grazing = np.clip(1 - np.einsum("ij,ij->i", n, view), 0, 1) ** 3.2
    lit = np.clip(0.25 + 0.75 * (n @ (0.75 * up + 0.66 * right)), 0, 1)
    extra[at] += color[at] * soft[:, None] * sky.face
    extra[at] += (0.10 + 0.90 * color[at]) * (grazing * lit)[:, None] * sky.edge


def compose(color: F32, extra: F32, light: F32, depth: F32, rays: F32, sky: Sky) -> F32:
    """Linear radiance (N, 3) that leaves the surfaces and reaches the camera through the air.

    `rays` (N, 3) are unit directions from the camera.
    """
    radiance = np.maximum(color, 0) * light + extra
    if np.isfinite(sky.haze_distance):
        clear = np.exp(-((depth / sky.haze_distance) ** 1.25))[:, None]
        radiance = radiance * clear + sky.air(rays) * (1 - clear)
    return np.asarray(radiance, np.float32)


def film(radiance: F32, sky: Sky) -> F32:
    """Filmic response: linear radiance (..., 3) -> display-linear 0..1.

    The curve is K. Narkowicz's ACES fit (2015); half of it acts on the brightest channel alone, so that
    bright colours keep their hue instead of running to yellow or cyan.
    """
    x = np.maximum(radiance * np.float32(sky.exposure * 0.8), 0)
    peak = x.max(-1, keepdims=True)
    kept = x * (_curve(peak) / np.maximum(peak, 1e-6))
    y = 0.45 * kept + 0.55 * _curve(x)
    grade = sky.grade
    luma = y @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    y = luma[..., None] + (y - luma[..., None]) * grade["saturation"]
    warm = grade["warmth"]
    y = y * np.array([1 + warm, 1.0, 1 - warm], np.float32)
    return np.asarray(np.clip(y, 0, 1), np.float32)


def _curve(x: F32) -> F32:
    return np.asarray((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), np.float32)


def bloom(radiance: F32, sky: Sky, strength: float = 0.10) -> F32:
    """(H, W, 3) display-linear glow round what is brighter than white."""
    import cv2

    h, w = radiance.shape[:2]
    bright = np.clip(radiance * sky.exposure - 1.1, 0, 6)
    small = cv2.resize(bright, (max(w // 4, 1), max(h // 4, 1)), interpolation=cv2.INTER_AREA)
    glow = np.zeros_like(small)
    for share in (0.008, 0.025, 0.07):
        glow += cv2.GaussianBlur(small, (0, 0), max(share * w / 4, 0.6))
    return np.asarray(cv2.resize(glow, (w, h), interpolation=cv2.INTER_LINEAR) * strength, np.float32)


def shafts(radiance: F32, depth: F32, sky: Sky, camera: Camera) -> F32:
    """(H, W, 3) display-linear light shafts: what shines between near things, smeared away from the rim light."""
    import cv2

    h, w = depth.shape
    if sky.shafts <= 0:
        return np.zeros((h, w, 3), np.float32)
    local = camera.to_local(camera.position + sky.rim)
    if local[2] < 0.15:
        return np.zeros((h, w, 3), np.float32)
    small = (max(w // 4, 8), max(h // 4, 8))
    open_ = (np.minimum(depth, 60.0) > 14.0).astype(np.float32)
    source = cv2.resize(np.clip(radiance * sky.exposure, 0, 1) * open_[..., None], small, interpolation=cv2.INTER_AREA)
    x = (camera.cx + camera.focal * local[0] / local[2]) / w * small[0]
    y = max((camera.cy + camera.focal * local[1] / local[2]) / h, -1.2) * small[1]
    reach = float(np.hypot(max(x, small[0] - x), max(y, small[1] - y)))
    polar = cv2.warpPolar(source, (160, 720), (x, y), reach, cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS)
    trail, beam = np.zeros_like(polar[:, 0]), np.empty_like(polar)
    for i in range(polar.shape[1]):
        trail = trail * 0.965 + polar[:, i] * 0.035
        beam[:, i] = trail
    beam = np.maximum(beam - cv2.blur(beam, (1, 91), borderType=cv2.BORDER_REFLECT) * 0.72, 0)
    back = cv2.warpPolar(beam, small, (x, y), reach, cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS | cv2.WARP_INVERSE_MAP)
    soft = cv2.GaussianBlur(back, (0, 0), 1.2)
    return np.asarray(cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR) * sky.shafts, np.float32)


def finish(
    display: F32, glow: F32, sky: Sky, window: tuple[int, int, int, int], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Display-linear picture (h, w, 3) of `window` in a picture of `size` (w, h) -> sRGB uint8 with vignette.

    A fixed ordered dither of half a step keeps the sky's slow gradients free of bands.
    """
    x, y, w, h = window
    dx = (np.arange(w) + x + 0.5) / size[0] * 2 - 1
    dy = (np.arange(h) + y + 0.5) / size[1] * 2 - 1
    fall = 1 - 0.16 * np.clip((dx[None, :] ** 2 * 0.9 + dy[:, None] ** 2 * 0.7) / 1.6, 0, 1) ** 1.4
    picture = 1 - (1 - display) * (1 - np.clip(glow, 0, 1))
    coded = to_srgb(picture * fall[..., None].astype(np.float32)) * 255
    coded = (coded - 127.5) * sky.grade["contrast"] + 127.5
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 15 / 32
    dither = bayer[(np.arange(h) + y)[:, None] % 4, (np.arange(w) + x)[None, :] % 4]
    return np.clip(np.rint(coded + dither[..., None]), 0, 255).astype(np.uint8)
