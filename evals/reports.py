"""A report as JSON, JUnit and one static HTML page; on the terminal as a table."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from configs.errors import StudioError

TEMPLATE = Path(__file__).parent / "report.html.jinja"
PICTURE_WIDTH = 320
RATES = (
    "intent_accuracy", "trajectory_accuracy", "argument_accuracy", "task_success", "clarify_precision",
    "decline_precision", "cases_passed",
)  # fmt: skip


def write_json(report: Mapping[str, Any], file: Path) -> None:
    """The whole report."""
    _write(file, json.dumps(report, ensure_ascii=False, indent=1))


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
            reasons = [case["error"]] if case["error"] else [w for t in case["turns"] for w in t["wrong"]]
            reasons = reasons or ["the expected result was not made"]
            failure = ElementTree.SubElement(row, "failure", message=_xml(reasons[0]))
            failure.text = _xml("\n".join(reasons))
    _write(file, ElementTree.tostring(suite, encoding="unicode", xml_declaration=True))


def write_html(report: Mapping[str, Any], file: Path) -> None:
    """One self-contained page with figures, tags, cases and the pictures that were made."""
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    cases = [{**c, "shown": [p for p in map(_embedded, c["pictures"]) if p]} for c in report["cases"]]
    _write(file, template.render(report=report, cases=cases, rates=RATES, percent=percent))


def print_report(report: Mapping[str, Any]) -> None:
    """The figures and what failed."""
    from rich.console import Console
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
            reasons = [case["error"]] if case["error"] else [w for t in case["turns"] for w in t["wrong"]]
            said = case["turns"][0]["say"] if case["turns"] else ""
            console.print(
                f"[red]failed[/] {case['id']}: [dim]{said[:90]}[/]\n         {'; '.join(reasons)}", soft_wrap=True
            )
    console.print(table)


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _embedded(path: str) -> str:
    """A small JPEG as data URI; '' when the picture is gone."""
    from io import BytesIO

    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.thumbnail((PICTURE_WIDTH, PICTURE_WIDTH))
            out = BytesIO()
            picture.convert("RGB").save(out, "JPEG", quality=85)
    except OSError:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def _xml(text: str) -> str:
    return "".join(c for c in text if c >= " " or c in "\n\t")


def _write(file: Path, text: str) -> None:
    partial = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, file)  # noqa: PTH105
    except OSError as error:
        raise StudioError(f"The report {file} could not be written", error.strerror or str(error)) from error
