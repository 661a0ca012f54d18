"""Two readings of the same words laid over each other: cepstra and dynamic time warping in a band."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]

WINDOW_S = 0.025
MELS, CEPSTRA = 26, 8
CHANGE = 0.4
"""Weight of the change of each value against the value."""
STEPS = 3
"""Frames that the second reading may advance per frame of the first: 0 (a pause) to this many."""
ORDERS = 8
"""Of a reading's words, that its likeness is set against."""
FLOOR_DB = 40.0
"""Levels further below the loudest one than this are all one: noise floors differ between recordings."""


def cepstra(samples: NDArray[np.float32], rate: int, count: int) -> Features:
    """Level, mel cepstra and their change at `count` moments spread evenly over (N,) samples: (count, 18).

    Each is a z-score over time, which takes out the voice's and the microphone's own colour; higher cepstra, which
    tell voices apart rather than sounds, count for less (1 / sqrt(k)).
    """
    from scipy.fft import dct

    size = max(16, round(WINDOW_S * rate))
    if count <= 0 or not len(samples):
        return np.zeros((0, 2 * (1 + CEPSTRA)), np.float32)
    starts = np.linspace(0, max(0, len(samples) - size), count).astype(np.int64)
    view = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, max(0, size - len(samples)))), size)
    bank, window = _mel_bank(rate, size), np.hanning(size).astype(np.float32)
    power = np.concatenate(
        [
            np.abs(np.fft.rfft(view[part] * window, axis=1)) ** 2 @ bank
            for part in np.array_split(starts, max(1, count // 4096))
        ]
    )
    bands = 10 * np.log10(power + 1e-12)
    level = 10 * np.log10(power.sum(axis=1, keepdims=True) + 1e-12)
    bands, level = (np.maximum(one, one.max() - FLOOR_DB) for one in (bands, level))
    made = np.concatenate([level, dct(bands, axis=1, norm="ortho")[:, 1 : CEPSTRA + 1]], axis=1)
    spread = made.std(axis=0)
    made = (made - made.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
    weights = np.concatenate([[1.0], 1 / np.sqrt(np.arange(1, CEPSTRA + 1))])
    change = np.gradient(made, axis=0) if count > 1 else np.zeros_like(made)
    change /= np.maximum(change.std(axis=0), 1e-6)
    return np.asarray(np.concatenate([made * weights, CHANGE * change * weights], axis=1), dtype=np.float32)


def likeness(first: Features, second: Features, pieces: Sequence[tuple[int, int]], reach: int) -> float:
    """How much nearer the two lie than to the same sounds in another order: 1 the same, about 0 another text.

    Args:
        first, second: (N, D) each, of the recording and of a reading.
        pieces: (from, to) frames of `second`, in order, that are put into other orders: words, as they are said.
            Readings turned round or rolled were nearer to any speech than to real words, or farther: no chance level.
    """
    shuffle = np.random.default_rng(0)
    orders = [shuffle.permutation(len(pieces)) for _ in range(ORDERS)]
    others = [np.concatenate([second[slice(*pieces[index])] for index in order]) for order in orders]
    own, *chance = warp_costs(first, np.stack([second, *others]), reach)
    return 1 - float(own) / max(float(np.mean(chance)), 1e-9)


def warp_costs(first: Features, seconds: Features, reach: int) -> NDArray[np.float32]:
    """The mean distance along the way of `warp` from (N, D) to each of (K, M, D), all at once: (K,)."""
    kinds, other, _ = seconds.shape
    count, width = len(first), 2 * reach + 1
    slope = (other - 1) / max(1, count - 1)
    padded = np.pad(seconds, ((0, 0), (reach, reach + STEPS), (0, 0)))
    lengths, own = (padded**2).sum(axis=2), (first**2).sum(axis=1)
    total = np.full((kinds, width), np.inf, np.float32)
    total[:, reach] = np.linalg.norm(seconds[:, 0] - first[0], axis=1)
    base = -reach
    for row in range(1, count):
        fresh = round(row * slope) - reach
        best = np.full((kinds, width), np.inf, np.float32)
        for step in range(STEPS + 1):
            offset = fresh - base - step  # see `warp`
            low, high = max(0, -offset), min(width, width - offset)
            if high > low:
                best[:, low:high] = np.minimum(best[:, low:high], total[:, low + offset : high + offset])
        part = slice(fresh + reach, fresh + reach + width)
        distance = np.sqrt(np.maximum(lengths[:, part] + own[row] - 2 * (padded[:, part] @ first[row]), 0))
        columns = np.arange(fresh, fresh + width)
        distance[:, (columns < 0) | (columns >= other)] = np.inf
        total, base = best + distance, fresh
    return np.asarray(total[:, min(width - 1, other - 1 - base)] / count, np.float32)


def warp(first: Features, second: Features, reach: int) -> tuple[NDArray[np.int64], float]:
    """The frame of `second` at every frame of `first`, ascending, and the mean distance along the way.

    Args:
        first, second: (N, D) and (M, D), the same count of frames within a few.
        reach: frames by which the path may leave the diagonal.

    Dynamic time warping with steps (1, 0) to (1, 3), after Sakoe and Chiba (1978), asymmetric form: the whole of
    `first` is passed, frame by frame, from both beginnings to both ends.
    """
    count, other = len(first), len(second)
    slope = (other - 1) / max(1, count - 1)
    width = 2 * reach + 1
    total = np.full(width, np.inf, np.float32)
    back = np.zeros((count, width), np.uint8)
    base = -reach
    total[reach] = float(np.linalg.norm(first[0] - second[0]))
    for row in range(1, count):
        fresh = round(row * slope) - reach
        shift = fresh - base
        options = np.full((STEPS + 1, width), np.inf, np.float32)
        for step in range(STEPS + 1):
            # cell k of this row is column fresh + k; it comes from column fresh + k - step of the row before
            offset = shift - step
            low, high = max(0, -offset), min(width, width - offset)
            if high > low:
                options[step, low:high] = total[low + offset : high + offset]
        back[row] = np.argmin(options, axis=0)
        total = np.min(options, axis=0)
        columns = np.arange(fresh, fresh + width)
        inside = (columns >= 0) & (columns < other)
        distance = np.full(width, np.inf, np.float32)
        distance[inside] = np.linalg.norm(second[columns[inside]] - first[row], axis=1)
        total = total + distance
        base = fresh
    return _trace(back, total, base, slope, other, reach)


def _trace(
    back: NDArray[np.uint8], total: NDArray[np.float32], base: int, slope: float, other: int, reach: int
) -> tuple[NDArray[np.int64], float]:
    count, width = back.shape
    path = np.zeros(count, np.int64)
    cell = min(width - 1, other - 1 - base)
    cost = float(total[cell])
    for row in range(count - 1, 0, -1):
        path[row] = base + cell
        before = round((row - 1) * slope) - reach
        cell = int(np.clip(base + cell - int(back[row, cell]) - before, 0, width - 1))
        base = before
    return path, cost / count


@cache
def _mel_bank(rate: int, size: int) -> NDArray[np.float32]:
    """Triangles on the mel scale (O'Shaughnessy 1987) from 80 to 7,600 Hz: (bins, MELS)."""
    hertz = np.fft.rfftfreq(size, 1 / rate)
    top = min(7600.0, 0.475 * rate)
    mel = np.linspace(2595 * np.log10(1 + 80 / 700), 2595 * np.log10(1 + top / 700), MELS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    rise = (hertz[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[None, 2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rise, fall), 0, None).astype(np.float32)
