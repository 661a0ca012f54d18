"""The shot: centre of the film's domain. Pictures, prompts, lines, lip-sync and clips all come from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backends.image.layout.scene import EXPRESSIONS, POSES, SETS, TIMES, Angle, Scale
from backends.voice.engines.protocol import EMOTIONS

Move = Literal[
    "static", "push_in", "pull_out", "pan_left", "pan_right", "tilt_up", "tilt_down", "truck", "handheld", "crane"
]
Transition = Literal["cut", "dissolve", "fade"]
Place = Literal["left", "center", "right"]
MOVES: tuple[str, ...] = get_args(Move)
SCALES: tuple[str, ...] = get_args(Scale)
"""From closest to widest."""


def _one_of(names: tuple[str, ...], fallback: str) -> BeforeValidator:
    """Storyboards may come from a language model: an unknown word becomes the neutral one."""

    def pick(value: Any) -> str:
        word = str(value or "").strip().lower()
        return word if word in names else fallback

    return BeforeValidator(pick)


PoseName = Annotated[str, _one_of(POSES, "standing")]
ExpressionName = Annotated[str, _one_of(EXPRESSIONS, "neutral")]
EmotionName = Annotated[str, _one_of(EMOTIONS, "neutral")]
SetName = Annotated[str, _one_of(SETS, "void")]
TimeName = Annotated[str, _one_of(TIMES, "day")]


class Part(BaseModel):
    """Base of everything in a storyboard: frozen, round-trips through JSON, refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Line(Part):
    """One spoken line (or sound) of a character."""

    character: str
    text: str = Field(min_length=1, max_length=1000)
    emotion: EmotionName = "neutral"
    language: str = "en"
    sound: bool = False
    """True for a noise that a character makes ('beep beep'): not a sentence, but still heard and captioned."""


class Actor(Part):
    """A character in one shot."""

    name: str
    pose: PoseName = "standing"
    expression: ExpressionName = "neutral"
    place: Place = "center"
    """Screen side."""
    facing: str = "camera"
    """camera | left | right | away, or the name of another character."""
    look_at: str | None = None
    """Name of another character, 'camera', or None (straight ahead)."""


class Camera(Part):
    scale: Scale = "MS"
    angle: Angle = "eye"
    lens_mm: float = Field(40.0, ge=12, le=200)
    move: Move = "static"
    yaw_deg: float = Field(0.0, ge=-80, le=80)
    """Stays on one side of the action (|yaw| < 90): the 180-degree rule."""
    focus: str | None = None
    """Whom the camera frames; None: everybody in the shot."""


class Shot(Part):
    id: str
    """'shot-1', ... in story order; stable, later steps refer to it."""
    scene: str = "scene-1"
    description: str = ""
    role: str = "action"
    """What it does for the story: establish | introduce | find | line | reply | reaction | action | detail | end."""
    actors: tuple[Actor, ...] = ()
    set: SetName = "void"
    time_of_day: TimeName = "day"
    light: str = ""
    camera: Camera = Camera()
    lines: tuple[Line, ...] = ()
    seconds: float = Field(3.0, gt=0, le=600)
    transition: Transition = "cut"
    """Into this shot."""
    caption: str = ""
    """A title burned over the picture; spoken lines become subtitles by themselves."""
    props: tuple[str, ...] = ()
    seed: int = 0

    def actor(self, name: str) -> Actor | None:
        return next((one for one in self.actors if one.name == name), None)


class CastMember(Part):
    """A character of the film: who it is and what it always looks like."""

    name: str
    description: str = ""
    named: bool = True
    """False when the story only says what it is ('a tiny robot')."""
    gender: str = "neutral"
    look: dict[str, Any] = Field(default_factory=dict)
    """CharacterLook fields."""


class Storyboard(Part):
    title: str = "Untitled"
    story: str = ""
    style: str = ""
    seconds: float = 15.0
    seed: int = 0
    characters: tuple[CastMember, ...] = ()
    shots: tuple[Shot, ...] = Field(default=(), max_length=120)
    notes: tuple[str, ...] = ()
    """What the reader was unsure about, told to the user."""

    def member(self, name: str) -> CastMember | None:
        return next((one for one in self.characters if one.name == name), None)

    @property
    def lines(self) -> list[tuple[Shot, Line]]:
        """All lines in story order, each with its shot."""
        return [(shot, line) for shot in self.shots for line in shot.lines]
