"""What a case calls the things that the assistant's arguments refer to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from configs.errors import UsageError
from memory.store import Memory

FILE_ARGUMENTS = frozenset(
    {
        *("video", "image", "audio", "timeline", "asset", "picture", "subtitles", "source", "music", "reference"),
        *("file", "script", "dataset"),
    }
)
CHARACTER_ARGUMENTS = frozenset({"character", "speaker"})
LAST = ("last", "$last")


class CaseNames:
    """(argument, value) -> name: asset ids and every other way to mean a file become the file's name, spellings of a
    remembered character become the remembered name. Anything else stays as it is.
    """

    def __init__(self, memory: Memory, thread: str, made: Collection[str] = ()) -> None:
        """`made`: ids of this turn's own results; when the turn began, 'last' was something older."""
        self._memory, self._thread, self._made = memory, thread, set(made)

    def __call__(self, argument: str, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            return value
        if argument in CHARACTER_ARGUMENTS:
            entry = self._memory.resolve_character(value)
            return entry.name if entry is not None else value
        if argument not in FILE_ARGUMENTS:
            return value
        if value.strip().casefold() in LAST:
            return self._last(argument, value)
        try:
            return self._memory.find_asset(value, (), self._thread).name
        except UsageError:
            hidden = self._memory.get_asset(value)  # undone in the meantime
            return hidden.name if hidden is not None else value

    def _last(self, argument: str, value: str) -> str:
        kind = argument if argument in ("video", "image", "audio", "timeline") else None
        earlier = [a for a in self._memory.list_assets(kind, self._thread) if a.id not in self._made]
        return earlier[0].name if earlier else value
