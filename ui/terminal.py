"""The event stream on a terminal: stages, plan, progress bars, results."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from agent import events as ev
from ui.wording import starting_text

STARTING = "/starting"
"""Key of the line about a model that is coming up; no step has it."""


class TerminalView:
    """Feed it events; it writes to standard error, so that standard output stays the result's."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, quiet=quiet)
        self._progress = Progress(
            TextColumn("  {task.description}", markup=False), BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", markup=False), TimeElapsedColumn(), console=self.console, transient=True,
            disable=quiet or not self.console.is_terminal,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._said = ""
        self._noted: set[str] = set()
        self._pictures = 0

    def __enter__(self) -> TerminalView:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: ev.Event) -> None:
        match event:
            case ev.Notice(text=text):
                self._noted.add(text)
                self.console.print(Text.assemble(("note", "yellow"), f" {text}"))
            case ev.PlanProposed():
                self._plan(event)
            case ev.StepStarted(step=step, title=title):
                self._started_up()
                self._tasks[step] = self._progress.add_task(_short(title), total=1.0, note="")
            case ev.Progress(step=step, done=done, total=total, note=note):
                if step in self._tasks:
                    self._progress.update(self._tasks[step], completed=done, total=total or 1.0, note=_short(note))
            case ev.ModelSwapped(swap=swap):
                self.console.print(f"  [dim]{swap.action} {swap.engine}: {swap.seconds:.1f} s[/]")
            case ev.ModelStarting(progress=progress):
                self._starting(starting_text(progress))
            case ev.StepFinished():
                self._pictures += event.tool == "generate_image" and event.status == "done" and "/" in event.step
                self._finished(event)
            case ev.Failed(problem=problem):
                self.console.print(Text.assemble(("failed", "red"), f" {problem}"))

    @property
    def kept(self) -> str:
        """Of a batch that is stopped, '3 pictures are finished and kept ...'; '' when there is none."""
        if not self._pictures:
            return ""
        made = "1 picture is" if self._pictures == 1 else f"{self._pictures} pictures are"
        return f"{made} finished and kept; the same wish goes on from there"

    def _starting(self, text: str) -> None:
        """One line that changes on a terminal; in a file, a line for each phase."""
        if self._progress.disable:
            phase = text.split(" (", 1)[0]
            if phase != self._said:
                self._said = phase
                self.console.print(f"  [dim]{phase}[/]")
            return
        task = self._tasks.get(STARTING)
        if task is None:
            task = self._tasks[STARTING] = self._progress.add_task(_short(text), total=None, note="")
        self._progress.update(task, description=_short(text, 72))

    def _plan(self, plan: ev.PlanProposed) -> None:
        table = Table(box=None, padding=(0, 1), show_header=False)
        for step in plan.steps:
            engines = "+".join(step.engines) or "-"
            about = "" if step.basis == "measured" else "about "
            table.add_row(Text(step.id, "bold"), Text(step.title), engines, f"{about}{step.seconds:.0f} s")
        memory = f", {plan.vram_mib} MiB on the GPU" if plan.vram_mib else ""
        self.console.print(table)
        self.console.print(f"  [dim]plan: about {plan.seconds:.0f} s, {plan.swaps} model load(s){memory}[/]")

    def _started_up(self) -> None:
        if (task := self._tasks.pop(STARTING, None)) is not None:
            self._progress.remove_task(task)

    def _finished(self, event: ev.StepFinished) -> None:
        if event.step in self._tasks:
            self._progress.remove_task(self._tasks.pop(event.step))
        if event.step.count("/") > 1:
            return
        known = {"done": "[green]done[/]", "reused": "[cyan]kept[/]", "asked": "[yellow]asks[/]"}
        mark = known.get(event.status, f"[red]{event.status}[/]")
        indent = "  " * (1 + event.step.count("/"))
        name = event.step.rsplit("/", 1)[-1] if "/" in event.step else event.tool
        self.console.print(f"{indent}{mark} {name} [dim]{event.seconds:.1f} s[/]")

    def result(self, report: dict[str, Any]) -> None:
        """The reply and where the files lie, on standard output."""
        out = Console(highlight=False, soft_wrap=True)
        out.print(report["reply"] or "\n".join(report["questions"]), markup=False)
        for asset in report["assets"]:
            out.print(f"  {asset['kind']:<10} {report['home']}/{asset['path']}", markup=False)
            for name, score in asset["scores"].items():
                out.print(f"             {name}: {_score(score)}", markup=False)
        both = out.is_terminal and self.console.is_terminal
        for notice in report["notices"]:
            if notice in report["reply"] or (both and notice in self._noted):  # it stands above already
                continue
            out.print(f"  note: {notice}", markup=False)


def _score(score: dict[str, Any]) -> str:
    if score["status"] == "not measured" or score.get("value") is None:
        return "not measured" + (f" ({score['note']})" if score.get("note") else "")
    mark = {True: "passed", False: "FELL SHORT", None: ""}[score.get("passed")]
    limit = f" (mark {score['threshold']:g})" if score.get("threshold") is not None else ""
    return f"{score['value']:.3g}{limit} {mark}".rstrip()


def _short(text: str, limit: int = 48) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
