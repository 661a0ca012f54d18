"""Stage 3: the brain chooses calls (or answers); code turns them into steps with a price."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Literal

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.briefing import briefing, exposed_tools
from agent.events import StageEntered
from agent.forecasting import told_forecast
from agent.pricing import make_steps, propose
from agent.state import State, TurnContext, users_words
from agent.thinking import answer_of
from backends.llm.understanding import FORECAST, Understanding
from configs.errors import StudioError
from tools.registry import get_tool
from tools.schema import function_schema

SAME_CALL_LIMIT = 3
"""The same call this often in one turn is a loop of a confused model (langgraph#6731)."""


async def plan(state: State, runtime: Runtime[TurnContext]) -> Command[Literal["approve", "plan", "reply"]]:
    """Ask the brain for the next calls; none means that it is done."""
    ctx = runtime.context
    ctx.cancel.check()
    ctx.emit(StageEntered(thread=ctx.thread, stage="plan"))
    reading = Understanding.model_validate(state["understanding"])
    names = exposed_tools([reading.intent, *reading.tools]) if reading.acts else []
    brain: Any = ctx.brain
    if names:
        brain = brain.bind_tools([function_schema(get_tool(n)) for n in names], tool_choice="auto")
    answer = await answer_of(brain, briefing("plan", state, ctx), ctx.cancel)
    update: dict[str, Any] = {"model_calls": state["model_calls"] + 1}
    calls = [c for c in answer.tool_calls if names]
    stop = _out_of_budget(state, calls, ctx)
    if not calls or stop:
        text = answer.text.strip() if isinstance(answer, AIMessage) else str(answer.content)
        notices = [*state["notices"], stop] if stop else state["notices"]
        asks = not state["calls"] and reading.acts and not stop and ctx.capabilities.free_text is False and "?" in text
        if asks:
            update["question"] = {"text": text, "choices": [], "wish": state["wish"]}
        return Command(goto="reply", update={**update, "reply": text, "notices": notices})

    if reading.intent == FORECAST:
        return _told(state, calls, reading.language, update, ctx)
    steps, refused = make_steps(calls, len(state["steps"]), ctx, users_words(state))
    message = AIMessage(content=answer.content, tool_calls=calls)
    if refused:
        return _explain(state, message, calls, refused[0].error, update, ctx)
    ctx.emit(propose(steps, ctx, asked_for=reading.intent))
    update |= {"steps": [*state["steps"], *steps], "loop": [*state["loop"], message], "decision": {}}
    return Command(goto="approve", update=update)


def _told(
    state: State, calls: list[Any], language: str, update: dict[str, Any], ctx: TurnContext
) -> Command[Literal["approve", "plan", "reply"]]:
    """The answer to a question about time and cost: the calls are priced, and none of them is planned."""
    try:
        text = told_forecast(calls, users_words(state), language, ctx)
    except StudioError as error:
        failure = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}
        return Command(goto="reply", update={**update, "error": failure})
    return Command(goto="reply", update={**update, "reply": text})


def _explain(
    state: State, message: AIMessage, calls: list[Any], error: StudioError, update: dict[str, Any], ctx: TurnContext
) -> Command[Literal["approve", "plan", "reply"]]:
    """Tell a model that can learn from it what was wrong; otherwise the turn ends with that sentence."""
    tries = sum(isinstance(m, ToolMessage) and m.status == "error" for m in state["loop"])
    if not ctx.capabilities.free_text or tries >= ctx.studio.settings.budget.rounds:
        failure = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}
        return Command(goto="reply", update={**update, "error": failure})
    body = json.dumps({"status": "not run", "error": error.sentence})
    answers = [ToolMessage(content=body, tool_call_id=c["id"], status="error") for c in calls]
    return Command(goto="plan", update={**update, "loop": [*state["loop"], message, *answers]})


def _out_of_budget(state: State, calls: list[Any], ctx: TurnContext) -> str:
    budget = ctx.studio.settings.budget
    if not calls:
        return ""
    if state["model_calls"] + 1 >= budget.model_calls:
        return f"Stopped after {budget.model_calls} model calls, the limit of one turn (budget.model_calls)."
    if len(state["calls"]) + len(calls) > budget.tool_calls:
        return f"Stopped at {budget.tool_calls} tool calls, the limit of one turn (budget.tool_calls)."
    made = Counter(json.dumps([s["tool"], s["args"]], sort_keys=True, default=str) for s in state["steps"])
    if any(made[json.dumps([c["name"], c["args"]], sort_keys=True, default=str)] >= SAME_CALL_LIMIT - 1 for c in calls):
        return f"Stopped: the same call came {SAME_CALL_LIMIT} times."
    return ""
