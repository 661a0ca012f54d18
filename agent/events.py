"""The one stream of events that chat, command line, evals and the API read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tools.events import AssetMade, Event, ModelStarting, ModelSwapped, Progress, Scored, StepFinished, StepStarted

__all__ = [
    "ApprovalAsked",
    "AssetMade",
    "Done",
    "Event",
    "Failed",
    "ModelStarting",
    "ModelSwapped",
    "Notice",
    "PlanProposed",
    "PlanStep",
    "Progress",
    "Question",
    "Scored",
    "StageEntered",
    "StepFinished",
    "StepStarted",
]


@dataclass(frozen=True)
class PlanStep:
    """One step of a plan, with its price."""

    id: str
    """'1', '2', ...; later steps refer to the first asset of an earlier one as '$1' in their arguments."""
    tool: str
    args: dict[str, Any]
    title: str
    effect: str
    engines: tuple[str, ...]
    seconds: float
    vram_mib: int
    after: tuple[str, ...] = ()
    basis: str = "estimated"
    """estimated | measured."""


@dataclass(frozen=True, kw_only=True)
class StageEntered(Event):
    """understand | recall | plan | approve | act | evaluate | reply."""

    stage: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanProposed(Event):
    steps: tuple[PlanStep, ...]
    seconds: float
    vram_mib: int
    swaps: int
    overwrites: tuple[str, ...] = ()
    needs_approval: bool = False


@dataclass(frozen=True, kw_only=True)
class ApprovalAsked(Event):
    """The turn stops here; continue with `agent.astream(decision=Decision(...), thread=...)`."""

    plan: PlanProposed
    reason: str


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """A fallback or a warning that must be shown, with its reason."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Question(Event):
    """The agent asks back; the user's next message answers it."""

    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    problem: str
    cause: str = ""
    fix: str = ""
    exit_code: int = 4


@dataclass(frozen=True, kw_only=True)
class Done(Event):
    """End of the turn; `report` has exactly the shape of `studio ask --json`."""

    reply: str
    report: dict[str, Any] = field(default_factory=dict)
