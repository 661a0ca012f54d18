"""What a training will take: time by clips and epochs, and by trainings seen here before; room on the disk."""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.voice.training.steps import save_every
from configs.voice_training import Cost, GptSovits, Version

PREPARED = ("text", "hubert", "speaker", "semantic")
LEAST_SEEN = 2
"""Clips times epochs below which a step was mostly its own start."""


@dataclass(frozen=True)
class Size:
    """What decides how long a training takes."""

    version: Version
    clips: int
    seconds: float
    """Of speech."""
    sovits_epochs: int
    gpt_epochs: int

    def work(self, step: str, cost: Cost) -> int:
        """Clips times epochs of a step."""
        repeated = self.clips if self.clips >= cost.repeated_to else self.clips * max(2, cost.repeated_to // self.clips)
        return {"sovits": repeated * self.sovits_epochs, "gpt": repeated * self.gpt_epochs}.get(step, self.clips)


@dataclass(frozen=True)
class Seen:
    """A step of an earlier training."""

    step: str
    work: int
    seconds: float


def expected_seconds(
    size: Size, table: GptSovits, *, has_gpu: bool, done: Collection[str] = (), seen: Collection[Seen] = ()
) -> tuple[float, bool]:
    """Seconds of the steps that are not `done`, and whether all of them were seen on this machine before."""
    cost, trained = table.cost, table.versions[size.version]
    steps = [s for s in (*PREPARED, "sovits", "gpt") if s != "speaker" or trained.speaker_net]
    usual = {"sovits": cost.sovits_s, "gpt": cost.gpt_s}
    total, measured = 0.0, True
    for step in steps:
        if step in done:
            continue
        own = [max(0.0, one.seconds - cost.start_s) / one.work for one in seen if one.step == step and one.work]
        measured = measured and bool(own)
        slow = 1.0 if has_gpu else cost.without_gpu
        rate = statistics.median(own) if own else usual.get(step, cost.prepare_s) * slow
        total += cost.start_s + rate * size.work(step, cost)
    return total, measured


def needed_mib(size: Size, table: GptSovits) -> int:
    """Room that the training's files take, at their most."""
    cost, trained = table.cost, table.versions[size.version]
    saved = size.sovits_epochs // save_every(size.sovits_epochs, trained.save_every) * cost.sovits_mib
    saved += size.gpt_epochs // save_every(size.gpt_epochs, table.gpt_save_every) * cost.gpt_mib
    return round(cost.optimiser_mib + saved + cost.features_mib_s * size.seconds)


def seen_before(folder: Path, name: str, version: Version, cost: Cost) -> Iterator[Seen]:
    """Finished steps of earlier trainings of this version, from what they keep (`name`) below `folder`."""
    for file in sorted(folder.glob(f"*/{name}")):
        kept = _read(file)
        if kept.get("version") != version:
            continue
        try:
            size = Size(version, int(kept["clips"]), 0.0, int(kept["sovits_epochs"]), int(kept["gpt_epochs"]))
            for step in kept["done"]:
                work = size.work(str(step), cost)
                if size.clips > 0 and work >= LEAST_SEEN and float(kept["seconds"][step]) > 0:
                    yield Seen(str(step), work, float(kept["seconds"][step]))
        except (KeyError, TypeError, ValueError):
            continue


def done_before(file: Path) -> tuple[str, ...]:
    """Steps that the training whose record this is has finished; none when it cannot be read."""
    done = _read(file).get("done")
    return tuple(map(str, done)) if isinstance(done, list) else ()


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
