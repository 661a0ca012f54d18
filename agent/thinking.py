"""One question to the brain that can be stopped: by the user, or when the turn's time is over."""

from __future__ import annotations

import asyncio
from typing import Any

from tools.spec import CancelToken

LOOK_S = 0.1
"""How often a waiting turn looks whether it is still wanted; the brain's own model may take minutes to come up."""


async def answer_of(brain: Any, messages: list[Any], cancel: CancelToken) -> Any:
    """The brain's answer. Raises Cancelled soon after the turn was stopped; the question is taken back then."""
    asked = asyncio.ensure_future(brain.ainvoke(messages))
    try:
        while not asked.done():
            await asyncio.wait({asked}, timeout=LOOK_S)
            if not asked.done():
                cancel.check()
        return await asked
    finally:
        if not asked.done():
            asked.cancel()
            await asyncio.wait({asked}, timeout=1.0)
