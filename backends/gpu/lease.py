"""The right to use engines for a while."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backends.gpu.engine import Engine, Swap

_ids = itertools.count(1)


@dataclass
class Lease:
    """Granted by the arbiter; void after `release()` or when its heartbeat stops for too long."""

    holder: str
    engines: dict[str, Engine]
    epoch: int
    """Rises with every grant; a higher epoch on the same engine means that this lease is over."""
    swaps: tuple[Swap, ...]
    """What had to be loaded or parked for this grant."""
    waited_s: float
    _beat: Callable[[Lease], None]
    _release: Callable[[Lease], None]
    id: int = field(default_factory=lambda: next(_ids))
    beaten_at: float = field(default_factory=time.monotonic)

    def heartbeat(self) -> None:
        """Say that the work goes on. Raises EngineError when the lease has expired."""
        self._beat(self)

    def release(self) -> None:
        """Give the engines back; harmless when called twice."""
        self._release(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
