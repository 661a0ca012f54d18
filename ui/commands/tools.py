"""`studio tools` and `studio tool`."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ui.opening import log_to, settings_for


def list_tools(as_json: bool) -> int:
    """Every tool with its arguments."""
    from tools.registry import all_tools, group_of
    from tools.schema import function_schema

    rows = [
        {**function_schema(t)["function"], "effect": t.effect, "group": group_of(t.name), "makes": t.makes}
        for t in all_tools()
    ]
    if as_json:
        print(json.dumps({"tools": rows}, ensure_ascii=False))
        return 0
    table = Table("tool", "arguments", "what it does", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        needed = row["parameters"].get("required", [])
        arguments = ", ".join(n if n in needed else f"[dim]{n}[/]" for n in row["parameters"]["properties"])
        table.add_row(f"[bold]{row['name']}[/]", arguments, row["description"])
    Console(highlight=False).print(table)
    return 0


def run_tool(name: str, args: str, as_json: bool, home: Path | None, thread: str, attach_files: list[Path]) -> int:
    """Run one tool through the executor, with progress; the outcome's exit code."""
    from agent.report import outcome_report
    from tools.executor import Run
    from tools.intake import attach
    from tools.opening import opened_executor
    from tools.registry import get_tool
    from ui.terminal import TerminalView

    get_tool(name)  # a wrong name is told before anything is opened
    view = TerminalView(quiet=as_json)
    settings = settings_for(home)
    with opened_executor(settings) as executor, view:
        studio = executor.studio
        log_to(studio.workspace.home / "studio.log")
        for file in attach_files:
            attach(file, studio.workspace, studio.memory, settings, thread)
        outcome = executor.run(name, args, Run(thread=thread, step=name, emit=view.show))
        result = outcome.result
        if as_json:
            print(json.dumps(outcome_report(outcome), ensure_ascii=False, default=str))
        elif result is not None:
            print(result.summary)
            for asset in outcome.assets:
                print(f"  {asset.kind:<10} {studio.workspace.home / asset.path}")
            for warning in result.warnings:
                print(f"  note: {warning}")
        if outcome.error is not None and not as_json:
            raise outcome.error
        return outcome.error.exit_code if outcome.error else 0
