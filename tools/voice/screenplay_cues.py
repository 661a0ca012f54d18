"""Scripts whose lines say who speaks: plain 'NAME: words', and subtitles whose cues do."""

from __future__ import annotations

import re
from collections.abc import Collection

from configs.errors import UsageError
from tools.voice.screenplay_dash import Dashes, dashes_in
from tools.voice.screenplay_lines import Draft, is_beat

_NAMED = re.compile(r"^(?P<name>[^\W\d_][^:\n]{0,59}?)\s*(?P<beside>\([^()]{1,60}\))?\s*:(?!//)\s*(?P<text>.*)$")
_SCENE = re.compile(
    r"^(?:#{1,6}\s*(?P<hash>\S.*?)|=+\s*(?P<rule>[^=]+?)\s*=+|\.?(?P<slug>(?:INT|EXT|EST|I/E|INT\./EXT|INT/EXT)[. ].+)"
    r"|\[?(?P<word>(?:scene|scena|sc\.|act|atto)\s+[\w.]+[^:\]]{0,80})\]?)$",
    re.I,
)
_ASIDE = re.compile(r"^[(\[]([^()\[\]]*)[)\]]$")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^<>]{1,60})>")
_RULE = re.compile(r"^\s*[-*_=]{3,}\s*$")
_LISTED = re.compile(r"^(?:[-*+•>–—]\s+|\d{1,4}[.)]\s+)+")
_BOLD = re.compile(r"^(\*{1,3}|_{1,2})([^*_:\n]{1,60}?)\s*(?::\s*\1|\1\s*:)\s*")
_BRACKETED = re.compile(r"^\[([^\[\]:\n]{1,60})\]\s*:\s*")
_CLOCK = re.compile(r"\d\s?:\d\d?$")
_DASHES = ("-", "–", "—")
MOST_NAME_COLUMN = 60
MOST_HEADING = 150
MOST_WORDS = 4
"""In a name; more before a colon are a sentence."""


def read_plain(text: str, draft: Draft) -> None:
    """'NAME: words' a line, or 'NAME - words' where the name is a character's or comes back.

    A line without a name goes on with the one before; after a gap the narrator speaks it.
    """
    speaker, speech, began = "", "", 0
    unnamed: list[int] = []
    dashes = _dashes(text, draft)

    def finish() -> None:
        nonlocal speech
        if began:
            draft.line(began, speaker, speech)
        speech = ""

    for row, line in enumerate(text.split("\n"), 1):
        bare = " ".join(line.split())  # runs of spaces would make the patterns slow
        scene = _SCENE.match(bare) if len(bare) <= MOST_HEADING else None
        aside = _ASIDE.match(bare)
        named = None if scene else named_line(bare, dashes)
        if not bare or scene or aside or named or _RULE.match(bare):
            finish()
            began = 0
        if scene:
            draft.scene(next(part for part in scene.groups() if part))
        elif aside and is_beat(aside.group(1)):
            draft.beat()
        elif named:
            speaker, speech, began = named[0], named[1], row
        elif bare and not aside and not _RULE.match(bare):
            if not began:
                speaker, began = "", row
                unnamed.append(row)
            speech = f"{speech} {bare}"
    finish()
    _tell_unnamed(unnamed, draft)


def read_cues(text: str, draft: Draft, form: str) -> None:
    """Subtitles: each row of a cue may name who speaks. They name whoever begins: a cue without a name goes on with
    the speaker before, unless two spoke there, or it has a dash of its own or is slanted, as a narrator's is.

    form: srt | vtt.
    """
    import pysubs2

    try:
        cues = pysubs2.SSAFile.from_string(_VOICE.sub(r"\1: ", text), format_=form)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, IndexError) as error:
        raise UsageError("The subtitles cannot be read", str(error)[:120], "Save them again as SRT or VTT") from error
    unnamed: list[int] = []
    dashes = _dashes("\n".join(cue.plaintext for cue in cues), draft)
    speaker, speech, began, alone = "", "", 0, True
    for number, cue in enumerate(cues, 1):
        rows = cue.plaintext.split("\n")
        goes_over = alone and not rows[0].startswith(_DASHES) and "{\\i1}" not in cue.text
        alone = sum(row.lstrip().startswith(_DASHES) for row in rows) < 2
        for row in rows:
            bare = re.sub(r"^[-–—] ", "", " ".join(row.split()))
            if not bare or ((aside := _ASIDE.match(bare)) is not None and is_beat(aside.group(1))):
                continue
            named = named_line(bare, dashes)
            goes_on = bool(speech) and not re.search(r"[.!?…:\"”»]\s*$|--$|[—–]$", speech)
            if named is None and goes_on:
                speech = f"{speech} {bare}"
                continue
            if began:
                draft.line(began, speaker, speech)
            same = _dashless(row, cue.plaintext) if row != rows[0] else goes_over
            speaker, speech = named or (speaker if same else "", bare)
            began = number
            if named is None and not speaker:
                unnamed.append(number)
    if began:
        draft.line(began, speaker, speech)
    _tell_unnamed(unnamed, draft)


def _dashless(row: str, cue: str) -> bool:
    """Whether a further row of a cue belongs to who spoke the row before: it has no dash of its own."""
    return cue.split("\n", 1)[0] != row and not re.match(r"\s*[-–—]\s", row)


def _dashes(text: str, draft: Draft) -> Dashes:
    """Names before dashes in a text: of characters, of who speaks in it after a colon as well, or that come back."""
    named = (line for row in text.split("\n") if (line := named_line(row)))
    return dashes_in(text, {*draft.names, *(re.sub(r"\([^()]*\)", "", name) for name, _ in named)})


def named_line(bare: str, dashes: Dashes = Dashes()) -> tuple[str, str] | None:
    """('LUCA (angrily)', 'Go!') of 'LUCA (angrily): Go!'; None where nobody is named."""
    bare = _unmarked(" ".join(bare.split()))
    match = _NAMED.match(bare[:MOST_HEADING])
    if match is None or len(match["name"].split()) > MOST_WORDS or _CLOCK.search(bare[: match.start("text") + 2]):
        return dashes.line(bare)
    if (earlier := dashes.line(bare)) is not None and len(earlier[0]) < len(match["name"]):
        return earlier  # 'Luca - Two things: bread and milk.'
    said = bare[match.start("text") :]
    return f"{match['name']} {match['beside'] or ''}".strip(), said


def _unmarked(bare: str) -> str:
    """'- **Luca:** Hello' and '[Luca]: Hello', as chats and language models write scripts, as 'Luca: Hello'."""
    plain = _LISTED.sub("", bare)
    for pattern, written in ((_BOLD, r"\2: "), (_BRACKETED, r"\1: ")):
        plain = pattern.sub(written, plain, count=1)
    head, colon, rest = plain.partition("：")
    if colon and ":" not in head and len(head) <= MOST_NAME_COLUMN:
        plain = f"{head}: {rest}"
    return plain if _NAMED.match(plain[:MOST_HEADING]) else bare


def looks_like_plain(text: str, names: Collection[str] = ()) -> bool:
    """Whether lines name who speaks."""
    return bool(dashes_in(text, names).names) or any(named_line(line.strip()) for line in text.split("\n"))


def _tell_unnamed(rows: list[int], draft: Draft) -> None:
    if rows:
        shown = ", ".join(str(row) for row in rows[:8]) + (" ..." if len(rows) > 8 else "")
        draft.doubts.append(f"{draft.unit} {shown}: nobody is named, so the narrator speaks")
