"""A report as JSON, JUnit and one static HTML page; on the terminal as a table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from configs.errors import StudioError

TEMPLATE = Path(__file__).parent / "report.html.jinja"
RATES = (
    "intent_accuracy", "trajectory_accuracy", "argument_accuracy", "task_success", "clarify_precision",
    "decline_precision", "cases_passed",
)  # fmt: skip


def write_json(report: Mapping[str, Any], file: Path) -> None:
    """The whole report; of the pictures only their number."""
    cases = [{**c, "pictures": len(c["pictures"])} for c in report["cases"]]
    write_whole(file, json.dumps({**report, "cases": cases}, ensure_ascii=False, indent=1))


def write_junit(report: Mapping[str, Any], file: Path) -> None:
    """One test case per case, so that any CI shows them."""
    failed = [c for c in report["cases"] if not c["passed"]]
    suite = ElementTree.Element(
        "testsuite", name="studio-eval", tests=str(len(report["cases"])), failures=str(len(failed)), errors="0"
    )
    for case in report["cases"]:
        seconds = sum(t["seconds"] for t in case["turns"])
        row = ElementTree.SubElement(suite, "testcase", classname="studio.eval", name=case["id"], time=f"{seconds:.3f}")
        if not case["passed"]:
            failure = ElementTree.SubElement(row, "failure", message=_xml(reasons(case)[0]))
            failure.text = _xml("\n".join(reasons(case)))
    write_whole(file, ElementTree.tostring(suite, encoding="unicode", xml_declaration=True))


def write_html(report: Mapping[str, Any], file: Path) -> None:
    """One self-contained page with figures, tags, cases and the pictures that were made."""
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    cases = sorted(report["cases"], key=lambda c: bool(c["passed"]))  # failures first
    write_whole(file, template.render(report=report, cases=cases, rates=RATES, percent=percent, why=reasons))


def print_report(report: Mapping[str, Any]) -> None:
    """The figures and what failed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("measure", "value", "95 % interval", "n", box=None, padding=(0, 2, 0, 0))
    for name in RATES:
        rate = report[name]
        if rate["total"]:
            table.add_row(
                name, percent(rate["value"]), f"{percent(rate['low'])} to {percent(rate['high'])}", str(rate["total"])
            )
    table.add_row("tool_f1", percent(report["tool_f1"]), "", "")
    table.add_row("forbidden_calls", str(report["forbidden_calls"]), "", "")
    table.add_row("median_seconds", f"{report['median_seconds']}", "", "")
    for case in report["cases"]:
        if not case["passed"]:
            said = " / ".join(" ".join(t["say"].split())[:90] for t in case["turns"])
            console.print(f"[red]failed[/] {case['id']}: [dim]{escape(said)}[/]", soft_wrap=True)
            console.print(f"         {escape('; '.join(reasons(case)))}", soft_wrap=True)
    console.print(table)


def reasons(case: Mapping[str, Any]) -> list[str]:
    """Why a case failed, in words; empty for one that passed."""
    if case["passed"]:
        return []
    found = [case["error"]] if case["error"] else [w for t in case["turns"] for w in t["wrong"]]
    return found or ["the expected result was not made"]


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _xml(text: str) -> str:
    return "".join(c for c in text if c >= " " or c in "\n\t")


def write_whole(file: Path, text: str) -> None:
    """The text at `file`, or nothing new there. Raises StudioError."""
    partial = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, file)  # noqa: PTH105
    except OSError as error:
        raise StudioError(f"The report {file} could not be written", error.strerror or str(error)) from error
