"""What a tool is: an argument model, a declaration and `run()`; the executor is the only door to it."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from backends.gpu.engine import Engine, Swap
from configs.errors import Cancelled, StudioError
from configs.settings import Settings
from configs.workspace import Workspace
from memory.records import Asset, AssetKind, Score

if TYPE_CHECKING:
    from memory.store import Memory

Effect = Literal["read", "create", "overwrite", "delete", "spend"]
Basis = Literal["measured", "estimated"]
SUMMARY_LIMIT = 1024


class ToolArgs(BaseModel):
    """Base of every tool's arguments: unknown ones are refused, each has a description."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Forecast:
    """What a call is expected to cost."""

    seconds: float
    vram_mib: int = 0
    disk_mib: float = 0.0
    basis: Basis = "estimated"


@dataclass(frozen=True)
class ToolResult:
    """What a tool hands back; files only as assets already saved through `ctx.save`."""

    summary: str
    """At most 1 KB, facts only, for the model and the user."""
    assets: tuple[Asset, ...] = ()
    """The results, main one first (intermediate assets are recorded, but not listed here)."""
    measurements: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    """JSON-ready facts for calling code (a scene list, a storyboard); not shown to the model in full."""


@dataclass(frozen=True)
class ToolOutcome:
    """What the executor reports of one call, whatever happened."""

    tool: str
    args: dict[str, Any]
    """After repair and resolution."""
    status: Literal["done", "reused", "asked", "failed", "refused", "cancelled"]
    """asked: nothing went wrong, but the user has to answer `error` first."""
    seconds: float
    engine: str = ""
    result: ToolResult | None = None
    error: StudioError | None = None
    swaps: tuple[Swap, ...] = ()

    @property
    def assets(self) -> tuple[Asset, ...]:
        return self.result.assets if self.result else ()


class CancelToken:
    """Stops work between steps: by the user, or when the deadline passes."""

    def __init__(self, seconds: float | None = None, parent: CancelToken | None = None) -> None:
        self._event = threading.Event()
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._limit, self._parent = seconds, parent

    def cancel(self) -> None:
        self._event.set()

    @property
    def is_set(self) -> bool:
        late = self._deadline is not None and time.monotonic() > self._deadline
        return self._event.is_set() or late or (self._parent is not None and self._parent.is_set)

    def check(self) -> None:
        """Raises Cancelled when the work should stop; call it between steps."""
        if self._parent is not None:
            self._parent.check()
        if self._event.is_set():
            raise Cancelled("Stopped at your request", fix="Say it again to go on; what is finished is kept")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Cancelled(
                f"Stopped after {self._limit:.0f} s", "the time limit of this step", "Ask for less, or raise limits"
            )


class ToolContext(Protocol):
    """What a running tool may use. Made by the executor."""

    settings: Settings
    workspace: Workspace
    memory: Memory
    engines: Mapping[str, Engine]
    """The leased engines by name."""
    cancel: CancelToken
    thread: str
    step: str

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Report progress; also keeps the lease alive and raises Cancelled when asked to stop."""

    def engine(self, kind: str) -> Any:
        """The leased engine of this kind ('image', 'voice', ...)."""

    def asset(self, ref: str, *kinds: AssetKind) -> Asset:
        """Resolve a file argument (asset id, attached file's name, path in the workspace, 'last').

        Raises UsageError with the nearest names when there is none, or when its kind is not in `kinds`.
        """

    def path(self, asset: Asset) -> Path:
        """Absolute path of an asset's file, checked to lie in the workspace."""

    def scratch(self, suffix: str) -> Path:
        """A new unique path for a temporary file (removed with the run unless saved)."""

    def save(
        self,
        file: Path,
        kind: AssetKind,
        name: str,
        *,
        engine: str = "",
        engine_version: str = "",
        params: Mapping[str, Any] | None = None,
        seed: int | None = None,
        parents: tuple[str, ...] = (),
        scores: tuple[Score, ...] = (),
        summary: str = "",
    ) -> Asset:
        """Move a finished scratch file into the assets and record it, atomically."""

    def call(self, tool: str, args: Mapping[str, Any], *, key: str = "", title: str = "") -> ToolOutcome:
        """Run another tool through the executor as a sub-step.

        With a `key`, a finished call of the same key, tool and arguments in this job is reused (resume after a kill).
        Raises the call's StudioError when it fails.
        """

    def engine_states(self) -> list[dict[str, Any]]:
        """All engines of the studio: name, kind, device, state, leases, need_mib, error."""

    def warn(self, text: str) -> None:
        """Something the user should know: a fallback with its reason, a doubtful input."""


@dataclass(frozen=True)
class Studio:
    """What a tool's declaration may look at before it runs."""

    settings: Settings
    workspace: Workspace
    memory: Memory

    def image_engine(self) -> str:
        return self.settings.image.resolved_engine()

    def voice_engine(self) -> str:
        return self.settings.voice.resolved_engine()


class Tool(ABC):
    """Base of all tools; a subclass is checked when its class is made."""

    name: ClassVar[str]
    description: ClassVar[str]
    """One or two sentences for the model: what it does, when to use it."""
    Args: ClassVar[type[ToolArgs]]
    effect: ClassVar[Effect] = "create"
    makes: ClassVar[AssetKind | None] = None
    """Kind of its main result."""
    time_limit_s: ClassVar[float] = 900.0
    timed: ClassVar[bool] = True
    """False: its arguments do not tell how long it takes, so the executor keeps no timings of it (its parts have)."""
    at_once: ClassVar[bool] = False
    """True: it only changes what is remembered, in a moment; its change and the step are recorded together, so that a
    step made again after a kill changes nothing twice."""
    retried: ClassVar[bool] = True
    """False: the agent does not call it again with another seed when a gate fails; its parts did that already."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls.run, "__isabstractmethod__", False):
            return
        for required in ("name", "description", "Args"):
            if not getattr(cls, required, None):
                raise TypeError(f"{cls.__name__} lacks '{required}'")
        for field_name, info in cls.Args.model_fields.items():
            if not info.description:
                raise TypeError(f"{cls.__name__}.Args.{field_name} lacks a description")

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        """Names of the engines to lease for these arguments."""
        return frozenset()

    def uses(self, args: Any, studio: Studio) -> frozenset[str]:
        """Names of all engines that the call will bring up, those of its sub-steps included (for the forecast)."""
        return self.needs(args, studio)

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        """Expected cost. The executor replaces the seconds by measured ones once it has seen enough runs."""
        return Forecast(seconds=0.1)

    def check_possible(self, args: Any, studio: Studio, before: Sequence[str] = ()) -> None:
        """Raises StudioError when the call is bound to fail: told before its price, and before anybody agrees to it.

        It only looks at files and memory. before: tools of earlier steps of the same plan, whose results are to come.
        """
        return

    def only_said(self, args: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
        """A brain's arguments, without what counts only when the user said it and the user did not.

        told: the user's messages that the call answers, oldest first.
        """
        return dict(args)

    @abstractmethod
    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        """Do the work (in a worker thread). Raises StudioError."""
