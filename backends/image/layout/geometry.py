"""All meshes of a shot as one indexed triangle soup, with what shading needs per corner and per part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.mesh import MeshPart

F32 = NDArray[np.floating]
"""float32 by convention; wider in type because numpy widens intermediate results."""
I32 = NDArray[np.int32]


def to_linear(srgb: ArrayLike) -> F32:
    """sRGB 0..1 -> linear 0..1 (IEC 61966-2-1)."""
    c = np.asarray(srgb, np.float32)
    return np.asarray(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), np.float32)


def to_srgb(linear: NDArray[np.floating]) -> F32:
    """Linear 0..1 -> sRGB 0..1 (IEC 61966-2-1)."""
    c = np.clip(linear, 0.0, 1.0)
    return np.asarray(np.where(c <= 0.0031308, c * 12.92, 1.055 * c ** (1 / 2.4) - 0.055), np.float32)


@dataclass(frozen=True)
class Geometry:
    """Triangles of many parts in one numbering."""

    parts: tuple[MeshPart, ...]
    vertices: NDArray[np.float64]
    """(V, 3) world metres."""
    faces: I32
    """(F, 3) into vertices."""
    part: I32
    """(F,) into parts."""
    normals: F32
    """(V, 3) unit; zero where a part has face normals."""
    albedo: F32
    """(V, 3) linear."""
    smooth: NDArray[np.bool_]
    """(P,) True where the part has vertex normals."""
    emission: F32
    """(P,) radiance factor."""
    person: NDArray[np.bool_]
    """(P,) True where the part belongs to a character and does not glow."""


def join(parts: Sequence[MeshPart]) -> Geometry:
    """One Geometry of all non-empty parts, in the order given."""
    kept = tuple(part for part in parts if len(part.faces))
    if not kept:
        empty = np.zeros((0, 3), np.float32)
        none = np.zeros(0, np.int32)
        return Geometry((), empty.astype(np.float64), empty.astype(np.int32), none, empty, empty,
                        none.astype(bool), none.astype(np.float32), none.astype(bool))  # fmt: skip
    start = np.cumsum([0] + [len(part.vertices) for part in kept])
    colors = [
        to_linear(part.colors) if part.colors is not None
        else np.broadcast_to(to_linear(part.material.color), (len(part.vertices), 3))
        for part in kept
    ]  # fmt: skip
    normals = [
        part.normals if part.normals is not None else np.zeros((len(part.vertices), 3), np.float32) for part in kept
    ]
    return Geometry(
        parts=kept,
        vertices=np.concatenate([part.vertices for part in kept]).astype(np.float64),
        faces=np.concatenate([part.faces.astype(np.int64) + s for part, s in zip(kept, start, strict=False)]).astype(
            np.int32
        ),
        part=np.repeat(np.arange(len(kept), dtype=np.int32), [len(part.faces) for part in kept]),
        normals=np.concatenate(normals).astype(np.float32),
        albedo=np.concatenate(colors).astype(np.float32),
        smooth=np.array([part.normals is not None for part in kept]),
        emission=np.array([part.material.emission for part in kept], np.float32),
        person=np.array([is_person(part) for part in kept]),
    )


def is_person(part: MeshPart) -> bool:
    """Whether a part belongs to a character and does not glow."""
    return not part.label.startswith("set/") and part.material.emission <= 0


def traced_albedo(albedo: F32, set_: NDArray[np.bool_] | bool) -> F32:
    """Linear albedo (..., 3) as light is traced with it: sets throw back less colour than they have.

    A lawn of full colour would dye faces green. `set_` (...) marks what belongs to a set.
    """
    grey = albedo @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    plain = albedo + (grey[..., None] - albedo) * np.float32(0.6)
    return np.asarray(np.where(np.asarray(set_)[..., None], plain, albedo), np.float32)
