"""Sets by name."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from backends.image.layout.scene import SETS, TIMES
from backends.image.layout.stage import Stage
from configs.errors import UsageError


@lru_cache(maxsize=8)
def build_stage(name: str, time_of_day: str, seed: int) -> Stage:
    """The set `name` at `time_of_day`; `seed` places small details. Raises UsageError for unknown names."""
    if name not in SETS:
        raise UsageError(f"There is no set '{name}'", "", f"Choose one of: {', '.join(SETS)}")
    if time_of_day not in TIMES:
        raise UsageError(f"There is no time of day '{time_of_day}'", "", f"Choose one of: {', '.join(TIMES)}")
    stage: Stage = import_module(f"backends.image.layout.sets.{name}").build(time_of_day, seed)
    return stage
