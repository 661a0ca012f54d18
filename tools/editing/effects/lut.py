"""A colour table over the picture: of a remix preset, or one that was baked for a reference."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from backends.media.cube import cube_text, write_cube
from backends.media.ffmpeg import filter_value
from configs.errors import UsageError
from tools.editing.effects.base import Canvas, ClipEffect, Stage, effect

if TYPE_CHECKING:
    from pathlib import Path

    from tools.editing.remix.grade import Grade

CUBES = "cubes"
"""Folder in the workspace's cache where tables are kept; the renderer's `Canvas.folder`."""
WIDE = "format=gbrpf32le"
"""Measured, 1080p: ffmpeg looks tables up by vector instructions in 16 bits and in floats only (21 ms a frame against
49 in 8 bits), and the way there and back is exact in floats (in 8 bits 0.4 levels are lost)."""


_LUMA = 16, 219
"""Black, and levels from black to white, of video range."""


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
    exposure: float = Field(
        1.0, ge=0.3, le=4, description="Of a preset: how much more light the film is given first; above 1 lighter."
    )

    def picture(self, canvas: Canvas) -> list[str]:
        grade = _grade(self.table)
        if grade is not None and grade.plain_grey and self.strength == 1:
            return [f"lutyuv=y='{_grey_levels(self.table, self.exposure)}':u=128:v=128"]
        if grade is not None:
            file = write_cube(_baked(self.table, self.strength, self.exposure), canvas.folder)
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
            facts["cube"] = _digest(self.table, self.strength, self.exposure)
        return facts


def has_table(name: str, folder: Path) -> bool:
    """Whether a table can be drawn: a preset's, or one that lies baked in the folder."""
    return _grade(name) is not None or (folder / f"{name}.cube").is_file()


def _grade(name: str) -> Grade | None:
    from tools.editing.remix.presets import remix_presets

    preset = remix_presets().presets.get(name)
    return preset.grade if preset is not None else None


@lru_cache(maxsize=32)
def _grey_levels(name: str, exposure: float) -> str:
    """Luma in, luma out, as ramps between 17 greys: black and white without a table, for a fifth of its time.

    Luma is not quite lightness: on scenes of strong colours the mean is 0.8 to 0.9 CIEDE2000 from the exact grade, the
    worst hundredth 4.5 (`studio bench remix`).
    """
    from tools.editing.remix.presets import remix_presets

    levels = grey_curve(remix_presets().presets[name].grade, exposure=exposure)
    wide = _LUMA[1] / (len(levels) - 1)
    made = [f"{_LUMA[0] + _LUMA[1] * levels[0]:.4f}"]
    for number, (low, high) in enumerate(pairwise(levels)):
        slope = (high - low) * _LUMA[1] / wide
        made.append(f"{slope:.6f}*clip(val-{_LUMA[0] + number * wide:.4f},0,{wide:.4f})")
    return "+".join(made)


def grey_curve(grade: Grade, steps: int = 17, exposure: float = 1.0) -> list[float]:
    """What a grade makes of even greys from black to white, 0-1."""
    import numpy as np

    from tools.editing.remix.grade import graded

    greys = np.repeat(np.linspace(0, 1, steps)[:, None], 3, axis=1)
    return [float(level) for level in graded(greys, grade, 1.0, exposure).mean(axis=1)]


@lru_cache(maxsize=32)
def _baked(name: str, strength: float, exposure: float) -> Any:
    from tools.editing.remix.grade import bake
    from tools.editing.remix.presets import remix_presets

    return bake(remix_presets().presets[name].grade, strength, exposure=exposure)


@lru_cache(maxsize=32)
def _digest(name: str, strength: float, exposure: float) -> str:
    return hashlib.sha256(cube_text(_baked(name, strength, exposure)).encode()).hexdigest()[:16]
