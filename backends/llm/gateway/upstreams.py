"""Where the gateway's models are, and what it takes to use one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from backends.gpu.engine import OnStart


@dataclass(frozen=True)
class ModelCard:
    """A model that may be asked for."""

    name: str
    revision: str = ""
    """What decides its answers (weights, quantisation); part of the cache's key."""
    state: str = ""
    """Of the engine: cold, parked, active, ...; '' when it is not known."""
    about: str = ""
    role: str = ""
    context: int | None = None
    """Longest conversation, tokens."""
    listed: bool = True
    """False: a name as the client gave it, which only the endpoint can judge."""


class Upstream(Protocol):
    """The right to send requests to one model; `release()` ends it."""

    base_url: str
    """Without /v1."""
    served_model: str
    """The name it answers to."""
    stand_in: str
    """Name of the smaller model that stands in; '' when it is the one that was asked for."""
    headers: dict[str, str]
    """To be sent along, e.g. a key of its own."""
    notices: tuple[str, ...]
    """What the user should know about how it came up."""

    def release(self) -> None:
        """Give it back; harmless when called twice."""

    def on_void(self, tell: Callable[[str], None]) -> None:
        """Call `tell(reason)` from any thread when the right is taken back."""


class Upstreams(Protocol):
    """All models that one gateway serves. Used from several event loops at once."""

    async def models(self) -> Sequence[ModelCard]:
        """What may be asked for; starts nothing. Raises StudioError when it cannot be known."""

    async def card(self, name: str) -> ModelCard:
        """The model of that name, 'default' and 'judge' resolved. Raises UsageError with the nearest name."""

    async def acquire(self, model: str, holder: str, on_start: OnStart) -> Upstream:
        """Bring the model up. Cancelling leaves nothing behind.

        Args:
            model: a card's name.
            holder: who asks, for the status of the arbiter.
            on_start: told how the start goes, from any thread.

        Raises:
            StudioError: it cannot come up.
        """

    def suspect(self, model: str, reason: str) -> None:
        """Somebody waited in vain: look whether the model still works. Returns at once."""
