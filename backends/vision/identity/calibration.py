"""How well an encoder tells one character from others: its pass mark, its errors, and how sure these figures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.identity.encoder import Vector

FEWEST = 8
"""Positives, and negatives, below which nothing is gated."""
LOWEST_AUC = 0.8
FALSE_ACCEPTS = 0.05
"""Share of other characters' pictures that the pass mark lets through."""
LOWEST_DETECTION = 0.5
"""An encoder that finds nothing in more than half of a character's own pictures is not chosen for it."""
SAME = 0.9999
"""Cosine from which on two vectors are of one picture, if under another name: it tells nothing of the character."""
NEAREST = 3
"""A picture's score is its mean cosine with this many of the character's nearest references: one alike view is luck."""
RESAMPLES = 1000
_SEED = 20260


@dataclass(frozen=True)
class Calibration:
    """What was measured of one encoder on one character. Scores and marks are cosines (-1..1), shares 0..1."""

    encoder: str
    version: str
    """Of the encoder; another one makes this void."""
    threshold: float
    auc: float
    auc_low: float
    auc_high: float
    """95 % bootstrap interval of the AUC."""
    tpr: float
    """Share of the character's own pictures above the threshold (those in which something was found)."""
    far: float
    """Share of other characters' pictures above the threshold."""
    positives: int
    negatives: int
    undetected: int = 0
    """Of the character's own pictures, those in which the encoder found nothing; not among `positives`."""
    hardest: str = ""
    """The other character that scores highest."""
    separation: float = 0.0
    """Distance of the two means in pooled standard deviations."""

    def why_not(self) -> str:
        """'' when it may gate, else the reason for showing the score only."""
        if self.positives < FEWEST or self.negatives < FEWEST:
            return (
                f"calibrated on {self.positives} pictures of the character and {self.negatives} of others; "
                f"{FEWEST} of each are needed"
            )
        if not self.auc >= LOWEST_AUC:
            return (
                f"the {self.encoder} encoder cannot tell this character apart (AUC {self.auc:.2f}, {LOWEST_AUC} needed)"
            )
        return ""

    @property
    def fails(self) -> bool:
        """Whether enough pictures showed that the encoder cannot tell the character apart."""
        return min(self.positives, self.negatives) >= FEWEST and not self.auc >= LOWEST_AUC

    @property
    def gates(self) -> bool:
        """Whether a score below the threshold may fail a picture."""
        return not self.why_not()

    @property
    def detection(self) -> float:
        """Share of the character's own pictures in which the encoder found something."""
        return self.positives / max(1, self.positives + self.undetected)

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def calibration_from(data: Mapping[str, Any]) -> Calibration | None:
    """A stored record; None when it is none (memory may hold anything)."""
    try:
        values = {field.name: data[field.name] for field in fields(Calibration) if field.name in data}
        made = Calibration(**values)
        texts, counts = (made.encoder, made.version, made.hardest), (made.positives, made.negatives, made.undetected)
        shares = (made.threshold, made.auc, made.auc_low, made.auc_high, made.tpr, made.far, made.separation)
        right = all(isinstance(t, str) for t in texts) and all(type(c) is int and c >= 0 for c in counts)
        return made if right and all(np.isfinite(float(share)) for share in shares) else None
    except (TypeError, ValueError):
        return None


def similarity(vector: Vector, references: NDArray[np.float32]) -> float:
    """Mean cosine of `vector` (D,) with the `NEAREST` most alike of `references` (N, D), N at least 1."""
    return float(np.sort(references @ vector)[-NEAREST:].mean())


def unlike(vectors: Sequence[Vector], others: Sequence[Vector] = ()) -> list[Vector]:
    """`vectors` without those of a picture that is among `others`, or earlier among themselves."""
    kept: list[Vector] = []
    for one in vectors:
        if not any(float(one @ other) >= SAME for other in (*others, *kept)):
            kept.append(one)
    return kept


def own_scores(references: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each reference's score against the others, (N,): what a further picture of the character is expected to get."""
    rest = [np.delete(references, at, axis=0) for at in range(len(references))]
    return np.array([similarity(one, others) for one, others in zip(references, rest, strict=True) if len(others)])


def calibrate(
    encoder: str, version: str, positives: Sequence[Vector], negatives: Mapping[str, Sequence[Vector]],
    undetected: int = 0,
) -> Calibration:  # fmt: skip
    """Measure `positives` (each against the others) and `negatives` (by character, each against all positives).

    With fewer than two positives or no negative nothing can be measured: AUC 0, and it does not gate.
    """
    own = own_scores(np.stack(positives)) if len(positives) > 1 else np.empty(0)
    matrix = np.stack(positives) if len(positives) else np.empty((0, 1), np.float32)
    by_name = {
        name: np.array([similarity(vector, matrix) for vector in vectors])
        for name, vectors in negatives.items()
        if len(vectors) and len(matrix)
    }
    others = np.concatenate(list(by_name.values())) if by_name else np.empty(0)
    if not len(own) or not len(others):
        return Calibration(encoder, version, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, len(positives), len(others), undetected)
    mark = pass_mark(own, others)
    area, low, high = auc_with_interval(own, others)
    spread = float(np.sqrt((own.var() + others.var()) / 2)) or 1e-6
    return Calibration(
        encoder, version, round(mark, 4), round(area, 4), round(low, 4), round(high, 4),
        tpr=round(float((own >= mark).mean()), 4), far=round(float((others >= mark).mean()), 4),
        positives=len(own), negatives=len(others), undetected=undetected,
        hardest=max(by_name, key=lambda name: float(by_name[name].mean())),
        separation=round(float(own.mean() - others.mean()) / spread, 3),
    )  # fmt: skip


def pass_mark(own: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The lowest mark that at most `FALSE_ACCEPTS` of the others reach, midway to the next score above it.

    Midway, because a mark that touches the highest refused picture would let its neighbour through.
    """
    refused = float(np.sort(others)[::-1][int(FALSE_ACCEPTS * len(others))])
    above = np.concatenate([own, others])
    above = above[above > refused]
    return (refused + float(above.min())) / 2 if len(above) else float(np.nextafter(refused, np.inf))


def auc_with_interval(own: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % bootstrap interval (pictures of each side drawn anew, fixed seed)."""
    from sklearn.metrics import roc_auc_score

    truth = np.r_[np.ones(len(own)), np.zeros(len(others))]
    # The area is the share of pairs that are in the right order (Mann-Whitney), so drawing rows and columns is enough.
    ordered = (own[:, None] > others[None]) + 0.5 * (own[:, None] == others[None])
    chance = np.random.default_rng(_SEED)
    rows = chance.integers(len(own), size=(RESAMPLES, len(own)))
    columns = chance.integers(len(others), size=(RESAMPLES, len(others)))
    drawn = [ordered[np.ix_(row, column)].mean() for row, column in zip(rows, columns, strict=True)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(roc_auc_score(truth, np.r_[own, others])), float(low), float(high)


def best(calibrations: Sequence[Calibration]) -> Calibration | None:
    """The one to use: highest lower bound of the AUC, then the widest separation; None without any that gates.

    Those that find nothing in more than half of the character's own pictures are passed over.
    """
    fit = [one for one in calibrations if one.gates and one.detection >= LOWEST_DETECTION]
    return max(fit, key=lambda one: (one.auc_low, one.separation), default=None)
