"""Written words to spoken ones: numbers, years, money and abbreviations, with the written token kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from backends.voice.texts.script import speakable
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

_NUMBER = re.compile(r"\d{1,3}(?:[.,' ]\d{3})+(?!\d)|\d+(?:[.,]\d+)?")
_EDGES = '.,;:!?…"“”«»()[]{}<>—–-*_/\\|~^#`'
_LONGEST_DIGITS = 15
"""Longer numbers are codes: eSpeak reads them digit by digit."""
_YEARS = range(1100, 2100)


@dataclass(frozen=True)
class Token:
    """A written word and how it is said."""

    written: str
    """Without punctuation at its ends."""
    spoken: str
    """Words in letters, with the punctuation that matters for pauses at its end."""


def read_tokens(text: str, language: str) -> tuple[Token, ...]:
    """The words of `text` in order; what holds no letter and no digit ('-', an emoji) is left out.

    language: primary tag; numbers of languages that num2words does not know are left to eSpeak's own reading.
    """
    rules = _rules().get(language, {})
    tokens: list[Token] = []
    for raw in speakable(text).replace("\\", " ").split():
        bare = raw.strip(_EDGES)
        if not bare and raw not in rules.get("signs", {}):
            continue
        spoken = _spoken(raw, bare, language, rules)
        if any(char.isalnum() for char in spoken):
            tokens.append(Token(bare or raw, spoken))
    return tuple(tokens)


@cache
def _rules() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "reading.yaml")
    return loaded


def _spoken(raw: str, bare: str, language: str, rules: dict[str, Any]) -> str:
    tail = "".join(char for char in raw[len(raw.rstrip(_EDGES)) :] if char in ".,;:!?…")
    word = rules.get("abbreviations", {}).get(bare.casefold())
    # 'no' and 'n' are words of their own without the dot
    if word is not None and (tail.startswith(".") or bare.casefold() not in ("no", "n", "es", "ca", "st", "ing")):
        return str(word) + tail.replace(".", "", 1)
    if sign := rules.get("signs", {}).get(raw):
        return str(sign)
    said = _money(bare, language, rules) or _figures(bare, language, rules)
    for sign, name in rules.get("signs", {}).items():
        said = said.replace(sign, f" {name} ")
    return " ".join(said.split()).strip(_EDGES) + tail


def _money(bare: str, language: str, rules: dict[str, Any]) -> str:
    """'€3.50' as 'three euros and fifty'; '' when it is no sum of money."""
    for sign, (one, many, _) in rules.get("money", {}).items():
        if sign not in bare:
            continue
        match = re.fullmatch(r"(\d+)(?:[.,](\d{2}))?", bare.replace(sign, "").strip())
        if match is None:
            return ""
        whole = f"{_words(match[1], language)} {one if int(match[1]) == 1 else many}"
        return whole if not match[2] or not int(match[2]) else f"{whole} {rules['and']} {_words(match[2], language)}"
    return ""


def _figures(bare: str, language: str, rules: dict[str, Any]) -> str:
    def said(match: re.Match[str]) -> str:
        figure = match.group()
        if re.fullmatch(r"\d{1,3}([.,' ]\d{3})+", figure):
            return f" {_words(re.sub(r'[^0-9]', '', figure), language)} "
        whole, sign, rest = re.match(r"(\d+)([.,]?)(\d*)", figure).groups()  # type: ignore[union-attr]
        if sign and rest:
            return f" {_words(whole, language)} {rules.get('point', '')} {_words(rest, language, digits=True)} "
        year = bool(rules.get("years")) and figure == bare and int(figure) in _YEARS
        return f" {_words(figure, language, year=year)} "

    return " ".join(_NUMBER.sub(said, bare).split()) if any(char.isdigit() for char in bare) else bare


def _words(figure: str, language: str, *, year: bool = False, digits: bool = False) -> str:
    """A row of digits in words; as it is where num2words is missing or does not know the language."""
    if len(figure) > _LONGEST_DIGITS:
        return " ".join(figure)
    try:
        from num2words import num2words

        if digits and (figure.startswith("0") or language != "it"):
            return " ".join(str(num2words(int(digit), lang=language)) for digit in figure)
        made = str(num2words(int(figure), lang=language, to="year" if year else "cardinal"))
    except (ImportError, NotImplementedError, OverflowError, ValueError):
        return figure
    return made.replace("-", " ").replace(",", "")
