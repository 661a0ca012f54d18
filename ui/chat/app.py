"""Chainlit's callbacks. This file is loaded by Chainlit itself; see `ui/server.py`."""

# mypy: disable-error-code="untyped-decorator"
# Chainlit is untyped for mypy.
from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import chainlit as cl
from chainlit.data import get_data_layer
from chainlit.server import sio
from chainlit.session import WebsocketSession

from agent.state import Decision
from configs.errors import StudioError
from ui.chat.audience import after_resume
from ui.chat.history import UPLOADS, History
from ui.chat.live import LiveTurns
from ui.chat.middleware import USER
from ui.chat.plan import ask_approval, draw_buttons, newest_plan, take_buttons_away
from ui.chat.turn import draw_turn
from ui.chat.unfinished import offer_to_go_on, unfinished_wish
from ui.chat.uploads import NAME_LIMIT, take_in, under_own_name
from ui.chat.wording import answer_in_words
from ui.server import running_agent

STARTERS = (
    ("A short film", "Make a 15 second film: a boy named Luca with curly brown hair finds a tiny robot on the beach at "
     "sunset. He says 'Ciao, piccolo!' happily, and the robot beeps back."),
    ("Draw a character", "Draw Luca, a boy with curly brown hair, waving in the piazza"),
    ("Speak a line", "Say 'Ciao, piccolo!' as Luca, happily"),
    ("A storyboard", "Write a storyboard in 5 shots about a robot who is afraid of the dark"),
)  # fmt: skip
EDITING = "editing"
turns = LiveTurns()
told: defaultdict[str, set[str]] = defaultdict(set)
"""Conversation -> notices that it has shown since the studio started."""


@cl.data_layer
def data_layer() -> History:
    home = running_agent().studio.workspace.home
    return History(home / "chat.db", home / UPLOADS)


@cl.header_auth_callback
async def local_user(headers: Any) -> cl.User:
    """One user: whoever reaches this machine's own address."""
    return cl.User(identifier=USER, display_name=USER.title())


@cl.set_starters
async def starters(user: Any = None) -> list[cl.Starter]:
    return [cl.Starter(label=label, message=message) for label, message in STARTERS]


@cl.on_chat_resume
async def resume(thread: Any) -> None:
    """Chainlit draws the stored conversation; then comes what it does not store: a running turn, waiting buttons."""
    agent, session = running_agent(), cl.context.session
    name = thread["id"]
    waiting = None if turns.running(name) else await agent.pending(name)
    left = "" if waiting is not None or turns.running(name) else unfinished_wish(agent, thread)
    if (seen := turns.last(name)) is not None:
        seen.merge_into(thread["steps"])

    async def then(emit: Callable[[str, Any], Any]) -> None:
        if (audience := turns.last(name)) is not None:
            await audience.replay(emit)
        if waiting is not None and (plan := newest_plan(thread)):
            await draw_buttons(emit, plan)
        elif waiting is not None:
            await ask_approval(waiting)
        elif left:
            await offer_to_go_on(thread, left, emit)

    after_resume(session, then)


@cl.on_message
async def message(said: cl.Message) -> None:
    files = [(under_own_name(Path(e.path), e.name), e.name) for e in said.elements or [] if getattr(e, "path", None)]
    text = said.content.strip()
    # the page's address becomes the conversation's (`studio.js`), so that a reload shows it again
    await cl.send_window_message({"conversation": _thread()})
    if files and not text:
        await _take_in_only(files)
        return
    decision = await _decision_in(text) if not files else None
    await _answer("" if decision else text, files, decision)


@sio.on("stop")
async def stop(sid: str) -> None:
    """The stop button. In place of Chainlit's own answer, which says a second time that the work was stopped."""
    if (session := WebsocketSession.get(sid)) is not None:
        running_agent().cancel(session.thread_id)
        if turns.running(session.thread_id):  # what cannot be broken off in the middle may take seconds
            await sio.emit("toast", {"message": "Stopping. What is finished is kept.", "type": "info"}, to=sid)


@cl.action_callback("approve")
async def approve(action: cl.Action) -> None:
    await take_buttons_away(action.payload["message"])
    await _begin("", (), Decision("approve"))


@cl.action_callback("cancel")
async def cancel(action: cl.Action) -> None:
    await take_buttons_away(action.payload["message"])
    await _begin("", (), Decision("cancel"))


@cl.action_callback("edit")
async def edit(action: cl.Action) -> None:
    cl.user_session.set(EDITING, True)
    await cl.Message("What should be different? For example: *make it 8 seconds, at night*.").send()


@cl.action_callback("say")
async def say(action: cl.Action) -> None:
    """An answer or a wish given by a button counts like a typed one."""
    text = str(action.payload["text"])
    await action.remove()
    await cl.Message(text, type="user_message", author=USER.title()).send()
    await _begin(text, (), None)


async def _answer(text: str, files: Sequence[tuple[str, str]], decision: Decision | None) -> None:
    """Run the turn and stay with it, so that the page shows that it works; the turn itself does not need the page."""
    task = await _begin(text, files, decision)
    if task is not None:
        await asyncio.wait({task})


async def _begin(text: str, files: Sequence[tuple[str, str]], decision: Decision | None) -> asyncio.Task[None] | None:
    agent, thread = running_agent(), _thread()
    try:
        return turns.begin(thread, lambda: draw_turn(agent, thread, text, files, decision, told[thread]))
    except StudioError as error:
        await cl.ErrorMessage(error.sentence).send()
        return None


async def _decision_in(text: str) -> Decision | None:
    """What a typed message says to a plan that waits; None when it is a wish of its own, which drops the plan."""
    editing = bool(cl.user_session.get(EDITING))
    cl.user_session.set(EDITING, False)
    if await running_agent().pending(_thread()) is None:
        return None
    thread = await get_data_layer().get_thread(_thread())  # type: ignore[union-attr]
    if plan := newest_plan(thread or {}):
        await take_buttons_away(plan)
    answer = answer_in_words(text)
    if answer == "approve":
        return Decision("approve")
    if answer == "cancel":
        return Decision("cancel")
    return Decision("edit", change=text) if editing else None


async def _take_in_only(files: Sequence[tuple[str, str]]) -> None:
    """Files without a word: they are kept for what comes next."""
    await _name_after([name for _, name in files])
    try:
        names = await take_in(running_agent(), _thread(), files)
    except StudioError as error:
        await cl.ErrorMessage(error.sentence).send()
        return
    await cl.Message(f"I have {', '.join(names)}. What should I do with {'it' if len(names) == 1 else 'them'}?").send()


async def _name_after(files: Sequence[str]) -> None:
    """A conversation that begins with files alone is called after them, so that the list on the left shows it."""
    layer: Any = get_data_layer()
    if ((await layer.get_thread(_thread())) or {}).get("name"):
        return
    name = ", ".join(files)[:NAME_LIMIT]
    await layer.update_thread(_thread(), name=name)
    await cl.context.emitter.emit("first_interaction", {"interaction": name, "thread_id": _thread()})  # type: ignore[attr-defined]


def _thread() -> str:
    return str(cl.context.session.thread_id)
