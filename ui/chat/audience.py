"""Everybody who looks at one conversation: pages come and go while its turn runs on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from chainlit.context import ChainlitContext, context_var, local_steps
from chainlit.emitter import ChainlitEmitter
from chainlit.session import HTTPSession, WebsocketSession, ws_sessions_id

_STEP_EVENTS = ("new_message", "update_message")


class Audience:
    """The pages of one conversation, as one receiver of Chainlit's events.

    A turn draws on the audience and not on the page that started it: the page may be closed or reloaded, and another
    one may be opened meanwhile. What the turn drew is kept, so that a page that comes later gets it too.
    """

    def __init__(self, thread: str) -> None:
        self.thread = thread
        self.running = False
        self._session = HTTPSession(id=f"turn-{thread}", client_type="webapp", thread_id=thread)
        self._session.emit = self.broadcast  # type: ignore[attr-defined]
        self._steps: dict[str, Any] = {}
        self._elements: dict[str, Any] = {}
        self._actions: dict[str, Any] = {}
        self._sockets: dict[str, str] = {}

    def enter(self) -> None:
        """Make Chainlit's objects (Message, Step, ...) of the running task draw here."""
        context_var.set(ChainlitContext(self._session, ChainlitEmitter(self._session)))  # type: ignore[arg-type]
        local_steps.set(None)

    async def broadcast(self, event: str, data: Any) -> None:
        """Send an event to every page that shows the conversation now; nobody listening is no fault."""
        self._keep(event, data)
        for session in list(ws_sessions_id.values()):
            if session.thread_id != self.thread or session.id in _arriving:
                continue
            before = self._sockets.get(session.id)
            self._sockets[session.id] = session.socket_id
            if before not in (None, session.socket_id):
                await self.replay(session.emit)  # the connection broke in between: the page may have missed something
            await _sent(session.emit, event, data)

    async def replay(self, emit: Callable[[str, Any], Any]) -> None:
        """Everything of this turn again, for one page; known messages and elements are replaced, not doubled."""
        for step in list(self._steps.values()):
            await _sent(emit, "new_message", step)
        for element in list(self._elements.values()):
            await _sent(emit, "element", element)
        for action in list(self._actions.values()):
            await _sent(emit, "remove_action", action)
            await _sent(emit, "action", action)
        await _sent(emit, "task_start" if self.running else "task_end", {})

    def merge_into(self, steps: list[Any]) -> None:
        """The stored steps of the conversation, brought up to what the pages have seen of them."""
        for number, step in enumerate(steps):
            steps[number] = self._steps.get(step["id"], step)

    def _keep(self, event: str, data: Any) -> None:
        if event in _STEP_EVENTS:
            self._steps[data["id"]] = data
        elif event == "delete_message":
            self._steps.pop(data["id"], None)
        elif event == "element":
            self._elements[data["id"]] = data
        elif event == "remove_element":
            self._elements.pop(data["id"], None)
        elif event == "action":
            self._actions[data["id"]] = data
        elif event == "remove_action":
            self._actions.pop(data["id"], None)


_arriving: set[str] = set()
"""Ids of sessions that wait for their conversation; what is drawn before it would be wiped by it."""


def after_resume(session: WebsocketSession, then: Callable[[Callable[[str, Any], Any]], Awaitable[None]]) -> None:
    """Call `then(emit)` for this page once Chainlit has sent it the stored conversation."""
    plain = session.emit
    _arriving.add(session.id)

    async def emit(event: str, data: Any) -> None:
        await _sent(plain, event, data)
        if event == "resume_thread":
            _arriving.discard(session.id)
            session.emit = plain
            await then(plain)

    session.emit = emit  # type: ignore[assignment]


async def _sent(emit: Callable[[str, Any], Any], event: str, data: Any) -> None:
    await emit(event, data)
