"""What characters do while a picture lives: mouths on the lip cues, blinks, breath, sway, hops and light pulses."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.film.layers import REST
from tools.film.lexicon import lexicon

ENVELOPE_RATE = 50
"""Loudness values per second."""


@dataclass(frozen=True)
class Cue:
    """One mouth shape, seconds from the start of the shot."""

    start: float
    end: float
    mouth: str


@dataclass(frozen=True)
class Speech:
    """What a character says in a shot."""

    character: str
    start: float
    seconds: float
    cues: tuple[Cue, ...]
    loudness: NDArray[np.float32]
    """ENVELOPE_RATE values per second, 0..1, from `start` on."""
    sound: bool = False
    """A noise, which makes bodies hop and lights pulse."""

    def level(self, seconds: float) -> float:
        """Loudness at `seconds` of the shot, 0 outside the line."""
        index = (seconds - self.start) * ENVELOPE_RATE
        if index < 0 or not len(self.loudness) or index >= len(self.loudness) - 1:
            return 0.0
        low = int(index)
        part = index - low
        return float(self.loudness[low] * (1 - part) + self.loudness[low + 1] * part)


def envelope(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Loudness of mono samples: RMS in 20 ms windows, smoothed, 0..1 relative to the line's loud parts."""
    hop = max(1, rate // ENVELOPE_RATE)
    count = max(1, len(samples) // hop)
    rms = (
        np.sqrt(np.mean(np.square(samples[: count * hop].reshape(count, -1)), axis=1))
        if len(samples) >= hop
        else np.zeros(1)
    )
    peak = max(float(np.percentile(rms, 95)), 1e-5)
    smooth = np.convolve(np.clip(rms / peak, 0, 1), np.array([0.2, 0.3, 0.3, 0.2]), mode="same")
    return np.asarray(smooth, np.float32)


@dataclass(frozen=True)
class MouthMix:
    """Two mouth shapes and how far the second has taken over; None is the picture's own mouth."""

    before: str | None
    after: str | None
    part: float


class Performer:
    """One character's small movements through a shot of `seconds`; the same seed gives the same performance."""

    def __init__(self, name: str, seconds: float, speeches: Sequence[Speech], pose: str, kind: str, seed: int) -> None:
        self.name, self._pose, self._kind = name, pose, kind
        self._speeches = [one for one in speeches if one.character == name]
        self._chance = random.Random(f"{seed}|{name}")
        self._phase = self._chance.random() * 2 * math.pi
        self._plan = lexicon("motion")["idle"]
        self._fade = float(lexicon("motion")["mouth_fade"])
        self._blinks = self._blink_times(seconds)
        self._cues = sorted((cue for one in self._speeches for cue in one.cues), key=lambda cue: cue.start)
        self._starts = [cue.start for cue in self._cues]

    def mouth(self, seconds: float) -> MouthMix:
        """The mouth at this moment; cross-fades are centred on the change of shape."""
        now = self._shape(seconds)
        for edge in self._edges_near(seconds):
            before, after = self._shape(edge - 1e-4), self._shape(edge + 1e-4)
            if before != after:
                return MouthMix(before, after, min(max((seconds - edge) / self._fade + 0.5, 0.0), 1.0))
        return MouthMix(now, now, 1.0)

    def _edges_near(self, seconds: float) -> list[float]:
        half = self._fade / 2
        at = bisect_right(self._starts, seconds + half)
        near = self._cues[max(0, at - 3) : at + 1]
        edges = {edge for cue in near for edge in (cue.start, cue.end) if abs(edge - seconds) < half}
        return sorted(edges, key=lambda edge: abs(edge - seconds))

    def _shape(self, seconds: float) -> str | None:
        at = bisect_right(self._starts, seconds) - 1
        if at < 0 or seconds >= self._cues[at].end:
            return None
        mouth = self._cues[at].mouth
        return None if mouth == REST and self._cues[at].end - self._cues[at].start > 0.25 else mouth

    def blink(self, seconds: float) -> float:
        """0 open .. 1 closed."""
        plan = lexicon("motion")["blink"]
        for start in self._blinks:
            since = seconds - start
            if since < 0:
                break
            if since < plan["closing"]:
                return float(since / plan["closing"])
            if since < plan["closing"] + plan["closed"]:
                return 1.0
            opening = since - plan["closing"] - plan["closed"]
            if opening < plan["opening"]:
                return float(1 - opening / plan["opening"])
        return 0.0

    def _blink_times(self, seconds: float) -> list[float]:
        low, high = lexicon("motion")["blink"]["every"]
        times, at = [], self._chance.uniform(0.5, 1.6)
        while at < seconds:
            times.append(at)
            if self._chance.random() < 0.15:
                times.append(at + 0.32)  # people blink twice now and then
            at += self._chance.uniform(low, high)
        return times

    def level(self, seconds: float) -> float:
        """How loud the character is now, 0..1."""
        return max((one.level(seconds) for one in self._speeches), default=0.0)

    def pulse(self, seconds: float) -> float:
        """Light of a machine while it beeps, 0..1."""
        if self._kind != "robot":
            return 0.0
        return float(self.level(seconds) ** 0.7)

    def sway(self, seconds: float) -> float:
        """Sideways lean at the head, share of the body's height."""
        wave = math.sin(2 * math.pi * self._plan["sway_hz"] * seconds + self._phase)
        second = math.sin(2 * math.pi * 2.3 * self._plan["sway_hz"] * seconds + 1.7 * self._phase)
        return float(self._plan["sway"] * (0.75 * wave + 0.25 * second))

    def breath(self, seconds: float) -> float:
        """Rise of the shoulders, share of the body's height."""
        wave = math.sin(2 * math.pi * self._plan["breath_hz"] * seconds + self._phase)
        return float(self._plan["breath"] * (0.5 + 0.5 * wave))

    def lift(self, seconds: float) -> float:
        """Rise of the whole body, share of its height: steps of a walk, hops on sounds."""
        rise: float = 0.0
        if self._pose in ("walking", "running", "jumping"):
            pace = self._plan["walk_hz"] * (1.35 if self._pose == "running" else 1.0)
            rise += self._plan["walk"] * abs(math.sin(math.pi * pace * seconds + self._phase))
        if self._pose == "cheering":
            rise += self._plan["walk"] * abs(math.sin(math.pi * 1.4 * seconds))
        if any(one.sound for one in self._speeches):
            rise += self._plan["hop"] * self.level(seconds) ** 1.5
        return float(rise)

    def nod(self, seconds: float) -> float:
        """Drop of the head, share of the face's height: speakers move with their stress."""
        if not self._speeches:
            return 0.0
        return float(self._plan["nod"] * (3.2 * self.level(seconds) - 0.8) * (1 if self.level(seconds) > 0 else 0))
