"""Other words by which people look for what was measured of a shot: `configs/shot_words.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

from backends.vision.camera.result import CameraSegment
from backends.vision.composition.result import Composition
from backends.vision.record import Shot
from backends.vision.thresholds import thresholds
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table
from memory import tuning
from memory.names import tokens

WHIP = 1.5
"""Frame widths or heights per second of a pan or tilt that blurs the picture."""
COLOURLESS, VIVID = 0.06, 0.55
STILL, LIVELY = 0.015, 0.5
DARK, BRIGHT = 50.0, 170.0
"""Mean luma (0-255) at which a shot is dark or bright, whatever its key."""
BRIEF, LONG = 1.5, 12.0
"""Seconds."""
LIGHTS: tuple[Literal["low", "high"], ...] = ("low", "high")
_SURE = 0.3
"""Confidence above which the stretches of a mixed move are named."""


def other_words(shot: Shot, text: str = "", *, last: bool = False) -> str:
    """Words for the camera, scale, light, colours, people, movement, sound and place of a shot, each once.

    Args:
        text: what the shot is described by; words that mean the same as words of it are added.
        last: whether it is the last of several.
    """
    found = [words for key, name in _conditions(shot, last) for words in _table().get(key, {}).get(name, ())]
    groups = tuning.words().groups
    found += [same for word in dict.fromkeys(tokens(text)) for same in groups.get(word, ())]
    return " ".join(dict.fromkeys(found))


def _conditions(shot: Shot, last: bool) -> Iterator[tuple[str, str]]:
    if shot.camera is not None:
        yield "camera", shot.camera.move
        parts = [one for one in shot.camera.segments if one.confidence >= _SURE] if shot.camera.move == "mixed" else []
        for move in parts or [shot.camera]:
            yield "camera", move.move
            yield "direction", move.direction
            yield "speed", _speed(move)
            for word in move.also.split():
                yield "camera", word
                yield "direction", word
    if shot.composition is not None:
        yield from _look(shot.composition)
    if shot.motion is not None and (shot.motion < STILL or shot.motion > LIVELY):
        yield "motion", "still" if shot.motion < STILL else "lively"
    for label in shot.sound.label.split("+") if shot.sound is not None else ():
        yield "sound", label
    yield "opening", shot.opening
    if shot.index == 1 or last:
        yield "place", "first" if shot.index == 1 else "last"
    if shot.seconds < BRIEF or shot.seconds > LONG:
        yield "length", "short" if shot.seconds < BRIEF else "long"
    if shot.coherence is not None and shot.coherence.verdict == "faulty":
        yield "fault", "any"


def _look(look: Composition) -> Iterator[tuple[str, str]]:
    yield "scale", look.scale
    yield "light", "low" if look.luma < DARK else "high" if look.luma > BRIGHT else look.key
    if look.saturation < COLOURLESS or look.saturation > VIVID:
        yield "light", "colourless" if look.saturation < COLOURLESS else "vivid"
    for colour in look.colours[:4]:
        for part in colour.name.split():
            yield "colour", part
    count = len(look.figures)
    if count or look.scale in ("LS", "ELS"):
        yield "people", ("none", "one", "two")[count] if count < 3 else "many"


def _speed(move: CameraSegment) -> str:
    camera, size = thresholds().camera, abs(move.speed)
    kind = "zoom" if move.move in ("push", "zoom_or_push") else move.move
    if kind in ("pan", "tilt") and size > WHIP:
        return "whip"
    if kind not in camera.slow:
        return ""
    return "slow" if size < camera.slow[kind] else "fast" if size > camera.fast[kind] else ""


def colour_family(*parts: str) -> set[str]:
    """The colours that the parts of a colour's name stand for: 'navy' is navy and blue. Empty for other words."""
    table = _table()["colour"]
    return {word for part in parts if part in table for word in (part, *table[part]) if word in table}


def light_words(light: Literal["low", "high"]) -> frozenset[str]:
    """The words for a dark or a bright shot: 'night', 'notte'; only those of one word."""
    return frozenset(_table()["light"][light])


@cache
def _table() -> dict[str, dict[str, tuple[str, ...]]]:
    table = own_table(CONFIG_DIR / "shot_words.yaml")
    return {
        key: {str(name): tuple(re.findall(r"[\w&'-]+", words)) for name, words in names.items()}
        for key, names in table.items()
    }
