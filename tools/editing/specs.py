"""What a cut is made of, before it is a timeline: clips, captions and markers in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from configs.errors import UsageError

TransitionName = Literal["cut", "dissolve", "fade", "fade_white", "wipe", "push", "whip", "zoom"]
"""'fade' dips to black; 'push' slides the new picture in and the old one out; 'whip' is a push with motion blur;
'zoom' flies into the old picture and out of the new one."""
Direction = Literal["left", "right", "up", "down"]
"""Where to the new picture moves, in wipes, pushes and whip-pans."""
CaptionStyleName = Literal["subtitle", "meme", "karaoke", "title", "lower_third", "typewriter", "comic", "silent"]
BlendName = Literal["normal", "screen", "multiply", "add"]
NTSC = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120))


@dataclass(frozen=True)
class Key:
    """Where an overlay is at a moment; between two keys it moves along a straight line."""

    at: float
    """Seconds since the overlay's first frame."""
    x: float
    """Centre, as a share of the frame's width."""
    y: float
    """Centre, as a share of the frame's height."""
    width: float
    """As a share of the frame's width; the overlay keeps its own shape unless `height` is given."""
    height: float = 0.0
    """As a share of the frame's height; 0 = after the overlay's shape."""
    opacity: float = 1.0
    degrees: float = 0.0
    """Turned clockwise."""


@dataclass(frozen=True)
class Place:
    """How an overlay lies on the picture."""

    keys: tuple[Key, ...]
    """At least one, in order of time; the first holds before it, the last after it."""
    blend: BlendName = "normal"


@dataclass(frozen=True)
class ClipSpec:
    """A piece of an asset placed on the timeline; times in seconds."""

    asset_id: str
    path: Path
    """Relative to the workspace home (`Asset.path`), or absolute together with `build_timeline(root=)`."""
    start: float
    """Where it begins on the timeline."""
    seconds: float
    """How long it lasts on the timeline; with a speed effect it eats `seconds * factor` of its source."""
    source_in: float = 0
    """Where it begins in its source."""
    name: str = ""
    gain_db: float = 0
    transition: TransitionName = "cut"
    """Into this clip, from the one before: 'dissolve' mixes them, 'fade' dips to black."""
    direction: Direction = "left"
    transition_seconds: float = 0
    """Clips that overlap by the transition are mixed over the overlap. Clips that only meet are mixed around the
    cut from what their sources hold beyond it (a still frame where they hold nothing)."""
    effects: tuple[dict[str, Any], ...] = ()
    """E.g. {'name': 'speed', 'factor': 2.0}, {'name': 'grade', 'look': 'sepia'}, {'name': 'fade_out', 'seconds': 1}."""
    source_seconds: float = 0
    """The source's whole length, when known: editors want it as the available range."""
    place: Place | None = None
    """Set for clips of an overlay track (picture in picture, bubbles, bars): where they lie on the picture below."""


@dataclass(frozen=True)
class TitleSpec:
    """A card of its own on the picture track: text on a plain ground, from `start` for `seconds`."""

    start: float
    seconds: float
    text: str
    style: CaptionStyleName = "title"
    ground: str = "#000000"
    """Colour behind the text, as #rrggbb."""
    transition: TransitionName = "cut"
    transition_seconds: float = 0


@dataclass(frozen=True)
class Spoken:
    """A word and when it is said, seconds on the timeline."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class CaptionSpec:
    """Text over the picture from `start` to `end`, seconds on the timeline."""

    start: float
    end: float
    text: str
    style: CaptionStyleName = "subtitle"
    position: Literal["bottom", "top", "center"] = "bottom"
    words: tuple[Spoken, ...] = ()
    """For karaoke and typewriter: when each word comes; without them the words share the time by their lengths."""


@dataclass(frozen=True)
class MarkerSpec:
    """A named moment, seconds on the timeline."""

    at: float
    name: str
    note: str = ""


@lru_cache(maxsize=256)
def frame_rate(fps: float) -> Fraction:
    """The exact rate behind a decimal one: 23.976 is 24000/1001. Raises UsageError outside 1..240."""
    if not math.isfinite(fps) or not 1 <= fps <= 240:
        raise UsageError(f"{fps} frames per second is no usable frame rate", fix="Use a rate from 1 to 240")
    near = min(NTSC, key=lambda rate: abs(float(rate) - fps))
    if abs(float(near) - fps) < 0.005 and abs(fps - round(fps)) > 0.001:
        return near
    return Fraction(fps).limit_denominator(1000)
