"""What happens while tools run, as typed events; the agent adds its own in `agent/events.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backends.gpu.engine import StartProgress, Swap
from memory.records import Asset, Score


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events; `step` is the plan step (or sub-step, 'film/shot-2') it belongs to."""

    thread: str = ""
    step: str = ""
    at: float = field(default_factory=time.time)
    """Unix time, seconds."""


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    tool: str
    title: str
    engines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    tool: str
    status: str
    """done | reused | asked (the user has to answer first) | failed | refused | cancelled."""
    seconds: float
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    done: float
    total: float
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelSwapped(Event):
    swap: Swap


@dataclass(frozen=True, kw_only=True)
class ModelStarting(Event):
    """A model is coming up, and somebody waits for it."""

    progress: StartProgress


@dataclass(frozen=True, kw_only=True)
class AssetMade(Event):
    asset: Asset


@dataclass(frozen=True, kw_only=True)
class Scored(Event):
    asset_id: str
    score: Score


Emit = Callable[[Event], None]
"""Thread-safe sink for events."""
