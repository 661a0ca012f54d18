"""What each picture sample sees: surface point, normal, colour, depth and part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.camera import Camera
from backends.image.layout.geometry import F32, I32, Geometry
from backends.image.layout.raster import Triangles

Window = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


@dataclass(frozen=True)
class Hits:
    """Samples that see something; N of them."""

    part: I32
    """(N,) into Geometry.parts."""
    depth: F32
    """(N,) metres along the view axis."""
    position: F32
    """(N, 3) world."""
    normal: F32
    """(N, 3) unit, towards the camera."""
    albedo: F32
    """(N, 3) linear."""


def resolve(
    geometry: Geometry, tris: Triangles, camera: Camera, triangle: I32, x: NDArray[np.floating], y: NDArray[np.floating]
) -> Hits:
    """Surface data of N samples at pixel positions (x, y) that see `triangle` (all >= 0)."""
    at = np.searchsorted(tris.index, triangle)
    dx = ((x - camera.cx) / camera.focal).astype(np.float32)
    dy = ((y - camera.cy) / camera.focal).astype(np.float32)
    edges, plane = tris.edges[at], tris.plane[at]
    weights = np.maximum(edges[:, :, 0] * dx[:, None] + edges[:, :, 1] * dy[:, None] + edges[:, :, 2], 0)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-30)
    depth = 1.0 / np.maximum(plane[:, 0] * dx + plane[:, 1] * dy + plane[:, 2], 1e-9)
    corners = geometry.faces[triangle]
    part = geometry.part[triangle]
    ray = camera.rays(x, y)
    position = (camera.position + depth[:, None] * ray).astype(np.float32)
    albedo = _blend(geometry.albedo, corners, weights)
    normal = _blend(geometry.normals, corners, weights)
    flat = np.flatnonzero(~geometry.smooth[part])
    if len(flat):
        a, b, c = (geometry.vertices[corners[flat, i]] for i in range(3))
        normal[flat] = np.cross(b - a, c - a).astype(np.float32)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    away = np.einsum("ij,ij->i", normal, ray) > 0
    # A smooth normal may lean a little away at a silhouette; only a real back side is turned round.
    turn = away & (~geometry.smooth[part] | (np.einsum("ij,ij->i", normal, ray) > 0.35))
    normal[turn] *= -1
    return Hits(part, depth.astype(np.float32), position, normal, albedo)


def _blend(values: F32, corners: I32, weights: F32) -> F32:
    return (
        values[corners[:, 0]] * weights[:, 0:1]
        + values[corners[:, 1]] * weights[:, 1:2]
        + values[corners[:, 2]] * weights[:, 2:3]
    )


@dataclass(frozen=True)
class Frame:
    """Dense buffers (h, w, ...) of one window at pixel centres; `part` is -1 and depth inf where nothing stands."""

    window: Window
    triangle: I32
    part: I32
    depth: F32
    position: F32
    normal: F32
    albedo: F32

    def rows(self, start: int, stop: int) -> Frame:
        """The band of rows start..stop."""
        x, y, w, _ = self.window
        band = slice(start, stop)
        return Frame((x, y + start, w, stop - start), self.triangle[band], self.part[band], self.depth[band],
                     self.position[band], self.normal[band], self.albedo[band])  # fmt: skip


def stack(bands: Sequence[Frame]) -> Frame:
    """Bands below each other, as one."""
    x, y, w, _ = bands[0].window
    whole = [np.concatenate([getattr(band, name) for band in bands])
             for name in ("triangle", "part", "depth", "position", "normal", "albedo")]  # fmt: skip
    return Frame((x, y, w, len(whole[0])), *whole)


def dense(geometry: Geometry, tris: Triangles, camera: Camera, triangle: I32, window: Window) -> Frame:
    """Buffers of every pixel centre of `window`."""
    x, y, w, h = window
    seen = np.flatnonzero(triangle.ravel() >= 0)
    hits = resolve(geometry, tris, camera, triangle.ravel()[seen], seen % w + x + 0.5, seen // w + y + 0.5)
    part = np.full(h * w, -1, np.int32)
    depth = np.full(h * w, np.inf, np.float32)
    position, normal, albedo = (np.zeros((h * w, 3), np.float32) for _ in range(3))
    part[seen], depth[seen] = hits.part, hits.depth
    position[seen], normal[seen], albedo[seen] = hits.position, hits.normal, hits.albedo
    return Frame(window, triangle, part.reshape(h, w), depth.reshape(h, w), position.reshape(h, w, 3),
                 normal.reshape(h, w, 3), albedo.reshape(h, w, 3))  # fmt: skip


def edge_pixels(frame: Frame) -> NDArray[np.bool_]:
    """(h, w): pixels whose neighbourhood changes part, depth or normal, so that one sample does not do."""
    near = np.zeros(frame.part.shape, bool)
    inverse = np.where(np.isfinite(frame.depth), 1.0 / np.maximum(frame.depth, 1e-6), 0.0)
    for axis in (0, 1):
        a = (slice(None), slice(None, -1)) if axis else (slice(None, -1), slice(None))
        b = (slice(None), slice(1, None)) if axis else (slice(1, None), slice(None))
        change = frame.part[a] != frame.part[b]
        change |= np.abs(inverse[a] - inverse[b]) > 0.035 * np.maximum(inverse[a], inverse[b])
        change |= np.einsum("ijk,ijk->ij", frame.normal[a], frame.normal[b]) < 0.5 * (frame.part[a] >= 0)
        near[a] |= change
        near[b] |= change
    return near


def colour_edges(frame: Frame, patterned: F32, step: float = 0.20) -> NDArray[np.bool_]:
    """(h, w): pixels whose painted colour (linear) differs by more than `step` from that of a neighbour on one part."""
    near = np.zeros(frame.part.shape, bool)
    for axis in (0, 1):
        a = (slice(None), slice(None, -1)) if axis else (slice(None, -1), slice(None))
        b = (slice(None), slice(1, None)) if axis else (slice(1, None), slice(None))
        change = np.abs(patterned[a] - patterned[b]).max(-1) > step
        change &= frame.part[a] == frame.part[b]
        near[a] |= change
        near[b] |= change
    return near
