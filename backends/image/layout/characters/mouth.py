"""The mouth: a plate of skin with lips that fills a fixed hole of the head, and behind it cavity, teeth and tongue.

The plate's outer rim lies on the head's own surface, so that only these few small meshes change while somebody talks.
Coordinates are head radii in the head's frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters.materials import smoothstep
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, drop_to_surface, gradient, joined, with_smooth_normals
from backends.image.layout.characters.sweep import ball, grid_faces

Colors = NDArray[np.float32]


@dataclass(frozen=True)
class MouthShape:
    """One mouth, in mouth units (1 = half width of the mouth at rest); faces.yaml says what each number means."""

    width: float
    up: float
    down: float
    round: float = 0.5
    corners: float = 0.0
    pucker: float = 0.0
    press: float = 0.0
    tuck: float = 0.0
    teeth: tuple[float, float] = (0.0, 0.0)
    tongue: int = 0
    skew: float = 0.0
    wave: float = 0.0

    @classmethod
    def from_table(cls, row: dict[str, Any]) -> MouthShape:
        """From a row of faces.yaml."""
        values = dict(row)
        if "teeth" in values:
            values["teeth"] = (float(values["teeth"][0]), float(values["teeth"][1]))
        return cls(**values)

    def with_corners(self, amount: float) -> MouthShape:
        """The same shape spoken with raised (or lowered) corners."""
        return replace(self, corners=self.corners + amount)


@dataclass(frozen=True)
class MouthPlace:
    """Where a mouth sits on a head."""

    y: float
    half_width: float
    lip: float
    """Width of the lips."""

    @property
    def rim(self) -> tuple[float, float, float]:
        """Half width, height above and below `y` of the plate's outer edge."""
        return 1.45 * self.half_width, 0.80 * self.half_width, 0.98 * self.half_width

    def inside(self, x: NDArray, y: NDArray, scale: float) -> NDArray[np.bool_]:
        """Which points of the face plane lie within the plate's edge times `scale`."""
        a, up, down = self.rim
        dy = y - self.y
        return (x / a) ** 2 + (dy / np.where(dy > 0, up, down)) ** 2 < scale * scale


@dataclass(frozen=True)
class MouthMeshes:
    plate: Mesh
    plate_colors: Colors
    cavity: Mesh | None
    cavity_colors: Colors | None
    teeth: Mesh | None
    tongue: Mesh | None


def outline(shape: MouthShape, columns: int = 64) -> tuple[NDArray, NDArray]:
    """The lips' inner edge, counter-clockwise from the left corner: x, y in mouth units."""
    t = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    u = np.cos(t)
    power = 1.25 - 0.75 * shape.round
    bow = np.clip(1 - u * u, 0, 1) ** power
    corner = shape.corners * (2.4 * np.abs(u) ** 1.8 - 0.9) + shape.skew * u
    wave = shape.wave * np.sin(2.4 * np.pi * u) * (1 - u**6)
    y = np.where(np.sin(t) >= 0, shape.up, -shape.down) * bow + corner + wave
    return shape.width * u, y


def open_area(shape: MouthShape) -> float:
    """Area inside the lips' inner edge, in squared mouth units."""
    x, y = outline(shape)
    return float(0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))


def mouth_ball(field: Field, place: MouthPlace) -> tuple[NDArray[np.float32], float]:
    """Centre and radius of a ball that holds every mouth shape of this head."""
    a, up, down = place.rim
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    y = place.y + np.where(np.sin(t) >= 0, up, down) * np.sin(t)
    xy = np.vstack([[[0.0, place.y - 0.04]], np.stack([a * np.cos(t), y], -1)]).astype(np.float32)
    p = drop_to_surface(field, xy)
    return p[0], 1.10 * float(np.linalg.norm(p[1:] - p[0], axis=1).max()) + 0.03


def _plate(
    field: Field, place: MouthPlace, shape: MouthShape, skin: Callable[[NDArray], Colors], lip: NDArray
) -> tuple[Mesh, Colors, NDArray, NDArray]:
    columns, rings = 64, 18
    w = place.half_width
    ox, oy = outline(shape, columns)
    inner = np.stack([ox * w, oy * w + place.y], -1)
    a, up, down = place.rim
    t = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    rim = np.stack([a * np.cos(t), place.y + np.where(np.sin(t) >= 0, up, down) * np.sin(t)], -1)
    s = (np.linspace(0, 1, rings) ** 1.7)[:, None, None]
    xy = (inner[None] * (1 - s) + rim[None] * s).astype(np.float32)
    surface = drop_to_surface(field, xy.reshape(-1, 2))
    normals = gradient(field, surface, 0.02)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)

    lower = (np.sin(t) < 0).astype(np.float64)
    distance = np.linalg.norm(xy - inner[None], axis=-1)
    corner = 1 - 0.75 * np.abs(np.cos(t)) ** 6
    width = place.lip * (1 + 0.25 * lower) * (1 - 0.55 * shape.press) * (1 + 0.25 * shape.pucker)
    d = distance / width[None]
    bump = np.exp(-(((d - 0.55) / 0.42) ** 2)) - 0.55 * np.exp(-((d / 0.28) ** 2))
    lift = 0.028 * bump * corner * (1 - 0.9 * shape.press)
    lift -= shape.press * 0.018 * np.exp(-((distance / 0.05) ** 2))
    lift -= shape.tuck * lower * 0.035 * np.exp(-((distance / 0.09) ** 2))
    # The fold at each corner of a smile.
    fold = np.abs(np.cos(t)) ** 10 * np.clip(abs(shape.corners) * 6, 0, 1)
    lift += fold * (0.022 * np.exp(-(((distance - 0.085) / 0.04) ** 2)) - 0.022 * np.exp(-((distance / 0.035) ** 2)))
    p = surface + normals * lift.reshape(-1, 1).astype(np.float32)
    p[:, 2] += (0.085 * shape.pucker * np.exp(-((distance / 0.13) ** 2))).reshape(-1)

    faces = grid_faces(rings, columns, closed=True)[:, ::-1]
    mesh = with_smooth_normals(p, faces)
    # Towards the rim the head's own normals take over, or a seam would show.
    blend = smoothstep(0.72, 0.95, np.broadcast_to(s[..., 0], distance.shape).reshape(-1).astype(np.float32))[:, None]
    mixed = mesh.normals * (1 - blend) + normals * blend
    mesh = Mesh(mesh.vertices, mesh.faces, (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32))

    base = skin(surface)
    tint = (1 - smoothstep(0.55, 1.25, d.reshape(-1).astype(np.float32)))[:, None] * (
        0.25 + 0.75 * np.tile(corner, rings)[:, None]
    )
    crease = np.exp(-((distance.reshape(-1) / 0.022) ** 2))[:, None]
    color = base * (1 - 0.8 * tint) + lip * 0.8 * tint
    color = color * (1 - 0.72 * crease) + np.array([0.20, 0.06, 0.05]) * 0.72 * crease
    edge = p.reshape(rings, columns, 3)[0]
    return mesh, color.astype(np.float32), edge, inner


def _cavity(edge: NDArray, place: MouthPlace) -> tuple[Mesh, Colors]:
    middle = np.array([0.0, edge[:, 1].mean(), edge[:, 2].mean()])
    w = place.half_width
    rows = [edge]
    for grow, depth in ((1.0, 0.05), (1.08, 0.12), (1.10, 0.26), (0.9, 0.42), (0.5, 0.50), (0.02, 0.52)):
        ring = middle + (edge - middle) * [grow, grow, 1.0]
        ring[:, 2] = edge[:, 2] * (1 - min(depth * 2, 1)) + middle[2] * min(depth * 2, 1) - depth * w * 1.9
        rows.append(ring)
    p = np.vstack(rows)
    faces = grid_faces(len(rows), len(edge), closed=True)
    inward = np.repeat(np.arange(len(rows)) / (len(rows) - 1), len(edge))[:, None]
    color = np.array([0.42, 0.10, 0.10]) * (1 - inward) + np.array([0.16, 0.02, 0.03]) * inward
    return with_smooth_normals(p, faces), color.astype(np.float32)


def _band(front: Callable[[NDArray], NDArray], lip: NDArray, half: float, shown: float, edge: float | None) -> Mesh:
    """A row of teeth as one rounded slab that follows its lip and thins out towards the corners.

    Args:
        front: Depth of the face at points (N, 2).
        lip: (K, 2) the lip's inner edge, x ascending.
        half: Half the row's width.
        shown: Height below the upper lip, or minus the height above the lower one.
        edge: Height of the teeth's free edge where it is straight; None: parallel to the lip.
    """
    u = np.linspace(-1, 1, 31)
    root = np.interp(half * u, lip[:, 0], lip[:, 1])
    free = root - shown * (1 - 0.55 * u**4) if edge is None else np.full_like(u, edge)
    root = root + 0.05 * np.sign(shown)
    profile = np.array(
        [(0.0, -0.07), (0.0, 0.0), (0.35, 0.006), (0.75, 0.0), (0.93, -0.008), (1.0, -0.028), (0.98, -0.07)]
    )
    rows = []
    for along, out in profile:
        y = root + (free - root) * along
        rows.append(np.stack([half * u, y, front(np.stack([half * u, y], -1)) - 0.035 + out], -1))
    faces = grid_faces(len(rows), len(u))
    return with_smooth_normals(np.vstack(rows), faces[:, ::-1] if shown > 0 else faces)


def build_mouth(
    field: Field, place: MouthPlace, shape: MouthShape, skin: Callable[[NDArray], Colors], lip: NDArray
) -> MouthMeshes:
    """All meshes of one mouth shape.

    Args:
        field: The head's surface.
        place: Where the mouth sits.
        shape: What it does.
        skin: Points (N, 3) -> colours (N, 3), the head's own.
        lip: sRGB colour of the lips.
    """
    plate, colors, edge, inner = _plate(field, place, shape, skin, lip)
    # Closed lips show nothing of the inside.
    cavity, cavity_colors = _cavity(edge, place) if shape.up + shape.down > 0.02 else (None, None)
    w = place.half_width
    middle = len(inner) // 4
    upper_lip, lower_lip = float(inner[middle, 1]), float(inner[3 * middle, 1])

    def front(xy: NDArray) -> NDArray:
        return drop_to_surface(field, xy.astype(np.float32))[:, 2]

    rows = []
    half = w * shape.width * 1.02
    side = len(inner) // 2
    high, deep = inner[side::-1], np.concatenate([inner[side:], inner[:1]])
    if shape.teeth[0] > 0:
        edge_y = lower_lip + 0.012 if shape.tuck else None
        upper = _band(front, high, half, shape.teeth[0] * w, edge_y)
        if shape.tuck:
            upper = upper.moved(np.eye(3), (0, 0, 0.03))
        rows.append(upper)
    if shape.teeth[1] > 0:
        rows.append(_band(front, deep, half * 0.90, -shape.teeth[1] * w, None))
    teeth = None
    if rows:
        teeth = joined(rows)
    return MouthMeshes(plate, colors, cavity, cavity_colors, teeth, _tongue(shape, edge, lower_lip, upper_lip, w))


def _tongue(shape: MouthShape, edge: NDArray, lower_lip: float, upper_lip: float, w: float) -> Mesh | None:
    if not shape.tongue:
        return None
    z = float(edge[:, 2].min())
    gap = upper_lip - lower_lip
    if shape.tongue == 2:
        body = ball((0.52 * shape.width * w, 0.58 * gap, 0.20 * w), 18, 26)
        return body.moved(turn(-14.0), (0.0, lower_lip + 0.46 * gap, z - 0.20 * w))
    body = ball((0.60 * shape.width * w, 0.30 * gap, 0.42 * w), 18, 26)
    return body.moved(turn(12.0), (0.0, lower_lip + 0.06 * gap, z - 0.34 * w))
