"""Of several takes of the same shot the best one: sharp, steady, well lit, its sound clean, nobody cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from configs.errors import UsageError
from tools.editing.arrangement import Part
from tools.editing.decision.facts import Facts, total
from tools.editing.decision.pieces import FactsOf

ALIKE = 0.6
"""Clips framed at least this alike (`Closer.like`) are takes of one shot, when their lengths are not too different."""
LENGTHS = 2.5


@dataclass(frozen=True)
class Take:
    """One clip, judged. Each figure is 0-1, the more the better."""

    part: Part
    facts: Facts
    figures: dict[str, float]

    @property
    def score(self) -> float:
        return sum(self.figures.values()) / max(1, len(self.figures))


def best_takes(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction) -> tuple[list[Part], str]:
    """The best take of each shot, shots in the order in which they first come.

    Clips that are framed alike are takes of one shot; when all differ, each clip is its own shot, and
    that is refused. Raises UsageError for fewer than two clips.
    """
    if len(parts) < 2:
        raise UsageError("Takes can only be compared when there are several clips", "one was named", "Name all takes")
    groups: list[list[Part]] = []
    for part in parts:
        same = next((group for group in groups if _alike(facts_of(group[0]), facts_of(part))), None)
        if same is None:
            groups.append([part])
        else:
            same.append(part)
    if all(len(group) == 1 for group in groups):
        raise UsageError(
            "No two of the clips look like takes of the same shot",
            "they are framed differently, or their lengths are too different",
            "Name takes of one shot, or ask to join the clips",
        )
    made, said = [], []
    for group in groups:
        takes = _judged([(part, facts_of(part)) for part in group])
        # Of takes that cannot be told apart the first one.
        best = max(takes, key=lambda take: round(take.score, 2))
        others = ", ".join(f"{take.facts.name} {take.score:.2f}" for take in takes if take is not best)
        figures = ", ".join(f"{name} {value:.2f}" for name, value in best.figures.items())
        why = f"best of {len(takes)} takes with {best.score:.2f} ({figures})" + (f"; {others}" if others else "")
        made.append(replace(best.part, why=why))
        said.append(f"{best.facts.name}, the best of {len(takes)} takes with {best.score:.2f} of 1")
    return made, "; ".join(said[:6])


def _alike(one: Facts, other: Facts) -> bool:
    lengths = max(one.seconds, other.seconds) / max(1e-6, min(one.seconds, other.seconds))
    if lengths > LENGTHS or one.closer is None or other.closer is None:
        return False
    return one.closer.like(other.closer) >= ALIKE


def _judged(takes: Sequence[tuple[Part, Facts]]) -> list[Take]:
    sharpest = max((facts.closer.usual for _, facts in takes if facts.closer is not None), default=0.0)
    longest = max((total(facts.speech) for _, facts in takes), default=0.0)
    made = []
    for part, facts in takes:
        figures: dict[str, float] = {}
        if facts.closer is not None and sharpest > 0:
            figures["sharp"] = min(1.0, facts.closer.usual / sharpest)
            figures["in focus"] = 1 - total(facts.closer.blurred()) / max(facts.seconds, 1e-6)
        shakes = [shot.camera.shake for shot in facts.record.shots if shot.camera is not None]
        if shakes:
            figures["steady"] = float(np.exp(-200 * np.mean(shakes)))
        lumas = [shot.luma for shot in facts.record.shots if shot.luma is not None]
        if lumas:
            figures["exposed"] = float(np.clip(1 - abs(np.mean(lumas) - 118) / 118, 0, 1))
        figures["alive"] = 1 - min(1.0, (total(facts.black) + total(facts.frozen)) / max(facts.seconds, 1e-6))
        if facts.sound is not None:
            figures["clean sound"] = float(np.clip(1 - 50 * facts.sound.clipped_share, 0, 1))
            if longest > 0.5:
                figures["spoken"] = total(facts.speech) / longest
        made.append(Take(part, facts, {name: round(value, 3) for name, value in figures.items()}))
    return made
