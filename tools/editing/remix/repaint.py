"""A film drawn again, picture by picture, by a diffusion engine; kept only while it holds together over time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import StudioError

if TYPE_CHECKING:
    from backends.vision.coherence.result import Coherence
    from memory.records import Asset
    from tools.editing.program import Source
    from tools.spec import ToolContext

Rgb = NDArray[np.uint8]
ENGINE = "sdxl"
FPS = 8
"""Drawings a second, each held: on threes, as cheap animation is drawn; fewer pictures also differ less."""
TRIED = 12
"""Drawings that are tried and measured before the rest is made."""
MOST = 480
"""A minute of film."""
INSTRUCTION = "repaint it as a {about} picture"
LOW_STRENGTH = 0.32
"""How much of each picture is drawn anew: above it faces change from picture to picture."""
_LOOKED_WIDTH = 320
DRAWN = ("wash", "brush", "ink", "halftone", "pencil")
"""Textures that only imitate what the engine then has drawn."""
_UNSTEADY = ("boil", "flicker", "wobble")
"""Faults of coherence that redrawing makes; the others are the film's own."""


def unavailable(ctx: ToolContext, seconds: float) -> str:
    """Why the film cannot be drawn again here, in words; '' when it can."""
    if ctx.settings.image.resolved_engine() != ENGINE:
        return "the image engine here is the preview renderer, which cannot repaint pictures"
    rows = [row for row in ctx.engine_states() if row.get("name") == ENGINE]
    if not rows or not str(rows[0].get("device", "")).startswith(("gpu", "cuda")):
        return "SDXL has no GPU here, and would take minutes for every picture"
    if seconds * FPS > MOST:
        return f"the film has {seconds:.0f} s; up to {MOST // FPS} s are drawn again"
    return ""


def repaint(
    asset: Asset, source: Source, about: str, seed: int, ctx: ToolContext, held: ToolContext
) -> tuple[Asset | None, str]:
    """The film drawn again in a style as a video asset without sound, or None and why it was not kept.

    Every picture gets the same seed and the same words, so that what is drawn alike stays alike. The first pictures are
    measured for boiling, flicker and wobble before the rest is made, and the whole again at its end. Finished
    drawings stay, so that a stopped remix goes on from there; the film of them is saved in `held`.
    """
    from backends.media.frames import read_frames

    seconds = float(source.info.seconds)
    count = max(1, int(seconds * FPS))
    frames = (rgb for _, rgb in read_frames(source.path, fps=FPS, width=source.info.width))
    made: list[Path] = []
    for number, rgb in enumerate(frames):
        if number >= count:
            break
        ctx.progress(number, count, f"drawing picture {number + 1} of {count}")
        try:
            made.append(_painted(rgb, f"{asset.sha256[:16]}-{number}", about, seed, ctx))
        except StudioError as error:
            return None, f"drawing stopped at picture {number + 1} ({error.problem})"
        if number + 1 == min(TRIED, count) and (why := unsteady(_small(made), FPS)):
            return None, f"the first {number + 1} pictures {why}"
    if why := unsteady(_small(made), FPS):
        return None, f"the pictures {why}"
    return _filmed(made, source, asset, about, seed, held), ""


def unsteady(frames: Sequence[Rgb], fps: float) -> str:
    """Which fault of redrawn pictures (H, W, 3) is over its mark, in words with its measure; '' when none is."""
    if len(frames) < 4:
        return ""
    faults = [fault for fault in coherence_of(frames, fps).faults if fault.kind in _UNSTEADY]
    if not faults:
        return ""
    worst = max(faults, key=lambda fault: fault.strength)
    return f"do not hold together: {worst.kind} at {worst.strength:.1f} times its mark"


def coherence_of(frames: Sequence[Rgb], fps: float) -> Coherence:
    """The studio's own measures of coherence on frames of one shot."""
    from backends.media.probe import MediaInfo
    from backends.vision.coherence.sink import CoherenceSink
    from backends.vision.cuts.result import ShotSpan
    from backends.vision.frame import Frame

    sink = CoherenceSink(MediaInfo("video", "mp4", fps=fps))
    before: Frame | None = None
    for index, rgb in enumerate(frames):
        before = Frame(index, index / fps, np.ascontiguousarray(rgb), before)
        sink.see(before)
    count = len(frames)
    whole: dict[str, Any] = {"first_frame": 0, "frames": count, "clean_first": 0, "clean_frames": count}
    shot = ShotSpan(index=1, start=0.0, end=count / fps, opening="start", **whole)
    return sink.report([shot])[0]


def _painted(rgb: Rgb, key: str, about: str, seed: int, ctx: ToolContext) -> Path:
    from backends.media.images import save_png

    file = ctx.scratch(".png")
    save_png(file, rgb)
    still = ctx.save(file, "image", f"still-{key}.png", params={"still": key}, summary="a picture of the film")
    args = {"image": still.id, "instruction": INSTRUCTION.format(about=about), "strength": LOW_STRENGTH, "seed": seed}
    outcome = ctx.call("edit_image", args, key=f"repaint-{key}-{seed}", title="drawing a picture again")
    return ctx.path(outcome.assets[0])


def _small(paths: Sequence[Path]) -> list[Rgb]:
    import cv2

    from backends.media.images import load_image

    made = []
    for path in paths:
        rgb = load_image(path)
        size = (_LOOKED_WIDTH, max(32, round(rgb.shape[0] * _LOOKED_WIDTH / rgb.shape[1])))
        made.append(np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8))
    return made


def _filmed(paths: Sequence[Path], source: Source, asset: Asset, about: str, seed: int, ctx: ToolContext) -> Asset:
    """The drawings as a film at the source's rate, each held until the next."""
    from backends.media.ffmpeg import encode_args, raw_frames_args, run_ffmpeg
    from backends.media.images import load_image
    from tools.editing.specs import frame_rate

    rate: Fraction = frame_rate(source.info.fps or 25.0)
    wide, high = source.info.width // 2 * 2, source.info.height // 2 * 2
    first = load_image(paths[0])
    frames = (load_image(path).tobytes() for path in paths)
    target = ctx.scratch(".mp4")
    steps = f"scale={wide}:{high}:flags=lanczos,fps={rate.numerator}/{rate.denominator},format=yuv420p"
    tail = ["-frames:v", str(source.info.frames or round(len(paths) * rate / FPS)), "-an", str(target)]
    padded = f"{steps},tpad=stop_mode=clone:stop_duration=1"
    raw = raw_frames_args(first.shape[1], first.shape[0], FPS)
    run_ffmpeg([*raw, "-vf", padded, *encode_args(12, "veryfast", float(rate)), *tail], stdin=frames,
               cancel=ctx.cancel.check)  # fmt: skip
    return ctx.save(
        target, "video", f"{Path(asset.name).stem}-painted.mp4", engine=ENGINE, seed=seed, parents=(asset.id,),
        params={"about": about, "drawings": len(paths), "strength": LOW_STRENGTH}, summary=f"drawn again as {about}",
    )  # fmt: skip
