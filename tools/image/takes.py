"""Best of n: make takes, rank them by what was measured, try again while that helps, and say why the best is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import LayoutScene
from configs.errors import Cancelled, StudioError
from memory.records import Score
from tools.film.layers import Layers
from tools.image.ranking import Rank, failing, ranked

SEED_STEP = 101
"""Between the seeds of two takes, so that the takes of picture 1 are not those of picture 2."""


@dataclass(frozen=True)
class Variation:
    """What one take changes against the request; the first changes nothing."""

    number: int = 0
    """0-based, in the order in which takes are made."""
    seed: int = 0
    guidance: float | None = None
    """In place of the request's."""
    lora_factor: float = 1.0
    """On every LoRA's weight, which stays within its registry's range."""
    control_factor: float = 1.0
    """On every control map's scale."""
    step_back: int = 0
    """By how many shot scales the camera is further away."""
    reason: str = ""
    """Why it differs, for the record; '' when only the seed does."""


@dataclass(frozen=True)
class Take:
    """One try at a picture, measured."""

    rgb: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    engine: str
    version: str
    seed: int
    params: dict[str, Any]
    scores: tuple[Score, ...]
    scene: LayoutScene | None = None
    layers: Layers | None = None
    parents: tuple[str, ...] = ()
    """Ids of the assets that it was made from (maps, references)."""
    variation: Variation = field(default_factory=Variation)
    request: Any = None
    """The engine's request, where an engine with requests made it."""
    result: Any = None

    @property
    def passed(self) -> bool:
        """No gate failed. What was not measured neither passes nor fails."""
        return not failing(self.scores)


@dataclass(frozen=True)
class Ranking:
    """All takes of one picture, the best first."""

    takes: tuple[Take, ...]
    ranks: tuple[Rank, ...]
    """In the same order: place and reason."""
    stopped: str = ""
    """Why no further take was made, when an error ended the tries."""

    @property
    def best(self) -> Take:
        return self.takes[0]

    @property
    def told(self) -> str:
        """'take 2 of 4: sharpest, Luca 0.83', or '' when there was one take only."""
        if len(self.takes) < 2:
            return ""
        return f"take {self.best.variation.number + 1} of {len(self.takes)}: {self.ranks[0].why}"


Make = Callable[[Variation], Take]
Change = Callable[[Take, Variation], Variation | None]
"""(the best take so far, a variation with the next number and seed) -> the variation to try; None: nothing helps."""
Judge = Callable[[Sequence[Take]], Sequence[Score]]


def best_of(
    make: Make,
    count: int,
    *,
    seed: int,
    rounds: int = 1,
    change: Change | None = None,
    judge: Judge | None = None,
    check: Callable[[], None] | None = None,
    on_cancel: Callable[[Ranking], object] | None = None,
) -> Ranking:
    """Make `count` takes with seeds of their own; while none passes every gate, up to `rounds` - 1 more.

    Further takes end as soon as one of them is not better than the best before it.

    Args:
        make: one measured take. What it raises goes through, unless a finished take can be handed on instead.
        count: takes to make in any case, at least 1.
        seed: of the first take.
        rounds: tries when gates fail, the first one included (`budget.rounds`).
        change: what a further take changes; None = the seed alone.
        judge: scores of takes that pass, one each; they only rank.
        check: called before each take; raises Cancelled.
        on_cancel: told of the finished takes before Cancelled goes through.
    """
    takes: list[Take] = []
    stopped = ""
    try:
        for number in range(count):
            _tried(takes, make, Variation(number, _seed(seed, number)), check)
        for _ in range(rounds - 1):
            best = takes[ranked([take.scores for take in takes])[0].index]
            if best.passed:
                break
            number = len(takes)
            wanted: Variation | None = Variation(number, _seed(seed, number), reason="another seed")
            if change is not None and wanted is not None:
                wanted = change(best, wanted)
            if wanted is None:
                break
            take = _tried(takes, make, wanted, check)
            if ranked([best.scores, take.scores])[0].index == 0:
                break
    except Cancelled:
        if takes and on_cancel is not None:
            on_cancel(_ranking(takes))
        raise
    except StudioError as error:
        if not takes:
            raise
        stopped = error.sentence
    return _ranking(takes, stopped, judge)


def _tried(takes: list[Take], make: Make, variation: Variation, check: Callable[[], None] | None) -> Take:
    if check is not None:
        check()
    take = make(variation)
    takes.append(replace(take, variation=variation))
    return takes[-1]


def _seed(seed: int, number: int) -> int:
    return (seed + number * SEED_STEP) % 2**31


def _ranking(takes: list[Take], stopped: str = "", judge: Judge | None = None) -> Ranking:
    good = [number for number, take in enumerate(takes) if take.passed]
    if judge is not None and len(good) > 1:
        given = judge([takes[number] for number in good])
        for number, score in zip(good, given, strict=True):
            takes[number] = replace(takes[number], scores=(*takes[number].scores, score))
    ranks = ranked([take.scores for take in takes])
    return Ranking(tuple(takes[rank.index] for rank in ranks), tuple(ranks), stopped)
