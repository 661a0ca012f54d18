"""Comments for a streaming client that waits for its model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backends.gpu.engine import StartProgress
from backends.llm.gateway.exchange import Exchange
from backends.llm.gateway.refusal import ClientTooSlow

FIRST_COMMENT_S = 1.0
"""A stream that waits longer than this for its model is opened with a comment; a warm swap is about as long."""


class Patience:
    """While the block runs, the event stream is opened and kept open with comments, the first one soon.

    A block that is over before the first comment costs one timer; then the answer still has its own status.
    """

    def __init__(self, exchange: Exchange, every_s: float, say: Callable[[], str]) -> None:
        self._exchange, self._every_s, self._say = exchange, every_s, say
        self._speaking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(FIRST_COMMENT_S, self._every_s), self._begin)

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.wait({self._speaking})

    def _begin(self) -> None:
        self._speaking = asyncio.get_running_loop().create_task(self._speak())

    async def _speak(self) -> None:
        try:
            while True:
                await self._exchange.comment(self._say())
                await asyncio.sleep(self._every_s)
        except ClientTooSlow:  # the answer itself will find that out
            pass


class StartNews:
    """What a waiting client is told."""

    def __init__(self, model: str) -> None:
        self.phase = f"waiting for {model}"

    def told(self, progress: StartProgress) -> None:
        """Called from any thread."""
        share = "" if progress.share is None else f" {progress.share:.0%}"
        self.phase = f"loading {progress.engine} ({progress.phase.replace('_', ' ')}{share})"

    def text(self) -> str:
        return self.phase
