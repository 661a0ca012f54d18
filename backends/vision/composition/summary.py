"""Measures of a shot's pictures summed up as one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.vision.colours import named
from backends.vision.composition.figures import doubted
from backends.vision.composition.result import Colour, Composition, Figure
from backends.vision.composition.scale import ONCE_MOST, ShotScale, prominence, scale_of
from backends.vision.composition.tone import key_of

_AGREE = 1 / 3
"""Share of the pictures that must show a vanishing point for the shot to have one."""
_CROWN = 0.33
"""Of a face's height (hairline to chin, three quarters of a head): hair and crown above it."""


def summed_up(
    numbers: NDArray[np.float64], clusters: NDArray[np.float32], figures: Sequence[Sequence[Figure]],
    why_none: str, aspect: float, looked: int = 1,
) -> Composition:  # fmt: skip
    """numbers: (N, 17), the fields of `Measured` for each picture; clusters: (M, 4), colours of all of them.

    figures: those of each picture that has any. why_none: why the scale is unknown when there are none. aspect: width
    over height. looked: in how many pictures figures were looked for.
    """
    mean = numbers.mean(axis=0)
    seen = np.isfinite(numbers[:, 7])
    vanishing = np.median(numbers[seen][:, 7:9], axis=0) if seen.mean() >= _AGREE else None
    scale = _scale(figures, why_none, aspect, looked)
    heads = [min(head_top(one) for one in some) for some in figures]
    return Composition(
        scale=scale.scale, scale_reason=scale.reason, scale_confidence=round(scale.confidence, 2),
        subject=(_share(mean[0]), _share(mean[1])), thirds=_share(mean[2]), symmetry=_share(mean[3]),
        balance=round(float(mean[4]), 3), headroom=_share(float(np.mean(heads))) if heads else None,
        negative_space=_share(mean[5]), lines=_share(mean[6]),
        vanishing=(round(float(vanishing[0]), 3), round(float(vanishing[1]), 3)) if vanishing is not None else None,
        layers=round(float(np.median(numbers[:, 9]))), layers_confidence=_share(mean[10]),
        luma=round(float(mean[11]), 1), contrast=round(float(mean[12]), 1), saturation=_share(mean[13]),
        key=key_of(float(mean[14]), float(mean[15]), float(mean[16])),
        colours=tuple(Colour(name=one.name, hex=one.hex, share=_share(one.share)) for one in named(clusters)),
        figures=_figures(figures),
    )  # fmt: skip


def head_top(figure: Figure) -> float:
    """Where a figure's head begins, as a share of the frame's height from the top."""
    _, top, _, bottom = figure.box
    return max(0.0, top - _CROWN * (bottom - top)) if figure.kind == "face" else max(0.0, top)


def _scale(figures: Sequence[Sequence[Figure]], why_none: str, aspect: float, looked: int) -> ShotScale:
    """The commonest scale of the pictures that show somebody; surer the more of them agree."""
    if not figures:
        return scale_of((), aspect, why_none)
    found = [scale_of(some, aspect) for some in figures]
    votes = Counter(one.scale for one in found)
    best = max(found, key=lambda one: (votes[one.scale], one.confidence))
    agreed = votes[best.scale] / len(found)
    sure = best.confidence * agreed * (0.5 + 0.5 * len(found) / max(looked, 1))
    if looked <= 1 and any(some and doubted(some[0]) for some in figures):
        sure = min(sure, ONCE_MOST)
    return ShotScale(best.scale, best.reason, sure)


def _figures(figures: Sequence[Sequence[Figure]]) -> tuple[Figure, ...]:
    """The figures of the picture that shows most of them, and the best likeness of each character anywhere."""
    if not figures:
        return ()
    fullest = [(len(some), sum(prominence(one) for one in some)) for some in figures]
    chosen = list(figures[fullest.index(max(fullest))])
    best: dict[str, Figure] = {}
    for one in (one for some in figures for one in some if one.character):
        if one.character not in best or (one.similarity or 0) > (best[one.character].similarity or 0):
            best[one.character] = one
    told = [best.pop(one.character, one) if one.character else one for one in chosen]
    return (*told, *best.values())


def _share(value: float) -> float:
    return round(float(np.clip(value, 0, 1)), 3)
