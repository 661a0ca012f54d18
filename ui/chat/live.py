"""Turns that run on their own, whoever looks: started by a page, finished without it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import chainlit as cl

from configs.errors import StudioError, UsageError
from ui.chat.audience import Audience

LOG = logging.getLogger("studio.chat")
KEPT = 50
"""Conversations whose last turn is kept for pages that are opened later; older ones come from the history."""


class LiveTurns:
    """At most one running turn per conversation."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, Audience] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def last(self, thread: str) -> Audience | None:
        """Who saw the conversation's newest turn of this process."""
        return self._last.get(thread)

    def running(self, thread: str) -> bool:
        audience = self._last.get(thread)
        return audience is not None and audience.running

    def begin(self, thread: str, draw: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `draw` for all pages of the conversation. Raises UsageError while another turn of it runs."""
        if self.running(thread):
            raise UsageError("This conversation is still working on the last wish", fix="Wait for it, or stop it first")
        audience = Audience(thread)
        audience.running = True
        self._last[thread] = audience
        self._last.move_to_end(thread)
        while len(self._last) > KEPT:
            self._last.popitem(last=False)
        task = asyncio.create_task(_run(audience, draw), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _run(audience: Audience, draw: Callable[[], Awaitable[None]]) -> None:
    audience.enter()
    await audience.broadcast("task_start", {})
    try:
        await draw()
    except StudioError as error:
        await cl.ErrorMessage(error.sentence).send()
    except Exception:  # the last place where a failure can still be told to the user
        LOG.exception("the page could not show the turn")
        await cl.ErrorMessage("The page could not show this turn. The details are in studio.log.").send()
    finally:
        audience.running = False
        cl.chat_context.clear()
        await audience.broadcast("task_end", {})
