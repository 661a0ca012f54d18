"""An agent with small real tools and a brain of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_brain import SCRIPTED, ScriptedBrain
from toy_tools import RUNS, TOY_TOOLS

from agent.studio_agent import StudioAgent
from backends.gpu.arbiter import Arbiter
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from memory.store import Memory
from tools import registry
from tools.executor import Executor
from tools.spec import Studio

Make = Callable[..., StudioAgent]


@pytest.fixture
def make_agent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    kept = {n: w for n, w in registry.TOOLS.items() if w.startswith(("tools.memory.", "tools.project."))}
    for name in set(registry.TOOLS) - set(kept):
        monkeypatch.delitem(registry.TOOLS, name)
    for name, where in TOY_TOOLS.items():
        monkeypatch.setitem(registry.TOOLS, name, where)
    RUNS.clear()
    opened: list[StudioAgent] = []

    def make(brain: ScriptedBrain, **changes: Any) -> StudioAgent:
        used = settings.model_copy(update=changes)
        workspace = Workspace.open(used.home)
        memory = Memory.open(workspace, index="numpy", embedder="letters")
        arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        studio = Studio(used, workspace, memory)
        agent = StudioAgent(studio, Executor(studio, arbiter), brain, SCRIPTED, None)
        opened.append(agent)
        return agent

    yield make
    for agent in opened:
        agent.close()


def _no_engine(name: str) -> Any:
    raise AssertionError(name)
