"""Chainlit's callbacks. This file is loaded by Chainlit itself; see `ui/server.py`."""

from __future__ import annotations

import asyncio
from typing import Any

import chainlit as cl

from agent.state import Decision
from ui.chat.history import UPLOADS, History
from ui.chat.turn import ask_approval, run_turn
from ui.server import running_agent

STARTERS = (
    ("A short film", "Make a 15 second film: a boy named Luca with curly brown hair finds a tiny robot on the beach at "
     "sunset. He says 'Ciao, piccolo!' happily, and the robot beeps back."),
    ("Draw a character", "Draw Luca, a boy with curly brown hair, waving in the piazza"),
    ("Speak a line", "Say 'Ciao, piccolo!' as Luca, happily"),
    ("A storyboard", "Write a storyboard in 5 shots about a robot who is afraid of the dark"),
)  # fmt: skip


@cl.data_layer
def data_layer() -> History:
    home = running_agent().studio.workspace.home
    return History(home / "chat.db", home / UPLOADS)


@cl.header_auth_callback
async def local_user(headers: Any) -> cl.User:
    """One user: whoever reaches this machine's own address."""
    return cl.User(identifier="creator", display_name="Creator")


@cl.set_starters
async def starters(user: Any = None) -> list[cl.Starter]:
    return [cl.Starter(label=label, message=message) for label, message in STARTERS]


@cl.on_chat_start
async def start() -> None:
    agent = running_agent()
    if agent.notice:
        await cl.Message(f"ℹ️ {agent.notice}", author="studio").send()


@cl.on_chat_resume
async def resume(thread: Any) -> None:
    """The conversation is drawn again by Chainlit; a plan that waits gets its buttons back."""
    asked = await running_agent().pending(thread["id"])
    if asked is not None:
        await ask_approval(asked)


@cl.on_message
async def message(said: cl.Message) -> None:
    if cl.user_session.get("editing"):
        cl.user_session.set("editing", False)
        await run_turn(running_agent(), "", decision=Decision("edit", change=said.content))
        return
    files = [(str(e.path), e.name) for e in said.elements or [] if getattr(e, "path", None)]
    await run_turn(running_agent(), said.content, files)


@cl.on_stop
def stop() -> None:
    running_agent().cancel(cl.context.session.thread_id)


@cl.on_chat_end
async def end() -> None:
    # a closed tab does not stop the work: the result is there when the conversation is opened again
    await asyncio.sleep(0)


@cl.action_callback("approve")
async def approve(action: cl.Action) -> None:
    await _answered()
    await run_turn(running_agent(), "", decision=Decision("approve"))


@cl.action_callback("cancel")
async def cancel(action: cl.Action) -> None:
    await _answered()
    await run_turn(running_agent(), "", decision=Decision("cancel"))


@cl.action_callback("edit")
async def edit(action: cl.Action) -> None:
    await _answered()
    cl.user_session.set("editing", True)
    await cl.Message("What should be different? For example: *make it 8 seconds, at night*.").send()


@cl.action_callback("say")
async def say(action: cl.Action) -> None:
    text = str(action.payload["text"])
    await cl.Message(text, type="user_message", author="Creator").send()
    await run_turn(running_agent(), text)


async def _answered() -> None:
    """A plan is answered once: take its buttons away."""
    shown = cl.user_session.get("plan_message")
    if shown is not None:
        await shown.remove_actions()
        cl.user_session.set("plan_message", None)
