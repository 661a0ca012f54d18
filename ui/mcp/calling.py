"""One tool called by a client: policy, the executor in a worker thread, progress, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.pricing import title_of
from agent.report import outcome_report
from configs.errors import PolicyError, QuestionOpen
from tools.executor import Run
from tools.policy import ALWAYS, EVERYTHING, Grant
from tools.registry import get_tool
from tools.repair import repair_args
from tools.spec import CancelToken, Tool, ToolOutcome
from ui.mcp.approval import User
from ui.mcp.door import Door
from ui.mcp.progress import ProgressTeller

if TYPE_CHECKING:
    from tools.executor import Executor


@dataclass(frozen=True)
class Call:
    """What a client asked for, and how it is reached meanwhile."""

    name: str
    args: Mapping[str, Any]
    user: User
    progress: ProgressTeller


async def call_tool(door: Door, call: Call) -> dict[str, Any]:
    """Run it; the report of `studio tool --json`.

    A model speaks here, not the user: what overwrites, deletes or spends, and what counts only when the user said it,
    is asked of the user, or refused. Raises StudioError.
    """
    tool = await asyncio.to_thread(get_tool, call.name)
    executor = (await door.agent()).executor
    args, _ = repair_args(tool, call.args)
    grant = EVERYTHING if door.yes else await _granted(door, executor, tool, args, call)
    outcome = await _run(door, executor, replace(call, args=_said(door, tool, args)), grant)
    if isinstance(outcome.error, QuestionOpen) and "consent" in tool.Args.model_fields:
        outcome = await _with_consent(door, executor, tool, replace(call, args=args), grant, outcome)
    return outcome_report(outcome)


def _said(door: Door, tool: Tool, args: dict[str, Any]) -> dict[str, Any]:
    """The arguments without what only the user may say."""
    return args if door.yes else tool.only_said(args, ())


async def _granted(door: Door, executor: Executor, tool: Tool, args: dict[str, Any], call: Call) -> Grant:
    """What this call may do. Raises PolicyError when the user was not asked or did not agree."""
    if tool.effect in ALWAYS:
        return Grant(effects=ALWAYS)
    _, _, mended = await asyncio.to_thread(executor.forecast, tool.name, args)
    await asyncio.to_thread(executor.check_possible, tool.name, mended)  # told before anybody is asked
    what = title_of(tool.name, mended)
    if not call.user.can_be_asked:
        raise PolicyError(
            f"{tool.name} was not run", f"it would {tool.effect} something, and this client cannot ask its user",
            "Do it in the chat, or start the server with 'studio mcp --yes'",
        )  # fmt: skip
    if not await call.user.agrees(f"'{what}' would {tool.effect} something. Shall it?"):
        raise PolicyError(f"{tool.name} was not run", f"it would {tool.effect} something, and the user did not agree")
    return Grant(effects=ALWAYS | {tool.effect})


async def _with_consent(
    door: Door, executor: Executor, tool: Tool, call: Call, grant: Grant, asked: ToolOutcome
) -> ToolOutcome:
    """The call again with the user's own answer to the tool's question; as it was where nobody can be asked."""
    question = asked.error
    if door.yes or not isinstance(question, QuestionOpen) or not call.user.can_be_asked:
        return asked
    answer = await call.user.says(question.sentence, question.choices)
    if not answer:
        return asked
    args = tool.only_said({**call.args, "consent": answer}, [answer])
    return await _run(door, executor, replace(call, args=args), grant)


async def _run(door: Door, executor: Executor, call: Call, grant: Grant) -> ToolOutcome:
    """In a worker thread. When the client cancels, the tool is told to stop and ends by itself."""
    cancel = CancelToken()
    run = Run(thread=door.thread, step=call.name, grant=grant, cancel=cancel, emit=call.progress.emit)
    try:
        return await door.long_work(executor.run, call.name, dict(call.args), run)
    finally:
        cancel.cancel()
