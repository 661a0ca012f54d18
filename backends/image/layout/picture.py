"""One window of a shot drawn in full: visibility, light, surfaces, antialiasing, film."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout import denoise, raster, shade
from backends.image.layout.camera import Camera
from backends.image.layout.gbuffer import Frame, Window, dense, edge_pixels, resolve
from backends.image.layout.geometry import F32, Geometry
from backends.image.layout.sky import Sky
from backends.image.layout.stage import Surface
from backends.image.layout.trace import Tracer

OFFSETS = np.array([[0.5625, 0.3125], [0.4375, 0.6875], [0.8125, 0.5625], [0.3125, 0.1875],
                    [0.1875, 0.8125], [0.0625, 0.4375], [0.6875, 0.9375], [0.9375, 0.0625]], np.float32)  # fmt: skip
"""The rasteriser's usual eight sample positions (Direct3D 11 specification, standard pattern): no two share a row."""

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Subject:
    """Everything that a picture is drawn from."""

    geometry: Geometry
    traced: Any
    """The Mitsuba scene of the same parts."""
    surfaces: Mapping[str, Surface]
    sky: Sky
    camera: Camera


@dataclass(frozen=True)
class Drawing:
    """A drawn window."""

    rgb: NDArray[np.uint8]
    frame: Frame
    glow: F32
    """(h, w, 3) the bloom that was added."""
    seconds: dict[str, float] = field(default_factory=dict)


def draw(
    subject: Subject, tracer: Tracer, window: Window, samples: int, seed: int, on_step: OnStep | None = None,
    glow: F32 | None = None, margin: int = 0,
) -> Drawing:  # fmt: skip
    """Draw `window` (even x, y, width, height) of the subject's picture.

    `glow` (h, w, 3) is taken instead of this window's own bloom, which cannot know what shines outside of it; `margin`
    pixels round the window are lit too, so that the filters see at its rim what they would see in the whole picture.
    What `on_step(step, steps)` raises ends the drawing.
    """
    clock = _Clock()
    camera = subject.camera
    wide = _widen(window, margin, camera)
    tris = raster.prepare(subject.geometry, camera, wide)
    triangle = raster.centres(tris, camera, wide)
    frame = dense(subject.geometry, tris, camera, triangle, wide)
    clock.lap("visibility")
    light, guide = _light(subject, tracer, frame, samples, seed, on_step, clock)
    radiance, patterned = _colours(subject, frame, light, guide)
    display = shade.film(radiance, subject.sky)
    clock.lap("surfaces")
    _antialias(subject, tris, frame, light, guide, patterned, display)
    clock.lap("antialias")
    inner = (slice(window[1] - wide[1], window[1] - wide[1] + window[3]),
             slice(window[0] - wide[0], window[0] - wide[0] + window[2]))  # fmt: skip
    shine = glow
    if shine is None:
        shine = shade.bloom(radiance, subject.sky) + shade.shafts(radiance, frame.depth, subject.sky, camera)
    rgb = shade.finish(display[inner], shine, subject.sky, window, (camera.width, camera.height))
    clock.lap("film")
    return Drawing(rgb, _crop(frame, inner, window), shine, clock.seconds)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now


def _widen(window: Window, margin: int, camera: Camera) -> Window:
    x, y, w, h = window
    x0, y0 = max(0, x - margin), max(0, y - margin)
    return x0, y0, min(camera.width, x + w + margin) - x0, min(camera.height, y + h + margin) - y0


def _crop(frame: Frame, inner: tuple[slice, slice], window: Window) -> Frame:
    return Frame(window, frame.triangle[inner], frame.part[inner], frame.depth[inner], frame.position[inner],
                 frame.normal[inner], frame.albedo[inner])  # fmt: skip


def _light(
    subject: Subject, tracer: Tracer, frame: Frame, samples: int, seed: int, on_step: OnStep | None, clock: _Clock
) -> tuple[F32, denoise.Guides]:
    """Smooth half-size light of the window, from two independent halves of the samples."""
    x, y, w, h = (v // 2 for v in frame.window)
    glowing = np.append(subject.geometry.emission > 0, False)[frame.part]
    guide = denoise.guides(frame, glowing, subject.camera.focal)
    halves = []
    for half in range(2):
        if on_step is not None:
            on_step(1 + half, 4)
        radiance = tracer.light(subject.traced, subject.camera, (x, y, w, h), max(samples // 2, 1), seed * 2 + half)
        halves.append(denoise.demodulate(radiance, guide))
    clock.lap("light")
    if on_step is not None:
        on_step(3, 4)
    smooth = denoise.smooth(halves[0], halves[1], guide)
    clock.lap("denoise")
    return smooth, guide


def _unit(rays: F32) -> F32:
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True), np.float32)


def _colours(subject: Subject, frame: Frame, light: F32, guide: denoise.Guides) -> tuple[F32, F32]:
    """(h, w, 3) radiance at the pixel centres, and the painted surface colour there."""
    x, y, w, h = frame.window
    camera, sky = subject.camera, subject.sky
    radiance = np.zeros((h * w, 3), np.float32)
    patterned = np.zeros((h * w, 3), np.float32)
    part = frame.part.ravel()
    pixels = np.arange(h * w)
    rays = _unit(camera.rays(pixels % w + x + 0.5, pixels // w + y + 0.5))
    empty = np.flatnonzero(part < 0)
    if len(empty):
        radiance[empty] = sky.seen(rays[empty])
    seen = np.flatnonzero(part >= 0)
    if len(seen):
        position, normal = frame.position.reshape(-1, 3)[seen], frame.normal.reshape(-1, 3)[seen]
        depth = frame.depth.ravel()[seen]
        color, extra = shade.paint(subject.geometry, subject.surfaces, sky, camera, part[seen], position, normal,
                                   frame.albedo.reshape(-1, 3)[seen], depth)  # fmt: skip
        lit = denoise.spread_to(light, guide, seen % w + 0.5, seen // w + 0.5, position, normal)
        radiance[seen] = shade.compose(color, extra, lit, depth, rays[seen], sky)
        patterned[seen] = color
    return radiance.reshape(h, w, 3), patterned.reshape(h, w, 3)


def _antialias(
    subject: Subject, tris: raster.Triangles, frame: Frame, light: F32, guide: denoise.Guides, patterned: F32,
    display: F32,
) -> None:  # fmt: skip
    """Replace the pixels on edges of `display` (in place) by the mean of eight samples."""
    x, y, w, _ = frame.window
    camera, sky = subject.camera, subject.sky
    pixels = np.flatnonzero(edge_pixels(frame, patterned).ravel()).astype(np.int64)
    if not len(pixels):
        return
    triangle = raster.samples(tris, camera, frame.window, pixels, OFFSETS).ravel()
    count = len(OFFSETS)
    sx = (pixels % w)[:, None] + OFFSETS[None, :, 0]
    sy = (pixels // w)[:, None] + OFFSETS[None, :, 1]
    sx, sy = sx.ravel().astype(np.float32), sy.ravel().astype(np.float32)
    shown = np.zeros((len(pixels) * count, 3), np.float32)
    empty = np.flatnonzero(triangle < 0)
    if len(empty):
        owner = np.unique(empty // count)
        middle = pixels[owner]
        rays = _unit(camera.rays(middle % w + x + 0.5, middle // w + y + 0.5))
        behind = np.zeros((len(pixels), 3), np.float32)
        behind[owner] = shade.film(sky.seen(rays), sky)
        shown[empty] = behind[empty // count]
    seen = np.flatnonzero(triangle >= 0)
    if len(seen):
        hits = resolve(subject.geometry, tris, camera, triangle[seen], sx[seen] + x, sy[seen] + y)
        color, extra = shade.paint(subject.geometry, subject.surfaces, sky, camera, hits.part, hits.position,
                                   hits.normal, hits.albedo, hits.depth, scale=0.4)  # fmt: skip
        lit = denoise.spread_to(light, guide, sx[seen], sy[seen], hits.position, hits.normal)
        rays = _unit(hits.position - camera.position.astype(np.float32))
        shown[seen] = shade.film(shade.compose(color, extra, lit, hits.depth, rays, sky), sky)
    display.reshape(-1, 3)[pixels] = shown.reshape(-1, count, 3).mean(1)
