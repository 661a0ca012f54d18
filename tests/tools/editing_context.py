"""A studio without engines on a throw-away home, to run the editing tools through the real executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.gpu.arbiter import Arbiter
from backends.media.frames import read_frames
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory
from tools.events import Event
from tools.executor import Executor, Run
from tools.intake import attach
from tools.spec import CancelToken, Studio, ToolOutcome


class EditingStudio:
    """Attach files, run tools, look at the frames."""

    def __init__(self, settings: Settings) -> None:
        self.workspace = Workspace.open(settings.home)
        self.memory = Memory.open(self.workspace, index="numpy", embedder="letters")
        self.settings = settings
        arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        self.executor = Executor(Studio(settings, self.workspace, self.memory), arbiter)
        self.events: list[Event] = []

    def attach(self, path: Path) -> Asset:
        return attach(path, self.workspace, self.memory, self.settings, "t")

    def run(self, tool: str, cancel: CancelToken | None = None, **args: Any) -> ToolOutcome:
        run = Run(thread="t", step=tool, emit=self.events.append, cancel=cancel or CancelToken())
        return self.executor.run(tool, args, run)

    def make(self, tool: str, **args: Any) -> tuple[Path, ToolOutcome]:
        """Run a tool that must succeed; the file of its first asset."""
        outcome = self.run(tool, **args)
        if outcome.error is not None:
            raise outcome.error
        return self.path(outcome.assets[0]), outcome

    def path(self, asset: Asset) -> Path:
        return self.workspace.home / asset.path

    def close(self) -> None:
        self.memory.close()


def frames(film: Path) -> NDArray[np.int16]:
    """All frames, (N, H, W, 3), as signed numbers that can be subtracted."""
    return np.stack([rgb for _, rgb in read_frames(film)]).astype(np.int16)


def _no_engine(name: str) -> Any:
    raise AssertionError(f"editing asked for the engine {name}")
