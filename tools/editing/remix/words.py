"""What somebody calls a style, as a style: a preset by any of its names, changed by words of light, mood and colour."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.media.cielab import lab_of
from backends.vision.colours import named_colours
from configs.errors import UsageError
from tools.editing.remix.grade import Grade, Tint, curve, hex_of
from tools.editing.remix.presets import Style, Word, remix_presets

_ALIKE = 0.8
"""How alike a misspelt name must be (difflib's ratio)."""
_LIGHT, _CONTRAST = 32.0, 16.0
"""However many words say so, not darker, lighter or harder than this, CIELAB units."""
_STOPS = (0.0, 12.5, 25.0, 37.5, 50.0, 62.5, 75.0, 87.5, 100.0)
_GREY = 6.0
"""CIELAB chroma below which a colour's name asks for no tint."""
_NAMED, _MOOD = 0.6, 0.45
"""Amounts of a tint that is a colour's name, and of one that a mood brings."""
_LESS = "less|not|not so|not too|without|no|meno|senza|non|non troppo"
_MIDDLE = 46.0
"""Where the middle of a film has to be before moods make it darker: night on a film by night is not black."""


@dataclass(frozen=True)
class Wanted:
    """A style as it was asked for."""

    name: str
    style: Style
    preset: str
    """The preset whose colours it has unchanged; '' when they were built."""
    how: str
    """How it was understood, for the user."""


def read_style(text: str) -> Wanted:
    """The style that `text` names. Raises UsageError, naming the presets, when no word of it is known."""
    said = _translated(_plain(text))
    presets = remix_presets().presets
    found = _preset(said)
    rest = said
    if found is not None:
        name, phrase = found
        rest = rest.replace(phrase, " ")
    base = presets[found[0]] if found is not None else Style(about=said)
    colours, rest = _colours(rest)
    moods, less = _moods(rest)
    if found is not None and _untinted(base.grade):
        moods = [word for word in moods if not _takes_colour(remix_presets().words[word])]
    if found is None and not moods and not colours:
        raise UsageError(
            f"There is no style '{text.strip()[:60]}'",
            "no preset has that name, and no word in it says a colour or a mood",
            f"Use one of {', '.join(presets)}, or say it in colours and moods: 'a rainy blue night'",
        )
    if found is not None and not moods and not colours:
        name, phrase = found
        how = "" if phrase in (_plain(name), *map(_plain, presets[name].words)) else f"'{phrase}' was taken as {name}"
        return Wanted(name, base, name, how)
    heard = [*(f"less {word}" if word in less else word for word in moods), *colours]
    known = remix_presets().words
    meant = [_opposite(known[word]) if word in less else known[word] for word in moods]
    style = _changed(base, meant, [_hex(colour) for colour in colours])
    whole = "_".join([*([found[0]] if found else []), *heard])[:60]
    how = f"{found[0]} with {', '.join(heard)}" if found else f"a look built from {', '.join(heard)}"
    return Wanted(whole.replace(" ", "_"), style, "", how)


def _preset(said: str) -> tuple[str, str] | None:
    """The preset named in the text and the words that name it: the longest name wins, then the most alike."""
    names = {_plain(word): name for name, style in remix_presets().presets.items() for word in (name, *style.words)}
    inside = [phrase for phrase in names if re.search(rf"\b{re.escape(phrase)}\b", said)]
    if inside:
        phrase = max(inside, key=len)
        return names[phrase], phrase
    words = said.split()
    pieces = [" ".join(words[at : at + count]) for count in (3, 2, 1) for at in range(len(words) - count + 1)]
    for piece in pieces:
        # Short words are alike by chance.
        if len(piece) >= 4 and piece not in remix_presets().words and piece not in named_colours()[0]:
            near = difflib.get_close_matches(piece, names, n=1, cutoff=_ALIKE)
            if near:
                return names[near[0]], piece
    return None


def _translated(said: str) -> str:
    """The text with other words for moods and colours replaced, longer ones first."""
    same = remix_presets().same
    longest = sorted((_plain(key) for key in same), key=len, reverse=True)
    known = {_plain(key): value for key, value in same.items()}
    return re.sub(r"\b(?:" + "|".join(map(re.escape, longest)) + r")\b", lambda found: known[found.group()], said)


def _moods(said: str) -> tuple[list[str], set[str]]:
    """Moods in the text, in its order, and those among them of which less is wanted."""
    names = sorted(remix_presets().words, key=len, reverse=True)
    found = re.finditer(rf"(?:\b({_LESS}) )?\b({'|'.join(map(re.escape, names))})\b", said)
    moods, less = [], set()
    for match in found:
        moods.append(match.group(2))
        if match.group(1):
            less.add(match.group(2))
    return list(dict.fromkeys(moods)), less


def _untinted(grade: Grade) -> bool:
    return grade.saturation == 0 and not (grade.shadows or grade.midtones or grade.highlights)


def _takes_colour(word: Word) -> bool:
    """Whether a mood is black and white, and nothing else."""
    return word.saturation == 0 and word.colour is None


def _opposite(word: Word) -> Word:
    """What less of a mood is: its light and contrast the other way, colour where it takes some; no tint of its own."""
    saturation = min(2.0, 1 / word.saturation) if word.saturation else 1.0
    return Word(light=-word.light, contrast=-word.contrast, saturation=saturation)


def _colours(said: str) -> tuple[list[str], str]:
    """Names of colours in the text, longer ones first ('dark brown' is no brown), without greys; and what is left."""
    found: list[tuple[int, str]] = []
    for name in sorted(named_colours()[0], key=len, reverse=True):
        match = re.search(rf"\b{re.escape(name)}\b", said)
        if match and _chroma(name) > _GREY:
            found.append((match.start(), name))
            said = said[: match.start()] + " " * len(name) + said[match.end() :]
    return [name for _, name in sorted(found)], said


def _chroma(name: str) -> float:
    return float(np.hypot(*lab_of(_rgb(_hex(name)))[1:]))


def _hex(name: str) -> str:
    names, values = named_colours()
    return "#{:02x}{:02x}{:02x}".format(*values[names.index(name)])


def _changed(base: Style, moods: Sequence[Word], colours: Sequence[str]) -> Style:
    grade = base.grade
    light = float(np.clip(sum(word.light for word in moods), -_LIGHT, _LIGHT))
    contrast = float(np.clip(sum(word.contrast for word in moods), -_CONTRAST, _CONTRAST))
    saturation = grade.saturation * float(np.prod([word.saturation for word in moods]))
    tints = [word.colour for word in moods if word.colour is not None]
    named = list(colours)
    made = grade.model_dump()
    made |= {"tone": _tone(grade, light, contrast), "saturation": min(2.5, saturation), "neutrals": 0.15}
    if any(map(_takes_colour, moods)):
        made |= {"shadows": None, "midtones": None, "highlights": None, "pull": 0.0}
    if light < 0 and not grade.middle:
        made["middle"] = _MIDDLE
    if tints or named:
        amount = _NAMED if named else _MOOD
        tint = Tint(colour=_mean([*named, *named, *tints]), amount=amount)
        made |= {"shadows": tint, "midtones": Tint(colour=tint.colour, amount=amount * 0.85)}
        made["highlights"] = Tint(colour=_mean([*named, *tints]), amount=amount * 0.6)
    if named:
        made |= {"palette": tuple(named), "pull": 0.5, "skin": 0.4}
    texture = {str(step["name"]): step for step in (*(step for word in moods for step in word.texture), *base.texture)}
    return base.model_copy(update={"grade": Grade.model_validate(made), "texture": tuple(texture.values())})


def _tone(grade: Grade, light: float, contrast: float) -> tuple[tuple[float, float], ...]:
    at = np.array(_STOPS)
    out = (
        curve(grade.tone)(at)
        + light * 4 * (at / 100) * (1 - at / 100)
        + contrast * np.sin(2 * np.pi * (at / 100 - 0.5))
    )
    out = np.maximum.accumulate(out.clip(0, 100))
    return tuple(zip(_STOPS, out.round(3).tolist(), strict=True))


def _mean(colours: Sequence[str]) -> str:
    return hex_of(np.mean([lab_of(_rgb(colour)) for colour in colours], axis=0))


def _rgb(colour: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


def _plain(text: str) -> str:
    words = re.sub(r"[^a-z0-9'à-ù]+", " ", text.lower().replace("’", "'"))
    return " ".join(re.sub(r"\b(?:d|l|dell|all|un)'(?=\w)", "", words).split())
