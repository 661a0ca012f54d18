"""From settings to a working agent."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from agent.served_brain import ServedBrain, open_served_brain
from agent.studio_agent import StudioAgent
from backends.gpu.arbiter import Arbiter
from backends.llm.brain import make_brain
from configs.errors import StudioError
from configs.settings import Settings, load_settings
from tools.embedding import studio_embedder
from tools.opening import close_executor, open_executor

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.llm.understanding import Capabilities


def build_agent(settings: Settings | None = None, *, dry: bool = False) -> StudioAgent:
    """The agent for these settings (None: from files and environment).

    Args:
        dry: tools answer with stand-ins and no engine is loaded (evaluation of intents).

    Raises:
        StudioError: the workspace cannot be written, another studio owns it, or a required language model is down.
    """
    settings = settings or load_settings()
    executor = open_executor(settings)
    served: ServedBrain | None = None
    try:
        served, notice = _served(settings, executor.arbiter)
        encoder = studio_embedder(settings.memory.embedder)
        embed = encoder.encode if encoder.is_semantic else None
        brain, capabilities, told = make_brain(served.settings if served else settings, embed=embed)

        def spare() -> tuple[BaseChatModel, Capabilities]:
            other, abilities, _ = make_brain(settings.model_copy(update={"brain": "offline"}), embed=embed)
            return other, abilities

        may_change = settings.brain == "auto" and capabilities.free_text
        agent = StudioAgent(
            executor.studio, executor, brain, capabilities, notice or told, dry=dry,
            spare=cache(spare) if may_change else None, on_close=served.close if served else None,
        )  # fmt: skip
    except BaseException:
        if served is not None:
            served.close()
        close_executor(executor)
        raise
    if served is not None:
        served.listeners.append(agent.tell_starting)
    return agent


def _served(settings: Settings, arbiter: Arbiter) -> tuple[ServedBrain | None, str | None]:
    """The studio's own language model, where one is set; else None, and why when it was wanted.

    Raises StudioError when brain 'llm' is asked for and its service cannot be started here.
    """
    if settings.brain == "offline" or settings.llm.base_url or not settings.llm.service:
        return None, None
    try:
        return open_served_brain(settings, arbiter), None
    except StudioError as error:
        if settings.brain == "llm":
            raise
        return None, f"Using the built-in brain: {error.problem[0].lower()}{error.problem[1:]} ({error.fix})"
