"""`studio eval` and `studio bench`."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from configs.errors import UsageError
from ui.opening import settings_for

BENCHMARKS = Path(__file__).parents[2] / "evals" / "benchmarks"


def run_eval(
    suites: list[str], brain: str | None, run: bool, json_file: Path | None, junit: Path | None, html: Path | None
) -> int:
    """Score the suites; 0 when all cases passed, else 4."""
    from rich.progress import track

    from evals.case import load_suite
    from evals.reports import print_report, write_html, write_json, write_junit
    from evals.runner import run_suite

    _refuse_lost_reports(json_file, junit, html)
    cases = [case for name in suites for case in load_suite(name)]
    settings = settings_for(None, brain or "offline", memory={"index": "numpy"}, approval={"mode": "never"})
    with_progress = iter(track(range(len(cases)), description="cases", transient=True))
    report = run_suite(cases, settings, dry=not run, on_case=lambda _: (next(with_progress, None), None)[1])
    next(with_progress, None)
    for file, write in ((json_file, write_json), (junit, write_junit), (html, write_html)):
        if file is not None:
            write(report, file)
    print_report(report)
    return 0 if all(c["passed"] for c in report["cases"]) else 4


def run_bench(names: list[str], json_file: Path | None, film: Path | None = None, *, everything: bool = False) -> int:
    """Run benchmarks by name and print their figures.

    film: handed to benchmarks that can measure on one. everything: all sizes, of benchmarks that have quick ones.
    """
    _refuse_lost_reports(json_file)
    known = sorted(p.stem for p in BENCHMARKS.glob("*.py") if p.stem != "__init__")
    figures: dict[str, Any] = {}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(known)}"
            raise UsageError(f"There is no benchmark '{name}'", fix=hint)
    runs = {name: _bench(name, film, everything) for name in names}
    for name, measure in runs.items():
        figures[name] = measure()
        print(f"{name}:")
        for key, value in figures[name].items():
            print(f"  {key}: {value}")
    if json_file is not None:
        from evals.reports import write_whole

        write_whole(json_file, json.dumps(figures, indent=1, default=str))
    return 0


def _refuse_lost_reports(*files: Path | None) -> None:
    """Raises UsageError before minutes of work whose report could not be written."""
    for file in files:
        if file is None:
            continue
        if file.is_dir():
            raise UsageError(f"The report cannot be written to '{file}'", "it is a folder", "Name a file")
        there = next(place for place in (file, *file.absolute().parents) if place.exists())
        if not os.access(there, os.W_OK) or not (there == file or there.is_dir()):
            raise UsageError(
                f"The report cannot be written to '{file}'", f"'{there}' may not be written", "Choose another place"
            )


def _bench(name: str, film: Path | None, everything: bool) -> Callable[[], dict[str, Any]]:
    run = import_module(f"evals.benchmarks.{name}").run
    known = signature(run).parameters
    wanted: dict[str, Any] = {"everything": True} if everything and "everything" in known else {}
    if film is not None:
        if "film" not in known:
            raise UsageError(f"The benchmark '{name}' measures on no film of yours", fix="Leave --film out")
        if not film.is_file():
            raise UsageError(f"There is no file '{film}'")
        wanted["film"] = film
    return partial(run, **wanted)
