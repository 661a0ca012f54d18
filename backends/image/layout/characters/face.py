"""The face parts that change with speech, blinking and expression, for any head given as a field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import eyes, materials
from backends.image.layout.characters.brows import BrowPose, brow_mesh
from backends.image.layout.characters.mouth import MouthPlace, MouthShape, build_mouth
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import SIDES, load_table, turn
from backends.image.layout.characters.surface import Mesh
from backends.image.layout.mesh import Material, MeshPart
from backends.image.layout.scene import RGB

Paint = Callable[[NDArray], NDArray[np.float32]]


@dataclass(frozen=True)
class FaceRig:
    """All that a face needs to know about the head it sits on (head radii, head's frame)."""

    field: Field
    skin: Paint
    skin_material: Material
    eye_x: float
    eye_y: float
    eye_z: float
    eye_radii: NDArray[np.float64]
    eye_color: RGB
    iris: float
    place: MouthPlace
    lip: RGB
    brow_color: RGB
    brow: float
    """Thickness; 0 = no brows."""
    brow_y: float
    lash: float = 0.0
    """Length of the lashes; < 0 = no lash line."""
    cant: float = 7.0
    """Degrees that the eyes look outwards, following the face's curve."""
    has_mouth: bool = True
    """False for beaks."""


def expression_row(name: str) -> dict[str, Any]:
    """One expression of faces.yaml.

    Raises:
        KeyError: Unknown expression.
    """
    row: dict[str, Any] = load_table("faces")["expressions"][name]
    return row


def mouth_shape(expression: str, mouth: str | None) -> MouthShape:
    """The mouth to show: the viseme coloured by the expression, or the expression's own.

    Raises:
        KeyError: Unknown expression or mouth.
    """
    row = expression_row(expression)
    table = load_table("faces")["mouths"]
    corners = float(row["corners"])
    if mouth is None:
        return MouthShape.from_table(table[row["mouth"]]).with_corners(corners)
    return MouthShape.from_table(table[mouth]).with_corners(0.55 * corners)


def _either(value: Any, side: str) -> float:
    # Pairs are written [right, left].
    return float(value["rl".index(side)] if isinstance(value, list) else value)


def face_meshes(
    rig: FaceRig, expression: str, mouth: str | None, blink: float, gaze: tuple[float, float]
) -> list[tuple[str, Mesh, Material, NDArray[np.float32] | None]]:
    """Lids, lashes, brows, mouth, teeth, tongue as (name, mesh, material, colours) in the head's frame."""
    row = expression_row(expression)
    lids = eyes.Lids(float(row["lids"]["upper"]), float(row["lids"]["lower"]), float(row["lids"]["slant"]))
    # Lids follow the gaze up and down.
    follow = gaze[1] / 90.0
    lids = eyes.Lids(lids.upper - 0.5 * follow, lids.lower + 0.3 * follow, lids.slant)
    out: list[tuple[str, Mesh, Material, NDArray[np.float32] | None]] = []
    for s, side in SIDES.items():
        lid = place_eye(rig, eyes.eyelids(lids, blink, side), side)
        out.append((f"lids_{s}", lid, rig.skin_material, rig.skin(lid.vertices) * np.float32(0.97)))
        if rig.lash >= 0:
            lash = place_eye(rig, eyes.lash_line(lids, blink, side, rig.lash), side)
            out.append((f"lash_{s}", lash, materials.hair(materials.shade(rig.brow_color, 0.35)), None))
        if rig.brow > 0:
            b = row["brow"]
            pose = BrowPose(_either(b["raise"], s), _either(b["tilt"], s), _either(b["bend"], s))
            stroke = brow_mesh(rig.field, rig.eye_x + 0.02, rig.brow_y, 0.23, rig.brow, side, pose)
            out.append((f"brow_{s}", stroke, materials.hair(rig.brow_color), None))
    if not rig.has_mouth:
        return out
    shape = mouth_shape(expression, mouth)
    parts = build_mouth(rig.field, rig.place, shape, rig.skin, np.asarray(rig.lip))
    out.append(("mouth", parts.plate, rig.skin_material, parts.plate_colors))
    if parts.cavity is not None:
        out.append(("mouth_inside", parts.cavity, Material(roughness=0.6, specular=0.3), parts.cavity_colors))
    if parts.teeth is not None:
        out.append(("teeth", parts.teeth, materials.gloss((0.97, 0.96, 0.93), 0.25), None))
    if parts.tongue is not None:
        out.append(("tongue", parts.tongue, Material((0.83, 0.33, 0.34), roughness=0.35, specular=0.5), None))
    return out


def place_eye(rig: FaceRig, mesh: Mesh, side: float) -> Mesh:
    """A mesh of the unit eye, put into the head."""
    center = np.array([side * rig.eye_x, rig.eye_y, rig.eye_z])
    return mesh.stretched(rig.eye_radii).moved(turn(0.0, side * rig.cant), center)


def eyeball_meshes(
    rig: FaceRig, expression: str, gaze: tuple[float, float]
) -> list[tuple[str, Mesh, Material, NDArray[np.float32] | None]]:
    """Eyeballs and catch-lights in the head's frame."""
    scale = float(expression_row(expression)["iris"])
    out: list[tuple[str, Mesh, Material, NDArray[np.float32] | None]] = []
    for s, side in SIDES.items():
        turned = (gaze[0] - side * (rig.cant - 2.0), gaze[1])
        ball, colors = eyes.eyeball(rig.eye_color, rig.iris, turned, scale)
        out.append((f"eye_{s}", place_eye(rig, ball, side), materials.gloss((1, 1, 1), 0.08), colors))
        light = eyes.catch_lights(turned, rig.iris)
        out.append((f"glint_{s}", place_eye(rig, light, side), materials.glow((1.0, 1.0, 1.0), 1.0), None))
    return out


def as_parts(
    owner: str,
    items: list[tuple[str, Mesh, Material, NDArray[np.float32] | None]],
    rotation: NDArray,
    origin: NDArray,
    scale: float,
) -> list[MeshPart]:
    """Meshes of the head's frame as labelled parts of an outer frame."""
    return [
        materials.part(f"{owner}/{name}", mesh.moved(rotation, origin, scale), material, colors)
        for name, mesh, material, colors in items
    ]  # fmt: skip
