"""One turn on the page: events become steps with progress, a task list, a plan with buttons, and results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import chainlit as cl

from agent import events as ev
from agent.report import asset_row
from configs.headlines import shortened
from ui.chat.pace import Pace
from ui.chat.plan import ask_approval
from ui.chat.showing import TurnTasks, bar, element_for, in_lines, is_page, page_links, scores_table, without_ids
from ui.chat.wording import step_title, wording
from ui.wording import phase_text

if TYPE_CHECKING:
    from agent.state import Decision
    from agent.studio_agent import StudioAgent

UPDATE_S = 0.2
"""Shortest time between two redraws of a progress bar."""
TITLE_LIMIT = 90
STARTING = "/starting"
"""Key of the step that tells of the brain's model coming up; no step of a plan has it."""
LISTS = "list_assets"
"""The tool whose answer is a list of what there is: nothing of it was made by the turn."""
DRAWS = "generate_image"
"""The tool whose pictures are shown as they come."""


class TurnView:
    """Draws the events of one turn."""

    def __init__(self, told: set[str], plan: Sequence[ev.PlanStep] = ()) -> None:
        """`told`: notices that the conversation has shown already; new ones are added. `plan`: an approved plan."""
        self._told = told
        self._steps: dict[str, cl.Step] = {}
        self._tools: dict[str, str] = {}
        self._titles = {step.id: step_title(step.tool, step.args) for step in plan}
        self._drawn: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}
        self._tasks = TurnTasks()
        self._poster = ""
        self._asked: ev.ApprovalAsked | None = None

    async def show(self, event: ev.Event) -> None:
        match event:
            case ev.StageEntered(stage=stage):
                await self._tasks.say(wording()["stages"].get(stage, ""))
            case ev.Notice(text=text):
                await self._notice(text)
            case ev.PlanProposed(steps=steps):
                for step in steps:
                    self._titles[step.id] = step_title(step.tool, step.args)
                    await self._tasks.expect(step.id, self._titles[step.id])
            case ev.StepStarted():
                await self._started(event)
            case ev.Progress():
                await self._progress(event)
            case ev.ModelStarting():
                await self._starting(event)
            case ev.ModelSwapped(swap=swap) if event.step in self._steps:
                self._steps[event.step].output = f"{swap.action} {swap.engine}: {swap.seconds:.1f} s"
                await self._redraw(event.step)
            case ev.AssetMade():
                await self._made(event)
            case ev.StepFinished():
                await self._finished(event)
            case ev.ApprovalAsked():
                self._asked = event  # drawn last, below an answer

    async def _notice(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            await cl.Message(f"ℹ️ {text}").send()

    async def _started(self, event: ev.StepStarted) -> None:
        top = "/" not in event.step
        parent = self._steps.get(event.step.rsplit("/", 1)[0])
        title = self._titles.get(event.step, "") or (step_title(event.tool, {}) if top else event.title)
        step = cl.Step(
            name=_short(title), type="tool", parent_id=parent.id if parent else None, default_open=top,
            auto_collapse=top,
        )  # fmt: skip
        step.created_at = step.start = _now()
        step.output = bar(0, 1) if top else ""
        self._steps[event.step], self._tools[event.step] = step, event.tool
        await step.send()
        await self._tasks.begin(event.step, _short(title), step.id)

    async def _progress(self, event: ev.Progress) -> None:
        if event.step not in self._steps or not self._due(event.step):
            return
        share = min(1.0, event.done / event.total) if event.total else 0.0
        left = self._paces.setdefault(event.step, Pace()).left(share, time.monotonic())
        told = (
            event.note if not left or " left" in event.note else ", ".join(part for part in (event.note, left) if part)
        )
        line = f"{bar(share, 1)} {told}".rstrip()
        self._steps[event.step].output = line
        if "/" not in event.step:
            await self._tasks.say(f"{share:.0%}")
        await self._redraw(event.step)

    async def _starting(self, event: ev.ModelStarting) -> None:
        """A model that comes up for a tool is told in its step; for the brain, in a step of its own."""
        text = phase_text(event.progress, with_share=False)
        key = event.step if event.step in self._steps else STARTING
        if key not in self._steps:
            step = cl.Step(name=f"Starting {event.progress.engine}", type="tool", default_open=True, auto_collapse=True)
            step.created_at = step.start = _now()
            self._steps[key] = step
            await step.send()
        share = event.progress.share
        prefix = f"Starting {event.progress.engine}: " if key != STARTING else ""
        self._steps[key].output = prefix + (text if share is None else f"{bar(share, 1)} {text}")
        if event.progress.phase == "ready" and key == STARTING:
            step = self._steps.pop(key)
            step.output, step.end = f"✓ {event.progress.engine} is ready", _now()
            await step.update()
        elif self._due(key):
            await self._redraw(key)

    def _due(self, step: str) -> bool:
        if time.monotonic() - self._drawn.get(step, 0.0) < UPDATE_S:
            return False
        self._drawn[step] = time.monotonic()
        return True

    async def _redraw(self, step: str) -> None:
        """On the page only: a bar that moves is not worth a write to the history."""
        await cl.context.emitter.update_step(self._steps[step].to_dict())

    async def _made(self, event: ev.AssetMade) -> None:
        """Pictures of shots appear below the running film as they come."""
        top = self._steps.get(event.step.split("/", 1)[0])
        if (
            top is not None
            and "/" in event.step
            and event.asset.kind == "image"
            and self._tools.get(event.step) == DRAWS
            and event.asset.params.get("take", {}).get("rank", 1) == 1
        ):
            picture = element_for(asset_row(event.asset))
            picture.size = "small"
            self._poster = self._poster or picture.url
            await picture.send(for_id=top.id)

    async def _finished(self, event: ev.StepFinished) -> None:
        step = self._steps.get(event.step)
        if step is None and event.status == "reused":
            await self._started(ev.StepStarted(step=event.step, tool=event.tool, title=event.summary or event.tool))
            step = self._steps[event.step]
        if step is not None:
            mark = {"done": "✓", "reused": "✓ already there:", "asked": "?"}.get(event.status, "✗")
            step.output = f"{mark} {without_ids(event.summary)} ({event.seconds:.1f} s)"
            step.is_error = event.status in ("failed", "refused")
            step.end = _now()
            await step.update()
        if event.status == "asked":
            await self._tasks.wait(event.step)
        else:
            await self._tasks.finish(event.step, event.status in ("done", "reused"))

    async def close(self, report: dict[str, Any]) -> None:
        """The reply with its results, then the plan that waits for an answer."""
        await self._close(report)
        if self._asked is not None:
            await ask_approval(self._asked)

    async def _close(self, report: dict[str, Any]) -> None:
        await self._tasks.clear()
        for step in self._steps.values():
            if step.end is None:  # a step that the turn left behind, e.g. when it was stopped
                step.end, step.output = _now(), "✗ stopped"
                await step.update()
        if report["questions"] and not report["reply"]:
            return  # the plan with its buttons says all
        notes = [n for n in report["notices"] if n not in report["reply"] and n not in self._told]
        self._told.update(notes)
        said = in_lines(without_ids(report["reply"]))
        told = (said, "\n".join(f"- {n}" for n in notes), page_links(report["assets"]))
        text = "\n\n".join(part for part in told if part)
        if report["error"] and not report["assets"]:
            await cl.ErrorMessage(text).send()
            return
        rows = [row for row in report["assets"] if not is_page(row)]
        if report["calls"] and all(call["tool"] == LISTS for call in report["calls"]):
            # the list is the answer; what can be seen or heard stands below it, and is no result of now
            main = [row for row in rows if row["kind"] in ("image", "audio", "video")]
            extras: list[dict[str, Any]] = []
        else:
            await self._measures(report["assets"])
            main, extras = _sorted_results(rows)
        actions = [
            cl.Action(name="say", payload={"text": c}, label=c, tooltip="Answer with this") for c in report["choices"]
        ]
        meta = {"brain": report["brain"], "intent": report["intent"]}
        await cl.Message(
            text, elements=[element_for(r, self._poster) for r in main], actions=actions, metadata=meta
        ).send()
        if extras:
            await cl.Message(_came_along(extras), elements=[element_for(r) for r in extras], metadata=meta).send()

    async def _measures(self, rows: list[dict[str, Any]]) -> None:
        if table := scores_table(rows):
            step = cl.Step(name="Measured the result", type="tool")
            step.created_at = step.start = step.end = _now()
            step.output = table
            await step.send()


def _sorted_results(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was asked for, and what came along with it: a film stands alone, its sheet and timeline follow."""
    films = [r for r in rows if r["kind"] == "video"]
    if not films or len(films) == len(rows):
        return rows, []
    return films, [r for r in rows if r["kind"] != "video"]


def _came_along(rows: list[dict[str, Any]]) -> str:
    """What the files beside a film are, in words: only what is there is named."""
    board = "The storyboard" if any(r["kind"] in ("storyboard", "image") for r in rows) else ""
    cut = "the files to edit it further" if any(r["kind"] == "timeline" for r in rows) else ""
    other = "what was made along with it" if not (board or cut) else ""
    words = " and ".join(part for part in (board, cut, other) if part)
    return f"{words[:1].upper()}{words[1:]}:"


async def draw_turn(
    agent: StudioAgent, thread: str, text: str, files: Sequence[tuple[str, str]], decision: Decision | None,
    told: set[str],
) -> None:  # fmt: skip
    """Run a turn of the conversation and draw it. Raises StudioError when the request itself is unusable."""
    asked = await agent.pending(thread) if decision is not None else None
    view = TurnView(told, asked.plan.steps if asked else ())
    async for event in agent.astream(text, thread=thread, attachments=list(files), decision=decision):
        if isinstance(event, ev.Done):
            await view.close(event.report)
        else:
            await view.show(event)


def _short(text: str) -> str:
    return shortened(text, TITLE_LIMIT)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
