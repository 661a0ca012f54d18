"""Which of several files, said in a few words after a work: 'no, c first, then a', 'without p2', 'the third too'."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from backends.llm.facts import FileFact
from backends.llm.offline.follow_up_words import words
from backends.llm.offline.references import ORDINALS
from backends.llm.offline.request import Call, Request

_ARGUMENTS = {"video": "video", "image": "image", "audio": "audio"}
_ALSO = re.compile(
    r"(?:(?:no|and|now|ok(?:ay)?|then|also|do|please|the same|same|with|for|to|on|that|it|too|as well|instead|i meant?|"
    r"sorry|wait|e|ora|anche|pure|poi|lo stesso|con|su|per|invece|anzi|intendevo|scusa|the|la|il|lo|"
    r"l['’])\b[\s,.!:]*)*",
    re.IGNORECASE,
)


def other_files(request: Request, last: Call) -> Call | None:
    """The last work with other files, or with the same ones in another order; None when the message says no such."""
    argument = next((name for name in _ARGUMENTS if last.args.get(name)), "")
    if not argument:
        return None
    given = _files_here(request, _ARGUMENTS[argument])
    used = last.args[argument]
    text = request.wish.text.strip(" .!?")
    if isinstance(used, list):
        mine = [_id_of(name, given) for name in used]
        found = _reordered(text, mine, given) or _left_out(text, mine, given)
        return Call(last.tool, _with(last, argument, found)) if found and found != mine else None
    one = _one_file(text, given, request)
    if one is None or one.id == _id_of(str(used), given):
        return None
    return Call(last.tool, {**last.args, argument: one.id})


def ordered_first(text: str, files: Sequence[FileFact]) -> list[str]:
    """Files in the order that a wish says: 'dog first', 'start with b', 'c last'; [] when it says none."""
    by_name = [(found.start(), file) for file in files if (found := _name(file).search(text))]
    first = next((file for _, file in by_name if _role(file, text, _FIRST)), None)
    last = next((file for _, file in by_name if _role(file, text, _LAST) and file is not first), None)
    if first is None and last is None:
        return []
    between = [file.id for file in files if file not in (first, last)]
    return [*([first.id] if first else []), *between, *([last.id] if last else [])]


_FIRST = (r"{name}\s+(?:\w+\s+)?(?:first|per prim[oa]|prima)\b", r"(?:start|begin|starting|beginning|inizia\w*|"
r"comincia\w*)\s+(?:with|con)\s+{name}",
          r"\b(?:first|prima)\s+{name}")  # fmt: skip
_LAST = (
    r"{name}\s+(?:last|at the end|per ultim[oa]|alla fine)\b",
    r"(?:end|finish|ending|finisci\w*|chiudi)\s+(?:with|con)\s+{name}",
)


def without_order(text: str, files: Sequence[FileFact]) -> str:
    """The wish without the words that say which of the files comes first or last."""
    for file in files:
        name = rf"(?:the\s+|il\s+|la\s+)?{_name(file).pattern}"
        for shape in (*_FIRST, *_LAST):
            text = re.sub(
                rf"(?:\s*(?:[,;]|\b(?:and|but|e|ma)\b))*\s*{shape.replace('{name}', name)}",
                " ",
                text,
                flags=re.IGNORECASE,
            )
    return " ".join(text.split())


def _role(file: FileFact, text: str, shapes: Sequence[str]) -> bool:
    name = rf"(?:the\s+|il\s+|la\s+)?{_name(file).pattern}"
    return any(re.search(shape.replace("{name}", name), text, re.IGNORECASE) for shape in shapes)


def _reordered(text: str, used: list[str], given: Sequence[FileFact]) -> list[str] | None:
    """'No, c first, then a, then b': the files of the last work as they are named; those that are not, behind."""
    mine = [file for file in given if file.id in used]
    parts = sorted(
        ((match.start(), match.end(), file) for file in mine for match in _name(file).finditer(text)),
        key=lambda one: one[:2],
    )
    named = list(dict.fromkeys(file.id for *_, file in parts))
    if not named:
        return None
    left, position = "", 0
    for start, end, _ in parts:
        if start >= position:
            left, position = f"{left} {text[position:start]}", end
    left += f" {text[position:]}"
    filler = re.compile(rf"(?:(?:{words('ordered').pattern})\b|[^\w\s]|\s)*", re.IGNORECASE)
    if not filler.fullmatch(left):
        return None
    if len(named) == 1:
        role = ordered_first(text, mine)
        return role or None
    return [*named, *(one for one in used if one not in named)]


def _left_out(text: str, used: list[str], given: Sequence[FileFact]) -> list[str] | None:
    """'Without p2' and 'add p4 too'."""
    for file in given:
        name = rf"(?:the\s+|il\s+|la\s+)?(?:{_name(file).pattern}|{_ordinal_of(file, used)})"
        less = re.compile(rf"(?:(?:no|and|but|ok|the same|same|again|lo stesso|ma|"
                          rf"e)\b[\s,]*)*(?:{words('without').pattern})\s+{name}"
                          r"(?:\s+(?:one|clip|video|please|this time|stavolta))*", re.IGNORECASE)  # fmt: skip
        if file.id in used and len(used) > 1 and less.fullmatch(text):
            return [one for one in used if one != file.id]
        more = re.compile(rf"{_ALSO.pattern}(?:add|put in|include|with|aggiungi|metti|con)?\s*{name}(?:\s+(?:too|"
                          rf"as well|also|anche|pure|at the end))+",
                          re.IGNORECASE)  # fmt: skip
        if file.id not in used and more.fullmatch(text):
            return [*used, file.id]
    return None


def _ordinal_of(file: FileFact, used: list[str]) -> str:
    """How a file of a list is called by its place."""
    place = used.index(file.id) if file.id in used else -1
    said = [word for word, index in ORDINALS.items() if index == place and place >= 0]
    return "|".join(said) or "(?!)"


def _one_file(text: str, given: Sequence[FileFact], request: Request) -> FileFact | None:
    """The one file that a message names and says nothing else of: 'the third too', 'and on beach.mp4'."""
    lead = _ALSO.match(text)
    rest = text[lead.end() if lead else 0 :]
    tail = r"(?:\s+(?:one|clip|video|film|too|as well|also|instead|please|anche|pure|invece))*"
    for file in given:
        if re.fullmatch(rf"{_name(file).pattern}{tail}", rest, re.IGNORECASE):
            return file
    if len(given) < 2 or re.search(r"\b(?:shot|scene|second|inquadratura|scena)s?\b(?!\s+(?:one|too))", _said(request)):
        return None
    match = re.fullmatch(rf"(?P<which>{'|'.join(ORDINALS)}){tail}", rest, re.IGNORECASE)
    index = ORDINALS[match["which"].lower()] if match else len(given)
    return given[index] if index < len(given) else None


def _said(request: Request) -> str:
    """The instruction of the last work: an ordinal after 'the first shot' is a shot."""
    return " ".join(str(request.recent[-1].args.get(key, "")) for key in ("instruction", "effect")).lower()


def _files_here(request: Request, kind: str) -> list[FileFact]:
    """The user's own files of a kind, in the order in which they were attached."""
    return [file for file in reversed(request.facts.assets) if file.kind == kind and not file.tool]


def _name(file: FileFact) -> re.Pattern[str]:
    stem, _, ending = file.name.rpartition(".")
    stem, ending = (stem, ending) if stem else (file.name, "")
    loose = r"[\s_-]*".join(re.escape(part) for part in re.split(r"[\s_-]+", stem) if part) or "(?!)"
    return re.compile(
        rf"(?<![\w.])(?:{loose}(?:\.{re.escape(ending)})?|{re.escape(file.id)})(?![\w.]*\w)", re.IGNORECASE
    )


def _id_of(name: str, files: Sequence[FileFact]) -> str:
    return next((file.id for file in files if name in (file.id, file.name)), name)


def _with(last: Call, argument: str, files: list[str]) -> dict[str, Any]:
    return {**last.args, argument: files if len(files) > 1 else files[0]}
