"""Answers kept for requests that come again, word for word; through cashews, in this process or in Redis.

The cache never decides whether a request is answered: what goes wrong with it counts as a miss.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from backends.llm.gateway import metrics
from backends.llm.gateway.asked import Asked
from configs.errors import UsageError
from configs.settings import Settings

if TYPE_CHECKING:
    from cashews import Cache

log = logging.getLogger("studio.gateway")

TIMEOUT_S = 0.25
"""Longest that a request waits for Redis."""
REST_S = 5.0
"""Redis is left alone for so long after it failed, so that a dead one slows one request and not all."""
WARN_EVERY_S = 60.0
LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer that is still recorded."""
TOTAL_BYTES = 64 * 1024 * 1024
"""Bound of the cache in this process: each of its entries may take an equal share, compressed."""
_PREFIX = "studio-gateway:1:"
Wish = Literal["on", "off", ""]


@dataclass(frozen=True)
class KeptAnswer:
    content_type: str
    body: bytes


class AnswerCache:
    """One per event loop."""

    def __init__(self, settings: Settings) -> None:
        self._mode = settings.gateway.cache
        self._ttl_s = settings.gateway.cache_ttl_s
        self._largest_kept = max(16 * 1024, TOTAL_BYTES // settings.gateway.cache_entries)
        self._cache = None if self._mode == "off" else _opened(settings)
        self._rests_until = self._warned_at = float("-inf")

    def key(self, asked: Asked, revision: str, wish: Wish) -> str:
        """Where this request's answer is kept; '' when it may not be."""
        if self._cache is None or wish == "off":
            return ""
        if wish == "on" or (self._mode == "deterministic" and asked.deterministic):
            return _PREFIX + asked.digest(revision)
        return ""

    async def get(self, key: str) -> KeptAnswer | None:
        packed = await self._try("get", key)
        return _unpacked(key, packed) if isinstance(packed, bytes) else None

    async def put(self, key: str, answer: KeptAnswer) -> None:
        packed = await asyncio.to_thread(_packed, key, answer)
        if len(packed) <= self._largest_kept:
            await self._try("set", key, packed, expire=self._ttl_s)

    async def close(self) -> None:
        if self._cache is not None:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._cache.close()
            except Exception as error:
                self._failed(error)

    async def _try(self, command: str, *args: Any, **kwargs: Any) -> Any:
        if self._cache is None or time.monotonic() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await getattr(self._cache, command)(*args, **kwargs)
        except Exception as error:  # whatever ails the cache, the request goes on
            self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        now = time.monotonic()
        self._rests_until = now + REST_S
        metrics.CACHE.labels("error").inc()
        if now - self._warned_at > WARN_EVERY_S:
            self._warned_at = now
            why = " ".join(str(error.__cause__ or error).split())[:200] or type(error).__name__
            log.warning("The answer cache does not work: %s. Answers come without it.", why)


def _opened(settings: Settings) -> Cache:
    from cashews import Cache
    from cashews.exceptions import BackendNotAvailableError

    cache = Cache()
    # pickle_type null: what comes out of Redis is bytes, and nothing is ever unpickled.
    plain: dict[str, Any] = {"pickle_type": "null", "check_repr": False}
    url = settings.cache_url
    if not url:
        # No sweep for expired entries: cashews' sweep touches all of them and so destroys their order of use.
        cache.setup("mem://", size=settings.gateway.cache_entries, check_interval=0, **plain)
        return cache
    try:
        cache.setup(
            url,
            suppress=False,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            wait_for_connection_timeout=TIMEOUT_S,
            **plain,
        )
    except (BackendNotAvailableError, ValueError) as error:
        raise UsageError("The setting 'cache_url' is wrong", str(error), "Use redis://host:port/0") from error
    return cache


def check_cache_url(url: str) -> None:
    """Raises UsageError for what can be no Redis; connects to nothing."""
    try:
        right = not url or (url.startswith(("redis://", "rediss://")) and urlsplit(url).port != 0)
    except ValueError:  # a port that is no number
        right = False
    if not right:
        raise UsageError("The setting 'cache_url' is wrong", "it names no Redis", "Use redis://host:port/0")


def _packed(key: str, answer: KeptAnswer) -> bytes:
    head = json.dumps({"key": key, "content_type": answer.content_type}).encode()
    return zlib.compress(head + b"\n" + answer.body, 1)


def _unpacked(key: str, packed: bytes) -> KeptAnswer | None:
    """None for what was not written by us, for this very request, or unpacks to more than was ever kept."""
    try:
        unzip = zlib.decompressobj()
        data = unzip.decompress(packed, LARGEST_ANSWER + 4096)
        if not unzip.eof:
            return None
        head, _, body = data.partition(b"\n")
        fields = json.loads(head)
        return KeptAnswer(str(fields["content_type"]), body) if fields["key"] == key else None
    except (zlib.error, ValueError, KeyError, TypeError):
        return None


def wish_of(header: str) -> Wish:
    """The client's word in `x-studio-cache`."""
    said = header.strip().lower()
    return "on" if said == "on" else "off" if said == "off" else ""
