"""Stage 1: what is wanted, with which tools, and what is missing."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.briefing import briefing
from agent.events import StageEntered
from agent.state import State, TurnContext
from agent.thinking import answer_of
from backends.llm.understanding import CLARIFY, UNDERSTAND, parse_understanding, understand_tool


async def understand(state: State, runtime: Runtime[TurnContext]) -> Command[Literal["recall", "reply"]]:
    """One forced call of the brain; a question ends the turn."""
    ctx = runtime.context
    ctx.cancel.check()
    ctx.emit(StageEntered(thread=ctx.thread, stage="understand"))
    brain = ctx.brain.bind_tools([understand_tool()], tool_choice=UNDERSTAND)
    reading = parse_understanding(await answer_of(brain, briefing("understand", state, ctx), ctx.cancel))
    update: dict[str, Any] = {"understanding": reading.model_dump(), "model_calls": state["model_calls"] + 1}
    if reading.intent == CLARIFY and reading.question:
        wish = whole_wish(state, answers=reading.answers)
        question = {"text": reading.question, "choices": reading.choices, "wish": wish}
        return Command(goto="reply", update={**update, "question": question})
    return Command(goto="recall", update=update)


def whole_wish(state: State, *, answers: bool | None = None) -> str:
    """The wish with what it already was an answer to; a wish of its own stands alone."""
    earlier = state.get("open_question") or {}
    if not earlier.get("wish") or answers is False:
        return state["wish"]
    return f"{earlier['wish']} {state['wish']}"
