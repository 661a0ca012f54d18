"""How things of a set look close up: painted per picture sample, so that detail is crisp without fine meshes.

Every pattern fades out before it gets finer than the samples, which is what keeps far ground calm.
Bumps darken and brighten by the slope towards the key light instead of moving the surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.geometry import F32, to_linear
from backends.image.layout.noise import sample, smoothstep, tile
from backends.image.layout.stage import Points, Surface

Tint = Sequence[float]


def fade(points: Points, wavelength: float) -> F32:
    """(N,) 1 where a wave of that length (m) is well sampled, 0 where it would alias."""
    return smoothstep(wavelength * 0.55, wavelength * 0.14, points.footprint)


def fbm(u: NDArray[np.floating], v: NDArray[np.floating], period: float, seed: int = 31, slope: float = 1.4) -> F32:
    """Smooth noise 0..1 whose tile is `period` metres wide."""
    return sample(tile(seed, slope), u / period, v / period)


def detail(points: Points, u: F32, v: F32, period: float, seed: int = 31) -> F32:
    """(N,) noise about 0 (+-0.5) of broad and fine grain, each fading out in time."""
    broad = (sample(tile(seed, 1.6, 2, 40), u / period, v / period) - 0.5) * fade(points, period / 12)
    fine = (sample(tile(seed + 1, 0.9, 20, 240), u / period, v / period) - 0.5) * fade(points, period / 90)
    return np.asarray(broad + 0.7 * fine, np.float32)


def slope_light(points: Points, height: Callable[[F32, F32], F32], u: F32, v: F32, step: float) -> F32:
    """(N,) about 0: how much brighter a bump map's slope towards the key light makes ground seen from above."""
    key = points.sky.key
    flat = key[[0, 2]] / max(float(np.hypot(key[0], key[2])), 1e-6)
    return (height(u + flat[0] * step, v + flat[1] * step) - height(u - flat[0] * step, v - flat[1] * step)) * -1.0


def grainy(amount: float = 0.16, period: float = 1.6, axis: str = "xz", seed: int = 31) -> Surface:
    """Plain material with a little uneven colour. `axis` names the world axes of the pattern."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = _plane(points, axis)
        return points.albedo * (1 + amount * 2 * detail(points, u, v, period, seed))[:, None], None

    return surface


def _plane(points: Points, axis: str) -> tuple[F32, F32]:
    """Pattern coordinates: the named axes, or for 'side' those along the surface (walls in any direction)."""
    p, n = points.position, points.normal
    if axis != "side":
        index = {"x": 0, "y": 1, "z": 2}
        return p[:, index[axis[0]]], p[:, index[axis[1]]]
    along = np.where(np.abs(n[:, 0]) > np.abs(n[:, 2]), p[:, 2], p[:, 0])
    return along, p[:, 1]


def sand(shore: Callable[[F32], F32], wet: Tint, ripple: float = 0.17) -> Surface:
    """Wind-rippled sand that darkens towards the water; `shore(x)` is the z of the water's edge."""
    wet_color = to_linear(wet)

    def height(u: F32, v: F32) -> F32:
        bend = (fbm(u, v, 7.0, 41, 1.8) - 0.5) * 2.4
        wave = np.sin((v * 0.94 + u * 0.34 + bend) * (2 * np.pi / ripple))
        return np.asarray(0.5 + 0.5 * wave - 0.18 * wave * wave, np.float32)

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = points.position[:, 0], points.position[:, 2]
        where = smoothstep(0.36, 0.62, fbm(u, v, 9.0, 43, 1.9)) * 0.75 + 0.25
        slope = slope_light(points, height, u, v, ripple * 0.12) * fade(points, ripple) * where
        grain = detail(points, u, v, 0.9, 45)
        away = v - shore(u)
        damp = smoothstep(1.7, 0.35, away + 0.5 * (fbm(u, v, 5.0, 47) - 0.5))[:, None]
        broad = 0.10 * (fbm(u, v, 14.0, 49) - 0.5)
        dry = points.albedo * (1 + 0.34 * slope * (1 - damp[:, 0]) + 0.34 * grain + broad)[:, None]
        color = dry * (1 - damp) + wet_color * (1 + 0.3 * grain + broad)[:, None] * damp
        gloss = _mirror(points, 0.25) * damp * smoothstep(1.2, 0.1, away)[:, None]
        return np.asarray(color, np.float32), gloss.astype(np.float32)

    return surface


def _mirror(points: Points, strength: float) -> F32:
    """Sky mirrored by a level wet surface."""
    ray = -points.view + 2 * np.einsum("ij,ij->i", points.view, points.normal)[:, None] * points.normal
    ray[:, 1] = np.abs(ray[:, 1]) + 0.02
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    cos = np.clip(np.einsum("ij,ij->i", points.view, points.normal), 0, 1)
    fresnel = (0.03 + 0.97 * (1 - cos) ** 5)[:, None]
    return np.asarray(points.sky.gradient(ray) * fresnel * strength * 3, np.float32)


WAVES = ((1.0, 0.16, 5.2, 0.055), (0.86, -0.5, 2.7, 0.030), (0.92, 0.42, 1.35, 0.018), (0.7, -0.72, 0.62, 0.010),
         (0.55, 0.83, 0.33, 0.006))  # fmt: skip
"""Direction (z, x), wavelength m, height m."""


def sea(shore: Callable[[F32], F32], deep: Tint, shallow: Tint, rough: float = 1.0) -> Surface:
    """Water: waves, mirrored sky, the sun's glittering road, foam at the shore."""
    deep_color, shallow_color = to_linear(deep), to_linear(shallow)

    def surface(points: Points) -> tuple[F32, F32 | None]:
        x, z = points.position[:, 0], points.position[:, 2]
        sky = points.sky
        # Seen at a flat angle, samples lie much farther apart along the line of sight than across it.
        points = replace(points, footprint=points.footprint / np.sqrt(np.maximum(points.view[:, 1], 0.02)))
        bend = (fbm(x, z, 46.0, 61, 1.9) - 0.5) * 2.2
        slope_x, slope_z, crest = (np.zeros(len(x), np.float32) for _ in range(3))
        for dz, dx, length, height in WAVES:
            k = 2 * np.pi / length
            phase = (dz * z + dx * x) * k + bend * (1.2 + 0.5 / length)
            gusts = 0.45 + 1.1 * fbm(x, z, 9.0 * length, 62, 1.5)
            amount = rough * height * k * fade(points, length) * gusts
            slope_x += dx * amount * np.cos(phase)
            slope_z += dz * amount * np.cos(phase)
            crest += height * np.sin(phase) * fade(points, length)
        chop = (sample(tile(63, 0.8, 12, 200), x / 4, z / 4) - 0.5) * fade(points, 0.10) * 0.5 * rough
        normal = np.stack([-slope_x + chop, np.ones_like(x), -slope_z + 0.6 * chop], -1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        cos = np.clip(np.einsum("ij,ij->i", points.view, normal), 0.02, 1)
        ray = -points.view + 2 * cos[:, None] * normal
        ray[:, 1] = np.abs(ray[:, 1]) + 0.03
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        fresnel = 0.02 + 0.75 * (1 - cos) ** 4
        near = smoothstep(7.0, 0.3, shore(x) - z + 2.5 * (fbm(x, z, 11.0, 65) - 0.5))[:, None]
        body = deep_color * (1 - near) + shallow_color * near
        broad = fbm(x, z * 2.2, 38.0, 69, 1.3) - 0.5
        body = body * (1 + 3.2 * rough * crest + 0.5 * broad)[:, None]
        light = sky.gradient(np.broadcast_to(np.array([0, 0.8, 0.6], np.float32), (len(x), 3)))
        mirrored = sky.gradient(ray) * fresnel[:, None]
        glitter = _glitter(points, normal, ray, x, z)
        foam = _foam(points, x, z, shore)[:, None]
        color = body * 0.55 * (1 - foam) + np.float32(0.82) * foam
        extra = (body * light * 0.35 + mirrored + glitter) * (1 - foam)
        return np.asarray(color, np.float32), np.asarray(extra, np.float32)

    return surface


def _glitter(points: Points, normal: F32, ray: F32, x: F32, z: F32) -> F32:
    """Sparks where small facets mirror the sun, densest on the line below it; far away a soft bright road."""
    sky = points.sky
    strength = float(sky.sun_strength)
    toward = np.clip(ray @ sky.sun, 0, 1)
    flat = points.view * np.array([1, 0, 1], np.float32)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    level = sky.sun[[0, 2]] / max(float(np.hypot(sky.sun[0], sky.sun[2])), 1e-6)
    side = np.clip(-(flat[:, 0] * level[0] + flat[:, 2] * level[1]), 0, 1)
    road = np.exp((side - 1) * 90)
    # Facets stretch across the line of sight as seen from low above the water.
    fine = sample(tile(67, 0.7, 16, 250), x / 5.0, z / 9.0)
    spark = smoothstep(0.66, 0.80, fine) * fade(points, 0.16)
    calm = smoothstep(0.05, 0.6, points.footprint) * 0.32
    amount = road * (0.15 + 2.6 * spark + calm) + 0.5 * toward**60
    return np.asarray(amount[:, None] * sky.sun_color * strength, np.float32)


def _foam(points: Points, x: F32, z: F32, shore: Callable[[F32], F32]) -> F32:
    out = shore(x) - z
    wobble = 0.55 * (fbm(x, z, 3.0, 71, 1.7) - 0.5)
    lace = sample(tile(73, 1.0, 6, 120), x / 3.2, z / 3.2)
    edge = smoothstep(0.16, 0.02, np.abs(out - 0.06 + wobble * 0.4)) * (0.75 + 0.25 * lace)
    second = smoothstep(0.34, 0.0, np.abs(out - 1.0 + wobble * 1.3)) * smoothstep(0.46, 0.64, lace)
    third = smoothstep(0.30, 0.0, np.abs(out - 2.4 + wobble * 1.6)) * smoothstep(0.54, 0.70, lace)
    return np.asarray(np.clip(edge + 0.8 * second + 0.55 * third, 0, 1) * (0.3 + 0.7 * fade(points, 0.4)), np.float32)


def paving(size: tuple[float, float], axis: str = "xz", stagger: bool = True, joint: float = 0.025, vary: float = 0.12,
           joint_shade: float = 0.55, seed: int = 81) -> Surface:  # fmt: skip
    """Slabs, bricks, planks or tiles of `size` (u, v) metres with joints and uneven colours."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = _plane(points, axis)
        row = np.floor(v / size[1])
        shift = (row % 2) * 0.5 * size[0] if stagger else 0.0
        column = np.floor((u + shift) / size[0])
        fu = (u + shift) / size[0] - column
        fv = v / size[1] - row
        edge = np.minimum(np.minimum(fu, 1 - fu) * size[0], np.minimum(fv, 1 - fv) * size[1])
        gap = smoothstep(joint * 0.5, joint * 0.5 + 0.012, edge)
        seen = fade(points, joint * 14)
        each = _hash(column, row, seed)
        tone = (each - 0.5) * 2 * vary * fade(points, min(size) * 1.6)
        grain = 0.14 * detail(points, u + each * 3, v + each * 5, 1.3, seed + 2)
        bevel = smoothstep(0.06, 0.0, edge) * 0.08 * seen
        shade = (1 + tone + grain + bevel) * (1 - (1 - gap) * (1 - joint_shade) * seen)
        return np.asarray(points.albedo * shade[:, None], np.float32), None

    return surface


def planks(width: float = 0.14, length: float = 2.2, axis: str = "xz", vary: float = 0.13, seed: int = 83) -> Surface:
    """Wooden boards along the first axis, with grain."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = _plane(points, axis)
        row = np.floor(v / width)
        offset = _hash(row, row * 0 + 3, seed) * length
        column = np.floor((u + offset) / length)
        each = _hash(column, row, seed + 1)
        edge = np.minimum(v / width - row, 1 - v / width + row) * width
        end = np.minimum((u + offset) / length - column, 1 - (u + offset) / length + column) * length
        gap = smoothstep(0.002, 0.010, np.minimum(edge, end))
        seen = fade(points, 0.16)
        grain = (sample(tile(85, 1.1, 3, 120), u / 2.6 + each * 7, v / 0.36 + each * 3) - 0.5) * fade(points, 0.05)
        shade = (1 + (each - 0.5) * 2 * vary * fade(points, width * 2) + 0.35 * grain) * (1 - 0.55 * (1 - gap) * seen)
        tint = np.stack([shade, shade * (1 + 0.05 * (each - 0.5)), shade * (1 + 0.10 * (each - 0.5))], -1)
        return np.asarray(points.albedo * tint, np.float32), None

    return surface


def _hash(i: NDArray[np.floating], j: NDArray[np.floating], seed: int) -> F32:
    """A repeatable number 0..1 per integer cell."""
    value = np.sin(i * 127.1 + j * 311.7 + seed * 74.7) * 43758.5453
    return np.asarray(value - np.floor(value), np.float32)


def meadow(second: Tint, dry: Tint, period: float = 9.0) -> Surface:
    """Grass seen from a little above: patches, tufts and blades that lean with the light."""
    other, straw = to_linear(second), to_linear(dry)

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = points.position[:, 0], points.position[:, 2]
        patch = smoothstep(0.35, 0.65, fbm(u, v, period, 101, 1.7))[:, None]
        worn = (smoothstep(0.62, 0.80, fbm(u, v, period * 0.7, 103, 1.6)) * 0.6)[:, None]
        blades = (sample(tile(105, 0.7, 20, 250), u / 1.7, v / 3.1) - 0.5) * fade(points, 0.05)
        tufts = (sample(tile(107, 1.2, 6, 60), u / 3.0, v / 3.0) - 0.5) * fade(points, 0.4)
        color = (points.albedo * (1 - patch) + other * patch) * (1 - worn) + straw * worn
        return np.asarray(color * (1 + 0.75 * blades + 0.55 * tufts)[:, None], np.float32), None

    return surface


def litter(leaf: Sequence[Tint], period: float = 1.4) -> Surface:
    """Forest floor: soil strewn with leaves of several colours."""
    tints = np.stack([to_linear(c) for c in leaf])

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = points.position[:, 0], points.position[:, 2]
        color = points.albedo * (1 + 0.8 * detail(points, u, v, 2.0, 111))[:, None]
        for k, tint in enumerate(tints):
            mask = sample(tile(113 + k, 0.9, 10, 90), u / period / 1.6 + k * 0.31, v / period / 1.6 + k * 0.17)
            cover = (smoothstep(0.60, 0.66, mask) * 0.85 * (0.35 + 0.65 * fade(points, 0.12)))[:, None]
            color = color * (1 - cover) + tint * (1 + 0.5 * (mask[:, None] - 0.62)) * cover
        moss = (smoothstep(0.5, 0.72, fbm(u, v, 8.0, 119, 1.7)) * 0.5)[:, None]
        return np.asarray(color * (1 - moss) + color * np.array([0.7, 1.25, 0.55], np.float32) * moss, np.float32), None

    return surface


def leafy(amount: float = 0.6, period: float = 1.1, seed: int = 121) -> Surface:
    """Foliage: dapples that make a smooth crown read as leaves, brighter towards the top."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        p = points.position
        u, v = p[:, 0] + 0.7 * p[:, 2], p[:, 1] + 0.4 * p[:, 2] - 0.3 * p[:, 0]
        mottle = (sample(tile(seed, 0.9, 8, 70), u / period / 2, v / period / 2) - 0.5) * fade(points, 0.12)
        clump = (sample(tile(seed + 1, 1.5, 2, 20), u / period / 4, v / period / 4) - 0.5) * fade(points, 0.7)
        shade = 1 + amount * 1.6 * mottle + amount * clump + 0.16 * points.normal[:, 1]
        rim = np.clip(1 - np.abs(np.einsum("ij,ij->i", points.view, points.normal)), 0, 1) ** 2
        back = np.clip(-(points.view @ points.sky.rim), 0, 1) * rim
        glow = points.albedo * np.array([1.2, 1.15, 0.5], np.float32) * (0.5 * back)[:, None] * points.sky.sun_color
        return np.asarray(points.albedo * np.maximum(shade, 0.2)[:, None], np.float32), np.asarray(glow, np.float32)

    return surface


def bark(period: float = 0.5, seed: int = 131) -> Surface:
    """Upright furrows."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        p = points.position
        u = np.arctan2(points.normal[:, 0], points.normal[:, 2]) * 0.25 + p[:, 0] * 0.1
        furrow = (sample(tile(seed, 1.0, 5, 90), u / period, p[:, 1] / period / 6) - 0.5) * fade(points, 0.06)
        moss = smoothstep(0.55, 0.8, fbm(p[:, 0] + p[:, 2], p[:, 1], 3.0, seed + 1))[:, None] * 0.35
        color = points.albedo * (1 + 1.1 * furrow)[:, None]
        return np.asarray(color * (1 - moss) + color * np.array([0.75, 1.4, 0.55], np.float32) * moss, np.float32), None

    return surface


def glass(frame: str = "sky") -> Surface:
    """A window pane that shows the sky outside, or mirrors it, instead of its own colour."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        if frame == "sky":
            ray = -points.view
        else:
            dot = np.einsum("ij,ij->i", points.view, points.normal)[:, None]
            ray = -points.view + 2 * dot * points.normal
        ray = np.array(ray, np.float32)
        ray[:, 1] = np.abs(ray[:, 1]) + 0.06
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        gain = 1.0 if frame == "sky" else 0.4
        return points.albedo * 0.2, np.asarray(points.sky.outside(ray) * gain, np.float32)

    return surface
