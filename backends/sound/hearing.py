"""Which parts of a track are silence, speech, music, both or noise: a fitted linear model, smoothed along time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from backends.sound.ear import FRAME
from backends.sound.features import FRAMES_PER_STEP, NAMES, pooled
from backends.sound.levels import FLOOR_DB
from backends.sound.result import Hearing, SoundSegment
from backends.vision.thresholds import thresholds
from configs.yaml_file import own_table

Floats = NDArray[np.float64]
LABELS: tuple[Hearing, ...] = get_args(Hearing)
SILENCE = LABELS.index("silence")
SOUNDS: tuple[Hearing, ...] = tuple(label for label in LABELS if label != "silence")
PART, REACH = 6000, 40
"""Steps that are judged at once (20 minutes), and more than the windows of any feature reach."""
FITTED = Path(__file__).with_name("fitted.yaml")
"""Made by `python -m evals.footage.fit_sounds`."""


@dataclass(frozen=True)
class Model:
    """A softmax over `SOUNDS` of standardised features, and how sure to be of what it says and of beats."""

    mean: Floats
    scale: Floats
    weights: Floats
    """(features, sounds)."""
    bias: Floats
    sure: dict[str, float]
    beats: dict[str, float]

    def chances(self, table: Floats) -> Floats:
        """(n, sounds) of features (n, features)."""
        score = np.clip((table - self.mean) / self.scale, -4, 4) @ self.weights + self.bias
        score = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(score / score.sum(axis=1, keepdims=True))

    def confidence(self, chance: float) -> float:
        """How often a smoothed chance is right: neighbouring steps agree too easily, so it promises too much."""
        odds = np.log(np.clip(chance, 1e-4, 1 - 1e-4) / (1 - np.clip(chance, 1e-4, 1 - 1e-4)))
        return float(1 / (1 + np.exp(-(self.sure["bias"] + self.sure["odds"] * odds))))

    def sureness(self, clarity: float, salience: float) -> float:
        """The chance that beats of this clarity and salience are real ones, 0-1."""
        score = self.beats["bias"] + self.beats["clarity"] * clarity + self.beats["salience"] * salience
        return float(1 / (1 + np.exp(-score)))


@cache
def model() -> Model:
    """The fitted numbers. Raises ValueError when they are of other features."""
    data = own_table(FITTED)
    rows = data["features"]
    if tuple(rows) != NAMES or tuple(data["sounds"]) != SOUNDS:
        raise ValueError(f"{FITTED.name} was fitted to other features: run evals.footage.fit_sounds again")
    table = np.asarray(list(rows.values()))
    return Model(table[:, 0], table[:, 1], table[:, 2:], np.asarray(data["bias"]), data["sure"], data["beats"])


@dataclass(frozen=True)
class Heard:
    """What a track is, step by step."""

    silent: NDArray[np.bool_]
    """Every 10 ms."""
    quiet_dbfs: float
    """Silence is below this."""
    chances: Floats
    """(steps, sounds), smoothed."""


def listen_closely(steps: NDArray[np.float32], strength: NDArray[np.float32], levels: NDArray[np.float32]) -> Heard:
    """From what the ear kept, and levels in dBFS every 10 ms."""
    quiet = quiet_level(levels)
    active = active_steps(levels, quiet, len(steps))
    chances = np.zeros((len(steps), len(SOUNDS)))
    for first in range(0, len(steps), PART):
        # Part by part, each with what its windows reach into, so that a long track needs no more memory than a short.
        start, last = max(0, first - REACH), min(len(steps), first + PART)
        part, frames = slice(start, last + REACH), slice(start * FRAMES_PER_STEP, (last + REACH) * FRAMES_PER_STEP)
        table = pooled(steps[part], strength[frames], levels[frames], active[part])
        chances[first:last] = model().chances(table[first - start : last - start])
    return Heard(silent_frames(levels, quiet), quiet, smoothed(chances, active))


def segments(heard: Heard, levels: NDArray[np.float32], seconds: float) -> tuple[SoundSegment, ...]:
    """The track's parts, in order and without gaps, up to `seconds`."""
    count = len(heard.silent)
    if not count:
        return ()
    kinds = np.asarray([LABELS.index(label) for label in SOUNDS], np.int8)[heard.chances.argmax(axis=1)]
    frames = np.repeat(kinds, FRAMES_PER_STEP)[:count]
    frames[heard.silent] = SILENCE
    frames = _without_slivers(frames, round(thresholds().hearing.shortest_seconds / FRAME))
    edges = np.concatenate([[0], np.flatnonzero(np.diff(frames)) + 1, [count]])
    parts = []
    for first, last in pairwise(edges):
        label = LABELS[int(frames[first])]
        end = seconds if last == count else last * FRAME
        sure = _sureness(heard, levels, int(first), int(last), label)
        parts.append(
            SoundSegment(
                start=round(float(first * FRAME), 3), end=round(float(end), 3), label=label, confidence=round(sure, 3)
            )
        )
    return tuple(parts)


def quiet_level(levels: NDArray[np.float32]) -> float:
    """Below this is silence, dBFS: so far below the track's loud parts, within limits."""
    table = thresholds().hearing
    sounding = levels[levels > FLOOR_DB + 20]
    loud = float(np.percentile(sounding, 95)) if len(sounding) else FLOOR_DB
    return float(np.clip(loud - table.silence_below_loud, table.silence_lowest, table.silence_highest))


def silent_frames(levels: NDArray[np.float32], quiet: float) -> NDArray[np.bool_]:
    """Frames of silences that are long enough to be one; a click does not break a silence."""
    table = thresholds().hearing
    silent = _long_runs(levels >= quiet, round(table.click_seconds / FRAME)) == 0
    return np.asarray(_long_runs(silent, round(table.silence_seconds / FRAME)) == 1)


def active_steps(levels: NDArray[np.float32], quiet: float, count: int) -> NDArray[np.bool_]:
    """Which steps are heard at all."""
    if not count or not len(levels):
        return np.zeros(count, bool)
    filled = np.pad(levels, (0, max(0, count * FRAMES_PER_STEP - len(levels))), mode="edge")
    return np.asarray(filled[: count * FRAMES_PER_STEP].reshape(count, FRAMES_PER_STEP).max(axis=1) >= quiet)


def smoothed(chances: Floats, active: NDArray[np.bool_]) -> Floats:
    """Chances along time: forward and backward through a Markov chain that seldom changes its state.

    Neighbouring steps share most of their windows, so each counts as a part of an observation only. In silence
    nothing is seen and anything may begin afterwards (Rabiner 1989 for the algorithm).
    """
    table = thresholds().hearing
    count, kinds = chances.shape
    if not count:
        return chances
    seen = np.where(active[:, None], np.maximum(chances, 1e-4) ** table.evidence, 1.0)
    change = np.where(active, table.change, 0.5)
    ahead, behind = np.empty_like(seen), np.empty_like(seen)
    state = np.full(kinds, 1 / kinds)
    for at in range(count):
        share = change[at] / (kinds - 1)
        state = ((1 - change[at] - share) * state + share) * seen[at]
        state /= state.sum()
        ahead[at] = state
    state = np.full(kinds, 1 / kinds)
    for at in range(count - 1, -1, -1):
        behind[at] = state
        share = change[at] / (kinds - 1)
        state = state * seen[at]
        state = (1 - change[at] - share) * state + share * state.sum()
        state /= state.sum()
    both = ahead * behind
    return np.asarray(both / both.sum(axis=1, keepdims=True))


def _long_runs(mask: NDArray[np.bool_], shortest: int) -> NDArray[np.int8]:
    """1 where a run of true values is at least `shortest` long."""
    out = np.zeros(len(mask), np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.view(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first >= max(1, min(shortest, len(mask))):
            out[first:last] = 1
    return out


def _without_slivers(frames: NDArray[np.int8], shortest: int) -> NDArray[np.int8]:
    """Sounds that are too short to be told take the label of their longer neighbour that is no silence."""
    frames = frames.copy()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(frames)) + 1, [len(frames)]])
    spans = [(int(a), int(b)) for a, b in pairwise(edges)]
    for index, (first, last) in enumerate(spans):
        if frames[first] == SILENCE or last - first >= shortest:
            continue
        near = [spans[place] for place in (index - 1, index + 1) if 0 <= place < len(spans)]
        near = [span for span in near if frames[span[0]] != SILENCE and span[1] - span[0] >= shortest]
        if near:
            frames[first:last] = frames[max(near, key=lambda span: span[1] - span[0])[0]]
    return frames


def _sureness(heard: Heard, levels: NDArray[np.float32], first: int, last: int, label: Hearing) -> float:
    if label == "silence":
        # So far below the border as recordings' levels scatter.
        below = heard.quiet_dbfs - float(np.median(levels[first:last]))
        return float(np.clip(0.5 + below / 12, 0.5, 1.0))
    rows = heard.chances[first // FRAMES_PER_STEP : max(first // FRAMES_PER_STEP + 1, last // FRAMES_PER_STEP)]
    return model().confidence(float(rows[:, SOUNDS.index(label)].mean()))
