"""A path cut into stretches of even motion: straight lines, as few as the path allows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_PER_SECOND = 12.0
_LONGEST = 360
"""Samples that are cut at once; the time for it grows with their square."""


def even_pieces(
    seconds: NDArray[np.float64], curve: NDArray[np.float64], unrest: NDArray[np.float64], price: float, shortest: float
) -> list[tuple[int, int]]:
    """(first, last) indices of the pieces, each beginning where the one before ends.

    Optimal partitioning (Jackson et al. 2005) of lines that need not join: squared distances in units of `unrest` (k,)
    from each column of `curve` (n, k), and `price` for every piece. shortest: seconds.
    """
    count = len(seconds)
    if count < 3:
        return [(0, count - 1)]
    step = (seconds[-1] - seconds[0]) / (count - 1)
    every = max(1, round(1 / _PER_SECOND / max(step, 1e-3)))
    at = np.unique(np.append(np.arange(0, count, every), count - 1))
    borders = [0]
    for begin in range(0, len(at) - 1, _LONGEST):
        part = at[begin : begin + _LONGEST + 1]
        found = _partition(seconds[part], curve[part] / unrest, price, shortest)
        borders.extend(int(part[index]) for index in found)
    return list(pairwise(borders))


def _partition(seconds: NDArray[np.float64], curve: NDArray[np.float64], price: float, shortest: float) -> list[int]:
    """Indices where the pieces end, the last one included."""
    count = len(seconds)
    t = seconds - seconds[0]
    sums = _Sums(t, curve - curve[0])
    best = np.full(count, np.inf)
    best[0] = 0
    back = np.zeros(count, int)
    for last in range(1, count):
        allowed = np.flatnonzero(t[last] - t[:last] >= shortest - 1e-6)
        if not len(allowed):
            if last < count - 1:
                continue
            allowed = np.zeros(1, int)
        costs = best[allowed] + sums.left(allowed, last) + price
        choice = int(np.argmin(costs))
        best[last], back[last] = costs[choice], allowed[choice]
    ends, last = [], count - 1
    while last > 0:
        ends.append(last)
        last = int(back[last])
    return ends[::-1]


class _Sums:
    """Running sums from which the squares that a line leaves of any stretch are had at once."""

    def __init__(self, t: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        def running(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])

        self.t, self.tt = running(t), running(t * t)
        self.y, self.yy, self.ty = running(y), running(y * y), running(t[:, None] * y)

    def left(self, first: NDArray[np.intp], last: int) -> NDArray[np.float64]:
        """Sum of squares from each `first` to `last`, both included."""
        n = (last + 1 - first).astype(float)
        t, tt = (total[last + 1] - total[first] for total in (self.t, self.tt))
        y, yy, ty = (total[last + 1] - total[first] for total in (self.y, self.yy, self.ty))
        across = np.maximum(tt - t * t / n, 1e-12)
        rising = ty - t[:, None] * y / n[:, None]
        rest = yy - y * y / n[:, None] - rising**2 / across[:, None]
        return np.asarray(np.maximum(rest, 0).sum(1))
