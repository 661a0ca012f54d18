"""animate_shot: a finished picture becomes a silent clip with a camera move, living characters and moving mouths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.film.layers import Layers, load_layers
from tools.film.layout import cast_looks
from tools.film.performance import Cue, Speech, envelope
from tools.film.shot import CastMember, Part, Shot
from tools.film.shot_frames import ShotFrames
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

SECONDS_PER_MEGAPIXEL_FRAME = 0.045
"""Drawing and encoding on two cores; measured."""
CRF, PRESET = 15, "superfast"
"""The clip is cut and encoded once more: near-lossless and fast matter here, not size."""
AUDIO_RATE = 22_050


class SpokenLine(Part):
    """A line in a shot, with what was made for it."""

    character: str
    audio: str
    """Asset id of the spoken line."""
    lipsync: str = ""
    """Asset id of its mouth shapes (JSON)."""
    start: float = 0.0
    """Seconds from the start of the shot."""
    sound: bool = False


class AnimateShotArgs(ToolArgs):
    picture: str = Field(description="The picture to bring to life: asset id, attached file or path")
    shot: dict[str, Any] | None = Field(None, description="The shot; by default the one the picture was made from")
    lines: list[SpokenLine] = Field(default_factory=list, description="Spoken lines with their sound and mouth shapes")
    seconds: float = Field(0.0, ge=0, le=120, description="Length of the clip; 0 = the shot's own")
    move: str = Field("", description="Camera move instead of the shot's: push_in, pull_out, pan_left, static, ...")
    handle_in: float = Field(0.0, ge=0, le=5, description="Extra seconds before, for a transition")
    handle_out: float = Field(0.0, ge=0, le=5, description="Extra seconds after, for a transition")
    width: int = Field(0, ge=0, le=3840, description="Pixels; 0 = the setting film.width")
    height: int = Field(0, ge=0, le=2160, description="Pixels; 0 = the setting film.height")
    seed: int = Field(0, ge=0, lt=2**31, description="Same seed, same blinks and drift")


class AnimateShot(Tool):
    name: ClassVar[str] = "animate_shot"
    description: ClassVar[str] = (
        "Brings a picture to life as a silent clip: camera move, parallax, breath, blinks, lips on the spoken line. "
        "Use it to animate a picture that generate_image made."
    )
    Args: ClassVar[type[ToolArgs]] = AnimateShotArgs
    makes = "video"

    def forecast(self, args: AnimateShotArgs, studio: Studio) -> Forecast:
        film = studio.settings.film
        megapixels = (args.width or film.width) * (args.height or film.height) / 1e6
        frames = (args.seconds or 3.0) * film.fps
        return Forecast(
            seconds=1.0 + frames * megapixels * SECONDS_PER_MEGAPIXEL_FRAME, disk_mib=0.5 * (args.seconds or 3.0)
        )

    def run(self, args: AnimateShotArgs, ctx: ToolContext) -> ToolResult:
        from backends.media.images import load_image

        asset = ctx.asset(args.picture, "image")
        shot = _shot(args, asset)
        film = ctx.settings.film
        size = _even(args.width or film.width), _even(args.height or film.height)
        seconds = args.seconds or shot.seconds
        frames = max(1, round((seconds + args.handle_in + args.handle_out) * film.fps))
        rgb = np.asarray(load_image(ctx.path(asset)))
        layers = _layers(asset, rgb, ctx)
        window = cover(rgb.shape[1], rgb.shape[0], size)
        if window != (0, 0, rgb.shape[1], rgb.shape[0]):
            left, top, right, bottom = window
            rgb = np.ascontiguousarray(rgb[top:bottom, left:right])
            layers = layers.crop(*window) if layers is not None else None
        cast = tuple(CastMember.model_validate(one) for one in asset.params.get("cast", []))
        speeches = [_speech(line, args.handle_in, ctx) for line in args.lines]
        if speeches and (layers is None or not any(one.mouth for one in layers.patches)):
            ctx.warn("The picture has no mouth shapes of its own, so the lips do not move")
        scene = ShotFrames(shot, rgb, layers, cast_looks(cast), speeches, size, film.fps, frames, args.seed)
        clip = ctx.scratch(".mp4")
        write_clip(scene.frame, frames, film.fps, clip, lambda done: ctx.progress(done, frames, f"animating {shot.id}"))
        used = tuple(
            dict.fromkeys(
                (asset.id, *(line.audio for line in args.lines), *(line.lipsync for line in args.lines if line.lipsync))
            )
        )
        params = {
            "shot": shot.id,
            "move": shot.camera.move,
            "seconds": seconds,
            "frames": frames,
            "fps": film.fps,
            "handle_in": args.handle_in,
            "handle_out": args.handle_out,
            "width": size[0],
            "height": size[1],
            "lines": [line.model_dump() for line in args.lines],
        }
        saved = ctx.save(
            clip,
            "video",
            f"{shot.id} clip",
            engine="animator",
            engine_version="1",
            params=params,
            seed=args.seed,
            parents=used,
            summary=f"{shot.id}: {shot.camera.move}, {frames / film.fps:.2f} s",
        )
        summary = f"Animated {shot.id}: {frames} frames at {film.fps} fps, {shot.camera.move.replace('_', ' ')}"
        summary += f", {len(speeches)} lines with lips" if speeches else ""
        return ToolResult(summary + ".", (saved,), {"frames": frames, "seconds": round(frames / film.fps, 4)})


def write_clip(
    draw: Callable[[int], NDArray[np.uint8]], frames: int, fps: int, path: Path, on_frame: Callable[[int], None]
) -> None:
    """Encode `frames` pictures of `draw(index)` ((H, W, 3) uint8) as a silent H.264 file.

    MoviePy pulls the frames and feeds ffmpeg. What `on_frame(done)` raises stops it; Raises StudioError when the
    encoder fails.
    """
    from moviepy import VideoClip

    failure: list[StudioError] = []

    def frame_at(seconds: float) -> NDArray[np.uint8]:
        index = min(frames - 1, int(seconds * fps + 0.5))
        try:
            on_frame(index)
        except StudioError as error:
            failure.append(error)
            raise
        return draw(index)

    clip = VideoClip(frame_function=frame_at, duration=(frames + 0.5) / fps)  # MoviePy rounds down
    try:
        clip.write_videofile(
            str(path),
            fps=fps,
            codec="libx264",
            preset=PRESET,
            audio=False,
            logger=None,
            pixel_format="yuv420p",
            ffmpeg_params=[
                "-crf",
                str(CRF),
                "-vf",
                "scale=out_color_matrix=bt709:out_range=tv",
                "-colorspace",
                "bt709",
                "-color_primaries",
                "bt709",
                "-color_trc",
                "bt709",
                "-color_range",
                "tv",
                "-bf",
                "0",
                "-fflags",
                "+bitexact",
                "-flags:v",
                "+bitexact",
                "-map_metadata",
                "-1",
            ],
        )
    except OSError as error:
        raise StudioError(
            "The clip could not be encoded", " ".join(str(error).split())[:200], "Free space and try again"
        ) from error
    finally:
        clip.close()
        if failure:
            path.unlink(missing_ok=True)


def _shot(args: AnimateShotArgs, asset: Asset) -> Shot:
    stored = args.shot or asset.params.get("shot")
    try:
        shot = Shot.model_validate(stored) if stored else Shot(id="shot-1", description=asset.name)
        if args.move:
            shot = shot.model_copy(
                update={"camera": shot.camera.model_validate({**shot.camera.model_dump(), "move": args.move})}
            )
    except ValidationError as error:
        raise UsageError("The shot is wrong", str(error.errors()[0]["msg"]), "Give a shot of a storyboard") from error
    return (
        shot
        if stored or args.move
        else shot.model_copy(update={"camera": shot.camera.model_copy(update={"move": "push_in"})})
    )


def _layers(asset: Asset, rgb: NDArray[np.uint8], ctx: ToolContext) -> Layers | None:
    """The layers beside the picture; None, with a word to the user, when there are none that fit."""
    kept = asset.params.get("layers")
    found = ctx.memory.get_asset(str(kept)) if kept else None
    if found is None:
        ctx.warn(f"'{asset.name}' has no depth or masks beside it, so only the camera moves")
        return None
    layers = load_layers(ctx.path(found))
    if layers.owner.shape != rgb.shape[:2]:
        ctx.warn(f"The layers of '{asset.name}' have another size, so only the camera moves")
        return None
    return layers


def _speech(line: SpokenLine, handle_in: float, ctx: ToolContext) -> Speech:
    from backends.media.audio import read_audio

    samples = read_audio(ctx.path(ctx.asset(line.audio, "audio", "video")), AUDIO_RATE)
    start = line.start + handle_in
    cues: tuple[Cue, ...] = ()
    if line.lipsync:
        cues = _cues(ctx.path(ctx.asset(line.lipsync, "lipsync")), start)
    return Speech(line.character, start, len(samples) / AUDIO_RATE, cues, envelope(samples, AUDIO_RATE), line.sound)


def _cues(path: Path, start: float) -> tuple[Cue, ...]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            Cue(start + float(one["start"]), start + float(one["end"]), str(one["value"])) for one in data["mouthCues"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"'{path.name}' holds no mouth cues", str(error)[:100], "Give the JSON that lip_sync made"
        ) from error


def cover(width: int, height: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """left, top, right, bottom: the middle of a picture in the film's shape; its own resolution is kept."""
    wanted = size[0] / size[1]
    if abs(width / height / wanted - 1) < 0.02:
        return 0, 0, width, height
    if width / height > wanted:
        keep = round(height * wanted)
        left = (width - keep) // 2
        return left, 0, left + keep, height
    keep = round(width / wanted)
    top = (height - keep) // 3  # faces are above the middle
    return 0, top, width, top + keep


def _even(value: int) -> int:
    return value - value % 2
