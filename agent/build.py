"""From settings to a working agent."""

from __future__ import annotations

from agent.studio_agent import StudioAgent
from backends.llm.brain import make_brain
from configs.settings import Settings, load_settings
from memory.embedder import shared_embedder
from tools.opening import close_executor, open_executor


def build_agent(settings: Settings | None = None, *, dry: bool = False) -> StudioAgent:
    """The agent for these settings (None: from files and environment).

    Args:
        dry: tools answer with stand-ins and no engine is loaded (evaluation of intents).

    Raises:
        StudioError: the workspace cannot be written, another studio owns it, or a required language model is down.
    """
    settings = settings or load_settings()
    executor = open_executor(settings)
    try:
        encoder = shared_embedder(settings.memory.embedder)
        brain, capabilities, notice = make_brain(settings, embed=encoder.encode if encoder.is_semantic else None)
        return StudioAgent(executor.studio, executor, brain, capabilities, notice, dry=dry)
    except BaseException:
        close_executor(executor)
        raise
