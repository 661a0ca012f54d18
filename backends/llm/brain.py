"""Which brain the studio thinks with: a served language model, or the one that is built in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backends.llm.understanding import Capabilities
from configs.errors import StudioError, UsageError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from configs.settings import Settings

Embed = Callable[[list[str]], Any]
"""texts -> (N, D) float32, L2-normalised rows."""


def make_brain(settings: Settings, *, embed: Embed | None = None) -> tuple[BaseChatModel, Capabilities, str | None]:
    """The brain for these settings, what it can do, and a notice to show when it is not the one first asked for.

    Args:
        settings: `brain` (auto | offline | llm) and `llm`.
        embed: sentence encoder for the built-in brain when `memory.embedder` names one; the packaged MiniLM is loaded
            without it, and with neither the brain stands on TF-IDF alone.

    Raises:
        StudioError: brain 'llm' is asked for, and its endpoint does not answer or lists no model.
        UsageError: brain 'llm' is asked for without `llm.base_url`.
    """
    if settings.brain == "llm" and not settings.llm.base_url:
        raise UsageError(
            "No language model is set",
            "brain is 'llm' but neither llm.service nor llm.base_url is set",
            "Set one of them, or brain: offline",
        )
    if settings.brain == "offline":
        return (*_offline(settings, embed), None)
    if not settings.llm.base_url:
        return (
            *_offline(settings, embed),
            "Using the built-in brain: no language model is set (llm.service or llm.base_url)",
        )
    from backends.llm.remote import make_llm_brain

    try:
        return (*make_llm_brain(settings.llm), None)
    except StudioError as error:
        if settings.brain == "llm":
            raise
        brain, capabilities = _offline(settings, embed)
        return (
            brain,
            capabilities,
            f"Using the built-in brain: {error.problem[0].lower()}{error.problem[1:]} ({error.cause})",
        )


def _offline(settings: Settings, embed: Embed | None) -> tuple[BaseChatModel, Capabilities]:
    from backends.llm.offline.brain import OfflineBrain
    from backends.llm.offline.encoder import packaged_model

    # The packaged MiniLM is ready in half a second here; the same weights through torch take many.
    own = settings.memory.embedder == "auto" and packaged_model() is not None
    brain = OfflineBrain(embed=None if own else embed)
    return brain, brain.capabilities
