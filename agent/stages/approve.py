"""Stage 4: the user agrees before any tool runs, where the plan costs enough to ask."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from agent.forecasting import told_beside, told_of_plan
from agent.pricing import approval_reason, make_steps, propose
from agent.rewording import reword
from agent.state import State, TurnContext
from backends.llm.offline.price_questions import asks_of_the_plan
from backends.llm.understanding import Understanding


async def approve(state: State, runtime: Runtime[TurnContext]) -> Command[Literal["act", "plan", "reply", "approve"]]:
    """Interrupt when needed; the answer approves, edits or cancels, or asks. Nothing has run before it."""
    ctx = runtime.context
    pending = [s for s in state["steps"] if s["status"] == "pending"]
    reading = Understanding.model_validate(state["understanding"])
    reason = approval_reason(propose(pending, ctx).steps, ctx, asked_for=reading.intent)
    if not reason:
        return Command(goto="act", update={"decision": {"action": "approve"}})
    decision: dict[str, Any] = interrupt({"reason": reason})
    if decision["action"] == "ask":
        question = decision["change"]
        own = asks_of_the_plan(question)
        text = told_of_plan(pending, question, ctx) if own else await told_beside(state, question, ctx)
        told = [HumanMessage(question), AIMessage(text)]
        return Command(goto="approve", update={"reply": text, "history": told})
    if decision["action"] == "cancel":
        dropped = [{**s, "status": "cancelled"} if s["status"] == "pending" else s for s in state["steps"]]
        return Command(goto="reply", update={"steps": dropped, "decision": decision, "reply": ""})
    if decision.get("change"):
        kept = [s for s in state["steps"] if s["status"] != "pending"]
        wish = reword(state["wish"], decision["change"])
        return Command(
            goto="plan",
            update={
                "wish": wish,
                "reply": "",
                "steps": kept,
                "loop": state["loop"][:-1],
                "history": [HumanMessage(decision["change"])],
            },
        )
    if decision.get("edits"):
        return _with_edits(state, pending, decision, ctx)
    return Command(goto="act", update={"decision": decision, "reply": ""})


def _with_edits(
    state: State, pending: list[dict[str, Any]], decision: dict[str, Any], ctx: TurnContext
) -> Command[Literal["act", "plan", "reply", "approve"]]:
    """The plan with the user's arguments, priced again. A wrong one ends the turn with its sentence."""
    kept = [s for s in state["steps"] if s["status"] != "pending"]
    calls = [
        {"name": s["tool"], "args": {**s["args"], **decision["edits"].get(s["id"], {})}, "id": s["call_id"]}
        for s in pending
    ]
    steps, refused = make_steps(calls, 0, ctx)  # checked before; what changed is the user's
    if refused:
        error = refused[0].error
        failure = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}
        return Command(goto="reply", update={"error": failure, "reply": ""})
    renamed = [{**new, "id": old["id"], "after": old["after"]} for new, old in zip(steps, pending, strict=True)]
    ctx.emit(propose(renamed, ctx))
    return Command(goto="act", update={"steps": [*kept, *renamed], "decision": {"action": "approve"}, "reply": ""})
