"""The `ask` tool: a wish for the agent, in one conversation that is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agent.answering import typed_decision
from agent.events import ApprovalAsked, Done, PlanProposed
from agent.state import Decision
from configs.errors import PolicyError, UsageError
from ui.mcp.calling import Call
from ui.mcp.door import Door
from ui.mcp.own_tools import AskArgs

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent


BY_HAND = "Do it in the chat, or start the server with 'studio mcp --yes'"


async def ask(door: Door, call: Call) -> dict[str, Any]:
    """One turn, the approval of its plan included; the report of `studio ask --json`. Raises StudioError."""
    wanted = _checked(call.args)
    agent = await door.agent()
    files = [door.own_file(ref) for ref in wanted.attach]
    task = asyncio.create_task(_turns(door, agent, wanted.text, files, call))
    door.turns.add(task)
    task.add_done_callback(door.turns.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()  # it waits for its turn to stop, out of this call's reach
        raise


def _checked(args: Any) -> AskArgs:
    try:
        return AskArgs.model_validate(dict(args))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"ask: '{where}' is wrong", first["msg"], "It takes text, and attach (a list)") from error


async def _turns(door: Door, agent: StudioAgent, wish: str, files: list[Any], call: Call) -> dict[str, Any]:
    async with door.turn:
        decision = await _answer_to_waiting(door, agent, wish, call)
        while True:
            report, asked = await _turn(door, agent, wish, files, decision, call)
            if asked is None:
                return report
            if not call.user.can_be_asked:
                return {**report, **_how_to_approve(asked)}
            yes, change = await call.user.agrees_or_changes(_plan_in_words(asked))
            if not yes and change:
                decision = Decision("edit", change=change)
            else:
                decision = Decision("approve" if yes else "cancel")


async def _turn(
    door: Door, agent: StudioAgent, wish: str, files: list[Any], decision: Decision | None, call: Call
) -> tuple[dict[str, Any], ApprovalAsked | None]:
    """One run of the agent: its report, and the plan that it stopped at."""
    report: dict[str, Any] = {}
    asked: ApprovalAsked | None = None
    stream = agent.astream(
        wish, thread=door.thread, attachments=() if decision else files, yes=door.yes, decision=decision
    )
    try:
        async for event in stream:
            call.progress.emit(event)
            if isinstance(event, ApprovalAsked):
                asked = event
            if isinstance(event, Done):
                report = event.report
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    return report, asked


async def _answer_to_waiting(door: Door, agent: StudioAgent, wish: str, call: Call) -> Decision | None:
    """A typed 'go on' to a plan that overwrites, deletes or spends is the client's word, not the user's.

    Raises PolicyError when the user cannot be asked.
    """
    waiting = await agent.pending(door.thread)
    if waiting is None or not waiting.plan.overwrites or door.yes:
        return None
    typed = typed_decision(wish)
    if typed is None or typed.action != "approve":
        return None
    if not call.user.can_be_asked:
        raise PolicyError(
            "The plan was not approved", "it would overwrite, delete or spend, and this client cannot ask its user",
            BY_HAND,
        )  # fmt: skip
    yes, change = await call.user.agrees_or_changes(_plan_in_words(waiting))
    return Decision("edit", change=change) if change and not yes else Decision("approve" if yes else "cancel")


def _how_to_approve(asked: ApprovalAsked) -> dict[str, Any]:
    """For a client that cannot ask its user: what it may answer, and for whom it may not."""
    if asked.plan.overwrites:
        return {"choices": [], "notices": [BY_HAND]}
    return {"choices": ["go ahead"]}


def _plan_in_words(asked: ApprovalAsked) -> str:
    plan: PlanProposed = asked.plan
    steps = "; ".join(step.title for step in plan.steps)
    return f"{asked.reason}. The plan: {steps} (about {plan.seconds:.0f} s). Approve it?"
