"""The OpenAI-compatible gateway as an ASGI application."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import random
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext, suppress
from typing import Any

from backends.llm.gateway import metrics
from backends.llm.gateway.asked import Asked, read_asked
from backends.llm.gateway.cache import AnswerCache, check_cache_url, wish_of
from backends.llm.gateway.exchange import JSON, Exchange, Receive, Scope, Send, while_client_stays
from backends.llm.gateway.keys import KeyStore
from backends.llm.gateway.lanes import Lane
from backends.llm.gateway.patience import Patience, StartNews
from backends.llm.gateway.refusal import RETRY_S, ClientGone, ClientTooSlow, Refusal, Transient, refusal_of
from backends.llm.gateway.relay import Relay
from backends.llm.gateway.tally import Tally
from backends.llm.gateway.upstream_answer import Passed
from backends.llm.gateway.upstreams import ModelCard, Upstream, Upstreams
from configs.errors import StudioError
from configs.settings import Settings

log = logging.getLogger("studio.gateway")

ROUTES = ("chat/completions", "completions", "embeddings")
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.2, 3.0
STOP_S = 0.5
"""For the last words to a client when the server ends."""


class _Running:
    """What belongs to one event loop."""

    def __init__(self, settings: Settings, upstreams: Upstreams) -> None:
        self.loop = asyncio.get_running_loop()
        self.cache = AnswerCache(settings)
        self.relay = Relay(settings.gateway, upstreams.suspect)
        self.lanes: dict[str, Lane] = {}


class Gateway:
    """Serves /v1/chat/completions, /v1/completions, /v1/embeddings and /v1/models; may be mounted at '' or '/v1'."""

    def __init__(self, settings: Settings, upstreams: Upstreams, keys: KeyStore, needs_key: bool) -> None:
        self._all, self._settings, self._upstreams = settings, settings.gateway, upstreams
        self._keys, self.needs_key = keys, needs_key
        self._since = int(time.time())
        self.failure = ""
        """Why it could not be opened by its server."""
        self._running: _Running | None = None

    async def open(self) -> None:
        """Make connections and cache for this event loop; the first request does it otherwise."""
        if self._running is None or self._running.loop is not asyncio.get_running_loop():
            running = _Running(self._all, self._upstreams)
            await running.relay.open()
            self._running = running

    async def close(self) -> None:
        """Close what `open` made; on the same event loop."""
        running, self._running = self._running, None
        if running is not None:
            await running.relay.close()
            await running.cache.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.open()
        except StudioError as error:
            self.failure = error.sentence
            await send({"type": "lifespan.startup.failed", "message": error.sentence})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self._settings.idle_client_s)
        tally = Tally(exchange.id)
        try:
            try:
                await self._serve(exchange, _inner_path(scope), tally)
            except (ClientGone, ClientTooSlow):
                raise
            except Refusal as refusal:
                await self._refuse(exchange, refusal, tally)
            except StudioError as error:
                await self._refuse(exchange, refusal_of(error), tally)
            except Exception:
                log.exception("request %s failed", exchange.id)
                failure = Refusal(500, f"The gateway failed; its log tells more under {exchange.id}.", "internal_error")
                await self._refuse(exchange, failure, tally)
        except ClientGone:
            tally.aborted("client_gone", 499)
        except ClientTooSlow:
            tally.aborted("slow_client", 499)
        except asyncio.CancelledError:  # the server ends; it would print a traceback for what is not handled here
            await self._stopped(exchange, tally)
        finally:
            tally.report(exchange)

    async def _stopped(self, exchange: Exchange, tally: Tally) -> None:
        with suppress(ClientTooSlow, TimeoutError):
            async with asyncio.timeout(STOP_S):
                refusal = Refusal(503, "The studio is being stopped.", "stopping", retry_s=RETRY_S)
                await self._refuse(exchange, refusal, tally)

    async def _refuse(self, exchange: Exchange, refusal: Refusal, tally: Tally) -> None:
        tally.code = refusal.status
        if exchange.started:
            tally.aborted(refusal.code, refusal.status)
        await exchange.refuse(refusal)

    async def _serve(self, exchange: Exchange, path: str, tally: Tally) -> None:
        self._check_key(exchange)
        route = path.removeprefix("/v1/") if path.startswith("/v1/") else ""
        if route in ROUTES:
            tally.route = route
            _check_method(exchange, "POST")
            await self._complete(exchange, route, tally)
        elif route == "models" or route.startswith("models/"):
            tally.route = "models"
            _check_method(exchange, "GET")
            await self._list(exchange, route.removeprefix("models").removeprefix("/"))
        else:
            raise Refusal(404, f"There is nothing at {path[:200]}.", "unknown_url")

    def _check_key(self, exchange: Exchange) -> None:
        if not self.needs_key:
            return
        scheme, _, key = exchange.header("authorization").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Refusal(401, "An API key is needed: 'Authorization: Bearer sk-studio-...'.", "missing_api_key")
        try:
            if self._keys.owner(key):
                return
            fix = "" if self._keys.list() else " None was made yet: 'studio keys add NAME' makes one."
        except StudioError as error:
            log.error("%s", error.sentence)  # not for a client of whom nothing is known yet
            raise Refusal(500, "The gateway cannot read its keys; its log tells why.", "keys_unreadable") from error
        raise Refusal(401, f"The API key is not known here.{fix}", "invalid_api_key")

    async def _list(self, exchange: Exchange, name: str) -> None:
        cards = await self._upstreams.models()
        if name:
            known = await self._upstreams.card(name)
            shown = self._shown(next((card for card in cards if card.name == known.name), known))
        else:
            shown = {"object": "list", "data": [self._shown(card) for card in cards]}
        await exchange.answer(200, JSON, json.dumps(shown).encode())

    def _shown(self, card: ModelCard) -> dict[str, Any]:
        studio = {"state": card.state, "about": card.about, "role": card.role, "context": card.context}
        return {
            "id": card.name,
            "object": "model",
            "created": self._since,
            "owned_by": "studio",
            "max_model_len": card.context,
            "studio": studio,
        }

    async def _complete(self, exchange: Exchange, route: str, tally: Tally) -> None:
        if exchange.header("content-type").partition(";")[0].strip().lower() != JSON:
            raise Refusal(415, f"The content type must be {JSON}.", "unsupported_content_type")
        limit = int(self._settings.max_body_mib * 2**20)
        asked = read_asked(route, await exchange.body(limit, self._settings.total_s))
        card = await self._upstreams.card(asked.model)
        tally.begin(card.name if card.listed else metrics.OTHER, asked.stream)
        await self.open()
        await while_client_stays(exchange, self._answer(exchange, asked, card, tally))

    async def _answer(self, exchange: Exchange, asked: Asked, card: ModelCard, tally: Tally) -> None:
        assert self._running is not None
        cache = self._running.cache
        key = cache.key(asked, card.revision, wish_of(exchange.header("x-studio-cache")))
        if key and (kept := await cache.get(key)):
            tally.cached(exchange, "hit")
            exchange.extra["x-studio-model"] = card.name
            await exchange.answer(200, kept.content_type, kept.body)
            return
        tally.cached(exchange, "miss" if key else "bypass")
        lane = self._running.lanes.setdefault(tally.model, Lane(self._settings.max_running, self._settings.max_waiting))
        progress = StartNews(card.name)
        async with AsyncExitStack() as held:
            with tally.waits():
                async with self._patience(exchange, asked, progress):
                    await held.enter_async_context(lane.turn(card.name))
            await self._tried(exchange, asked, card, tally, progress, key)

    async def _tried(
        self, exchange: Exchange, asked: Asked, card: ModelCard, tally: Tally, progress: StartNews, key: str
    ) -> None:
        """Until an answer has begun; a further try takes the model anew, so that a dead one is brought up again."""
        for attempt in range(self._settings.retries + 1):
            try:
                return await self._once(exchange, asked, card, tally, progress, key)
            except Transient as failure:
                if attempt == self._settings.retries:
                    raise
                tally.retried(failure.code)
                await asyncio.sleep(random.uniform(0.5, 1.0) * min(FIRST_BACKOFF_S * 3**attempt, LONGEST_BACKOFF_S))

    async def _once(
        self, exchange: Exchange, asked: Asked, card: ModelCard, tally: Tally, progress: StartNews, key: str
    ) -> None:
        assert self._running is not None
        upstream, passed = None, Passed(recording=bool(key))
        try:
            with tally.waits():
                async with self._patience(exchange, asked, progress):
                    upstream = await self._acquired(card.name, exchange.id, progress)
            await _tell_notices(exchange, card.name, upstream)
            progress.phase = f"{upstream.stand_in or card.name} reads the prompt"
            waiting = self._patience(exchange, asked, progress) if exchange.started else nullcontext()
            with tally.runs():
                await self._running.relay.forward(exchange, asked, card.name, upstream, waiting, passed)
        finally:
            if upstream is not None:
                upstream.release()
            tally.count(passed.usage, passed.pieces)
        answer = passed.answer()
        if answer and not upstream.stand_in:
            await self._running.cache.put(key, answer)

    async def _acquired(self, model: str, request: str, progress: StartNews) -> Upstream:
        try:
            async with asyncio.timeout(self._settings.load_s):
                return await self._upstreams.acquire(model, f"gateway {request}", progress.told)
        except TimeoutError:
            raise Refusal(
                503,
                f"The model '{model}' did not come up in {self._settings.load_s:g} s.",
                "model_unavailable",
                retry_s=30,
            ) from None

    def _patience(self, exchange: Exchange, asked: Asked, progress: StartNews) -> AbstractAsyncContextManager[None]:
        """A streaming client is told how it goes; any other just waits."""
        return Patience(exchange, self._settings.keepalive_s, progress.text) if asked.stream else nullcontext()


async def _tell_notices(exchange: Exchange, model: str, upstream: Upstream) -> None:
    """Who answers, and what had to be given up for it: in the headers, or as comments when those are out already."""
    exchange.extra["x-studio-model"] = upstream.stand_in or model
    if upstream.notices:
        exchange.extra["x-studio-notices"] = " | ".join(" ".join(notice.split()) for notice in upstream.notices)
    if exchange.started:
        stand_in = (f"{upstream.stand_in} stands in for {model}",) if upstream.stand_in else ()
        for text in (*stand_in, *upstream.notices):
            await exchange.comment(text)


def _inner_path(scope: Scope) -> str:
    """The path as seen from the gateway: '/v1/...' however it is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    if root and path.startswith(root):
        path = path[len(root) :]
        return f"/v1{path}" if root.endswith("/v1") else path
    return path


def _check_method(exchange: Exchange, method: str) -> None:
    if exchange.method != method:
        raise Refusal(405, f"Use {method} here.", "method_not_allowed", allow=method)


def is_loopback(host: str) -> bool:
    """Whether a server at this address can be reached from its own machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def create_gateway(
    settings: Settings,
    upstreams: Upstreams,
    *,
    keys: KeyStore | None = None,
    listen_host: str = "127.0.0.1",
    needs_key: bool | None = None,
) -> Gateway:
    """The gateway, ready to be served or mounted.

    Args:
        upstreams: where the models are.
        keys: None = those of the home.
        listen_host: where the server listens; beyond this machine a key is needed (`gateway.require_key: auto`).
        needs_key: overrides what the settings say.

    Raises UsageError when the settings name no usable cache.
    """
    check_cache_url(settings.cache_url)
    if needs_key is None:
        rule = settings.gateway.require_key
        needs_key = rule == "always" or (rule == "auto" and not is_loopback(listen_host))
    return Gateway(settings, upstreams, keys or KeyStore.of_home(settings.home), needs_key)
