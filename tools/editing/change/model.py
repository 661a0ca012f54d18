"""Every change that can be made to a timeline, as data: what an LLM, a planner or a person asks for.

Clips are named by their ids (`metadata.studio.id`), never by position. Times are seconds: on the timeline where a
field is called `at`, `start` or `to`, in the clip's source where it is called `source_*`, since the clip's first frame
where it is called `inside`. They are rounded to whole frames when they are applied.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tools.editing.specs import CaptionStyleName, Direction, TransitionName

ROLE = r"^\w[\w .\-]{0,39}$"
"""Of a track: it stands in sentences and in file listings."""


class Change(BaseModel):
    """Base of all changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rationale: str = Field("", max_length=400, description="Why, in one sentence; shown to the user.")


class ClipChange(Change):
    clip: str = Field(description="Id of the clip.")


class Trim(ClipChange):
    """Take seconds off a clip's ends; what follows moves up (`ripple`) or stays, leaving a gap. Clips of other tracks
    than the picture's are shortened where they are."""

    op: Literal["trim"] = "trim"
    head: float = Field(0.0, description="Seconds off the beginning; below 0 gives back from the source.")
    tail: float = Field(0.0, description="Seconds off the end; below 0 gives back from the source.")
    ripple: bool = True


class Split(ClipChange):
    op: Literal["split"] = "split"
    inside: float = Field(gt=0, description="Seconds since the clip's first frame.")


class NewClip(BaseModel):
    """Something of the workspace that comes onto the timeline."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    asset: str = Field(description="Asset id of a video, picture or sound.")
    source_start: float = Field(0.0, ge=0)
    seconds: float = Field(
        0.0, ge=0, description="How long it is on the timeline; 0 = as long as it lasts, and no longer than the film."
    )
    track: str = Field(
        "video",
        pattern=ROLE,
        description="'video', 'overlay', or a role of sound: dialogue, music, effects, ...",
    )


class Insert(Change):
    """Put a clip in at a time. On the picture's track what comes later moves back (on all tracks with `all_tracks`);
    on other tracks it is laid in, and nothing moves."""

    op: Literal["insert"] = "insert"
    at: float = Field(ge=0)
    new: NewClip
    all_tracks: bool = True


class Overwrite(Change):
    """Put a clip over what is there; nothing moves."""

    op: Literal["overwrite"] = "overwrite"
    at: float = Field(ge=0)
    new: NewClip


class RippleDelete(Change):
    """Take a clip of the picture, or a stretch of time of all tracks, away and close the gap. A clip of another track
    is taken away, and everything else stays at its time."""

    op: Literal["ripple_delete"] = "ripple_delete"
    clip: str = Field("", description="Id of the clip; '' when a stretch of time is meant.")
    start: float = Field(0.0, ge=0)
    end: float = Field(0.0, ge=0)


class Move(ClipChange):
    """Move a clip of the picture to another place in its order (`before` / `after` a clip), with what begins in it; or
    a clip of another track to a time (`to`)."""

    op: Literal["move"] = "move"
    before: str = ""
    after: str = ""
    to: float | None = Field(None, ge=0, description="Seconds, on overlay and sound tracks.")


class SetTransition(ClipChange):
    """The transition into a clip; 'cut' takes it away."""

    op: Literal["transition"] = "transition"
    kind: TransitionName
    seconds: float = Field(0.5, gt=0, le=10)
    direction: Direction = "left"


class Retime(ClipChange):
    """Play a clip at a speed (1 = as it was filmed); `factor_end` makes it a ramp. All that it shows stays in it, so
    its place grows or shrinks, and what follows moves."""

    op: Literal["retime"] = "retime"
    factor: float = Field(gt=0, le=100)
    factor_end: float | None = Field(None, gt=0, le=100)


class AddEffect(ClipChange):
    op: Literal["effect"] = "effect"
    effect: dict[str, Any] = Field(description="{'name': ..., and its values}; see tools/editing/effects.")
    replace: bool = Field(False, description="Whether it takes the place of an effect of the same name.")


class SetGrade(ClipChange):
    """One look for a clip, in place of the one that it has."""

    op: Literal["grade"] = "grade"
    look: str = Field(description="A grade of configs/editing.yaml, or '' for none.")
    strength: float = Field(1.0, ge=0, le=1)


class AddCaption(Change):
    op: Literal["caption"] = "caption"
    start: float = Field(ge=0)
    end: float
    text: str = Field(min_length=1, max_length=400)
    style: CaptionStyleName = "subtitle"
    position: Literal["bottom", "top", "center"] = "bottom"


class AudioGain(ClipChange):
    op: Literal["audio_gain"] = "audio_gain"
    db: float = Field(ge=-120, le=24, description="Added to what it has; -120 mutes it.")
    fade_in: float = Field(0.0, ge=0, le=60)
    fade_out: float = Field(0.0, ge=0, le=60)


class Duck(Change):
    """How far music and ambience step back under speech."""

    op: Literal["duck"] = "duck"
    track: str = Field("music", pattern=ROLE, description="Role of the sound that steps back.")
    db: float = Field(ge=0, le=40, description="0 = not at all.")


class Freeze(ClipChange):
    """Hold one frame of a clip; what follows moves back."""

    op: Literal["freeze"] = "freeze"
    inside: float = Field(ge=0)
    seconds: float = Field(gt=0, le=600)


class ReverseClip(ClipChange):
    op: Literal["reverse"] = "reverse"


class Crop(ClipChange):
    """Show only a part of a clip's picture, filling the frame."""

    op: Literal["crop"] = "crop"
    x: float = Field(ge=0, lt=1, description="Left edge; all four are shares of the picture.")
    y: float = Field(ge=0, lt=1)
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)


class Reframe(Change):
    """Give the film another shape; each clip is cropped around `focus` (its subject) over time."""

    op: Literal["reframe"] = "reframe"
    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)
    focus: dict[str, list[tuple[float, float, float]]] = Field(
        default_factory=dict, description="Per clip id: (seconds inside, x, y), centres as shares of the picture."
    )


class AddOverlay(Change):
    op: Literal["overlay"] = "overlay"
    at: float = Field(ge=0)
    new: NewClip
    keys: list[dict[str, float]] = Field(min_length=1, description="See `specs.Key`.")
    blend: Literal["normal", "screen", "multiply", "add"] = "normal"


class AddTitle(Change):
    """A card of its own, put in at a time; what follows moves back."""

    op: Literal["title"] = "title"
    at: float = Field(ge=0)
    seconds: float = Field(gt=0, le=60)
    text: str = Field(min_length=1, max_length=400)
    style: CaptionStyleName = "title"
    ground: str = Field("#000000", pattern="^#[0-9a-fA-F]{6}$")


AnyChange = Annotated[
    Trim | Split | Insert | Overwrite | RippleDelete | Move | SetTransition | Retime | AddEffect | SetGrade
    | AddCaption | AudioGain | Duck | Freeze | ReverseClip | Crop | Reframe | AddOverlay | AddTitle,
    Field(discriminator="op"),
]  # fmt: skip

CHANGES: TypeAdapter[list[AnyChange]] = TypeAdapter(list[AnyChange])
"""Reads a list of changes from plain data, and gives the JSON schema that an LLM answers in."""
