"""One turn on the page: events become steps with progress, a task list, a plan with buttons, and results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import chainlit as cl

from agent import events as ev
from agent.report import asset_row
from configs.errors import StudioError
from ui.chat.showing import bar, element_for, scores_table

if TYPE_CHECKING:
    from agent.state import Decision
    from agent.studio_agent import StudioAgent

UPDATE_S = 0.25
"""Shortest time between two redraws of a progress bar."""
STAGES = {
    "understand": "Reading your wish", "recall": "Looking in the memory", "plan": "Making a plan",
    "evaluate": "Measuring the results", "reply": "",
}  # fmt: skip
_TASK = {
    "done": cl.TaskStatus.DONE, "reused": cl.TaskStatus.DONE, "failed": cl.TaskStatus.FAILED,
    "refused": cl.TaskStatus.FAILED, "cancelled": cl.TaskStatus.FAILED,
}  # fmt: skip


class TurnView:
    """Draws the events of one turn."""

    def __init__(self) -> None:
        self._steps: dict[str, Any] = {}
        self._tasks: dict[str, Any] = {}
        self._list: Any = None
        self._drawn: dict[str, float] = {}
        self._stage: Any = None

    async def show(self, event: ev.Event) -> None:
        match event:
            case ev.StageEntered(stage=stage, note=note):
                await self._stage_entered(stage, note)
            case ev.Notice(text=text):
                await cl.Message(f"ℹ️ {text}", author="studio").send()
            case ev.PlanProposed():
                await self._plan(event)
            case ev.StepStarted():
                await self._started(event)
            case ev.Progress():
                await self._progress(event)
            case ev.ModelSwapped(swap=swap):
                await self._note(event.step, f"{swap.action} {swap.engine}: {swap.seconds:.1f} s")
            case ev.AssetMade(asset=asset):
                if asset.kind == "image" and "/" in event.step and event.step in self._steps:
                    self._steps[event.step].elements = [element_for(asset_row(asset))]
            case ev.StepFinished():
                await self._finished(event)
            case ev.ApprovalAsked():
                await ask_approval(event)

    async def _stage_entered(self, stage: str, note: str) -> None:
        text = STAGES.get(stage, "")
        if self._list is None:
            self._list = cl.TaskList()
        if text:
            self._list.status = f"{text}: {note}"[:60] if note else text
            await self._list.send()

    async def _plan(self, plan: ev.PlanProposed) -> None:
        for step in plan.steps:
            if step.id not in self._tasks:
                self._tasks[step.id] = cl.Task(title=step.title, status=cl.TaskStatus.READY)
                await self._list.add_task(self._tasks[step.id])
        await self._list.send()

    async def _started(self, event: ev.StepStarted) -> None:
        parent = self._steps.get(event.step.rsplit("/", 1)[0]) if "/" in event.step else None
        step = cl.Step(name=_title(event.title), type="tool", parent_id=parent.id if parent else None)
        step.created_at = step.start = _now()
        step.output = "starting"
        self._steps[event.step] = step
        await step.send()
        if event.step in self._tasks:
            self._tasks[event.step].status = cl.TaskStatus.RUNNING
            self._tasks[event.step].forId = step.id
            await self._list.send()

    async def _progress(self, event: ev.Progress) -> None:
        step = self._steps.get(event.step)
        if step is None or time.monotonic() - self._drawn.get(event.step, 0.0) < UPDATE_S:
            return
        self._drawn[event.step] = time.monotonic()
        line = f"{bar(event.done, event.total)} {event.note}"
        step.output = line
        await step.update()
        if self._list is not None and "/" not in event.step:
            self._list.status = (
                f"{event.note or 'working'} ({event.done / event.total:.0%})" if event.total else event.note
            )
            await self._list.send()

    async def _note(self, where: str, text: str) -> None:
        if where in self._steps:
            self._steps[where].output = text
            await self._steps[where].update()

    async def _finished(self, event: ev.StepFinished) -> None:
        step = self._steps.get(event.step)
        if step is not None:
            mark = {"done": "✓", "reused": "✓ already there:"}.get(event.status, "✗")
            step.output = f"{mark} {event.summary} ({event.seconds:.1f} s)"
            step.is_error = event.status in ("failed", "refused")
            step.end = _now()
            await step.update()
        if event.step in self._tasks:
            self._tasks[event.step].status = _TASK.get(event.status, cl.TaskStatus.DONE)
            await self._list.send()

    async def close(self, report: dict[str, Any]) -> None:
        """The reply with its results."""
        if self._list is not None and self._tasks:
            waiting = bool(report["questions"])
            self._list.status = "Waiting for you" if waiting else "Failed" if report["error"] else "Done"
            await self._list.send()
        elif self._list is not None:
            await self._list.remove()
        if report["questions"] and not report["reply"]:
            return  # the plan with its buttons stands there already
        actions = [
            cl.Action(name="say", payload={"text": c}, label=c, tooltip="Answer with this") for c in report["choices"]
        ]
        notes = "\n".join(f"- {n}" for n in report["notices"])
        text = report["reply"] + (f"\n\n{notes}" if notes else "")
        elements = [element_for(row) for row in report["assets"]]
        if table := scores_table(report["assets"]):
            step = cl.Step(name="the measures of the results", type="tool")
            step.created_at = step.start = step.end = _now()
            step.output = table
            await step.send()
        await cl.Message(text, elements=elements, actions=actions, metadata={"brain": report["brain"]}).send()


async def ask_approval(asked: ev.ApprovalAsked) -> None:
    """The plan with its forecast and three buttons; they work as long as the plan waits, also after a restart."""
    plan = asked.plan
    rows = [
        f"| {s.id} | {s.title} | {', '.join(s.engines) or '-'} | {_about(s.basis)}{s.seconds:.0f} s |"
        for s in plan.steps
    ]
    memory = f"{plan.vram_mib} MiB of GPU memory" if plan.vram_mib else "no GPU memory"
    lines = [
        f"**The plan** ({asked.reason.lower()})", "", "| | step | engine | time |", "|---|---|---|---|", *rows, "",
        f"About **{plan.seconds:.0f} s**, {memory}, {plan.swaps} model load{'s' if plan.swaps != 1 else ''}.",
    ]  # fmt: skip
    if plan.overwrites:
        lines.append(f"Changes what exists: {', '.join(plan.overwrites)}.")
    actions = [
        cl.Action(name="approve", payload={}, label="Approve", icon="check", tooltip="Run this plan"),
        cl.Action(name="edit", payload={}, label="Edit", icon="pencil", tooltip="Say what to change"),
        cl.Action(name="cancel", payload={}, label="Cancel", icon="x", tooltip="Drop this plan"),
    ]
    message = cl.Message("\n".join(lines), actions=actions)
    await message.send()
    cl.user_session.set("plan_message", message)


async def run_turn(
    agent: StudioAgent, text: str, files: Sequence[tuple[str, str]] = (), decision: Decision | None = None
) -> None:
    """Run a turn of this page's conversation and draw it; errors become one sentence."""
    view = TurnView()
    thread = cl.context.session.thread_id
    try:
        async for event in agent.astream(text, thread=thread, attachments=list(files), decision=decision):
            if isinstance(event, ev.Done):
                await view.close(event.report)
            else:
                await view.show(event)
    except StudioError as error:
        await cl.ErrorMessage(error.sentence).send()


def _title(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"


def _about(basis: str) -> str:
    return "" if basis == "measured" else "~"


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
