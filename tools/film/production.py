"""The working steps of a film, each through the executor with a stable key, so that a killed film goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from configs.errors import StudioError
from memory.records import Asset
from tools.film.lexicon import lexicon
from tools.film.shot import Line, Shot, Storyboard
from tools.film.stages import reached
from tools.film.timing import fit_lengths
from tools.spec import Studio, ToolContext, ToolOutcome
from tools.voice.dialogue_lines import grouped, voice_key

OVERSCAN = 1.05
"""Pictures are at least this much larger than the film, so that a moving camera hardly enlarges pixels."""


@dataclass(frozen=True)
class Voice:
    """A line as it was spoken."""

    shot: str
    index: int
    line: Line
    audio: Asset
    seconds: float
    lipsync: Asset | None
    mouths: tuple[str, ...]
    """Shapes that occur."""


def speak_lines(board: Storyboard, ctx: ToolContext) -> list[Voice]:
    """All lines, those of one engine and voice together, then their mouth shapes."""
    voices: list[Voice] = []
    lines = [(shot, index, line) for shot in board.shots for index, line in enumerate(shot.lines)]
    studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
    keys = [voice_key(studio, line.character, line.text, line.language, line.emotion) for _, _, line in lines]
    said: dict[int, tuple[Shot, int, Line, ToolOutcome]] = {}
    for number, place in enumerate(grouped(keys), 1):
        shot, index, line = lines[place]
        reached(ctx, "voices", 0.8 * number / len(lines), f"line {number} of {len(lines)}")
        wanted = {"text": line.text, "character": line.character, "emotion": line.emotion, "language": line.language}
        made = ctx.call("speak", wanted, key=f"{shot.id}-line-{index + 1}", title=f"{line.character}: {line.text[:40]}")
        said[place] = (shot, index, line, made)
    for shot, index, line, made in (said[place] for place in range(len(lines))):
        audio = made.assets[0]
        result = made.result
        seconds = float(result.data.get("duration", 0.0)) if result else 0.0
        moved = ctx.call(
            "lip_sync",
            {"audio": audio.id, "character": line.character},
            key=f"{shot.id}-lips-{index + 1}",
            title=f"Mouth of {line.character}",
        )
        cues = moved.result.data.get("cues", []) if moved.result else []
        mouths = tuple(sorted({str(cue[2]) for cue in cues}))
        voices.append(
            Voice(shot.id, index, line, audio, seconds or 1.0, moved.assets[0] if moved.assets else None, mouths)
        )
    return voices


def timed_board(board: Storyboard, voices: Sequence[Voice], seconds: float, ctx: ToolContext) -> Storyboard:
    """The storyboard with lengths that fit the lines as they were really spoken."""
    spoken = {(voice.shot, voice.index): voice.seconds for voice in voices}
    lengths, notes = fit_lengths(board.shots, seconds, ctx.settings.film.fps, spoken)
    for note in notes:
        ctx.warn(note)
    shots = tuple(
        shot.model_copy(update={"seconds": length}) for shot, length in zip(board.shots, lengths, strict=True)
    )
    return board.model_copy(update={"shots": shots})


def line_starts(shot: Shot, voices: Sequence[Voice]) -> dict[int, float]:
    """Line index -> seconds after the shot's start: a breath first, lines close together, the rest is air behind."""
    timing = lexicon("speech")["timing"]
    own = sorted((voice for voice in voices if voice.shot == shot.id), key=lambda voice: voice.index)
    spare = shot.seconds - sum(voice.seconds for voice in own) - 0.25 * max(0, len(own) - 1)
    at = max(0.05, min(float(timing["lead"]) * 1.3, 0.42 * spare))
    starts: dict[int, float] = {}
    for voice in own:
        starts[voice.index] = round(at, 3)
        at += voice.seconds + 0.25
    return starts


def make_pictures(board: Storyboard, voices: Sequence[Voice], ctx: ToolContext) -> dict[str, Asset]:
    """One picture per shot at the film's size with its layers; all in one go while the image engine is loaded."""
    film = ctx.settings.film
    width, height = picture_size(film.width, film.height)
    cast = [member.model_dump(mode="json") for member in board.characters]
    pictures: dict[str, Asset] = {}
    for number, shot in enumerate(board.shots, 1):
        reached(ctx, "pictures", (number - 1) / len(board.shots), f"picture {number} of {len(board.shots)}")
        mouths: dict[str, list[str]] = {}
        for voice in voices:
            if voice.shot == shot.id:
                mouths[voice.line.character] = sorted({*mouths.get(voice.line.character, []), *voice.mouths})
        wanted: dict[str, Any] = {
            "prompt": shot.description,
            "shot": shot.model_copy(update={"seconds": 1.0}).model_dump(mode="json"),
            "cast": cast,
            "style": board.style,
            "width": width,
            "height": height,
            "seed": shot.seed,
            "layers": True,
            "mouths": mouths,
        }
        made = ctx.call(
            "generate_image", wanted, key=f"{shot.id}-picture", title=f"Picture {number} of {len(board.shots)}"
        )
        pictures[shot.id] = made.assets[0]
        for warning in made.result.warnings if made.result else ():
            ctx.warn(f"{shot.id}: {warning}")
    return pictures


def animate_shots(
    board: Storyboard, pictures: dict[str, Asset], voices: Sequence[Voice], ctx: ToolContext
) -> dict[str, Asset]:
    """One silent clip per shot, with handles where a dissolve needs them."""
    half = float(lexicon("grammar")["transition_seconds"]) / 2
    clips: dict[str, Asset] = {}
    for number, shot in enumerate(board.shots):
        reached(ctx, "animation", number / len(board.shots), f"shot {number + 1} of {len(board.shots)} moves")
        following = board.shots[number + 1].transition if number + 1 < len(board.shots) else "cut"
        starts = line_starts(shot, voices)
        lines = [
            {
                "character": voice.line.character,
                "audio": voice.audio.id,
                "start": starts[voice.index],
                "lipsync": voice.lipsync.id if voice.lipsync else "",
                "sound": voice.line.sound,
            }
            for voice in voices
            if voice.shot == shot.id
        ]
        wanted: dict[str, Any] = {
            "picture": pictures[shot.id].id,
            "shot": shot.model_dump(mode="json"),
            "lines": lines,
            "seconds": shot.seconds,
            "handle_in": half if shot.transition == "dissolve" and number else 0.0,
            "handle_out": half if following == "dissolve" else 0.0,
            "seed": shot.seed % 2**31,
        }
        made = ctx.call("animate_shot", wanted, key=f"{shot.id}-clip", title=f"Shot {number + 1} comes to life")
        if not made.assets:
            raise StudioError(f"{shot.id} has no clip", "animate_shot gave no file", "Try again")
        clips[shot.id] = made.assets[0]
        for warning in made.result.warnings if made.result else ():
            ctx.warn(f"{shot.id}: {warning}")
    return clips


def picture_size(width: int, height: int) -> tuple[int, int]:
    """The film's size with overscan, in even pixels and exactly the same shape where that is possible nearby."""
    step = 2 * math.gcd(width, height)
    unit_w, unit_h = 2 * width // step, 2 * height // step
    count = math.ceil(width * OVERSCAN / unit_w / 2) * 2
    if count * unit_w <= width * (OVERSCAN + 0.08):
        return count * unit_w, count * unit_h
    return 2 * round(width * OVERSCAN / 2), 2 * round(height * OVERSCAN / 2)
