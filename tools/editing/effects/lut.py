"""A colour table over the picture: of a remix preset, or one that was baked for a reference."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field

from backends.media.cube import cube_text, write_cube
from backends.media.ffmpeg import filter_value
from configs.errors import UsageError
from tools.editing.effects.base import Canvas, ClipEffect, Stage, effect

CUBES = "cubes"
"""Folder in the workspace's cache where tables are kept; the renderer's `Canvas.folder`."""
WIDE = "format=gbrpf32le"
"""Measured, 1080p: ffmpeg looks tables up by vector instructions in 16 bits and in floats only (21 ms a frame against
49 in 8 bits), and the way there and back is exact in floats (in 8 bits 0.4 levels are lost)."""


@effect
class Lut(ClipEffect):
    """Colours looked up in a table of 33 steps, between them in tetrahedra."""

    name = "lut"
    about = "the colours of a style or of a reference"
    stage: ClassVar[Stage] = Stage.LOOK

    table: str = Field(
        pattern="^[a-z0-9][a-z0-9_]{0,63}$", description="A preset of configs/remix.yaml, or a baked table's name."
    )
    strength: float = Field(1.0, ge=0, le=1, description="Of a preset; a baked table has its own.")

    def picture(self, canvas: Canvas) -> list[str]:
        if _grade(self.table) is not None:
            file = write_cube(_baked(self.table, self.strength), canvas.folder)
        else:
            file = canvas.folder / f"{self.table}.cube"
            if not file.is_file():
                raise UsageError(
                    "A colour table of the timeline is gone", "it is no longer in the workspace's cache",
                    "Remix the film again",
                )  # fmt: skip
        return [WIDE, f"lut3d=file={filter_value(file)}:interp=tetrahedral", "format=yuv420p"]

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        if _grade(self.table) is not None:
            facts["cube"] = _digest(self.table, self.strength)
        return facts


def _grade(name: str) -> Any:
    from tools.editing.remix.presets import remix_presets

    preset = remix_presets().presets.get(name)
    return preset.grade if preset is not None else None


@lru_cache(maxsize=32)
def _baked(name: str, strength: float) -> Any:
    from tools.editing.remix.grade import bake

    return bake(_grade(name), strength)


@lru_cache(maxsize=32)
def _digest(name: str, strength: float) -> str:
    return hashlib.sha256(cube_text(_baked(name, strength)).encode()).hexdigest()[:16]
