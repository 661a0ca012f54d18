"""One request to an upstream and its answer back, byte for byte."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING

from backends.llm.gateway.asked import Asked
from backends.llm.gateway.exchange import EVENTS, JSON, Exchange
from backends.llm.gateway.refusal import RETRY_S, Refusal, Transient
from backends.llm.gateway.upstream_answer import DocumentAnswer, EventAnswer, Passed, refuse_unless_ok
from backends.llm.gateway.upstreams import Upstream
from configs.settings import GatewaySettings

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

KEEP_S = 4.0
"""Idle connections are closed before the upstream does it (uvicorn's 5 s), which would cost a failed request."""
LARGE_BODY = 512 * 1024


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
        passed: Passed,
    ) -> None:
        """Ask the upstream and write its answer to the client.

        Args:
            model: the card's name, for messages.
            waiting: entered until the first byte is there.
            passed: filled in as the answer goes through.

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
                await self._converse(exchange, asked, model, upstream, waiting, passed)
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
        passed: Passed,
    ) -> None:
        import aiohttp

        response: ClientResponse | None = None
        body = asked.body_for(upstream.served_model)
        headers = {
            "Content-Type": JSON,
            "Accept": EVENTS if asked.stream else JSON,
            "X-Request-Id": exchange.id,
            **upstream.headers,
        }
        try:
            async with waiting, asyncio.timeout(self._settings.first_token_s if asked.stream else None) as first_token:
                response = await self._session.post(
                    f"{upstream.base_url}/v1/{asked.route}",
                    data=io.BytesIO(body) if len(body) > LARGE_BODY else body,
                    headers=headers,
                    allow_redirects=False,
                )
                await refuse_unless_ok(response, model)
                passed.content_type = response.headers.get("Content-Type", JSON)
                reader = EventAnswer(response, model) if asked.stream else DocumentAnswer(response, model)
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

    def _too_slow(self, model: str, code: str, why: str) -> Refusal:
        self._suspect(model, why)
        return Refusal(504, f"The model '{model}' is too slow: {why}.", code, retry_s=RETRY_S)
