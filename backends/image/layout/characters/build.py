"""Builds any character of a scene: the door of this package."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import NDArray

from backends.image.layout.characters.human import build_human, build_human_face
from backends.image.layout.mesh import CharacterModel, MeshPart
from backends.image.layout.scene import PosedCharacter


def build_character(
    posed: PosedCharacter, *, look_target: NDArray | None = None, cache_dir: Path | None = None
) -> CharacterModel:
    return build_human(posed, look_target, cache_dir)


def build_face(
    posed: PosedCharacter, *, look_target: NDArray | None = None, cache_dir: Path | None = None
) -> tuple[MeshPart, ...]:
    return build_human_face(posed, look_target, cache_dir)
