"""Work that was stopped or cut off: the conversation offers to go on with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import chainlit as cl

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent

MARK = "unfinished"
"""Key in the metadata of the offer's message."""


def unfinished_wish(agent: StudioAgent, thread: Any) -> str:
    """The newest wish of a stored conversation, when its work is not finished; else ''."""
    open_jobs = agent.studio.memory.open_jobs(thread["id"])
    said = [s["output"].strip() for s in thread["steps"] if s["type"] == "user_message"]
    wish = str(open_jobs[-1].args.get("wish", "")) if open_jobs else ""
    return wish if said and said[-1] in wish else ""


async def offer_to_go_on(thread: Any, wish: str, emit: Callable[[str, Any], Any]) -> None:
    """One message with a button; when the conversation has it already, only the button."""
    action = cl.Action(name="say", payload={"text": wish}, label="Go on", icon="play", tooltip="Finish it")
    marked = [s["id"] for s in thread["steps"] if isinstance(s.get("metadata"), dict) and s["metadata"].get(MARK)]
    if marked:
        action.forId = marked[-1]
        await emit("action", action.to_dict())
        return
    text = "This is not finished. What is done is kept."
    await cl.Message(text, actions=[action], metadata={MARK: True}).send()
