"""Stage 2: characters, style, similar takes and notes that bear on the wish; data, never instructions."""

from __future__ import annotations

import asyncio
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.briefing import TEXT_LIMIT
from agent.events import StageEntered
from agent.state import State, TurnContext
from backends.llm.understanding import Understanding

RECALLED = 6


async def recall(state: State, runtime: Runtime[TurnContext]) -> Command[Literal["plan"]]:
    """Search the memory with the wish."""
    ctx = runtime.context
    if not Understanding.model_validate(state["understanding"]).acts:
        return Command(goto="plan")
    # shots of films answer questions; a plan is made of characters, styles, notes and takes
    hits = await asyncio.to_thread(ctx.studio.memory.search, state["wish"][:2000], limit=RECALLED, shots=False)
    note = ", ".join(dict.fromkeys(h.name for h in hits[:3]))
    ctx.emit(StageEntered(thread=ctx.thread, stage="recall", note=note))
    found = [{"kind": h.kind, "name": h.name, "text": h.text[:TEXT_LIMIT]} for h in hits]
    return Command(goto="plan", update={"recalled": found})
