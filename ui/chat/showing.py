"""Assets as things on the page, and what is going on beside it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import chainlit as cl

from ui.chat.history import MEDIA_URL
from ui.chat.media import POSTER_URL
from ui.chat.wording import wording

MIME = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".mp4": "video/mp4",
    ".webm": "video/webm", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".srt": "text/plain",
    ".otio": "application/json", ".json": "application/json", ".html": "text/html", ".csv": "text/csv",
    ".edl": "text/plain",
}  # fmt: skip


def asset_url(path: str) -> str:
    """Where the page finds an asset's file."""
    return f"{MEDIA_URL}/{quote(path)}"


def element_for(row: dict[str, Any], poster: str = "") -> Any:
    """A player, a picture or a download for one asset row. `poster`: what a film shows before it plays."""
    suffix = PurePosixPath(row["path"]).suffix.lower()
    common = {"name": row["name"], "url": asset_url(row["path"]), "mime": MIME.get(suffix, "application/octet-stream")}
    if row["kind"] in ("image", "map") or suffix in (".png", ".jpg", ".jpeg", ".webp"):
        return cl.Image(display="inline", size="large", **common)
    if row["kind"] == "video":
        player = {"file": {"attributes": {"poster": poster or f"{POSTER_URL}/{quote(row['path'])}"}}}
        return cl.Video(display="inline", size="large", player_config=player, **common)
    if row["kind"] == "audio":
        return cl.Audio(display="inline", **{**common, "name": spoken_in_words(row)})
    name = row["name"] if PurePosixPath(row["name"]).suffix else row["name"] + suffix
    return cl.File(display="inline", **{**common, "name": name})


SPOKEN_LIMIT = 90
"""Characters of a line beside its play button."""


def spoken_in_words(row: dict[str, Any]) -> str:
    """'Luca, from afraid to happy: I found the key!' for a spoken line; the name of any other sound."""
    said = row.get("said")
    if not said:
        return str(row["name"])
    stages = [part.strip() for part in str(said["emotion"]).split("->")]
    feeling = f"from {' to '.join(stages)}" if len(stages) > 1 else stages[0]
    feeling = re.sub(r"(\w+) 0?\.(\d)\d*\b", lambda m: f"{m[1]} {int(m[2]) * 10}%", feeling).replace(" + ", " and ")
    who = f"{said['character'] or 'Narrator'}{f', {feeling}' if feeling not in ('', 'neutral') else ''}"
    words = " ".join(str(said["text"]).split())
    return f"{who}: {words if len(words) <= SPOKEN_LIMIT else words[: SPOKEN_LIMIT - 1].rstrip() + '…'}"


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#|~!])")


def is_page(row: dict[str, Any]) -> bool:
    """Whether an asset is a page to be opened, which its link does better than a tile."""
    return PurePosixPath(row["path"]).suffix.lower() == ".html"


def page_links(rows: list[dict[str, Any]]) -> str:
    """Links that open the reports among assets beside the chat, as Markdown; a file element only downloads them."""
    pages = [row for row in rows if is_page(row)]
    names = [_MARKDOWN.sub(r"\\\1", " ".join(row["name"].removesuffix(".html").split())) for row in pages]
    return "\n".join(f"- [Open: {name}]({asset_url(row['path'])})" for name, row in zip(names, pages, strict=True))


LONG_LETTERS, LONG_SENTENCES = 320, 4
"""From here on a paragraph of findings is read better as a list."""
NOTE = "Note: "
"""Beginning of what a tool warns of; several of them are a list."""
LONG_ROW, LONG_PARTS = 120, 3
"""From here on what a row of it enumerates is, too."""
_SENTENCE = re.compile(r"(?:(?<=[a-z0-9)%\"'][.!?])|(?<=[A-Z]{2}[.!?])) (?=[A-Z])")
_LABEL = re.compile(r"^([A-Z][^:.*]{2,30}|[^:*]{1,60}\.\w{2,4}): ")


_ID = re.compile(r"^[a-z]{3}-[0-9a-f]{10} | \([a-z]{3}-[0-9a-f]{10}\)", re.MULTILINE)


def without_ids(text: str) -> str:
    """The text as people read it: ids of assets stand beside names for models and commands, and say nothing here."""
    return _ID.sub("", text)


def in_lines(text: str) -> str:
    """Long paragraphs, such as all that was measured of a film, and several notes as lists: a sentence a row."""
    lines = [_listed(line) for line in text.split("\n")]
    notes = [line for line in lines if line.startswith(NOTE)]
    if len(notes) < 2:
        return "\n".join(lines)
    return "\n".join([*(line for line in lines if line not in notes), "", *("- " + note for note in notes)])


def _listed(line: str) -> str:
    sentences = _SENTENCE.split(line)
    if len(line) < LONG_LETTERS or len(sentences) < LONG_SENTENCES or line.startswith(("-", NOTE)):
        return line
    # the empty row ends the list: what comes next is no part of it
    return "\n".join([*("- " + _row(sentence) for sentence in sentences), ""])


def _row(sentence: str) -> str:
    """A sentence of a list; what it enumerates stands below it when that is much."""
    label = _LABEL.match(sentence)
    if label is None:
        return sentence
    parts = sentence[label.end() :].rstrip(".").split("; ")
    if len(sentence) < LONG_ROW or len(parts) < LONG_PARTS:
        return f"**{label[1]}**: {sentence[label.end() :]}"
    return "\n".join([f"**{label[1]}**:", *(f"  - {part}" for part in parts)])


_EMPTY = "\u00a0"
"""A space that Markdown does not trim."""


def bar(done: float, total: float, width: int = 24) -> str:
    """A progress bar in text: blocks on the code's own ground, 60%."""
    share = min(1.0, max(0.0, done / total)) if total else 0.0
    full = round(share * width)
    return f"`{'█' * full}{_EMPTY * (width - full)}` {share:.0%}"


class TurnTasks:
    """The task list of a running turn. It is there while there is something to follow, and goes when the turn ends."""

    def __init__(self) -> None:
        self._list: Any = None
        self._tasks: dict[str, cl.Task] = {}
        self._status = ""

    async def say(self, status: str) -> None:
        """The words beside the list's title."""
        if status and status != self._status:
            self._status = status
            await self._send()

    async def expect(self, key: str, title: str) -> None:
        """A step of the plan that has not begun."""
        self._tasks.setdefault(key, cl.Task(title=title, status=cl.TaskStatus.READY))
        await self._send()

    async def begin(self, key: str, title: str, for_id: str) -> None:
        task = self._tasks.setdefault(key, cl.Task(title=title))
        task.status, task.forId = cl.TaskStatus.RUNNING, for_id
        await self._send()

    async def finish(self, key: str, well: bool) -> None:
        if key in self._tasks:
            self._tasks[key].status = cl.TaskStatus.DONE if well else cl.TaskStatus.FAILED
            await self._send()

    async def wait(self, key: str) -> None:
        """Nothing failed: the user's answer is waited for."""
        if key in self._tasks:
            self._tasks[key].status = cl.TaskStatus.READY
            await self._send()

    async def clear(self) -> None:
        if self._list is not None:
            await cl.context.emitter.emit("remove_element", {"id": self._list.id})  # type: ignore[attr-defined]
            self._list = None

    async def _send(self) -> None:
        """A list of one says nothing that the step itself does not say."""
        if len(self._tasks) < 2:
            return
        rows = [{"title": t.title, "status": t.status.value, "forId": t.forId} for t in self._tasks.values()]
        content = json.dumps({"status": self._status or "Working", "tasks": rows})
        # the list travels inside its own address: other pages of the conversation can show it too, and no file stays
        url = "data:application/json;base64," + base64.b64encode(content.encode()).decode()
        if self._list is None:
            self._list = cl.TaskList(url=url)
        self._list.url = url
        await cl.context.emitter.send_element(self._list.to_dict())


def measure_in_words(name: str) -> str:
    """What a measure says, for people: 'likeness to the recordings' for 'similarity'."""
    words: dict[str, str] = wording()["measures"]
    return words.get(name, name.replace("_", " "))


def scores_table(rows: list[dict[str, Any]]) -> str:
    """What was measured of the results, as a Markdown table; '' when nothing was."""
    lines = []
    for row in rows:
        for name, score in row["scores"].items():
            if score["status"] == "not measured" or score.get("value") is None:
                value, mark = "not measured", score.get("note", "")
            else:
                value = f"{score['value']:.3g}"
                mark = {True: "passed", False: "**fell short**"}.get(score.get("passed"), "")
            limit = f"{score['threshold']:g}" if score.get("threshold") is not None else ""
            how = score["status"] if score["status"] != "judged" else f"judged by {score.get('by', '')}"
            lines.append(f"| {row['name']} | {measure_in_words(name)} | {value} | {limit} | {mark} | {how} |")
    if not lines:
        return ""
    return "\n".join(["| asset | measure | value | mark | | how |", "|---|---|---|---|---|---|", *lines])
