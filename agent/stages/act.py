"""Stage 5: run one ready step and come back; every step is a checkpoint of its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

from langchain_core.messages import AnyMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.briefing import SENSITIVE, exposed_tools
from agent.lineup import in_order
from agent.pricing import RISKY, fill_refs, refs
from agent.report import call_row
from agent.state import State, TurnContext, job_of
from backends.llm.understanding import Understanding
from configs.errors import QuestionOpen
from tools.events import Event, ModelSwapped
from tools.executor import Run
from tools.notes import one_of_each
from tools.policy import ALWAYS, Grant
from tools.spec import Effect, ToolOutcome


async def act(state: State, runtime: Runtime[TurnContext]) -> Command[Literal["act", "evaluate"]]:
    """Run the next step: dependencies first, then what the loaded engines can do."""
    ctx = runtime.context
    pending = [s for s in state["steps"] if s["status"] == "pending"]
    if not pending:
        return Command(goto="evaluate")
    step = in_order(pending, ctx.executor.arbiter)[0]
    steps = {s["id"]: dict(s) for s in state["steps"]}
    broken = [r for r in refs(list(step["args"].values())) if not steps.get(r, {}).get("assets")]
    if broken:
        steps[step["id"]]["status"] = "skipped"
        row = {"tool": step["tool"], "args": step["args"], "status": "skipped", "seconds": 0.0, "engine": ""}
        reason = f"step {broken[0]} made nothing that it could use"
        message = _answer(step, {"status": "skipped", "error": reason})
        return Command(
            goto="act",
            update={"steps": list(steps.values()), "calls": [*state["calls"], row], "loop": [*state["loop"], message]},
        )
    firsts = {s["id"]: s["assets"][0] for s in steps.values() if s["assets"]}
    args = {k: fill_refs(v, firsts) for k, v in step["args"].items()}
    outcome, swaps = await _run(state, step, args, ctx)
    steps[step["id"]] |= {"status": outcome.status, "assets": [a.id for a in outcome.assets], "args": args}
    return Command(
        goto="act",
        update={
            "steps": list(steps.values()),
            "calls": [*state["calls"], call_row(outcome)],
            "assets": list(dict.fromkeys([*state["assets"], *(a.id for a in outcome.assets)])),
            "loop": _answered(state["loop"], _answer(step, result_for_brain(outcome))),
            "notices": _notices(state, outcome, again="retry_of" in step),
            "swaps": state["swaps"] + swaps,
            "error": _error(outcome) or state["error"],
        },
    )


async def _run(state: State, step: Any, args: dict[str, Any], ctx: TurnContext) -> tuple[ToolOutcome, int]:
    """The call in a worker thread, and how many engines it brought up (its sub-steps included)."""
    swaps = 0

    def emit(event: Event) -> None:
        nonlocal swaps
        if isinstance(event, ModelSwapped) and event.swap.action in ("load", "restore"):
            swaps += 1
        ctx.emit(event)

    reading = Understanding.model_validate(state["understanding"])
    job = job_of(state, ctx.thread)
    await asyncio.to_thread(ctx.studio.memory.start_job, job, ctx.thread, step["tool"], {"wish": state["wish"]})
    run = Run(
        thread=ctx.thread,
        job=job,
        step=step["id"],
        grant=_grant(state, reading, ctx),
        cancel=ctx.cancel,
        emit=emit,
        dry=ctx.dry,
    )
    outcome = await asyncio.to_thread(
        ctx.executor.run, step["tool"], args, run, key=f"step-{step['id']}", title=step["title"]
    )
    return outcome, swaps


def _grant(state: State, reading: Understanding, ctx: TurnContext) -> Grant:
    """What the user's words and approval cover."""
    asked = {reading.intent, *reading.tools}
    tools = frozenset(n for n in exposed_tools(asked) if n not in SENSITIVE or n in asked)
    effects: set[Effect] = set(ALWAYS)
    if ctx.yes or ctx.dry or state["decision"].get("action") == "approve":
        effects |= set(RISKY)  # type: ignore[arg-type]
    return Grant(tools=tools, effects=frozenset(effects))


def result_for_brain(outcome: ToolOutcome) -> dict[str, Any]:
    """What the brain is told of a call; facts only, files as asset ids."""
    if outcome.result is None:
        return {"status": outcome.status, "error": outcome.error.sentence if outcome.error else outcome.status}
    result = outcome.result
    return {
        "status": outcome.status,
        "summary": result.summary,
        "assets": [{"id": a.id, "kind": a.kind, "name": a.name} for a in result.assets],
        "measurements": result.measurements,
        "warnings": list(result.warnings),
    }


def _answer(step: Any, body: dict[str, Any]) -> ToolMessage:
    failed = "error" in body
    text = json.dumps(body, ensure_ascii=False, default=str)
    return ToolMessage(text, tool_call_id=step["call_id"], name=step["tool"], status="error" if failed else "success")


def _answered(loop: list[AnyMessage], answer: ToolMessage) -> list[AnyMessage]:
    """The loop with this answer; a retry's answer takes the place of the first one (one answer per call)."""
    kept = [m for m in loop if not (isinstance(m, ToolMessage) and m.tool_call_id == answer.tool_call_id)]
    return [*kept, answer]


def _notices(state: State, outcome: ToolOutcome, *, again: bool) -> list[str]:
    """All so far; what a further try of a step says with other figures takes the place of what the first said."""
    found = list(outcome.result.warnings) if outcome.result else []
    return one_of_each([*state["notices"], *found]) if again else list(dict.fromkeys([*state["notices"], *found]))


def _error(outcome: ToolOutcome) -> dict[str, Any] | None:
    if outcome.error is None:
        return None
    error = outcome.error
    told = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}
    return {**told, "choices": list(error.choices)} if isinstance(error, QuestionOpen) else told
