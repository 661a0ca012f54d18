"""Shots that fit words: what they show or say, their colours, size, light and camera."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.decision.facts import Facts

if TYPE_CHECKING:
    from backends.vision.record import Shot

WORD = re.compile(r"[^\W\d_]{2,}")
SHOWN = 3
"""Shots that a refusal tells about."""


def fitting(theme: str, clips: Sequence[Facts], tables: Mapping[str, Any]) -> dict[str, float]:
    """Ids of the shots that the theme's words fit, with how well (0-1).

    tables: `themes` of the lexicon: words -> a measured quality ('close', 'wide', 'dark', 'bright', 'moving', 'still',
    'speech', 'music', 'face', a colour's name) and words that say nothing.
    Raises UsageError when no shot fits, saying what the shots show.
    """
    idle = {str(word) for word in tables["idle"]}
    words = [word for word in _words(theme) if word not in idle]
    if not words:
        raise UsageError("The theme says nothing that can be looked for", f"'{theme.strip()[:60]}'")
    found: dict[str, float] = {}
    for facts in clips:
        for shot in facts.record.shots:
            hits = sum(_fits(word, shot, facts, tables) for word in words)
            if hits:
                found[facts.shot_id(shot)] = hits / len(words)
    if not found:
        raise UsageError(
            f"No shot is known to show '{' '.join(words)[:60]}'", f"what was seen: {_seen(clips)}",
            "Name it by its colour, light, size or words, or by its place ('the second shot')",
        )  # fmt: skip
    best = max(found.values())
    return {shot: value for shot, value in found.items() if value >= 0.6 * best}


def _fits(word: str, shot: Shot, facts: Facts, tables: Mapping[str, Any]) -> bool:
    quality = next((name for name, said in tables["qualities"].items() if word in said), "")
    if quality:
        return _has(quality, shot, facts)
    look = shot.composition
    colour = next((name for name, said in tables["colours"].items() if word in said), "")
    if colour:
        return look is not None and any(
            colour in one.name.lower().split() or _hue(one.hex) == colour for one in look.colours if one.share >= 0.15
        )
    told = _words(" ".join([shot.text, *(line.text for line in shot.words)]))
    names = [figure.character for figure in look.figures] if look is not None else []
    told += _words(" ".join(names))
    return any(_stem(word) == _stem(other) for other in told)


def _has(quality: str, shot: Shot, facts: Facts) -> bool:
    look, sound = shot.composition, shot.sound
    motion = [one.motion for one in facts.record.shots if one.motion is not None]
    middle = sorted(motion)[len(motion) // 2] if motion else 0.0
    tests = {
        "close": look is not None and look.scale in ("ECU", "CU", "MCU"),
        "wide": look is not None and look.scale in ("MLS", "LS", "ELS"),
        "dark": any(one is shot for one in facts.dark),
        "bright": shot.luma is not None and shot.luma > 150,
        "moving": shot.motion is not None and shot.motion > middle and shot.motion > 0.02,
        "still": shot.motion is not None and shot.motion <= min(middle, 0.05),
        "speech": sound is not None and sound.speech_share > 0.3,
        "music": sound is not None and sound.music_share > 0.3,
        "face": look is not None and any(figure.kind == "face" for figure in look.figures),
        "people": look is not None and bool(look.figures),
    }
    return tests.get(quality, False)


def _hue(code: str) -> str:
    """The plain name of a colour, '' for greys: hue in sixths and a few between."""
    import colorsys

    red, green, blue = (int(code.lstrip("#")[at : at + 2], 16) / 255 for at in (0, 2, 4))
    hue, light, strong = colorsys.rgb_to_hls(red, green, blue)
    if light < 0.12:
        return "black"
    if light > 0.9:
        return "white"
    if strong < 0.2:
        return "grey"
    degrees = hue * 360
    limits = (
        (15, "red"),
        (45, "orange"),
        (70, "yellow"),
        (165, "green"),
        (195, "cyan"),
        (255, "blue"),
        (290, "purple"),
    )
    return next((name for limit, name in limits if degrees < limit), "pink" if degrees < 340 else "red")


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.lower())
    return WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))


def _stem(word: str) -> str:
    """A word without the endings of English and Italian that change nothing of what is looked for."""
    for ending in ("ings", "ing", "ies", "ers", "ed", "es", "s", "i", "e", "a", "o"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem
    return word


def _seen(clips: Sequence[Facts]) -> str:
    told = []
    for facts in clips:
        for shot in facts.record.shots:
            look = shot.composition
            colours = ", ".join(colour.name for colour in look.colours[:2]) if look is not None else ""
            told.append(f"{facts.shot_id(shot)} {(shot.text or colours or 'not described')[:60]}")
    return "; ".join(told[:SHOWN]) + (f" and {len(told) - SHOWN} more" if len(told) > SHOWN else "")
