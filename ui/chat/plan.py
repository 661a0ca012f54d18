"""The plan that waits for an answer: a message with three buttons, as long as it waits, also after a restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import chainlit as cl

from ui.chat.wording import plan_text

if TYPE_CHECKING:
    from agent.events import ApprovalAsked

_BUTTONS = (
    ("approve", "Approve", "check", "Run this plan"),
    ("edit", "Edit", "pencil", "Say what to change"),
    ("cancel", "Cancel", "x", "Drop this plan"),
)
MARK = "plan"
"""Key in the metadata of a plan's message."""


def buttons(message: str) -> list[cl.Action]:
    """Approve, Edit, Cancel below a message; the ids are the same after a restart."""
    return [
        cl.Action(id=f"{name}-{message}", name=name, payload={"message": message}, label=label, icon=icon, tooltip=tip)
        for name, label, icon, tip in _BUTTONS
    ]


async def ask_approval(asked: ApprovalAsked) -> None:
    """Draw the plan with its forecast and its buttons."""
    message = cl.Message(plan_text(asked.plan, asked.reason), metadata={MARK: True})
    message.actions = buttons(message.id)
    await message.send()


async def take_buttons_away(message: str) -> None:
    """A plan is answered once."""
    for button in buttons(message):
        button.forId = message
        await button.remove()


def newest_plan(thread: Any) -> str:
    """Id of the newest plan message of a stored conversation, '' when there is none."""
    found = [
        s["id"] for s in thread.get("steps", []) if isinstance(s.get("metadata"), dict) and s["metadata"].get(MARK)
    ]
    return found[-1] if found else ""


async def draw_buttons(emit: Callable[[str, Any], Any], message: str) -> None:
    """The buttons again, for a page that was opened while the plan waits."""
    for button in buttons(message):
        button.forId = message
        await emit("action", button.to_dict())
