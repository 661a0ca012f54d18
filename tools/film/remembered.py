"""The shots of a film that the studio made, in the film database from the start: known by their plan, not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from configs.errors import StudioError
from tools.analysis.aspects import PLAN
from tools.film.assemble import MadeFilm, shot_spans
from tools.film.shot import Move, Shot, Storyboard

if TYPE_CHECKING:
    from backends.vision.camera.result import CameraWork
    from backends.vision.record import FilmRecord
    from backends.vision.record import Shot as SeenShot
    from memory.records import Asset
    from tools.film.production import Voice
    from tools.spec import ToolContext

_MOVES: Mapping[Move, tuple[str, str]] = {
    "push_in": ("push", "in"), "pull_out": ("push", "out"), "pan_left": ("pan", "left"), "pan_right": ("pan", "right"),
    "tilt_up": ("tilt", "up"), "tilt_down": ("tilt", "down"), "truck": ("tracking", ""), "handheld": ("handheld", ""),
    "crane": ("tilt", "up"), "static": ("static", ""),
}  # fmt: skip
_MOVE_SPEED = 0.05
"""The studio's own moves are slow; the plan does not say how slow."""


def remember_film(
    made: MadeFilm, board: Storyboard, voices: Sequence[Voice], pictures: Mapping[str, Asset], ctx: ToolContext
) -> int:
    """Put the film's shots where `search_memory` finds them; how many. A failure is told, and costs only the search."""
    from backends.media.images import load_image
    from tools.analysis.database import remember_shots

    try:
        record = planned_record(made, board, voices)
        stills = [load_image(ctx.path(pictures[shot.id])) for shot in board.shots]
        return remember_shots(record, made.film, stills, ctx)
    except (StudioError, OSError) as error:
        ctx.warn(f"The film's shots cannot be searched: {error}")
        return 0


def planned_record(made: MadeFilm, board: Storyboard, voices: Sequence[Voice]) -> FilmRecord:
    """The film as its storyboard has it."""
    from backends.sound.result import Words
    from backends.vision.record import FilmFile, FilmRecord

    said: dict[str, list[Words]] = {}
    for voice, (start, end) in zip(voices, made.line_spans, strict=True):
        said.setdefault(voice.shot, []).append(Words(start=start, end=end, text=voice.line.text, by=PLAN))
    spans = shot_spans(board)
    scenes = {name: number for number, name in enumerate(dict.fromkeys(shot.scene for shot in board.shots), start=1)}
    shots = [
        _shot(at, shot, span, scenes[shot.scene], tuple(said.get(shot.id, ())))
        for at, (shot, span) in enumerate(zip(board.shots, spans, strict=True), start=1)
    ]
    film = FilmFile(name=made.film.name, seconds=spans[-1][1], frames=0, width=0, height=0, fps=0.0)
    return FilmRecord(film=film, aspects=(PLAN,), shots=tuple(shots))


def _shot(index: int, shot: Shot, span: tuple[float, float], scene: int, words: tuple[object, ...]) -> SeenShot:
    from backends.vision.composition.result import Composition, Figure
    from backends.vision.record import Shot as SeenShot

    whole = (0.0, 0.0, 1.0, 1.0)
    figures = tuple(Figure(kind="figure", box=whole, character=actor.name, by=PLAN) for actor in shot.actors)
    key = "low" if shot.time_of_day in ("night", "storm") else "normal"
    return SeenShot.model_validate({
        "index": index, "start": span[0], "end": span[1], "first_frame": 0, "frames": 1, "clean_first": 0,
        "clean_frames": 1, "opening": "start" if index == 1 else shot.transition, "scene": scene,
        "keyframe": round((span[0] + span[1]) / 2, 3), "camera": _camera(shot, span), "words": words,
        "composition": Composition(scale=shot.camera.scale, key=key, figures=figures),
        "text": _text(shot), "text_by": PLAN,
    })  # fmt: skip


def _camera(shot: Shot, span: tuple[float, float]) -> CameraWork:
    from backends.vision.camera.result import CameraWork

    move, direction = _MOVES[shot.camera.move]
    moving = move not in ("static", "handheld")
    return CameraWork.model_validate({
        "start": span[0], "end": span[1], "move": move, "direction": direction, "speed": _MOVE_SPEED * moving,
        "confidence": 1.0,
    })  # fmt: skip


def _text(shot: Shot) -> str:
    place = " ".join(word for word in (shot.set.replace("_", " "), shot.time_of_day) if word != "void")
    described = shot.description.strip().rstrip(".") or ", ".join(actor.name for actor in shot.actors) or "A shot"
    props = f", with {', '.join(shot.props)}" if shot.props else ""
    return f"{described} ({place}{props})."
