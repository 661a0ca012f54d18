"""Values that change over time as ffmpeg expressions, made of numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tools.editing.effects.base import added

Point = tuple[float, float]
"""Seconds and the value at that moment."""


def curve(points: Sequence[Point], now: str, window: tuple[float, float]) -> str:
    """Straight lines between points in order of time, the first held before and the last after them.

    now: the expression of the time in seconds. window: what part of the time is asked for; the others' points are
    left out. A sum of ramps, since ffmpeg evaluates deeply nested conditions by recursion.
    """
    kept = _inside(points, window)
    terms = [f"{kept[0][1]:.6f}"]
    for (begin, low), (end, high) in pairwise(kept):
        if high == low:
            continue
        if end - begin < 1e-6:
            terms.append(f"({high - low:.6f})*gte({now},{end:.6f})")
        else:
            terms.append(f"({(high - low) / (end - begin):.9f})*clip({now}-({begin:.6f}),0,{end - begin:.6f})")
    return added(terms)


def value_at(points: Sequence[Point], at: float) -> float:
    """The value of `curve` at a moment."""
    if at < points[0][0]:
        return points[0][1]
    for (begin, low), (end, high) in pairwise(points):
        if begin <= at < end:
            return low + (high - low) * (at - begin) / (end - begin)
    return points[-1][1]


def steady(points: Sequence[Point]) -> bool:
    return all(value == points[0][1] for _, value in points)


def _inside(points: Sequence[Point], window: tuple[float, float]) -> list[Point]:
    first, last = window
    before = [n for n, (at, _) in enumerate(points) if at <= first]
    after = [n for n, (at, _) in enumerate(points) if at >= last]
    begin = before[-1] if before else 0
    end = after[0] if after else len(points) - 1
    return list(points[begin : max(begin, end) + 1])
