"""What the tests of batches share: a studio with tiny pictures, and the batches that they ask it for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Executor, Run
from tools.opening import opened_executor
from tools.spec import ToolOutcome

SIZE = {"width": 96, "height": 64}
TWINS, BETWEEN = ("Marcella", "Marcelle"), "Marcelli"
"""Two characters, and a slip that may mean either."""


def fresh(home: Path, **more: Any) -> Any:
    settings = load_settings(
        home=home,
        brain="offline",
        image={"preview_samples": 1},
        budget={"rounds": 1},
        memory={"index": "numpy", "embedder": "letters"},
        **more,
    )
    return opened_executor(settings)


def make(executor: Executor, run: Run | None = None, **args: Any) -> ToolOutcome:
    return executor.run("generate_batch", {**SIZE, **args}, run or Run(thread="t"))


def done(outcome: ToolOutcome) -> list[dict[str, Any]]:
    assert outcome.error is None and outcome.result is not None, outcome.error
    rows: list[dict[str, Any]] = outcome.result.data["pictures"]
    return rows


def pictures(outcome: ToolOutcome) -> list[Asset]:
    return [asset for asset in outcome.assets if asset.tool == "generate_image"]


def record(executor: Executor, outcome: ToolOutcome) -> list[dict[str, Any]]:
    assert outcome.result is not None
    file = executor.studio.workspace.home / "batches" / outcome.result.data["job"] / "manifest.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def wishes(executor: Executor, *lines: str, name: str = "wishes.jsonl") -> str:
    (executor.studio.workspace.home / name).write_text("\n".join(lines), encoding="utf-8")
    return name
