"""Subtitles of spoken lines: cut at phrase ends, timed by the words, in rows that can be read.

Rows, letters and times after the usual rules of broadcasters (two rows of 42, 1 to 7 s, 17 letters a second; e.g.
Netflix' Timed Text Style Guide), all in configs/dialogue.yaml.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from backends.voice.texts.script import read_line, words_of
from configs.dialogue import dialogue_config
from tools.editing.specs import CaptionSpec

Names = Literal["changes", "none", "sdh"]
"""Who is named: whoever begins to speak where more than one does; nobody; or, for the deaf and hard of hearing (SDH),
every change of speaker in capitals, also of a single one, with how it is said: 'LUCA (sad): Ciao'."""
_DIRECTION = re.compile(r"\*+([^*]+)\*+")
_SENTENCE, _CLAUSE, _COMMA, _JOINT, _ANYWHERE = 0.0, 1.0, 2.0, 4.0, 10.0
"""What it costs to end a row or a caption there."""
_PER_CAPTION, _TOO_SHORT = 3.0, 6.0
_SHORT_S = 1.2


@dataclass(frozen=True)
class Said:
    """A spoken line in its mix."""

    start: float
    """Seconds in the mix."""
    end: float
    text: str
    """As it was asked for; '*beeps*' is shown as '[beeps]'."""
    words: tuple[tuple[float, float, str], ...] = ()
    """In the mix; () = not known, the letters then share the time."""
    character: str = ""
    species: str = "human"
    language: str = "en"
    emotion: str = ""
    """For SDH: how it is said."""


@dataclass(frozen=True)
class _Caption:
    start: float
    end: float
    rows: tuple[str, ...]
    character: str
    language: str
    name: str = ""
    """What its first row begins with, such as 'Luca: '."""

    @property
    def bare(self) -> _Caption:
        """Without the name, in rows of its own."""
        if not self.name:
            return self
        rows, _ = _rows(" ".join(self.rows).removeprefix(self.name).split())
        return replace(self, rows=rows or self.rows, name="")


@dataclass(frozen=True)
class _Token:
    text: str
    start: float
    end: float


def captions(lines: Sequence[Said], names: Names = "none") -> list[CaptionSpec]:
    """Captions of the lines in order of time; they never overlap, and none is shorter or longer than allowed."""
    ordered = sorted(lines, key=lambda line: (line.start, line.end))
    pieces = [
        piece for line, name in zip(ordered, _names(ordered, names), strict=True) for piece in _pieces(line, name)
    ]
    timed = _timed(sorted(pieces, key=lambda piece: (piece.start, piece.end)))
    return [CaptionSpec(round(c.start, 3), round(c.end, 3), "\n".join(c.rows)) for c in timed]


def _names(lines: Sequence[Said], names: Names) -> list[str]:
    """Of each line what stands before its first word: 'Luca: ', or '' where the one before goes on."""
    if names == "none" or (names == "changes" and len({line.character for line in lines}) < 2):
        return [""] * len(lines)
    found, before = [], Said(0.0, 0.0, "", character="\x00")
    for line in lines:
        how = f" ({line.emotion})" if names == "sdh" and line.emotion not in ("", "neutral") else ""
        plain = line.character or "Narrator"
        written = f"{plain.upper()}{how}" if names == "sdh" else plain
        goes_on = line.character == before.character and (names != "sdh" or line.emotion == before.emotion)
        found.append("" if goes_on else f"{written}: ")
        before = line
    return found


def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = dialogue_config()["subtitles"]
    return rules


def _shown(line: Said) -> str:
    """The text as captions write it: sounds in brackets, emphasis without its stars."""

    def written(match: re.Match[str]) -> str:
        inner = match.group(1).strip()
        read = read_line(f"*{inner}*", line.species, line.language.split("-", maxsplit=1)[0])
        spoken = " ".join(segment.text for segment in read)
        emphasis = all(segment.kind == "speech" for segment in read) and words_of(spoken) == words_of(inner)
        return inner if emphasis and read else f"[{inner}]"

    text = _DIRECTION.sub(written, line.text).replace("-->", "→").replace("*", "")
    text = re.sub(r"(?<=\S)\s+--+\s+(?=\S)", " — ", text)
    return " ".join(re.sub(r"\s*--+", "—", text).split())


def _pieces(line: Said, name: str = "") -> list[_Caption]:
    """The line cut into captions where that hurts least (dynamic programming over its words).

    name: what stands before its first word, as one word with it.
    """
    tokens = _tokens(line)
    if name and tokens:
        name = _short(name, int(_rules()["letters"]) - width(tokens[0].text))
        tokens[0] = replace(tokens[0], text=name + tokens[0].text)
    count = len(tokens)
    best: list[tuple[float, int]] = [(0.0, 0)] + [(math.inf, 0)] * count
    for first in range(count):
        if best[first][0] == math.inf:
            continue
        for end in range(first + 1, count + 1):
            cost = _cost(tokens[first:end], tokens[end] if end < count else None, line.language)
            if cost is None:
                break
            if best[first][0] + cost < best[end][0]:
                best[end] = (best[first][0] + cost, first)
    cuts = [count]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    spans = zip(cuts[::-1][:-1], cuts[::-1][1:], strict=True)
    return [
        _Caption(
            tokens[a].start, tokens[b - 1].end, _rows([t.text for t in tokens[a:b]])[0], line.character, line.language,
            "" if a else name,
        )
        for a, b in spans
    ]  # fmt: skip


def _short(name: str, room: int) -> str:
    """'Nonna Rosa (from sad to happy): ' in so many columns: without how, then cut; '' where no name fits."""
    for written in (name, f"{name.split(' (', maxsplit=1)[0].rstrip(': ')}: "):
        if width(written) <= room:
            return written
    plain = name.split(" (", maxsplit=1)[0].rstrip(": ")
    while plain and width(plain) + 3 > room:
        plain = plain[:-1]
    return f"{plain.rstrip()}…: " if plain else ""


def _cost(tokens: Sequence[_Token], after: _Token | None, language: str) -> float | None:
    """What a caption of these words costs; None when it cannot be, and a longer one neither."""
    rules = _rules()
    rows, unrest = _rows([token.text for token in tokens])
    seconds = tokens[-1].end - tokens[0].start
    if len(tokens) > 1 and (not rows or seconds > rules["most_s"]):
        return None
    edge = _SENTENCE if after is None else _edge(tokens[-1].text, after.text)
    return _PER_CAPTION + edge + unrest + (_TOO_SHORT if seconds < _SHORT_S else 0.0)


def _rows(words: Sequence[str]) -> tuple[tuple[str, ...], float]:
    """One or two rows of the words and how badly they break; () when they do not fit."""
    most = _rules()["letters"]
    widths = [width(word) for word in words]
    whole = sum(widths) + len(words) - 1
    if whole <= most:
        return (" ".join(words),), 0.0
    found, cheapest = 0, math.inf
    upper = -1
    for cut in range(1, len(words)):
        upper += widths[cut - 1] + 1
        lower = whole - upper - 1
        if upper > most:
            break
        if lower <= most:
            # a longer lower row hides less of the picture
            lopsided = abs(upper - lower) / 20 + (0.3 if upper > lower else 0.0)
            cost = _edge(words[cut - 1], words[cut]) / 2 + lopsided
            if cost < cheapest:
                found, cheapest = cut, cost
    return ((" ".join(words[:found]), " ".join(words[found:])), cheapest) if found else ((), cheapest)


def _edge(before: str, after: str) -> float:
    """What it costs to part two words."""
    end = before.rstrip("\"'”’»)]")[-1:]
    if end in ".!?…。！？":
        return _SENTENCE
    if end in ";:—–" or after.startswith(("—", "–", "[", "(")):
        return _CLAUSE
    if end in ",、，":
        return _COMMA
    return _JOINT if after.casefold().strip("\"'“«(") in _joints() else _ANYWHERE


@cache
def _joints() -> frozenset[str]:
    return frozenset(str(word) for word in _rules()["joints"])


def width(text: str) -> int:
    """Columns of a text: Chinese, Japanese and Korean signs take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _tokens(line: Said) -> list[_Token]:
    """The words of the shown text with their times: letters of text and of spoken words run along each other."""
    texts = [piece for word in _shown(line).split() for piece in _fitting(word)]
    if not texts:
        return []
    letters = np.cumsum([0, *(max(1, sum(c.isalnum() for c in text)) for text in texts)]).astype(float)
    spoken = [word for word in line.words if word[1] > word[0]]
    if not spoken:
        spoken = [(line.start, line.end, "x")]
    heard = np.cumsum([0, *(max(1, sum(c.isalnum() for c in word)) for _, _, word in spoken)]).astype(float)
    places, times = [], []
    for index, (start, end, _) in enumerate(spoken):
        places += [heard[index] + 1e-6, heard[index + 1]]
        times += [start, end]
    scale = heard[-1] / letters[-1]
    starts = np.interp(letters[:-1] * scale + 2e-6, places, times)
    ends = np.interp(letters[1:] * scale, places, times)
    ends[-1], starts[0] = max(ends[-1], line.end), line.start
    return [_Token(t, float(a), max(float(a), float(b))) for t, a, b in zip(texts, starts, ends, strict=True)]


def _fitting(word: str) -> list[str]:
    """A word in pieces that fit into a row."""
    most = _rules()["letters"]
    pieces, piece = [], ""
    for char in word if width(word) > most else "":
        if width(piece + char) > most:
            pieces.append(piece)
            piece = ""
        piece += char
    return [*pieces, piece] if pieces else [word]


def _timed(pieces: Sequence[_Caption]) -> list[_Caption]:
    """Captions that stay long enough to be read: into the pause behind them, together with a neighbour, or later."""
    rules = _rules()
    least, most, gap = float(rules["least_s"]), float(rules["most_s"]), float(rules["gap_s"])
    out: list[_Caption] = []
    for piece in pieces:
        now = piece
        if out:
            before = out[-1]
            if now.start < before.start + least + gap:
                both = _together(before, now, most)
                if both is not None:
                    out[-1] = both
                    continue
                now = replace(now, start=before.start + least + gap)
            wanted = _wish(before, least, most, float(rules["letters_per_second"]))
            out[-1] = replace(before, end=min(wanted, now.start - gap))
        out.append(replace(now, end=max(now.end, now.start)))
    if out:
        out[-1] = replace(out[-1], end=_wish(out[-1], least, most, float(rules["letters_per_second"])))
    return out


def _wish(caption: _Caption, least: float, most: float, pace: float) -> float:
    """When a caption should go if nothing follows."""
    letters = sum(len(row) for row in caption.rows)
    return min(max(caption.end, caption.start + max(least, letters / pace)), caption.start + most)


def _together(before: _Caption, after: _Caption, most: float) -> _Caption | None:
    """Two captions as one: a row each, with dashes when two people speak; None when they do not fit.

    Names give way before the time does: a row each tells that two speak.
    """
    if max(before.end, after.end) - before.start > most:
        return None
    end = max(before.end, after.end)
    if before.character == after.character:
        rows, _ = _rows(" ".join((*before.rows, *after.bare.rows)).split())
        return replace(before, end=end, rows=rows) if rows and not before.rows[0].startswith("- ") else None
    for one, other in ((before, after), (before.bare, after.bare)):
        if len(one.rows) != 1 or len(other.rows) != 1:
            continue
        pair = (f"- {one.rows[0]}", f"- {other.rows[0]}")
        if all(width(row) <= _rules()["letters"] for row in pair):
            return replace(before, end=end, rows=pair, character="", name="")
    return None
