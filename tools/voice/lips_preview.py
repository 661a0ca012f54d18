"""A short clip of a character's face that says a sound with the mouth shapes found for it."""

from __future__ import annotations

from pathlib import Path

from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import sniff
from memory.records import Asset
from tools.film.look import describe_look, look_to_data
from tools.film.shot import Actor, Camera, CastMember, Shot
from tools.spec import ToolContext

SIZE = (640, 360)
MOST_S = 20.0
"""A longer sound is shown from its beginning."""
TAIL_S = 0.3


def preview(ctx: ToolContext, character: str, audio: Asset, lipsync: Asset, mouths: list[str], seconds: float) -> Asset:
    """A film of the face with the sound, through the studio's own drawing and animation.

    Args:
        character: who speaks; a remembered character looks as it always does, another as its name suggests.
        lipsync: the JSON of `lip_sync`; mouths: the shapes in it.
        seconds: of the sound.
    """
    if seconds > MOST_S:
        ctx.warn(f"The preview shows the first {MOST_S:.0f} seconds.")
        seconds = MOST_S
    member = _member(ctx, character)
    actor = Actor(name=member.name, facing="camera", look_at="camera")
    shot = Shot(
        id="preview", description=f"{member.name} speaks", role="line", actors=(actor,), set="void",
        camera=Camera(scale="CU", move="static", focus=member.name), seconds=1.0,
    )  # fmt: skip
    picture = ctx.call(
        "generate_image",
        {
            "prompt": shot.description, "shot": shot.model_dump(mode="json"), "cast": [member.model_dump(mode="json")],
            "width": SIZE[0], "height": SIZE[1], "layers": True, "mouths": {member.name: mouths},
        },
        key="preview-picture", title=f"Face of {member.name}",
    ).assets[0]  # fmt: skip
    line = {"character": member.name, "audio": audio.id, "start": 0.0, "lipsync": lipsync.id}
    clip = ctx.call(
        "animate_shot",
        {
            "picture": picture.id, "shot": shot.model_dump(mode="json"), "lines": [line], "seconds": seconds + TAIL_S,
            "width": SIZE[0], "height": SIZE[1],
        },
        key="preview-clip", title=f"{member.name} speaks",
    ).assets[0]  # fmt: skip
    film = ctx.scratch(".mp4")
    _join(ctx.path(clip), ctx.path(audio), film, seconds + TAIL_S)
    return ctx.save(
        film, "video", f"mouth of {member.name}", engine="animator",
        params={"character": member.name, "lipsync": lipsync.id, "duration": round(seconds + TAIL_S, 3)},
        parents=(clip.id, audio.id), summary=f"{member.name}'s mouth on '{audio.name}'",
    )  # fmt: skip


def _member(ctx: ToolContext, character: str) -> CastMember:
    entry = ctx.memory.resolve_character(character)
    name, description = (entry.name, entry.text) if entry is not None else (character.strip()[:80], character)
    look = entry.data.get("look") if entry is not None else None
    data = look if isinstance(look, dict) and look else look_to_data(describe_look(name, description))
    return CastMember(name=name, description=description, look=data)


def _join(picture: Path, sound: Path, out: Path, seconds: float) -> None:
    args = [*input_args(picture, sniff(picture)), *input_args(sound, sniff(sound))]
    args += ["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "160k", "-af", "apad"]
    args += ["-t", f"{seconds:.4f}", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    run_ffmpeg([*args, "-movflags", "+faststart", "-f", "mp4", str(out)])
