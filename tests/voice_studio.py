"""A real studio around the voice tools: real executor, arbiter, memory and eSpeak; nothing faked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.engines import make_engine
from backends.gpu.arbiter import Arbiter
from configs.models import load_models
from configs.settings import Settings
from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory
from tools.events import Event
from tools.executor import Executor, Run
from tools.spec import Studio, ToolOutcome


@dataclass
class VoiceStudio:
    studio: Studio
    executor: Executor
    events: list[Event] = field(default_factory=list)

    def call(self, tool: str, /, **args: Any) -> ToolOutcome:
        return self.executor.run(tool, args, Run(thread="t", emit=self.events.append))

    def made(self, tool: str, /, **args: Any) -> tuple[ToolOutcome, Asset]:
        outcome = self.call(tool, **args)
        if outcome.error is not None:
            raise outcome.error
        return outcome, outcome.assets[0]

    def resumed(self, tool: str, args: Mapping[str, Any], job: str) -> ToolOutcome:
        return self.executor.run(tool, args, Run(thread="t", job=job, emit=self.events.append))

    def file(self, asset: Asset) -> Path:
        return self.studio.workspace.home / asset.path


@contextmanager
def voice_studio(settings: Settings, budget_mib: int = 2000) -> Iterator[VoiceStudio]:
    workspace = Workspace.open(settings.home)
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        arbiter = Arbiter(
            load_models(),
            lambda name: make_engine(name, settings, workspace.cache),
            cpu_budget_mib=budget_mib,
            gpu_budget_mib=budget_mib,
        )
        try:
            studio = Studio(settings, workspace, memory)
            yield VoiceStudio(studio, Executor(studio, arbiter))
        finally:
            arbiter.close()
