"""What is measured on a finished parody: whether its beats, sounds and texts are where its sheet says they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.sound.foley import accent, natural_seconds
from memory.records import Score
from tools.editing.outline import studio_data
from tools.editing.parody.compose import Composition
from tools.editing.parody.recipes import parody_presets
from tools.editing.parody.script import Script
from tools.editing.program import Cut, Program

if TYPE_CHECKING:
    import opentimelineio as otio

TIMELINE = "the rendered timeline"
ON_TIME_FRAMES = 1.0
NATURAL_SECONDS = 0.1
"""A sound this near to its natural length has it: timelines tell lengths in whole frames."""


def parody_scores(script: Script, made: Composition, program: Program) -> tuple[Score, ...]:
    """Scores of a parody against its script.

    program: the timeline as the renderer read it; nothing is taken from the script but what was wanted.
    """
    late = beat_errors(script, program)
    sounds = cue_errors(made)
    reading = reading_share(made, script.fps)
    ordered = float(in_order(script))
    beats = float(sum(error <= ON_TIME_FRAMES for error in late) / len(late)) if late else None
    return (
        _score("beats_on_moments", beats, 1.0, f"{len(late)} beats, the worst {max(late, default=0):.2f} frames away"),
        _score("sounds_late_frames", max(sounds, default=0.0), ON_TIME_FRAMES, f"{len(sounds)} sounds", most=True),
        _score("reading_time", reading, 1.0, "shortest time on screen against what reading takes"),
        _score("setup_before_payoff", ordered, 1.0, "set-up, turn, pay-off, call-back"),
        Score("funny", None, "not measured", "nobody", note="no measure of it exists; watch it"),
    )


def beat_errors(script: Script, program: Program) -> list[float]:
    """How many frames of film each beat's picture is away from its moment, at the time it should show it."""
    errors: list[float] = []
    for beat in script.beats:
        if beat.moment is None or beat.slot.show == "card" or beat.slot.moment.endswith("_end"):
            continue
        for hit in beat.hits:
            at = beat.start / script.fps + hit
            shown = min(
                (abs(source - beat.moment.at) for source in _sources(program.video, at, float(program.fps))),
                default=99.0,
            )
            errors.append(round(shown * script.fps, 3))
    return errors


def _sources(cuts: Sequence[Cut], at: float, fps: float) -> list[float]:
    """Seconds of film seen at a time of the program, and right before it: a moment may be where a cut is."""
    found = []
    for cut in cuts:
        if cut.source is None or not cut.start - 0.5 <= at * fps <= cut.end + 0.5:
            continue
        inside = min(max(0.0, at - cut.start / fps), cut.frames / fps)
        if cut.frozen:
            found.append(float(cut.source_in))
        elif cut.backwards:
            found.append(float(cut.source_in) + (cut.frames / fps - inside) * float(cut.speed))
        else:
            found.append(float(cut.source_in) + inside * float(cut.speed))
    return found


def cue_errors(made: Composition) -> list[float]:
    """Frames between each sound's accent on the timeline and the time it was wanted for."""
    placed = sorted(_accents(made.timeline))
    wanted = sorted((cue.name, cue.at) for cue in made.cues)
    fps = float(made.timeline.duration().rate)
    return [round(abs(a[1] - b[1]) * fps, 3) for a, b in zip(placed, wanted, strict=True)]


def _accents(timeline: otio.schema.Timeline) -> list[tuple[str, float]]:
    found = []
    for track in timeline.tracks:
        if studio_data(track).get("role") != "effects":
            continue
        for clip in track.find_clips():
            span = clip.trimmed_range_in_parent()
            name = clip.name.replace(" ", "_")
            whole = clip.media_reference.available_range
            # Sounds that fill a slot are longer or shorter than natural; their accent moves with them.
            length = whole.duration.to_seconds() if whole is not None else 0.0
            natural = natural_seconds(name)
            length = 0.0 if abs(length - natural) < NATURAL_SECONDS else length
            found.append(
                (name, span.start_time.to_seconds() - clip.source_range.start_time.to_seconds() + accent(name, length))
            )
    return found


def reading_share(made: Composition, fps: float) -> float:
    """Smallest share of its reading time that any text is seen for; a frame of rounding is forgiven."""
    presets = parody_presets()
    shares = [(text.end - text.start + 1 / fps) / presets.needed(text.text) for text in made.texts if text.text.strip()]
    return round(min(shares, default=9.9), 3)


def in_order(script: Script) -> bool:
    """No turn or pay-off before the first set-up, no call-back before what it calls back to, in every round."""
    for number in {beat.round for beat in script.beats}:
        roles = [beat.slot.role for beat in script.beats if beat.round == number]
        if "turn" not in roles or ("payoff" in roles and roles.index("payoff") < roles.index("turn")):
            return False
        if number == 0 and roles[0] != "setup":
            return False
        if "callback" in roles and roles.index("callback") < max(roles.index("turn"), roles.index(roles[0])):
            return False
    return True


def _score(name: str, value: float | None, mark: float, note: str, *, most: bool = False) -> Score:
    if value is None:
        return Score(name, None, "not measured", TIMELINE, mark, None, "it has no beat on a moment")
    passed = value <= mark if most else value >= mark
    return Score(name, round(value, 3), "measured", TIMELINE, mark, passed, note)
