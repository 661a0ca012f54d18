"""Overlays that were drawn, kept as assets by their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.media.ffmpeg import run_ffmpeg
from tools.editing.drawn.explosion import SECONDS, explosion
from tools.editing.drawn.particles import Loop, Rgba, draw
from tools.editing.held import HeldContext

if TYPE_CHECKING:
    from PIL.Image import Image

    from memory.records import Asset
    from tools.spec import ToolContext

LOOP_SECONDS = 5.0
LOOP_WIDTH = 960
"""Pixels: particles are soft, and a quarter of the pixels is drawn in a quarter of the time."""
MOST_FPS = 30.0
BLAST_SIDE = 640
"""Pixels: smoke is soft."""
ENGINE = "studio drawing"
REVISION = 3
"""Raise it when the same particles would look different."""


def particles(name: str, shape: float, fps: float, strength: float, seed: int, ctx: ToolContext) -> Asset:
    """A loop of particles with transparency, a QuickTime film of `LOOP_SECONDS`; drawn once and then found again.

    shape: width by height. Raises Cancelled when stopped.
    """
    rate = min(MOST_FPS, fps)
    height = max(2, round(LOOP_WIDTH / shape / 2) * 2)
    frames = round(LOOP_SECONDS * rate)
    loop = Loop(LOOP_WIDTH, height, rate, frames / rate, round(strength, 3), seed)
    params = {
        "particles": name,
        "size": [loop.width, loop.height],
        "fps": round(rate, 4),
        "strength": loop.strength,
        "seed": seed,
        "revision": REVISION,
    }
    made = _made("video", f"{name}.mov", params, ctx)
    if made is not None:
        return made
    file = ctx.scratch(".mov")
    write_film(_reported(draw(name, loop), frames, name, ctx), loop, file, ctx)
    return ctx.save(file, "video", f"{name}.mov", engine=ENGINE, params=params, seed=seed, summary=f"{name}, a loop")


def blast(fps: float, strength: float, seed: int, ctx: ToolContext) -> Asset:
    """An explosion with transparency, a square QuickTime film; drawn once and then found again.

    Raises Cancelled when stopped.
    """
    rate = min(MOST_FPS, fps)
    frames = round(SECONDS * rate)
    loop = Loop(BLAST_SIDE, BLAST_SIDE, rate, frames / rate, round(strength, 3), seed)
    params = {"explosion": BLAST_SIDE, "fps": round(rate, 4), "strength": loop.strength, "seed": seed, "revision": 1}
    made = _made("video", "explosion.mov", params, ctx)
    if made is not None:
        return made
    file = ctx.scratch(".mov")
    write_film(_reported(explosion(loop), frames, "an explosion", ctx), loop, file, ctx)
    return ctx.save(
        file, "video", "explosion.mov", engine=ENGINE, params=params, seed=seed, summary="an explosion"
    )  # fmt: skip


def picture(image: Image, name: str, params: dict[str, Any], ctx: ToolContext) -> Asset:
    """A drawn picture with transparency."""
    made = _made("image", name, params, ctx)
    if made is not None:
        return made
    file = ctx.scratch(".png")
    image.save(file)
    return ctx.save(file, "image", name, engine=ENGINE, params=params, summary=name)


def write_film(frames: Iterable[Rgba], loop: Loop, file: Path, ctx: ToolContext) -> None:
    """(H, W, 4) RGBA frames as a QuickTime film with transparency that ffmpeg and PyAV read alike."""
    raw = ["-f", "rawvideo", "-pixel_format", "rgba", "-video_size", f"{loop.width}x{loop.height}"]
    args = ["-protocol_whitelist", "pipe", *raw, "-framerate", f"{loop.fps:g}", "-i", "pipe:0"]
    args += ["-c:v", "qtrle", "-pix_fmt", "argb", "-fflags", "+bitexact", "-f", "mov", str(file)]
    run_ffmpeg(args, cancel=ctx.cancel.check, stdin=(frame.tobytes() for frame in frames))


def _reported(frames: Iterable[Rgba], count: int, name: str, ctx: ToolContext) -> Iterator[Rgba]:
    for number, frame in enumerate(frames):
        ctx.progress(number, count, f"drawing {name}")
        yield frame


def _made(kind: Any, name: str, params: dict[str, Any], ctx: ToolContext) -> Asset | None:
    """The asset that was drawn with these values before, while its file is there."""
    held = ctx.held() if isinstance(ctx, HeldContext) else ()
    for asset in (*held, *ctx.memory.list_assets(kind, None, 200)):
        if asset.name == name and asset.engine == ENGINE and asset.params == params and ctx.path(asset).is_file():
            return asset
    return None
