"""The scene of a topic parody: its lines spoken, each set-up drawn once, its shots brought to life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.parody.topic_scripts import TopicLine, TopicScript, story_of
from tools.film.production import Voice, animate_shots, line_starts, make_pictures, speak_lines, timed_board
from tools.film.shot import Shot, Storyboard

if TYPE_CHECKING:
    from tools.spec import ToolContext


@dataclass(frozen=True)
class SaidLine:
    """A line of the scene and when it is said, seconds of the scene."""

    line: TopicLine
    voice: Voice
    start: float
    end: float


@dataclass(frozen=True)
class Scene:
    """A script as it is filmed, before anything is drawn."""

    board: Storyboard
    written: Asset
    """The storyboard."""
    said: tuple[SaidLine, ...]
    fps: int

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Start and end of each shot, seconds."""
        ends = np.cumsum([shot.seconds for shot in self.board.shots])
        return [(float(end) - shot.seconds, float(end)) for end, shot in zip(ends, self.board.shots, strict=True)]

    @property
    def frames(self) -> int:
        return round(self.spans[-1][1] * self.fps)


def rehearse(script: TopicScript, seconds: float, seed: int, language: str, ctx: ToolContext) -> Scene:
    """The storyboard of a script and its lines as they are spoken: all that decides its times.

    Raises UsageError when not every line becomes one of the storyboard's.
    """
    from tools.film.casting import remember_cast

    call = {"story": story_of(script, language), "seconds": round(seconds, 2), "seed": seed, "draw": False}
    written = ctx.call("write_storyboard", call, key="storyboard", title="Storyboard")
    assert written.result is not None
    board = Storyboard.model_validate(written.result.data["storyboard"])
    for note in board.notes:
        ctx.warn(note)
    remember_cast(ctx.memory, board.characters, ctx.thread)
    spoken = [line.text for _, line in board.lines]
    if len(spoken) != len(script.lines):
        raise UsageError(
            "The script could not be filmed as it is written",
            f"{len(spoken)} of {len(script.lines)} lines are spoken",
            "Say the topic in a few plain words",
        )
    voices = speak_lines(board, ctx)
    board = timed_board(board.model_copy(update={"shots": set_ups(board.shots)}), voices, seconds, ctx)
    scene = Scene(board, written.assets[0], (), ctx.settings.film.fps)
    said, starts = [], {shot.id: line_starts(shot, voices) for shot in board.shots}
    begins = {shot.id: start for shot, (start, _) in zip(board.shots, scene.spans, strict=True)}
    for line, voice in zip(script.lines, voices, strict=True):
        start = begins[voice.shot] + starts[voice.shot][voice.index]
        said.append(SaidLine(line, voice, start, start + voice.seconds))
    return replace(scene, said=tuple(said))


def set_ups(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """The shots with every speaker filmed from one side: what comes back is the same picture with another move."""
    first: dict[tuple[str, ...], Shot] = {}
    made = []
    for shot in shots:
        speaker = shot.camera.focus or ""
        actor = shot.actor(speaker)
        if actor is not None and {line.character for line in shot.lines} == {speaker}:
            known = first.setdefault((speaker, actor.expression, shot.set, shot.time_of_day), shot)
            camera = known.camera.model_copy(update={"move": shot.camera.move})
            same = {"actors": known.actors, "props": known.props, "seed": known.seed, "description": known.description}
            made.append(shot.model_copy(update={**same, "camera": camera}))
        else:
            made.append(shot)
    return tuple(made)


def shoot(scene: Scene, ctx: ToolContext) -> dict[str, Asset]:
    """A silent clip per shot. A picture is drawn once for all shots of a set-up, with the mouths of all their lines."""
    board, voices = scene.board, [said.voice for said in scene.said]
    drawn: dict[str, Shot] = {}
    of: dict[str, str] = {}
    for shot in board.shots:
        view = shot.camera.model_copy(update={"move": "static"})
        key = repr((shot.actors, view, shot.set, shot.time_of_day, shot.props, shot.seed))
        of[shot.id] = drawn.setdefault(key, shot).id
    once = board.model_copy(update={"shots": tuple(drawn.values())})
    pictures = make_pictures(once, [replace(voice, shot=of[voice.shot]) for voice in voices], ctx)
    return animate_shots(board, {shot: pictures[first] for shot, first in of.items()}, voices, ctx)


def ambience(scene: Scene, ctx: ToolContext) -> Asset:
    """What the place sounds like, quieter where somebody speaks."""
    from backends.sound.pcm import write_pcm
    from tools.film.ambience import duck, place_sound

    seconds = scene.spans[-1][1]
    sound = place_sound(scene.board.shots, scene.spans, seconds, scene.board.seed)
    sound = duck(sound, [(said.start, said.end) for said in scene.said])
    file = write_pcm(ctx.scratch(".wav"), np.stack([sound, sound], axis=1))
    return ctx.save(
        file, "audio", "Ambience", engine="studio synth", engine_version="1", params={"seconds": round(seconds, 3)},
        summary=f"Ambience, synthesised, {seconds:.1f} s",
    )  # fmt: skip
