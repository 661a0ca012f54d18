"""Surfaces of characters: one function per kind of stuff, so that skin, cloth and hair look alike on everybody."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters.surface import Mesh
from backends.image.layout.mesh import Material, MeshPart
from backends.image.layout.scene import RGB

WHITE: RGB = (0.96, 0.96, 0.95)


def mix(a: ArrayLike, b: ArrayLike, t: float) -> RGB:
    """Colour between `a` (t = 0) and `b` (t = 1)."""
    c = np.asarray(a, dtype=np.float64) * (1 - t) + np.asarray(b, dtype=np.float64) * t
    return float(c[0]), float(c[1]), float(c[2])


def shade(a: ArrayLike, factor: float) -> RGB:
    """Colour `a` darker (< 1) or lighter (> 1), within 0..1."""
    c = np.clip(np.asarray(a, dtype=np.float64) * factor, 0.0, 1.0)
    return float(c[0]), float(c[1]), float(c[2])


def luminance(a: ArrayLike) -> float:
    """Rough brightness of an sRGB colour, 0..1."""
    return float(np.asarray(a, dtype=np.float64) @ np.array([0.299, 0.587, 0.114]))


def skin(color: RGB) -> Material:
    """Soft skin with a faint shine."""
    return Material(color=color, roughness=0.52, specular=0.35, sheen=0.25, clearcoat=0.05)


def hair(color: RGB) -> Material:
    """Hair, fur and feathers."""
    return Material(color=color, roughness=0.55, specular=0.35, sheen=0.5)


def cloth(color: RGB, roughness: float = 0.85) -> Material:
    """Woven cloth."""
    return Material(color=color, roughness=roughness, specular=0.2, sheen=0.6)


def rubber(color: RGB) -> Material:
    """Soles, boots, buttons."""
    return Material(color=color, roughness=0.5, specular=0.4)


def gloss(color: RGB, roughness: float = 0.12) -> Material:
    """Eyes, teeth, lenses: wet or lacquered."""
    return Material(color=color, roughness=roughness, specular=0.6, clearcoat=1.0)


def paint(color: RGB) -> Material:
    """Lacquered metal of a robot."""
    return Material(color=color, roughness=0.34, specular=0.5, clearcoat=0.7)


def metal(color: RGB) -> Material:
    """Bare metal."""
    return Material(color=color, roughness=0.3, specular=0.6, metallic=0.9)


def glow(color: RGB, power: float = 1.4) -> Material:
    """A small light."""
    return Material(color=color, roughness=0.4, emission=power)


def part(label: str, mesh: Mesh, material: Material, colors: NDArray[np.float32] | None = None) -> MeshPart:
    """A mesh with its surface, ready for the renderer."""
    tint = None if colors is None else np.clip(colors, 0.0, 1.0).astype(np.float32)
    return MeshPart(label, mesh.vertices, mesh.faces, material, mesh.normals, tint)


def smoothstep(lo: float, hi: float, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below `lo`, 1 above `hi`, smooth between."""
    t = np.clip((x - np.float32(lo)) / np.float32(hi - lo), 0.0, 1.0)
    out: NDArray[np.float32] = (t * t * (3 - 2 * t)).astype(np.float32)
    return out
