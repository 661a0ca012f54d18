"""Builds any character of a scene: the door of this package."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import NDArray

from backends.image.layout.characters.human import build_human, build_human_face
from backends.image.layout.characters.robot import build_robot, build_robot_face
from backends.image.layout.mesh import CharacterModel, MeshPart
from backends.image.layout.scene import PosedCharacter

_BODIES = {"human": build_human, "robot": build_robot}
_FACES = {"human": build_human_face, "robot": build_robot_face}


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
    return _BODIES.get(posed.look.kind, build_human)(posed, look_target, cache_dir)


def build_face(
    posed: PosedCharacter, *, look_target: NDArray | None = None, cache_dir: Path | None = None
) -> tuple[MeshPart, ...]:
    """Only the parts that change with mouth, blink and expression, placed as `build_character` places them.

    To re-render a talking mouth, drop from a built model every part whose name (the label after '/') is in
    `FACE_LABELS`, and add these. Not every label is always there: closed mouths have no teeth.
    """
    return _FACES.get(posed.look.kind, build_human_face)(posed, look_target, cache_dir)
