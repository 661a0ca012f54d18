"""What a shot or a picture shows as far as measurements tell: plain words, nothing invented."""

from __future__ import annotations

from collections.abc import Sequence

from backends.vision.caption import LIMIT, one_line
from backends.vision.composition.result import Composition
from backends.vision.record import Shot
from tools.analysis.phrases import heard_words, scale_words

MEASURED = "measurements"
"""Author of a text that no model wrote."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
_KEYS = {"low": "low key", "high": "high key"}
COLOURLESS = 0.06
"""Saturation (0-1) below which a picture of more than one tone is called black and white."""
SYMMETRICAL = 0.85
STILL, LIVELY = 0.015, 0.5
"""Frame widths per second of mean optical flow: hardly a pixel moves; everything moves by half a frame in a second."""
_COLOURS, _LEAST_SHARE = 3, 0.08
_QUOTE = 90


def measured_text(shot: Shot) -> str:
    """Such as 'A slow push-in, close-up, low key, blue and black; two figures, Luca and Giulia; speech.'"""
    look = shot.composition
    groups = [
        ", ".join(part for part in (_moved(shot), *(_look(look) if look else ())) if part),
        _figures(look) if look else "",
        _movement(shot),
        _faults(shot),
        heard_words(shot.sound) if shot.sound else "",
        _said(shot),
    ]
    text = "; ".join(group for group in groups if group) or f"A shot of {shot.seconds:.1f} s"
    return one_line(text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?", '"')) else "."), LIMIT)


def picture_text(look: Composition, more: Sequence[str] = ()) -> str:
    """As `measured_text`, of one picture; `more`: further facts, each a few words."""
    scale, *rest = _look(look)
    lead = ", ".join(part for part in rest if part)
    groups = [f"{scale}, {lead}" if scale else f"A picture in {lead}", _figures(look), *more]
    text = "; ".join(group for group in groups if group)
    return one_line(text[0].upper() + text[1:] + ".", LIMIT)


def camera_text(shot: Shot) -> str:
    """The camera's move in words; '' when it was not measured or is unknown."""
    if shot.camera is None or shot.camera.move == "unknown":
        return ""
    from backends.vision.camera.words import in_words

    return in_words(shot.camera)


def _moved(shot: Shot) -> str:
    words = camera_text(shot)
    return f"a {words}" if words and not words.startswith("mixed") else words


def colour_names(look: Composition, most: int = _COLOURS) -> list[str]:
    """The main colours by name, largest first."""
    named = [colour.name for colour in look.colours if colour.share >= _LEAST_SHARE] or [
        c.name for c in look.colours[:1]
    ]
    return list(dict.fromkeys(named))[:most]


def people_of(look: Composition) -> list[str]:
    """Known characters in the picture, each once."""
    return list(dict.fromkeys(figure.character for figure in look.figures if figure.character))


def listed(words: Sequence[str]) -> str:
    """'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _look(look: Composition) -> tuple[str, ...]:
    names = colour_names(look)
    colours = "black and white" if look.saturation < COLOURLESS and len(names) > 1 else listed(names)
    symmetrical = "symmetrical" if look.symmetry >= SYMMETRICAL else ""
    return scale_words(look), _KEYS.get(look.key, ""), symmetrical, colours


def _figures(look: Composition) -> str:
    count, names = len(look.figures), people_of(look)
    if not count:
        return ""
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    if names and len(names) == count:
        return listed(names) if count == 1 else f"{number} figures, {listed(names)}"
    some = f"{number} figure{'s' * (count > 1)}"
    return f"{some}, among them {listed(names)}" if names else some


def _movement(shot: Shot) -> str:
    """Told where the camera does not explain it."""
    if shot.motion is None or (shot.camera is not None and shot.camera.move not in ("static", "handheld", "unknown")):
        return ""
    return "hardly any movement" if shot.motion < STILL else "lively movement" if shot.motion > LIVELY else ""


def _faults(shot: Shot) -> str:
    if shot.coherence is None or shot.coherence.verdict != "faulty":
        return ""
    from backends.vision.coherence.words import in_words

    return in_words(shot.coherence)


def _said(shot: Shot) -> str:
    if not shot.words:
        return ""
    line = " ".join(" ".join(words.text.split()) for words in shot.words)
    return '"' + one_line(line.replace('"', "'"), _QUOTE) + '"'
