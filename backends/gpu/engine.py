"""What every loadable model looks like to the arbiter."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

EngineKind = Literal["image", "voice", "llm", "vision", "encoder"]


class EngineState(StrEnum):
    COLD = "cold"
    STARTING = "starting"
    ACTIVE = "active"
    DRAINING = "draining"
    PARKING = "parking"
    PARKED = "parked"
    RESTORING = "restoring"
    FAILED = "failed"


@runtime_checkable
class Engine(Protocol):
    """A model that can be loaded, parked out of the GPU, restored and unloaded.

    The methods block and run in the arbiter's worker thread; the arbiter never calls two of them at once.
    """

    name: str
    kind: EngineKind

    def load(self) -> None:
        """Cold -> active. Raises EngineError with what is missing and how to get it."""

    def park(self) -> None:
        """Active -> parked: gives the GPU memory back, fast to restore."""

    def restore(self) -> None:
        """Parked -> active."""

    def unload(self) -> None:
        """Anything -> cold."""

    def probe(self) -> None:
        """A one-step or one-token canary. Raises EngineError when the engine is not usable."""

    def need_mib(self) -> int:
        """Memory needed while active, MiB (GPU memory, or main memory on a machine without a GPU)."""


@dataclass(frozen=True)
class Swap:
    """One change of what is loaded, as reported to the user."""

    engine: str
    action: Literal["load", "park", "restore", "unload"]
    seconds: float
    at: float
    """Unix time, seconds."""
