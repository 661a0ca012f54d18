"""Tempo and beats from onset strengths: autocorrelation and a comb for the tempo, dynamic programming for the beats.

Ellis 2007, "Beat tracking by dynamic programming", with a tempo that may change along the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.sound.ear import FRAME

Floats = NDArray[np.float64]
TEMPO_LIMITS = (50.0, 210.0)
"""Beats per minute that people tap along to."""
TEMPO_STEP = 1.01
LIKELY_TEMPO, TEMPO_SPREAD = 115.0, 0.75
"""Where people tap when several levels of the metre fit, and its spread in octaves (Moelants 2002: near 120)."""
WINDOW_SECONDS, WINDOW_HOP = 8.0, 1.0
COMB = (1.0, 0.6, 0.4, 0.3)
"""How much a period's first, second, third and fourth multiples count."""
TEMPO_INERTIA = 26.0
"""What a change of tempo costs, per squared natural logarithm of the ratio."""
LARGEST_CHANGE = 1.3
"""What any change of tempo costs at most: another piece may begin."""
TIGHTNESS = 120.0
"""What a beat that comes early or late costs, likewise, in standard deviations of the onset strength."""
SHORTEST_SECONDS = 4.0
EARLY = -0.006
"""Seconds that an onset's strength peaks before the onset itself."""


@dataclass(frozen=True)
class Beats:
    """The beats of one stretch."""

    bpm: float
    times: tuple[float, ...]
    """Seconds."""
    clarity: float
    """0-1: how much of the onsets' energy comes back after one beat, two, three and four."""
    salience: float
    """How far the onset strength at the beats stands above its mean, in standard deviations."""


def find_beats(strength: NDArray[np.float32], start: float, end: float) -> Beats | None:
    """Beats between two times (seconds) of the onset strengths every `FRAME`; None where it is too short or even."""
    first, last = round(start / FRAME), min(round(end / FRAME), len(strength))
    if (last - first) * FRAME < SHORTEST_SECONDS:
        return None
    curve = normalised(strength[first:last])
    if not curve.any():
        return None
    tempo, clarity = _tempo_path(curve)
    frames = _track(curve, 60 / tempo / FRAME)
    if len(frames) < 4:
        return None
    inside = np.clip(frames, 0, len(curve) - 1)
    salience = float((curve[inside].mean() - curve.mean()) / max(float(curve.std()), 1e-9))
    times = (_refined(curve, frames) + first) * FRAME + EARLY
    # A slope through all beats is finer than the tempo's grid; the median would keep the frames' steps.
    bpm = 60 / float(np.polyfit(np.arange(len(times)), times, 1)[0])
    if abs(np.log(bpm / float(np.median(tempo)))) > 0.1:
        bpm = float(np.median(tempo))
    return Beats(bpm, tuple(float(at) for at in times), clarity, salience)


def normalised(strength: NDArray[np.float32]) -> Floats:
    """Onset strength above its surroundings, in local standard deviations, (n,)."""
    from scipy.ndimage import gaussian_filter1d, uniform_filter1d

    curve = gaussian_filter1d(strength.astype(np.float64), 1.5)
    raised = np.maximum(curve - uniform_filter1d(curve, round(1.0 / FRAME), mode="nearest"), 0)
    spread = np.sqrt(uniform_filter1d(np.square(raised), round(6.0 / FRAME), mode="nearest"))
    return np.asarray(raised / np.maximum(spread, 0.2 * float(spread.max(initial=0.0)) + 1e-9))


def tempo_grid() -> Floats:
    """The tempi that are tried, beats per minute."""
    low, high = np.log(TEMPO_LIMITS)
    return np.exp(np.arange(low, high, np.log(TEMPO_STEP)))


def _tempo_path(curve: Floats) -> tuple[Floats, float]:
    """Tempo (beats per minute) at each frame, and the mean clarity along the path."""
    grid = tempo_grid()
    combs = _tempogram(curve, grid)
    prior = np.exp(-0.5 * (np.log2(grid / LIKELY_TEMPO) / TEMPO_SPREAD) ** 2)
    path = _smoothest(np.maximum(combs, 0) * prior, grid)
    clarity = float(np.clip(combs[np.arange(len(path)), path].mean(), 0, 1))
    middles = np.arange(len(path)) * WINDOW_HOP / FRAME
    return np.interp(np.arange(len(curve)), middles, grid[path]), clarity


def _tempogram(curve: Floats, grid: Floats) -> Floats:
    """For each second and tempo: how much of the onsets comes back after one to four beats, (windows, tempi)."""
    size, hop = round(WINDOW_SECONDS / FRAME), round(WINDOW_HOP / FRAME)
    padded = np.pad(curve, (size // 2, size // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    shape = np.hanning(size + 2)[1:-1]
    lags = 60 / grid / FRAME
    combs = np.zeros((len(windows), len(grid)))
    bias = np.fft.irfft(np.square(np.abs(np.fft.rfft(shape, 2 * size))))[:size]
    for at, window in enumerate(windows):
        similar = np.fft.irfft(np.square(np.abs(np.fft.rfft((window - window.mean()) * shape, 2 * size))))[:size]
        similar = similar / np.maximum(bias / bias[0], 0.05) / max(float(similar[0]), 1e-9)
        teeth = [np.interp(lags * (k + 1), np.arange(size), similar) for k in range(len(COMB))]
        combs[at] = sum(weight * tooth for weight, tooth in zip(COMB, teeth, strict=True)) / sum(COMB)
    return combs


def _smoothest(scores: Floats, grid: Floats) -> NDArray[np.int64]:
    """The best path of tempi through the windows (Viterbi), changes being paid for."""
    cost = TEMPO_INERTIA * np.square(np.subtract.outer(np.log(grid), np.log(grid)))
    best, back = scores[0].copy(), np.zeros(scores.shape, np.int64)
    for at in range(1, len(scores)):
        ways = best[None, :] - np.minimum(cost, LARGEST_CHANGE)
        back[at] = ways.argmax(axis=1)
        best = ways.max(axis=1) + scores[at]
    path = np.zeros(len(scores), np.int64)
    path[-1] = int(best.argmax())
    for at in range(len(scores) - 1, 0, -1):
        path[at - 1] = back[at, path[at]]
    return path


def _track(curve: Floats, periods: Floats) -> NDArray[np.int64]:
    """Frames of the beats: strong onsets about one period apart."""
    total, back = curve.copy(), np.full(len(curve), -1, np.int64)
    costs: dict[int, Floats] = {}
    for at in range(len(curve)):
        period = max(4, round(float(periods[at])))
        if period not in costs:
            distance = np.arange(2 * period, period // 2 - 1, -1)
            costs[period] = -TIGHTNESS * np.square(np.log(distance / period))
        cost = costs[period]
        first = at - 2 * period
        last = first + len(cost)
        if last <= 0:
            continue
        ways = total[max(first, 0) : last] + cost[max(-first, 0) :]
        best = int(ways.argmax())
        if ways[best] > 0:
            back[at], total[at] = max(first, 0) + best, curve[at] + ways[best]
    tail = round(float(periods[-1]))
    at = len(curve) - tail + int(total[-tail:].argmax())
    frames: list[int] = []
    while at >= 0:
        frames.append(at)
        at = int(back[at])
    return np.asarray(frames[::-1], np.int64)


def _refined(curve: Floats, frames: NDArray[np.int64]) -> Floats:
    """Frames moved to the top of a parabola through their neighbours, where there is a top."""
    inside = np.clip(frames, 1, len(curve) - 2)
    before, here, after = curve[inside - 1], curve[inside], curve[inside + 1]
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0.0)
    return np.asarray(frames + np.clip(shift, -1, 1))
