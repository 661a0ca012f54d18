"""One window of a shot drawn in full: visibility, light, surfaces, antialiasing, film."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout import denoise, raster, shade
from backends.image.layout.camera import Camera
from backends.image.layout.gbuffer import Frame, Hits, Window, colour_edges, dense, edge_pixels, resolve, stack
from backends.image.layout.geometry import F32, Geometry
from backends.image.layout.sky import Sky
from backends.image.layout.stage import Surface
from backends.image.layout.trace import Tracer

OFFSETS = np.array([[0.5625, 0.3125], [0.4375, 0.6875], [0.8125, 0.5625], [0.3125, 0.1875],
                    [0.1875, 0.8125], [0.0625, 0.4375], [0.6875, 0.9375], [0.9375, 0.0625]], np.float32)  # fmt: skip
"""The rasteriser's usual eight sample positions (Direct3D 11 specification, standard pattern): no two share a row."""

BANDS = 2
"""numpy works on this many threads (it lets go of Python's lock); the pixels do not depend on it."""

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
    with ThreadPoolExecutor(BANDS) as pool:

        def see(band: tuple[int, int]) -> Frame:
            window = (wide[0], wide[1] + band[0], wide[2], band[1] - band[0])
            return dense(subject.geometry, tris, camera, raster.centres(tris, camera, window), window)

        bands = _bands(wide[3])
        frame = stack(list(pool.map(see, bands)))
        clock.lap("visibility")
        light, guide = _light(subject, tracer, frame, samples, seed, on_step, clock)

        def colour(band: tuple[int, int]) -> tuple[F32, F32, F32]:
            radiance, patterned = _colours(subject, frame.rows(*band), light, guide, wide[1])
            return radiance, patterned, shade.film(radiance, subject.sky)

        radiance, patterned, display = (np.concatenate(part) for part in zip(*pool.map(colour, bands), strict=True))
        clock.lap("surfaces")
        rich = colour_edges(frame, patterned)
        busy = edge_pixels(frame) | rich

        def refine(pixels: NDArray[np.int64]) -> F32:
            return _antialias(subject, tris, frame, light, guide, pixels, rich)

        chosen = np.flatnonzero(busy.ravel()).astype(np.int64)
        if len(chosen):
            display.reshape(-1, 3)[chosen] = np.concatenate(list(pool.map(refine, np.array_split(chosen, BANDS))))
        clock.lap("antialias")
    inner = (slice(window[1] - wide[1], window[1] - wide[1] + window[3]),
             slice(window[0] - wide[0], window[0] - wide[0] + window[2]))  # fmt: skip
    shine = glow
    if shine is None:
        shine = shade.bloom(radiance, subject.sky) + shade.shafts(radiance, frame.depth, subject.sky, camera)
    rgb = shade.finish(display[inner], shine, subject.sky, window, (camera.width, camera.height))
    clock.lap("film")
    return Drawing(rgb, _crop(frame, inner, window), shine, clock.seconds)


def _bands(height: int) -> list[tuple[int, int]]:
    cuts = np.linspace(0, height, BANDS + 1).astype(int)
    return [(int(a), int(b)) for a, b in pairwise(cuts) if b > a]


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
    of_set = np.array([*(part.label.startswith("set/") for part in subject.geometry.parts), False])[frame.part]
    guide = denoise.guides(frame, glowing, of_set, subject.camera.focal)
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


def _colours(subject: Subject, frame: Frame, light: F32, guide: denoise.Guides, top: int) -> tuple[F32, F32]:
    """(h, w, 3) radiance at the pixel centres, and the painted surface colour there; `top` is the light's first row."""
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
        lit = denoise.spread_to(light, guide, seen % w + 0.5, seen // w + 0.5 + (y - top), position, normal)
        radiance[seen] = shade.compose(color, extra, lit, depth, rays[seen], sky)
        patterned[seen] = color
    return radiance.reshape(h, w, 3), patterned.reshape(h, w, 3)


def _antialias(
    subject: Subject, tris: raster.Triangles, frame: Frame, light: F32, guide: denoise.Guides,
    pixels: NDArray[np.int64], rich: NDArray[np.bool_],
) -> F32:  # fmt: skip
    """(N, 3) display-linear mean of eight samples in each of N pixels (flat, ascending).

    Samples of a pixel that see the same surface are shaded once, unless its colours change there (`rich`).
    """
    x, y, w, _ = frame.window
    camera, sky = subject.camera, subject.sky
    count = len(OFFSETS)
    shown = np.zeros((len(pixels) * count, 3), np.float32)
    if not len(pixels):
        return shown
    triangle = raster.samples(tris, camera, frame.window, pixels, OFFSETS).ravel()
    sx = ((pixels % w)[:, None] + OFFSETS[None, :, 0]).ravel().astype(np.float32)
    sy = ((pixels // w)[:, None] + OFFSETS[None, :, 1]).ravel().astype(np.float32)
    empty = np.flatnonzero(triangle < 0)
    if len(empty):
        owner, back = np.unique(empty // count, return_inverse=True)
        middle = pixels[owner]
        rays = _unit(camera.rays(middle % w + x + 0.5, middle // w + y + 0.5))
        shown[empty] = shade.film(sky.seen(rays), sky)[back]
    seen = np.flatnonzero(triangle >= 0)
    if len(seen):
        hits = resolve(subject.geometry, tris, camera, triangle[seen], sx[seen] + x, sy[seen] + y)
        first, back = _same(hits, seen // count, rich.ravel()[pixels], np.arange(len(seen)))
        hits = Hits(*(getattr(hits, name)[first] for name in ("part", "depth", "position", "normal", "albedo")))
        color, extra = shade.paint(subject.geometry, subject.surfaces, sky, camera, hits.part, hits.position,
                                   hits.normal, hits.albedo, hits.depth, scale=0.4)  # fmt: skip
        lit = denoise.spread_to(light, guide, sx[seen][first], sy[seen][first], hits.position, hits.normal)
        rays = _unit(hits.position - camera.position.astype(np.float32))
        shown[seen] = shade.film(shade.compose(color, extra, lit, hits.depth, rays, sky), sky)[back]
    return np.asarray(shown.reshape(-1, count, 3).mean(1), np.float32)


def _same(
    hits: Hits, pixel: NDArray[np.int64], rich: NDArray[np.bool_], number: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first, back): samples to shade, and for each sample which of them stands for it."""
    facing = (np.rint(hits.normal * 1.6).astype(np.int64) + 2) @ np.array([25, 5, 1])
    layer = np.rint(np.log(np.maximum(hits.depth, 1e-3)) * 22).astype(np.int64) % 512
    key = ((pixel * 4096 + hits.part) * 128 + facing) * 512 + layer
    key = np.where(rich[pixel], -1 - number, key)
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    return first, back
