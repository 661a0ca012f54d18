"""One HTTP request and its answer, on the client's side."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from typing import Any

from backends.llm.gateway.refusal import ClientGone, ClientTooSlow, Refusal

log = logging.getLogger("studio.gateway")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LINGER_BYTES, LINGER_S = 256 * 1024 * 1024, 10.0
"""So much of a body that is too large is thrown away unread: a client told earlier would see a broken connection."""
PIECE = 64 * 1024
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
JSON = "application/json"
EVENTS = "text/event-stream"


class Exchange:
    """What was asked over HTTP, and the answer as far as it is written.

    Args:
        idle_s: a client that takes or sends no byte for so long is dropped.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, idle_s: float) -> None:
        self._receive, self._send, self._idle_s = receive, send, idle_s
        self._headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        self.method = str(scope["method"])
        asked_id = self.header("x-request-id")
        self.id = asked_id if _SANE_ID.fullmatch(asked_id) else uuid.uuid4().hex
        self.began = time.monotonic()
        self.extra: dict[str, str] = {}
        """Headers of the answer besides its own."""
        self.started = self.streams = self.finished = self.dropped = False
        self.first_at: float | None = None
        """When the first byte of content was written (comments do not count)."""

    def header(self, name: str) -> str:
        return self._headers.get(name.encode(), b"").decode("latin-1")

    async def body(self, limit: int, within_s: float) -> bytes:
        """The whole body. Raises Refusal (413, 408) or ClientGone; never holds more than `limit` bytes."""
        said = self.header("content-length")
        if said.isdigit() and int(said) > limit:
            raise self._too_large(limit)
        try:
            async with asyncio.timeout(within_s):
                return await self._read(limit)
        except TimeoutError:
            raise Refusal(408, "The request's body did not come in time.", "body_timeout") from None

    async def _read(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            async with asyncio.timeout(self._idle_s):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > limit:
                raise self._too_large(limit)
            parts.append(part)
        return b"".join(parts)

    async def gone(self) -> None:
        """Returns when the client has hung up, or has its answer."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, content_type: str, headers: dict[str, str] | None = None) -> None:
        every = {"content-type": content_type, "x-request-id": self.id, **self.extra, **(headers or {})}
        if content_type.startswith(EVENTS):
            every |= {"cache-control": "no-cache", "x-accel-buffering": "no"}
        await self._out(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), _sane(value)) for name, value in every.items()],
            }
        )
        self.started, self.streams = True, content_type.startswith(EVENTS)

    async def write(self, data: bytes) -> None:
        """Content. Waits while the client is behind; raises ClientTooSlow when it takes nothing for too long."""
        await self._out({"type": "http.response.body", "body": data, "more_body": True})
        if self.first_at is None:
            self.first_at = time.monotonic()

    async def finish(self, data: bytes = b"") -> None:
        """The end, after the last content."""
        self.finished = True  # first: with the last byte the server says that the client is through
        await self._out({"type": "http.response.body", "body": data, "more_body": False})
        if data and self.first_at is None:
            self.first_at = time.monotonic()

    async def answer(self, status: int, content_type: str, body: bytes) -> None:
        """A whole answer at once, large ones in pieces."""
        if not self.started:
            await self.start(status, content_type, {"content-length": str(len(body))})
        last = (len(body) - 1) // PIECE * PIECE if body else 0
        for at in range(0, last, PIECE):
            await self.write(body[at : at + PIECE])
        await self.finish(body[last:])

    async def refuse(self, refusal: Refusal) -> None:
        """The refusal as an answer of its own, or as the last event of a stream that was begun already.

        A plain answer that was begun is left unfinished, so that the server breaks the connection.
        """
        if self.finished or (self.started and not self.streams):
            return
        if self.started:
            await self.finish(refusal.event())
            return
        body = refusal.body()
        headers = {"content-length": str(len(body))}
        if refusal.retry_s:
            headers["retry-after"] = str(refusal.retry_s)
        if refusal.allow:
            headers["allow"] = refusal.allow
        if refusal.status == 401:
            headers["www-authenticate"] = "Bearer"
        if refusal.status in (408, 413):
            headers["connection"] = "close"
        await self.start(refusal.status, JSON, headers)
        await self._out({"type": "http.response.body", "body": body, "more_body": True})
        if refusal.status == 413:
            await self._linger()
        await self.finish()

    async def comment(self, text: str) -> None:
        """A line that clients skip; it opens the event stream when need be."""
        if not self.started:
            await self.start(200, EVENTS)
        line = f": {' '.join(text.split())}\n\n".encode()
        await self._out({"type": "http.response.body", "body": line, "more_body": True})

    async def _out(self, message: Message) -> None:
        if self.dropped:
            raise ClientTooSlow
        try:
            async with asyncio.timeout(self._idle_s):
                await self._send(message)
        except TimeoutError:
            self.dropped = True
            raise ClientTooSlow from None

    async def _linger(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                size, more = 0, True
                while more and size < LINGER_BYTES:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    more = message.get("more_body", False)

    def _too_large(self, limit: int) -> Refusal:
        return Refusal(
            413, f"The body is larger than {limit / 2**20:g} MiB; raise gateway.max_body_mib.", "body_too_large"
        )


async def while_client_stays(exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; end it at once when the client hangs up, whatever it waits for."""
    doing = asyncio.create_task(work)
    gone = asyncio.create_task(exchange.gone())
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done() and not exchange.finished:
            raise ClientGone
        await doing
    finally:
        gone.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
            if not doing.cancelled() and (error := doing.exception()):
                log.warning("request %s: %r while it was ended", exchange.id, error)


def _sane(value: str) -> bytes:
    """A header's value; names of models and notices come from elsewhere and must not break the answer."""
    plain = value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value)
    return plain.encode("latin-1", "replace")
