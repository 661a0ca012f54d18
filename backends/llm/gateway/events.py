"""Server-sent events of a streamed answer: cut at whole events, counted, never changed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

LONGEST_EVENT = 1024 * 1024
"""Bytes of one event; an upstream that sends more without an end is no event stream and is passed on as it comes."""
GIVEN_UP = (b"abort", b"error")
"""Reasons to finish that are none (vllm/v1/request.py, FinishReason)."""
_USAGE = re.compile(rb'"usage"\s*:\s*(\{)')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"(\w+)"')
_CONTENT = re.compile(rb'"(?:content|text|reasoning_content|reasoning|arguments)"\s*:\s*"(?!")')
_DONE = re.compile(rb"^data:\s*\[DONE\]\s*$", re.MULTILINE)
_ERROR = re.compile(rb'^data:\s*\{\s*"error"', re.MULTILINE)
_FIRST = (b"data:", b":", b"event:", b"id:", b"retry:", b"\n", b"\r\n")


@dataclass
class EventStream:
    """Feeds on pieces of any size and gives out whole events, so that one more event can always follow."""

    pieces: int = 0
    """Events with content in them, the stand-in for a count of tokens."""
    usage: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    """Some choice has told why it ended."""
    done: bool = False
    failed: bool = False
    """The upstream itself sent an error event, or says that it gave up (vLLM put to sleep)."""
    _rest: bytes = b""

    def feed(self, piece: bytes) -> bytes:
        """All events that are complete by now, in the bytes they came in; b'' when none is."""
        data = self._rest + piece if self._rest else piece
        end = _last_end(data)
        if not end and len(data) > LONGEST_EVENT:
            end = len(data)
        whole, self._rest = data[:end], data[end:]
        if whole:
            self._read(whole)
        return whole

    def end(self) -> bytes:
        """What was left without an end of its own when the upstream was through."""
        rest, self._rest = self._rest, b""
        if rest:
            self._read(rest)
        return rest

    def _read(self, whole: bytes) -> None:
        self.pieces += _contents(whole)
        for reason in _FINISHED.findall(whole):
            self.finished = True
            self.failed |= reason in GIVEN_UP
        if b"[DONE]" in whole and _DONE.search(whole):
            self.done = True
        if b'"error"' in whole and _ERROR.search(whole):
            self.failed = True
        self.usage = usage_in(whole) or self.usage


def looks_like_events(first: bytes) -> bool:
    """Whether these first bytes can begin an event stream."""
    return first.startswith(_FIRST)


def usage_in(data: bytes) -> dict[str, Any]:
    """The last `usage` object in some bytes of an answer, {} when there is none."""
    found = None
    for found in _USAGE.finditer(data):  # noqa: B007
        pass
    if found is None:
        return {}
    try:
        usage, _ = json.JSONDecoder().raw_decode(data[found.start(1) :].decode("utf-8", "replace"))
    except ValueError:
        return {}
    return usage if isinstance(usage, dict) else {}


def _contents(whole: bytes) -> int:
    return sum(1 for line in whole.split(b"\n") if line.startswith(b"data:") and _CONTENT.search(line))


def _last_end(data: bytes) -> int:
    """Index behind the last blank line, 0 when there is none."""
    plain, dos = data.rfind(b"\n\n"), data.rfind(b"\r\n\r\n")
    return max(plain + 2 if plain >= 0 else 0, dos + 4 if dos >= 0 else 0)
