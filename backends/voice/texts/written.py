"""Texts as people paste them: without markup (HTML, SSML), terminal codes, and signs that turn text around."""

from __future__ import annotations

import html
import re
import unicodedata

_TAG = re.compile(
    r"<!--.*?-->|<[!?][A-Za-z\[][^<>]*>"
    r"|</?[A-Za-z][\w:.-]*(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s<>\"'/]+))*\s*/?>",
    re.S,
)
"""'3 < 4', '<3' and 'a <b and c> d' are none."""
_UNHEARD = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.S | re.I)
_PAUSE = re.compile(r"\s*<break\b[^<>]*>[\s,]*", re.I)
_PARTED = re.compile(r"</?(?:br|p|div|li|tr|td|h[1-6])\b", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_TERMINAL = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ENDS = (".", ",", "!", "?", ";", ":", "…")


def without_markup(text: str) -> str:
    """`text` as it would be shown: no tags, entities as their signs; a `<break>` of SSML is a comma."""
    if "<" in text:
        text = _UNHEARD.sub(" ", text)
        text = _TAG.sub(_shown, text)
        text = _PAUSE.sub(lambda at: " " if at.string[: at.start()].rstrip()[-1:] in ("", *_ENDS) else ", ", text)
    return _ENTITY.sub(lambda entity: html.unescape(entity.group()), text) if "&" in text else text


def _shown(tag: re.Match[str]) -> str:
    if tag.group().lower().startswith("<break"):
        return "<break>"
    return " " if _PARTED.match(tag.group()) else ""


def without_codes(text: str) -> str:
    """`text` without terminal codes, control characters but line ends and tabs, and signs that turn text around."""
    text = _TURNING.sub("", _TERMINAL.sub("", text))
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))


def clean_name(name: str, most: int) -> str:
    """A name on one line, at most so many letters, without codes."""
    return " ".join(without_codes(name.replace("\n", " ").replace("\t", " ")).split())[:most].strip()
