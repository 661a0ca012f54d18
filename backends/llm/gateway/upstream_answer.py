"""What an upstream answers: a stream of events or one document, checked, counted and handed on as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backends.llm.gateway.cache import LARGEST_ANSWER, KeptAnswer
from backends.llm.gateway.events import GIVEN_UP, EventStream, looks_like_events, usage_in
from backends.llm.gateway.exchange import EVENTS, Exchange
from backends.llm.gateway.refusal import RETRY_S, Refusal, Transient

if TYPE_CHECKING:
    from aiohttp import ClientResponse

HELD = 256 * 1024
"""Bytes of an unstreamed answer that are held back until it is complete, so that a broken one can be asked again."""
ERROR_BYTES = 64 * 1024
TAIL = 4096
"""Last bytes of a large answer; `usage` stands there."""
_AGAIN = (502, 503, 504)


@dataclass
class Passed:
    """What went through, for the metrics and the cache; true at any time, also when it breaks off."""

    recording: bool = False
    """Keep the answer itself."""
    usage: dict[str, Any] = field(default_factory=dict)
    pieces: int = 0
    complete: bool = False
    """A whole answer of a model with nothing wrong in it."""
    content_type: str = ""
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def keep(self, data: bytes) -> None:
        if not self.recording:
            return
        self.size += len(data)
        if self.size <= LARGEST_ANSWER:
            self.parts.append(data)
        else:
            self.parts.clear()

    def answer(self) -> KeptAnswer | None:
        whole = self.complete and 0 < self.size <= LARGEST_ANSWER
        return KeptAnswer(self.content_type, b"".join(self.parts)) if whole else None


class EventAnswer:
    """A streamed answer."""

    def __init__(self, response: ClientResponse, model: str) -> None:
        self._response, self._model, self._events = response, model, EventStream()

    async def first(self, passed: Passed) -> bytes:
        if not passed.content_type.startswith(EVENTS):
            raise _nonsense(self._model, "no event stream")
        whole = b""
        while not whole:
            piece = await self._response.content.readany()
            whole = self._events.feed(piece) if piece else self._events.end()
            if not piece and not whole:
                raise Transient(502, f"'{self._model}' answered nothing.", "upstream_empty", retry_s=RETRY_S)
        if not looks_like_events(whole):
            raise _nonsense(self._model, "no event stream")
        return whole

    async def rest(self, exchange: Exchange, first: bytes, passed: Passed) -> None:
        events = self._events
        if not exchange.started:
            await exchange.start(200, passed.content_type)
        try:
            await self._pass_on(exchange, first, passed)
        finally:
            passed.usage, passed.pieces = events.usage, events.pieces
        if not (events.done or events.finished or events.failed):
            raise Refusal(502, f"The answer of '{self._model}' broke off.", "upstream_broken", retry_s=RETRY_S)
        passed.complete = events.done and events.finished and not events.failed
        await exchange.finish()

    async def _pass_on(self, exchange: Exchange, first: bytes, passed: Passed) -> None:
        passed.keep(first)
        await exchange.write(first)
        while piece := await self._response.content.readany():
            if whole := self._events.feed(piece):
                passed.keep(whole)
                await exchange.write(whole)
        if left := self._events.end():
            passed.keep(left)
            await exchange.write(left)


class DocumentAnswer:
    """An answer in one piece. Small ones are checked before anything is written."""

    def __init__(self, response: ClientResponse, model: str) -> None:
        self._response, self._model, self._ended = response, model, False

    async def first(self, passed: Passed) -> bytes:
        held = bytearray()
        while piece := await self._response.content.readany():
            held += piece
            if len(held) > HELD:
                return bytes(held)
        fields = _object(bytes(held))
        if fields is None:
            raise _nonsense(self._model, "no JSON object")
        passed.complete, self._ended = _is_whole(fields), True
        return bytes(held)

    async def rest(self, exchange: Exchange, first: bytes, passed: Passed) -> None:
        headers = {}
        if length := self._response.headers.get("Content-Length"):
            headers["content-length"] = length
        await exchange.start(200, passed.content_type, headers)
        passed.keep(first)
        tail = first[-TAIL:]
        if self._ended:
            await exchange.finish(first)
            passed.usage = usage_in(tail)
            return
        await exchange.write(first)
        while piece := await self._response.content.readany():
            passed.keep(piece)
            tail = (tail + piece)[-TAIL:]
            await exchange.write(piece)
        passed.usage = usage_in(tail)
        await exchange.finish()


async def refuse_unless_ok(response: ClientResponse, model: str) -> None:
    """Raises what the upstream said, in OpenAI's shape."""
    if response.status == 200:
        return
    said = await response.content.read(ERROR_BYTES)
    own = (_object(said) or {}).get("error")
    own = own if isinstance(own, dict) and own.get("message") else None
    text = " ".join(said.decode("utf-8", "replace").split())[:200]
    message = f"'{model}' answered {response.status}: {text}" if text else f"'{model}' answered {response.status}."
    asked_to_wait = response.headers.get("Retry-After", "")
    retry_s = int(asked_to_wait) if asked_to_wait.isdecimal() else RETRY_S
    if response.status in _AGAIN:
        raise Transient(response.status, message, "upstream_unavailable", own=own, retry_s=retry_s)
    if response.status == 429:
        raise Refusal(429, message, "upstream_busy", own=own, retry_s=retry_s)
    if response.status in (401, 403) or response.status < 400:
        raise Refusal(502, message, "upstream_refused")
    raise Refusal(response.status, message, "upstream_error", own=own)


def _nonsense(model: str, what: str) -> Refusal:
    return Transient(502, f"'{model}' answered with {what}.", "upstream_nonsense", retry_s=RETRY_S)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _is_whole(fields: dict[str, Any]) -> bool:
    """Whether this is a finished answer, and no error in the clothes of one."""
    if fields.get("error"):
        return False
    choices = fields.get("choices")
    if isinstance(choices, list):
        reasons = [c.get("finish_reason") if isinstance(c, dict) else None for c in choices]
        return bool(reasons) and all(isinstance(r, str) and r.encode() not in GIVEN_UP for r in reasons)
    return isinstance(fields.get("data"), list)
