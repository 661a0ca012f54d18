"""From settings to a working agent."""

from __future__ import annotations

import psutil
from memory.embedder import shared_embedder
from memory.store import Memory

from agent.studio_agent import StudioAgent
from backends.engines import make_engine
from backends.gpu.arbiter import Arbiter
from backends.llm.brain import make_brain
from configs.models import load_models
from configs.settings import Settings, load_settings
from configs.workspace import Workspace
from tools.executor import Executor
from tools.spec import Studio

CPU_SHARE = 0.6
"""Part of the machine's memory that engines may take when no budget is set."""


def build_agent(settings: Settings | None = None, *, dry: bool = False) -> StudioAgent:
    """The agent for these settings (None: from files and environment).

    Args:
        dry: tools answer with stand-ins and no engine is loaded (evaluation of intents).

    Raises:
        StudioError: the workspace cannot be written, another studio owns it, or a required language model is down.
    """
    settings = settings or load_settings()
    workspace = Workspace.open(settings.home)
    memory = Memory.open(workspace, index=settings.memory.index, embedder=settings.memory.embedder)
    try:
        encoder = shared_embedder(settings.memory.embedder)
        brain, capabilities, notice = make_brain(settings, embed=encoder.encode if encoder.is_semantic else None)
        studio = Studio(settings, workspace, memory)
        arbiter = Arbiter(
            load_models(),
            lambda name: make_engine(name, settings, workspace.cache),
            cpu_budget_mib=settings.gpu.cpu_budget_mib or int(psutil.virtual_memory().total / 2**20 * CPU_SHARE),
            gpu_budget_mib=settings.gpu.vram_budget_mib,
            lease_seconds=settings.gpu.lease_seconds,
        )
        return StudioAgent(studio, Executor(studio, arbiter), brain, capabilities, notice, dry=dry)
    except BaseException:
        memory.close()
        raise
