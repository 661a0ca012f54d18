"""What every loadable model looks like to the arbiter, and what some can do besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from configs.errors import EngineError

EngineKind = Literal["image", "voice", "llm", "vision", "encoder", "training"]
StartPhase = Literal["download", "load", "compile", "warm_up", "ready"]


class EngineState(StrEnum):
    COLD = "cold"
    STARTING = "starting"
    ACTIVE = "active"
    DRAINING = "draining"
    PARKING = "parking"
    PARKED = "parked"
    RESTORING = "restoring"
    FAILED = "failed"


class EngineOutOfMemory(EngineError):
    """The device had too little free memory for the engine; making room and trying again may help."""


@runtime_checkable
class Engine(Protocol):
    """A model that can be loaded, parked out of the GPU, restored and unloaded.

    The methods block and run in one of the arbiter's worker threads; the arbiter never calls two of them at once on
    the same engine.
    """

    name: str
    kind: EngineKind

    def load(self) -> None:
        """Cold -> active. Raises EngineError with what is missing and how to get it."""

    def park(self) -> None:
        """Active -> parked: gives the GPU memory back, fast to restore."""

    def restore(self) -> None:
        """Parked -> active. Raises EngineOutOfMemory when the device is too full."""

    def unload(self) -> None:
        """Anything -> cold, by force if need be. Raises EngineError only when its memory was not given back."""

    def probe(self) -> None:
        """A one-step or one-token canary. Raises EngineError when the engine is not usable."""

    def need_mib(self) -> int:
        """Memory needed while active, MiB (GPU memory, or main memory on a machine without a GPU)."""


@dataclass(frozen=True)
class StartProgress:
    """How far a load or restore is."""

    engine: str
    phase: StartPhase
    share: float | None = None
    """0..1 within the phase; None where it cannot be known."""
    note: str = ""


OnStart = Callable[[StartProgress], None]


@runtime_checkable
class Reporting(Protocol):
    """An engine that tells how its start goes. The arbiter sets `on_start`; it may be called from any thread."""

    on_start: OnStart | None


@runtime_checkable
class Watched(Protocol):
    """An engine whose process may die on its own."""

    def ailment(self) -> str:
        """'' while it is fit for work, else what happened. Cheap (no network), callable from any thread."""


@runtime_checkable
class Measured(Protocol):
    """An engine that knows its own memory."""

    def peak_mib(self) -> int | None:
        """Highest memory of its own since the last call, MiB; None when it cannot be measured here."""


@runtime_checkable
class Shrinkable(Protocol):
    """An engine that can make do with less memory."""

    def shrink(self) -> str:
        """Give something up, so that the next load() needs less; what was given up, '' when nothing is left."""

    def grow_back(self) -> None:
        """Undo all shrinking for the next load()."""


@runtime_checkable
class Lasting(Protocol):
    """An engine in a process that may outlive the studio that started it (`studio models start`)."""

    def adopt(self) -> EngineState:
        """Look for a process that an earlier studio left on purpose: ACTIVE, PARKED, or COLD when there is none.

        The process itself is asked; a stored state is never believed. One that does not answer rightly is ended.
        """

    def keep(self, kept: bool) -> None:
        """Whether the process shall outlive this studio."""

    @property
    def kept(self) -> bool: ...

    def leave(self) -> None:
        """Let go of a kept process without ending it."""


@runtime_checkable
class Interruptible(Protocol):
    """An engine whose start may take minutes."""

    def interrupt(self) -> None:
        """Make a load() or restore() that runs now fail soon; callable from any thread, harmless at any time.

        Used when the studio closes and when the user stops an engine that still starts.
        """


@runtime_checkable
class Checked(Protocol):
    """An engine that can tell beforehand that no room in the world would let it load."""

    def check_startable(self) -> None:
        """Raises EngineError with what is missing and how to get it: weights, a program, an environment.

        Called on a cold engine before anything is parked for it. Cheap: files are looked for, nothing is loaded,
        nobody is asked over a network.
        """


@runtime_checkable
class Downloading(Protocol):
    """An engine that can fetch its model, which it does only when the user allows it."""

    download: bool
    """Whether the next load() may."""


@runtime_checkable
class Pinning(Protocol):
    """An engine that keeps page-locked main memory."""

    def pinned_mib(self) -> int:
        """Page-locked memory held now, MiB. Cheap, callable from any thread."""


@dataclass(frozen=True)
class Swap:
    """One change of what is loaded, as reported to the user."""

    engine: str
    action: Literal["load", "park", "restore", "unload"]
    seconds: float
    at: float
    """Unix time, seconds."""
    reason: str = ""
    """For whom or why, e.g. the holder that waited, 'idle', 'crashed'."""
    phases: tuple[tuple[str, float], ...] = ()
    """Seconds by phase: drain, park, free, restore or load, probe."""
