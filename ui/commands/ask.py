"""`studio ask`: one wish, one answer."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from ui.opening import open_agent, settings_for

if TYPE_CHECKING:
    from agent.state import Decision
    from agent.studio_agent import StudioAgent
    from ui.terminal import TerminalView


def run_ask(
    text: str, yes: bool, as_json: bool, home: Path | None, brain: str | None, thread: str, attach: list[Path]
) -> int:
    """Returns the exit code: 0 done, 3 a question is open, else the error's."""
    wish = _read_wish(text)
    settings = settings_for(home, brain)
    for file in attach:
        if not file.is_file():
            raise UsageError(f"The attachment '{file}' does not exist", fix="Check its path")
    from ui.terminal import TerminalView

    view = TerminalView(quiet=as_json)
    with open_agent(settings) as agent:
        try:
            return asyncio.run(_conversation(agent, wish, view, yes, as_json, thread, attach))
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(view.kept) from stop


async def _conversation(
    agent: StudioAgent, wish: str, view: TerminalView, yes: bool, as_json: bool, thread: str, attach: list[Path]
) -> int:
    from agent.events import ApprovalAsked, Done, ModelStarting
    from agent.report import exit_code

    decision: Decision | None = None
    started = ""
    while True:
        report: dict[str, Any] = {}
        asked = False
        with view:
            stream = agent.astream(wish, thread=thread, attachments=attach, yes=yes, decision=decision)
            async for event in stream:
                view.show(event)
                asked = asked or isinstance(event, ApprovalAsked)
                if isinstance(event, ModelStarting) and not event.step and event.progress.phase == "ready":
                    started = event.progress.engine
                if isinstance(event, Done):
                    report = event.report
        thread = report["thread"]
        if asked and not as_json and sys.stdin is not None and sys.stdin.isatty():
            decision = _ask_user(report)
            if decision is not None:
                continue
        if as_json:
            print(json.dumps({k: v for k, v in report.items() if k != "home"}, ensure_ascii=False, default=str))
        else:
            view.result(report)
            if started:
                view.console.print(f"[dim]'studio models start {started}' keeps the model up between commands.[/]")
            if asked:
                print(f"Run it again with --yes --thread {thread} to approve.")
        return exit_code(report)


def _ask_user(report: dict[str, Any]) -> Decision | None:
    """The user's answer; None when the terminal is closed (Ctrl-D), and the plan goes on waiting."""
    from agent.state import Decision

    print(report["questions"][-1])
    try:
        answer = input("[a]pprove, [c]ancel, or say what to change: ").strip()
    except EOFError:
        print()
        return None
    if answer.lower() in ("a", "approve", "y", "yes", ""):
        return Decision("approve")
    if answer.lower() in ("c", "cancel", "n", "no"):
        return Decision("cancel")
    return Decision("edit", change=answer)


def _read_wish(text: str) -> str:
    if text != "-":
        return text
    if sys.stdin is None:
        raise UsageError("There is no wish on standard input", "it is closed", "Give the wish in quotes")
    data = sys.stdin.buffer.read(1_000_000)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("The wish on standard input is not text", "it is not UTF-8", "Pipe a text file") from error
