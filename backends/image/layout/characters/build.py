"""Builds any character of a scene: the door of this package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from numpy.typing import NDArray

from backends.image.layout.characters.creature import build_creature, build_creature_face
from backends.image.layout.characters.human import build_human, build_human_face
from backends.image.layout.characters.robot import build_robot, build_robot_face
from backends.image.layout.mesh import CharacterModel, MeshPart
from backends.image.layout.scene import PosedCharacter

FACE_LABELS = (
    "lids_l", "lids_r", "lash_l", "lash_r", "brow_l", "brow_r", "mouth", "mouth_inside", "teeth", "tongue",
    "beak_upper", "beak_lower",
)  # fmt: skip
"""Names of the parts that `build_face` may give. A robot's eyes are lamps and change too: see `face_labels`."""
ROBOT_FACE_LABELS = ("eye_l", "eye_r", "glint_l", "glint_r", "mouth")

_CREATURES = ("cat", "dog", "fox", "rabbit", "bear", "bird", "seagull", "monster")
_BODIES = {"human": build_human, "robot": build_robot, **dict.fromkeys(_CREATURES, build_creature)}
_FACES = {"human": build_human_face, "robot": build_robot_face, **dict.fromkeys(_CREATURES, build_creature_face)}


def face_labels(kind: str) -> tuple[str, ...]:
    """Names (after the '/') of the parts that `build_face` replaces on a character of this kind."""
    return ROBOT_FACE_LABELS if kind == "robot" else FACE_LABELS


def with_face(model: CharacterModel, kind: str, face: tuple[MeshPart, ...]) -> CharacterModel:
    """`model` with its changing face parts replaced by `face` (from `build_face`)."""
    old = set(face_labels(kind))
    kept = tuple(part for part in model.parts if part.label.rsplit("/", 1)[1] not in old)
    return replace(model, parts=(*kept, *face))


def build_character(
    posed: PosedCharacter, *, look_target: NDArray | None = None, cache_dir: Path | None = None
) -> CharacterModel:
    """All meshes of one posed character, in the world, feet on y = 0 (unless it jumps).

    Args:
        posed: Who, in which pose, expression and mouth, and where.
        look_target: (3,) world point that head and eyes turn to, within a neck's limits; None: straight ahead.
        cache_dir: Folder where built meshes are kept as .npz; None: only in this process.

    Raises:
        KeyError: A kind, age, pose, expression, mouth, hair style or garment that scene.py does not list.
    """
    return _BODIES[posed.look.kind](posed, look_target, cache_dir)


def build_face(
    posed: PosedCharacter, *, look_target: NDArray | None = None, cache_dir: Path | None = None
) -> tuple[MeshPart, ...]:
    """Only the parts that change with mouth, blink and expression, placed as `build_character` places them.

    To re-render a talking mouth, put them into a built model with `with_face`: it drops every part named in
    `face_labels`. Not every label is always there: closed mouths have no teeth.
    """
    return _FACES[posed.look.kind](posed, look_target, cache_dir)
