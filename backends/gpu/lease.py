"""The right to use engines for a while."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backends.gpu.engine import Engine, Swap
from configs.errors import EngineError

_ids = itertools.count(1)
GIVEN_BACK = "it was given back"


@dataclass(eq=False)
class Lease:
    """Granted by the arbiter; void after `release()`, when its heartbeat stops for too long, or when it is revoked."""

    holder: str
    engines: dict[str, Engine]
    """By the name that was asked for; a smaller engine may stand in, see `substitutes`."""
    epoch: int
    """Rises with every grant; a higher epoch on the same engine means that this lease is over (a fencing token)."""
    swaps: tuple[Swap, ...]
    """What had to be loaded or parked for this grant."""
    waited_s: float
    _beat: Callable[[Lease], None]
    _release: Callable[[Lease], None]
    notices: tuple[str, ...] = ()
    """Steps of the ladder of fallbacks that this grant took, for the user to see."""
    substitutes: dict[str, str] = field(default_factory=dict)
    """Asked for -> the engine that stands in."""
    shape: str = ""
    """What decides the memory of this work, e.g. '1024x576'; needs are learned per engine and shape."""
    revocable: bool = False
    """True: may be taken back when others have waited through the drain time (a stream that can be cut)."""
    id: int = field(default_factory=lambda: next(_ids))
    beaten_at: float = field(default_factory=time.monotonic)
    granted_at: float = field(default_factory=time.monotonic)
    void: str = ""
    """Why it is over; '' while it is good."""
    wanted: bool = False
    """Others wait for what this lease holds: long work may give it back between two pieces and ask again."""
    _on_void: list[Callable[[str], None]] = field(default_factory=list)

    def heartbeat(self) -> None:
        """Say that the work goes on. Raises EngineError when the lease is over."""
        self.check()
        self._beat(self)

    def check(self) -> None:
        """Raises EngineError when the lease is over: its engines may belong to others by now."""
        if self.void:
            raise EngineError("The engines were taken back", self.void, "Try again")

    def on_void(self, tell: Callable[[str], None]) -> None:
        """Call `tell(reason)` once, from the arbiter's thread, when the lease is revoked or expires.

        `tell` must not block. It runs at once, in this thread, when that has happened already.
        """
        self._on_void.append(tell)
        if not self.void or self.void == GIVEN_BACK:
            return
        try:
            self._on_void.remove(tell)
        except ValueError:  # the arbiter's thread tells it right now
            return
        tell(self.void)

    def release(self) -> None:
        """Give the engines back; harmless when called twice."""
        if not self.void:
            self.void = GIVEN_BACK
            self._release(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
