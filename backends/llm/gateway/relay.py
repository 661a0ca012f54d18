"""One request to an upstream and its answer back, byte for byte."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backends.llm.gateway.asked import Asked
from backends.llm.gateway.cache import LARGEST_ANSWER, KeptAnswer
from backends.llm.gateway.events import GIVEN_UP, EventStream, looks_like_events, usage_in
from backends.llm.gateway.exchange import EVENTS, JSON, Exchange
from backends.llm.gateway.refusal import RETRY_S, Refusal, Transient
from backends.llm.gateway.upstreams import Upstream
from configs.settings import GatewaySettings

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

KEEP_S = 4.0
"""Idle connections are closed before the upstream does it (uvicorn's 5 s), which would cost a failed request."""
HELD = 256 * 1024
"""Bytes of an unstreamed answer that are held back until it is complete, so that a broken one can be asked again."""
ERROR_BYTES = 64 * 1024
TAIL = 4096
"""Last bytes of a large answer; `usage` stands there."""
LARGE_BODY = 512 * 1024
_AGAIN = (502, 503, 504)


@dataclass
class Passed:
    """What went through, for the metrics and the cache."""

    usage: dict[str, Any] = field(default_factory=dict)
    pieces: int = 0
    complete: bool = False
    """A whole answer of a model with nothing wrong in it."""
    content_type: str = ""
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def keep(self, data: bytes) -> None:
        self.size += len(data)
        if self.size <= LARGEST_ANSWER:
            self.parts.append(data)
        else:
            self.parts.clear()

    def answer(self) -> KeptAnswer | None:
        whole = self.complete and 0 < self.size <= LARGEST_ANSWER
        return KeptAnswer(self.content_type, b"".join(self.parts)) if whole else None


class Relay:
    """One per event loop; `open()` first, `close()` last."""

    def __init__(self, settings: GatewaySettings, suspect: Callable[[str, str], None]) -> None:
        self._settings, self._suspect = settings, suspect

    async def open(self) -> None:
        import aiohttp

        # The lanes bound how many requests run, so the pool does not.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_s)
        self._session: ClientSession = aiohttp.ClientSession(
            connector=connector,
            timeout=limits,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    async def close(self) -> None:
        await self._session.close()

    async def forward(
        self,
        exchange: Exchange,
        asked: Asked,
        model: str,
        upstream: Upstream,
        waiting: AbstractAsyncContextManager[None],
    ) -> Passed:
        """Ask the upstream and write its answer to the client.

        Args:
            model: the card's name, for messages.
            waiting: entered until the first byte is there.

        Raises:
            Transient: nothing of the answer was written, and another try may do better.
            Refusal: the upstream refused, broke off, was too slow, or was taken back.
        """
        loop = asyncio.get_running_loop()
        revoked: list[str] = []
        try:
            async with asyncio.timeout(self._settings.total_s) as limit:

                def revoke(reason: str) -> None:
                    revoked.append(reason)
                    with suppress(RuntimeError):  # over already
                        limit.reschedule(loop.time())

                def tell(reason: str) -> None:
                    with suppress(RuntimeError):  # the loop is closed
                        loop.call_soon_threadsafe(revoke, reason)

                upstream.on_void(tell)
                return await self._converse(exchange, asked, model, upstream, waiting)
        except TimeoutError:
            if revoked:
                why = revoked[0].rstrip(".")
                raise Refusal(
                    503, f"The model '{model}' was taken back: {why}.", "model_revoked", retry_s=RETRY_S
                ) from None
            raise self._too_slow(model, "total_timeout", f"no whole answer in {self._settings.total_s:g} s") from None

    async def _converse(
        self,
        exchange: Exchange,
        asked: Asked,
        model: str,
        upstream: Upstream,
        waiting: AbstractAsyncContextManager[None],
    ) -> Passed:
        import aiohttp

        response: ClientResponse | None = None
        body = asked.body_for(upstream.served_model)
        headers = {
            "Content-Type": JSON,
            "Accept": EVENTS if asked.stream else JSON,
            "X-Request-Id": exchange.id,
            **upstream.headers,
        }
        passed = Passed()
        try:
            async with waiting, asyncio.timeout(self._settings.first_token_s if asked.stream else None) as first_token:
                response = await self._session.post(
                    f"{upstream.base_url}/v1/{asked.route}",
                    data=io.BytesIO(body) if len(body) > LARGE_BODY else body,
                    headers=headers,
                    allow_redirects=False,
                )
                await _refuse_unless_ok(response, model)
                passed.content_type = response.headers.get("Content-Type", JSON)
                reader = _Events(response, model) if asked.stream else _Document(response, model)
                first = await reader.first(passed)
            await reader.rest(exchange, first, passed)
        except TimeoutError:  # aiohttp's own is one too
            if response is None and not first_token.expired():
                self._suspect(model, "it takes no connection")
                raise Transient(
                    504, f"The model '{model}' takes no connection.", "connect_timeout", retry_s=RETRY_S
                ) from None
            why = f"no first token in {self._settings.first_token_s:g} s"
            raise self._too_slow(model, "first_token_timeout", why) from None
        except aiohttp.ClientConnectorError:
            self._suspect(model, "it takes no connection")
            raise Transient(
                502, f"The model '{model}' takes no connection.", "connect_failed", retry_s=RETRY_S
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            kind = Refusal if exchange.first_at is not None else Transient
            raise kind(
                502, f"The answer of '{model}' broke off ({type(error).__name__}).", "upstream_broken", retry_s=RETRY_S
            ) from None
        finally:
            if response is not None:
                response.close()  # ends the upstream's work unless it is through
        return passed

    def _too_slow(self, model: str, code: str, why: str) -> Refusal:
        self._suspect(model, why)
        return Refusal(504, f"The model '{model}' is too slow: {why}.", code, retry_s=RETRY_S)


class _Events:
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
        events, content = self._events, self._response.content
        if not exchange.started:
            await exchange.start(200, passed.content_type)
        passed.keep(first)
        await exchange.write(first)
        while piece := await content.readany():
            if whole := events.feed(piece):
                passed.keep(whole)
                await exchange.write(whole)
        passed.usage, passed.pieces = events.usage, events.pieces
        if left := events.end():
            passed.keep(left)
            await exchange.write(left)
        if not (events.done or events.finished or events.failed):
            raise Refusal(502, f"The answer of '{self._model}' broke off.", "upstream_broken", retry_s=RETRY_S)
        passed.complete = events.done and events.finished and not events.failed
        await exchange.finish()


class _Document:
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


async def _refuse_unless_ok(response: ClientResponse, model: str) -> None:
    """Raises what the upstream said, in OpenAI's shape."""
    if response.status == 200:
        return
    said = await response.content.read(ERROR_BYTES)
    own = (_object(said) or {}).get("error")
    own = own if isinstance(own, dict) and own.get("message") else None
    text = " ".join(said.decode("utf-8", "replace").split())[:200]
    message = f"'{model}' answered {response.status}: {text}" if text else f"'{model}' answered {response.status}."
    if response.status in _AGAIN:
        raise Transient(response.status, message, "upstream_unavailable", own=own, retry_s=RETRY_S)
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
