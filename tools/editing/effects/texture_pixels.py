"""The picture in large pixels of few colours, as old games had it."""

from __future__ import annotations

from pydantic import Field

from backends.media.cube import write_cube
from backends.media.ffmpeg import filter_value
from tools.editing.effects.base import Canvas, ClipEffect, effect

_DITHER = 44
"""Levels between the lowest and the highest place of the pattern; without one, few colours make bands."""
_PATTERN = "mod(X+Y,2)*8+mod(Y,2)*4+mod(floor(X/2)+floor(Y/2),2)*2+mod(floor(Y/2),2)"
"""Bayer's pattern of four by four, 0 to 15 (Bayer 1973)."""


@effect
class Pixels(ClipEffect):
    """Large square pixels; with a palette each takes the nearest of its colours."""

    name = "pixels"
    about = "large pixels of few colours, as in old games"

    rows: int = Field(144, ge=16, le=720, description="Pixels from top to bottom.")
    palette: str = Field("", pattern="^([a-z][a-z0-9_]{0,63})?$", description="Of configs/remix.yaml; '' for all.")
    dither: float = Field(0.5, ge=0, le=1)

    def picture(self, canvas: Canvas) -> list[str]:
        rows = min(self.rows, canvas.height) // 2 * 2
        columns = max(2, round(rows * canvas.width / canvas.height) // 2 * 2)
        steps = [f"scale={columns}:{rows}:flags=area"]
        if self.palette:
            from tools.editing.remix.presets import palette_table

            file = write_cube(palette_table(self.palette), canvas.folder)
            if self.dither:
                size = f"{columns}x{rows}"
                level = f"128+({_PATTERN}-7.5)*{_DITHER * self.dither / 15:.4f}"
                steps.append(
                    f"null[plain];nullsrc=s={size}:r=25:d=0.04,format=yuv420p,geq=lum='{level}':cb=128:cr=128[bayer];"
                    "[plain][bayer]blend=c0_mode=grainmerge:c1_mode=normal:c2_mode=normal"
                )
            steps += ["format=gbrp", f"lut3d=file={filter_value(file)}:interp=nearest", "format=yuv444p"]
        return [*steps, f"scale={canvas.width}:{canvas.height}:flags=neighbor", "format=yuv420p"]

    def facts(self) -> dict[str, object]:
        from tools.editing.remix.presets import remix_presets

        return {**super().facts(), "colours": list(remix_presets().palettes.get(self.palette, ()))}
