"""The lines of a dialogue out of a wish: who says what, and how."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.feelings import feeling_args, without_name
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.request import Request
from backends.llm.offline.speech import NOT_NAMES, SAYING, language_of
from backends.llm.offline.wish import Quote, find_quotes

_LABEL = r"([A-Z][\w'-]*(?: [A-Z][\w'-]*)?)(?:\s*[(\[]([^)\]\n]{1,60})[)\]])?\s*:"
"""'LUCA (sadly):': the speaker and the manner."""
_AHEAD = r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)?(?:\s*[(\[][^)\]\n]{1,60}[)\]])?\s*:"
"""The same without groups, to look ahead."""


def spoken_lines(request: Request) -> list[dict[str, Any]]:
    """The lines of a dialogue in the wish: {character, text, emotion, language}."""
    return lines_in(request.wish.raw_slice(request.wish.command_start), request)


def lines_in(text: str, request: Request) -> list[dict[str, Any]]:
    """The lines in a text, each with the speaker named before it."""
    text = _colons(text, request)
    if len(written := _written_lines(text, request)) >= 2:
        return written
    quotes = find_quotes(text)
    if len(quotes) >= 2:
        return _quoted_lines(text, quotes, request)
    body = re.sub(
        r"^[^:\n]{0,60}?\b(?:dialogue|dialog|dialogo|conversation|script|lines|scene|following)\b[^:\n]{0,30}:\s*",
        "", text, flags=re.I,
    )  # fmt: skip
    parts = list(
        re.finditer(
            rf"(?:^|[\n;/.!?]\s*|\s){_LABEL}(.+?)(?=(?:[\s;/]+{_AHEAD}\s)|$)",
            body, re.S,
        )
    )  # fmt: skip
    if len(parts) >= 2:
        return [_line(_labelled(part), part.group(3).strip(' \n;/"“”'), request) for part in parts]
    if len(quotes) == 1:
        return [_line(text[: quotes[0].start], quotes[0].content, request, text[quotes[0].end :])]
    return []


_DASHED = re.compile(
    r"^(\s*)([A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*)?(?:\s*[(\[][^)\]\n]{1,60}[)\]])?)\s+[-–—]\s+(?=\S)", re.MULTILINE
)
_BESIDE = re.compile(r"\s*[(\[].*")


def _colons(text: str, request: Request) -> str:
    """'Luca - Hello' as 'Luca: Hello', where rows are written so: by known characters, or by names that come back."""
    rows = [match for match in _DASHED.finditer(text) if _BESIDE.sub("", match[2]).lower() not in NOT_NAMES]
    names = [_BESIDE.sub("", match[2]).casefold() for match in rows]
    known = {name.casefold() for one in request.facts.characters for name in (one.name, *one.aliases)}
    if len(rows) < 2 or len(set(names)) < 2 or not (known & set(names) or len(set(names)) < len(names)):
        return text
    return _DASHED.sub(lambda match: f"{match[1]}{match[2]}: ", text)


def _written_lines(text: str, request: Request) -> list[dict[str, Any]]:
    """A script's lines, one 'NAME (manner): words' under the other; what is said before the first is no line."""
    lines: list[dict[str, Any]] = []
    for row in text.splitlines():
        if match := re.match(rf"\s*{_LABEL}\s*(\S.*)$", row):
            if re.search(rf"\s{_AHEAD}\s", match.group(3)):
                return []  # several speakers in one row: no such form
            lines.append(_line(_labelled(match), match.group(3).strip(' "“”«»'), request))
        elif lines and row.strip():
            lines[-1]["text"] += f" {row.strip()}"
    return lines


def _quoted_lines(text: str, quotes: tuple[Quote, ...], request: Request) -> list[dict[str, Any]]:
    """Quotations with their speakers between them. What follows one up to the next speaker tells how it was said."""
    lines, position = [], 0
    for index, quote in enumerate(quotes):
        after = text[quote.end : quotes[index + 1].start if index + 1 < len(quotes) else len(text)]
        before = text[position : quote.start]
        own = before if index == 0 else before[len(_manner_after(before)) :]
        lines.append(_line(before, quote.content, request, after, own))
        position = quote.end
    return lines


def is_script(request: Request) -> bool:
    """Whether the clause is nothing but lines with their speakers: 'Luca: Hi! Boo: Beep.'"""
    text = _colons(request.wish.raw_slice(request.wish.command_start), request)
    return re.match(rf"{_LABEL}\s*\S", text) is not None and len(lines_in(text, request)) >= 2


def holds_script(request: Request) -> bool:
    """Whether lines with their speakers stand under a wish: 'do this with two actors:' and then a script."""
    text = _colons(request.wish.raw_slice(request.wish.command_start), request)
    return len(_written_lines(text, request)) >= 2


def _labelled(match: re.Match[str]) -> str:
    return f"{match.group(1)} {match.group(2) or ''}"


def _manner_after(text: str) -> str:
    """What still belongs to the words before: up to the next speaker, sentence or 'and'."""
    return re.split(r"\b(?:and|then|e|poi|while|mentre|[A-Z]\w+)\b|[.;:\n]|,\s*(?=(?:and|then|e|poi|[A-Z])\b)", text)[0]


def _line(before: str, content: str, request: Request, after: str = "", own: str | None = None) -> dict[str, Any]:
    """A line; `own`: the part of `before` that is about this line, when the rest is about the one before it."""
    line: dict[str, Any] = {"character": _who(before, request), "text": content}
    told = without_name(before if own is None else own, line["character"])
    line.update(feeling_args(told) or feeling_args(_manner_after(after)))
    language = slots.language(before) or language_of(content)
    if language:
        line["language"] = language
    return line


def _who(before: str, request: Request) -> str:
    """The speaker named last before a quotation."""
    candidates: list[tuple[int, str]] = []
    for character in request.facts.characters:
        for name in (character.name, *character.aliases):
            candidates += [
                (m.start(), character.name) for m in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", before, re.I)
            ]
    for match in re.finditer(
        (
            rf"(?:\b(?:[Tt]he|[Ii]l|[Ll]a|[Ll]o|[Oo]ne)\s+({'|'.join(lexicon().words['character_nouns'])}|"
            r"other)\b|\b([A-Z][\w-]*))(?:['’]s)?"
        ),
        before,
    ):
        name = match.group(1) or match.group(2)
        if (
            name.lower() not in NOT_NAMES
            and not re.match(rf"{SAYING}$", name, re.I)
            and not slots.language(f"in {name}")
        ):
            known = [c.name for c in request.facts.characters if re.search(rf"\b{name}\b", f"{c.name} {c.text}", re.I)]
            candidates.append((match.start(), known[0] if len(known) == 1 else name))
    if candidates:
        return max(candidates)[1]
    label = re.search(
        r"(?:^|[\s,;(])([^\W\d_][\w'-]*)\s*[:,]?\s*(?:says|asks|answers|replies|dice|chiede|risponde)?\s*[:,]?\s*$",
        before,
    )
    return (
        label.group(1)
        if label and label.group(1).lower() not in NOT_NAMES and not re.match(rf"{SAYING}$", label.group(1), re.I)
        else ""
    )
