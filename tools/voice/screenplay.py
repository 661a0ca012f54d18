"""A script from a file: Fountain, a table, subtitles, plain 'NAME: words', or a storyboard of the studio."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from configs.dialogue import dialogue_config
from configs.errors import UsageError
from tools.voice.screenplay_cues import looks_like_plain, read_cues, read_plain
from tools.voice.screenplay_fountain import looks_like_fountain, read_fountain
from tools.voice.screenplay_lines import Draft, Script, ScriptLine
from tools.voice.screenplay_table import looks_like_table, read_table

__all__ = ["Form", "Script", "ScriptLine", "find_scene", "read_script", "script_of"]

Form = Literal["", "fountain", "csv", "srt", "vtt", "plain", "storyboard"]
_ENDINGS: dict[str, Form] = {
    ".fountain": "fountain", ".spmd": "fountain", ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".srt": "srt",
    ".vtt": "vtt", ".json": "storyboard",
}  # fmt: skip
_UNITS = {"csv": "row", "srt": "cue", "vtt": "cue", "storyboard": "shot"}
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def read_script(
    path: Path, name: str = "", form: Form = "", languages: Collection[str] = (), names: Collection[str] = ()
) -> Script:
    """The lines of a script file.

    Args:
        name: how the user calls it; its ending tells the form.
        form: in place of what ending and content tell.
        languages: primary tags that can be spoken; others are told with the nearest.
        names: of known characters: 'Luca - Hello' is then a line of Luca's, however often he speaks.

    Raises:
        UsageError in one sentence when it is too large, no text, of another form than said, or without a line.
    """
    shown = name or path.name
    text = _text(path, shown)
    return script_of(text, shown, form, languages, path, names)


def script_of(
    text: str,
    name: str = "",
    form: Form = "",
    languages: Collection[str] = (),
    path: Path | None = None,
    names: Collection[str] = (),
) -> Script:
    """The lines of a script's text; as `read_script`. path: where a storyboard lies."""
    form = form or _ENDINGS.get(Path(name).suffix.lower(), "") or _guess(text, names)
    draft = Draft(_UNITS.get(form, "line"), languages, names)
    if form == "fountain":
        read_fountain(text, draft)
    elif form == "csv":
        read_table(text, draft)
    elif form in ("srt", "vtt"):
        read_cues(text, draft, form)
    elif form == "storyboard":
        if path is None:
            raise UsageError("The storyboard is no file", fix="Name one that the studio made, or attach it")
        _read_board(path, draft)
    else:
        read_plain(text, draft)
    return draft.script(form)


def find_scene(script: Script, wanted: str) -> int:
    """Index of the scene meant by its number (from 1) or by words of its heading.

    Raises UsageError naming the nearest scenes when there is none, or when several fit.
    """
    asked = " ".join(wanted.casefold().split())
    number = asked.removeprefix("scene ").removeprefix("scena ").strip(" #.")
    if number.isdigit() and asked.strip("#. ") not in (heading.casefold() for heading in script.scenes):
        if 1 <= int(number) <= len(script.scenes):
            return int(number) - 1
        raise UsageError(f"There is no scene {number}", f"the script has {len(script.scenes)}", _choices(script))
    exact = [i for i, heading in enumerate(script.scenes) if heading.casefold() == asked]
    within = [i for i, heading in enumerate(script.scenes) if asked in heading.casefold()]
    found = exact or within
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"'{wanted[:60]}' fits {len(found)} scenes", fix=f"Give a number: {_choices(script)}")
    names = {heading.casefold(): index for index, heading in enumerate(script.scenes)}
    near = difflib.get_close_matches(asked, names, 1, 0.4)
    hint = f"Did you mean {names[near[0]] + 1}, '{script.scenes[names[near[0]]]}'?" if near else _choices(script)
    raise UsageError(f"There is no scene '{wanted[:60]}'", fix=hint)


def _choices(script: Script) -> str:
    shown = [f"{number} '{heading or 'without a heading'}'" for number, heading in enumerate(script.scenes[:8], 1)]
    return "Scenes are " + ", ".join(shown) + (" ..." if len(script.scenes) > 8 else "")


def _text(path: Path, shown: str) -> str:
    most = int(dialogue_config()["most_script_kib"]) * 1024
    try:
        size = path.stat().st_size
        if size > most:
            raise UsageError(
                f"'{shown}' is too large for a script", f"{size // 1024} KiB, {most // 1024} are the limit"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"'{shown}' cannot be read", error.strerror or str(error)) from error
    text = _decoded(raw).replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        raise UsageError(f"'{shown}' is not a text", "it holds binary data", "Save the script as text in UTF-8")
    if not text.strip():
        raise UsageError(f"'{shown}' is empty", fix="Write lines as 'NAME: words'")
    longest = int(dialogue_config()["most_line_characters"])
    if any(len(line) > longest for line in text.split("\n")):
        raise UsageError(f"'{shown}' is no script", f"it has a line of more than {longest:,} letters", "Split it")
    return text


def _decoded(raw: bytes) -> str:
    """By its mark, else UTF-8, else UTF-16 without a mark (every second byte is 0), else Windows' Western code."""
    for mark, code in _MARKS.items():
        if raw.startswith(mark):
            return raw.decode(code, errors="replace")
    try:
        text = raw.decode("utf-8")
        if "\x00" not in text:
            return text
    except UnicodeDecodeError:
        pass
    for first, code in ((0, "utf-16-be"), (1, "utf-16-le")):
        zeros = raw[first::2]
        if zeros and zeros.count(0) > 0.6 * len(zeros) and raw[1 - first :: 2].count(0) == 0:
            return raw.decode(code, errors="replace")
    return raw.decode("cp1252", errors="replace")


def _guess(text: str, names: Collection[str]) -> Form:
    """The form of a text whose name does not tell it."""
    if text.lstrip().startswith("WEBVTT"):
        return "vtt"
    if "-->" in text:
        return "srt"
    if text.lstrip().startswith("{"):
        return "storyboard"
    if looks_like_table(text):
        return "csv"
    return (
        "fountain" if looks_like_fountain(text) or (not looks_like_plain(text, names) and _capitals(text)) else "plain"
    )


def _capitals(text: str) -> bool:
    return any(line.strip().isupper() for line in text.split("\n"))


def _read_board(path: Path, draft: Draft) -> None:
    from tools.film.storyboard import load_board

    for number, shot in enumerate(load_board(path).shots, 1):
        draft.scene(shot.scene)
        for line in shot.lines:
            draft.line(number, line.character, line.text, emotion=line.emotion, language=line.language)
