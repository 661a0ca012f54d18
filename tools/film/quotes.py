"""Quoted speech in a story: found, taken out and replaced by marks, so that its words are never read as story."""

from __future__ import annotations

import re

MARK = re.compile(r"⟦(\d+)⟧")
_PAIRS = (("“", "”"), ("«", "»"), ("„", "“"), ("‘", "’"), ('"', '"'), ("'", "'"), ("`", "'"))
_SCRIPT_LINE = re.compile(
    r"^[ \t]*([A-ZÀ-Ý][\w'’ -]{0,28}?)[ \t]*(?:\(([^)\n]{1,40})\))?[ \t]*:[ \t]+(\S.*)$", re.MULTILINE
)
_NOT_SPEAKERS = {
    "film", "title", "scene", "shot", "story", "note", "style", "titolo", "scena", "storia", "int", "ext",
    "ending", "end", "finale", "fine", "mood", "setting", "place", "time", "music", "length", "duration",
    "seconds", "characters", "cast", "plot", "genre", "luogo", "stile", "musica", "durata", "personaggi",
    "trama", "genere", "suddenly", "then", "later",
}  # fmt: skip
_CUE = re.compile(
    r"(?:^|(?<=[.!?…\"”»:])[ \t]+)(?P<name>[A-ZÀ-Ý][\w'’-]*(?: [A-ZÀ-Ý][\w'’-]*){0,2})"
    r"(?=[ \t]*(?:\([^)\n]{1,40}\))?[ \t]*:[ \t]+\S)",
    re.MULTILINE,
)
"""A name with a colon, at the start of a line or behind a sentence."""
_LOWER_CUE = re.compile(r"^[ \t]*[a-zà-ý][\w'’-]*(?: [a-zà-ý][\w'’-]*)?[ \t]*:[ \t]+\S")

_UNQUOTED = re.compile(
    r"\b(?P<verb>say|says|said|asks?|asked|repl(?:y|ies|ied)|answers?|shouts?|yells?|whispers?|exclaims?|cries out|"
    r"dice|risponde|chiede|esclama|grida|sussurra)[ \t]*:[ \t]*(?P<words>[^\W_][^\n.!?…\"“”«»⟦]*[.!?…]*)(?=\s|$)",
    re.IGNORECASE,
)
"""What is said behind a verb of speech and a colon, without quotation marks: up to the end of the sentence."""


def take_quotes(text: str) -> tuple[str, list[str]]:
    """`text` with every quotation replaced by `⟦n⟧`, and the quotations.

    An apostrophe inside a word ('it's', "l'isola") never opens or closes a quotation. Lines of a script
    (`LUCA (happily): Hello!`) become `Luca says happily ⟦n⟧.`, and `she says: hello!` is a quotation too.
    """
    quotes: list[str] = []
    text = _lines_apart(text)
    text = _SCRIPT_LINE.sub(_script_line, text)
    text = _UNQUOTED.sub(lambda found: f"{found['verb']} “{found['words'].strip()}”", text)
    position, out = 0, []
    while position < len(text):
        found = _open_at(text, position)
        if found is None:
            out.append(text[position])
            position += 1
            continue
        end, inner = found
        out.append(f"⟦{len(quotes)}⟧")
        quotes.append(" ".join(inner.split()))
        position = end
    return "".join(out), quotes


def _lines_apart(text: str) -> str:
    """A script written on one line with a line per cue ('Luca: Go! Rita: No.'), one in small letters with capitals.

    'Sunset: the sea glows' within a story is no cue: a name in small letters is one when another cue or the story
    itself tells that somebody is called so.
    """
    rows = [row for row in text.split("\n") if row.strip()]
    if len(rows) > 1 and all(_LOWER_CUE.match(row) for row in rows):
        return "\n".join(row.strip()[0].upper() + row.strip()[1:] for row in rows)
    names = [cue["name"] for cue in _CUE.finditer(text) if cue["name"].split()[0].lower() not in _NOT_SPEAKERS]

    def apart(cue: re.Match[str]) -> str:
        name = cue["name"]
        told = len(set(names)) > 1 or len(re.findall(rf"\b{re.escape(name)}\b", text)) > 1
        return f"\n{name}" if name in names and (name.isupper() or told) else cue.group()

    return _CUE.sub(apart, text)


def _script_line(match: re.Match[str]) -> str:
    name, manner, words = match.group(1).strip(), match.group(2), match.group(3).strip()
    plain = (
        len(name.split()) <= 3 and name.split()[0].lower() not in _NOT_SPEAKERS and (name.isupper() or name.istitle())
    )
    quoted = bool(words) and words[0] in "'\"“‘«"
    if not plain or (quoted and not name.isupper() and len(words) > 400):
        return match.group(0)
    spoken = words if quoted else f"“{words}”"
    return f"{name.title() if name.isupper() else name} says{f' {manner}' if manner else ''} {spoken} ."


def _open_at(text: str, position: int) -> tuple[int, str] | None:
    """(end, inner text) of a quotation that opens at `position`, or None."""
    for opening, closing in _PAIRS:
        if text[position] != opening:
            continue
        before = text[position - 1] if position else " "
        after = text[position + 1] if position + 1 < len(text) else " "
        if after.isspace() or (opening in "'‘`" and (before.isalnum() or after == ",")):
            return None
        end = _close_from(text, position + 1, closing)
        if end is not None and text[position + 1 : end].strip():
            return end + 1, text[position + 1 : end]
    return None


def _close_from(text: str, start: int, closing: str) -> int | None:
    position = start
    while (position := text.find(closing, position)) >= 0:
        after = text[position + 1] if position + 1 < len(text) else " "
        inside_word = closing in "'’" and text[position - 1].isalnum() and after.isalnum()
        if not inside_word:
            return position
        position += 1
    return None
