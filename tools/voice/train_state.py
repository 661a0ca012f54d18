"""What is kept of a training between two runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from backends.voice.training.checks import Count, Lost

STATE = "state.json"


@dataclass
class State:
    """Steps, counts, losses and times of one training."""

    done: list[str]
    counts: list[Count]
    losses: dict[str, list[list[float]]]
    """By step: [epoch, step, loss]."""
    seconds: dict[str, float]
    batch: int = 0
    """Smaller than asked for where the GPU was too small; 0 = as asked for."""
    version: str = ""
    clips: int = 0
    sovits_epochs: int = 0
    gpt_epochs: int = 0

    @classmethod
    def read(cls, path: Path) -> State:
        """An empty one when there is none or it is damaged: the files themselves tell the rest."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            counts = [
                Count(c["step"], c["expected"], c["got"], tuple(Lost(**lost) for lost in c["lost"]))
                for c in found["counts"]
            ]
            return cls(list(found["done"]), counts, dict(found["losses"]), dict(found["seconds"]), int(found["batch"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls([], [], {}, {})

    def write(self, path: Path) -> None:
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(path)
