"""What engines really need, learned from what was seen on this machine."""

from __future__ import annotations

import json
import logging
import math
import os
from collections import deque
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LOG = logging.getLogger("studio.arbiter")

MARGIN = 1.1
"""The learned need is the 99th percentile times this (ComfyUI's model management reserves the same share)."""
ENOUGH = 3
"""Samples below which the guess stays."""
KEPT = 200
"""Samples per engine and shape; older ones go."""
LEAST_SHARE = 0.5
"""Of the engine's own figure: a sample below it was taken while the engine did nothing."""
LONGEST_SHAPE = 80


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = 1
    samples: dict[str, dict[str, list[int]]] = Field(default_factory=dict)
    """Engine -> shape -> MiB, oldest first."""


class LearnedNeeds:
    """99th percentile of the memory seen per engine and shape, times 1.1, from three samples on.

    One thread adds; any may read.
    """

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the JSON file that keeps the samples; None = only in memory. It is read on first use."""
        self._path = path
        self._samples: dict[tuple[str, str], deque[int]] = {}
        self._need: dict[tuple[str, str], int] = {}
        self._read = path is None
        self._dirty = False
        self.version = 0
        """Rises with every sample."""

    def need(self, engine: str, shape: str = "") -> int | None:
        """MiB to plan with; None while too little was seen."""
        self._load()
        return self._need.get((engine, shape))

    def peak(self, engine: str, shape: str = "") -> int | None:
        """The 99th percentile itself, MiB; None while too little was seen."""
        self._load()
        seen = self._samples.get((engine, shape))
        return _percentile(seen) if seen and len(seen) >= ENOUGH else None

    def add(self, engine: str, shape: str, mib: int, guess_mib: int) -> bool:
        """Keep a sample. False when it is below what the engine can physically work with (half of `guess_mib`)."""
        self._load()
        if mib < LEAST_SHARE * guess_mib or len(shape) > LONGEST_SHAPE:
            return False
        seen = self._samples.setdefault((engine, shape), deque(maxlen=KEPT))
        seen.append(mib)
        self._count(engine, shape)
        self._dirty = True
        self.version += 1
        return True

    def forget(self, engine: str) -> None:
        """Go back to the guess."""
        self._load()
        for key in [k for k in self._samples if k[0] == engine]:
            del self._samples[key]
            self._need.pop(key, None)
            self._dirty = True

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def dirty(self) -> bool:
        """Whether there is something to save."""
        return self._dirty and self._path is not None

    def text(self) -> str:
        """The file's content; marks it as saved. Called where samples are added."""
        rows: dict[str, dict[str, list[int]]] = {}
        for (engine, shape), seen in sorted(self._samples.items()):
            rows.setdefault(engine, {})[shape] = list(seen)
        self._dirty = False
        return _File(samples=rows).model_dump_json()

    def write(self, text: str) -> None:
        """Replace the file in one step; a full disk costs the learned figures, never the work."""
        if self._path is None:
            return
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            LOG.warning("the learned memory needs cannot be saved in %s: %s", self._path, error.strerror or error)

    def save(self) -> None:
        """Write what is new."""
        if self.dirty:
            self.write(self.text())

    def _load(self) -> None:
        if self._read or self._path is None:
            return
        self._read = True
        try:
            content = _File.model_validate(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return
        except (OSError, ValueError, ValidationError) as error:
            self._set_aside(error)
            return
        for engine, shapes in content.samples.items():
            for shape, seen in shapes.items():
                good = [m for m in seen if 0 < m < 2**24]
                self._samples[engine, shape] = deque(good, maxlen=KEPT)
                self._count(engine, shape)

    def _set_aside(self, error: Exception) -> None:
        assert self._path is not None
        damaged = self._path.with_name(self._path.name + ".damaged")
        why = " ".join(str(error).split())[:120]
        LOG.warning("%s is damaged (%s); it is kept as %s and learning starts anew", self._path, why, damaged.name)
        try:
            self._path.replace(damaged)
        except OSError:
            LOG.warning("%s cannot be renamed", self._path)

    def _count(self, engine: str, shape: str) -> None:
        seen = self._samples[engine, shape]
        if len(seen) >= ENOUGH:
            self._need[engine, shape] = math.ceil(_percentile(seen) * MARGIN)


def _percentile(seen: deque[int]) -> int:
    """Nearest rank: below 100 samples this is the largest."""
    return sorted(seen)[math.ceil(0.99 * len(seen)) - 1]
