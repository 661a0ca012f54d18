"""The lines of a dialogue in time and as one sound: natural pauses, summed to the sample, brought to its loudness."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import FLOOR_DB, integrated_lufs
from backends.voice.measures.true_peak import limiting_gain
from configs.dialogue import dialogue_config

Samples = NDArray[np.float32]
NEAR_LU = 0.2
STEPS = 32768
"""Of 16 bit; libsndfile writes the step below."""
_BROKEN_OFF = re.compile(r"(?:--+|[—–]|\s-)[\s\"'”’»)*]*$")
_END_MARK = re.compile(r"(\.\.\.|[.!?…,:;])[\s\"'”’»)*]*$")


@dataclass(frozen=True)
class Part:
    """A spoken line on its way into the mix."""

    character: str
    text: str
    seconds: float
    scene: int = 0
    beat: bool = False
    cuts_in: bool = False
    together: bool = False
    continued: bool = False


@dataclass(frozen=True)
class Mixed:
    """One sound of several lines."""

    samples: Samples
    """(N,) mono."""
    sample_rate: int
    gain_db: float
    """What brought the sum to its loudness."""
    lufs: float
    true_peak_dbtp: float
    curve: Samples | None = None
    """(N,): what the limiter multiplied each sample with after that gain; None where it did nothing."""

    def held(self, samples: Samples) -> NDArray[np.float64]:
        """(N,) samples of a part of the sum with the mix's gain and limiter."""
        gained = samples.astype(np.float64) * 10 ** (self.gain_db / 20)
        return gained if self.curve is None else gained * self.curve


def start_times(parts: Sequence[Part], pause: float = 1.0) -> list[float]:
    """When each line begins, seconds.

    Args:
        pause: factor on all silences, 0 to 10; overlaps stay as they are.
    """
    starts: list[float] = []
    end = 0.0
    for index, part in enumerate(parts):
        before = parts[index - 1] if index else None
        starts.append(0.0 if before is None else max(starts[-1], end + gap(before, part, pause)))
        end = max(end, starts[-1] + part.seconds)
    return starts


def gap(before: Part, after: Part, pause: float = 1.0) -> float:
    """Seconds between two lines; under 0 they overlap, by no more than half of the shorter one."""
    rules = dialogue_config()["pauses"]
    same = before.character == after.character
    shorter = min(before.seconds, after.seconds)
    if after.scene != before.scene:
        return float(pause * rules["new_scene"])
    if after.together and not same:
        return -float(min(rules["overlap"], shorter / 2))
    broken = _BROKEN_OFF.search(before.text) is not None
    if (broken or after.cuts_in) and not same and not after.beat:
        return -float(min(-rules["interruption"], shorter / 2))
    silence = rules["trailing_off"] if broken else _after(before.text)
    if after.continued:
        silence *= rules["continued"]
    elif same:
        silence *= rules["same_speaker"]
    return float(pause * (silence + (rules["beat"] if after.beat else 0.0)))


def _after(text: str) -> float:
    ends = dialogue_config()["pauses"]["ends"]
    match = _END_MARK.search(text)
    mark = match.group(1) if match else ""
    return float(ends["…" if mark == "..." else mark])


def mix(sounds: Sequence[tuple[float, Samples]], sample_rate: int, target_lufs: float) -> Mixed:
    """Sum sounds that begin at given seconds, bring the sum to a loudness, and hold its true peak.

    The limiter costs a little loudness; it is made good as long as the peak allows.
    """
    out = lay(sounds, sample_rate)
    ceiling = float(dialogue_config()["mix"]["true_peak_dbtp"]) - float(dialogue_config()["mix"]["margin_db"])
    loud = integrated_lufs(out, sample_rate)
    if loud <= FLOOR_DB:
        return Mixed(out, sample_rate, 0.0, loud, FLOOR_DB)
    gain = target_lufs - loud
    made, peak, curve = out, FLOOR_DB, None
    for last in (False, True):
        made = (out * 10 ** (gain / 20)).astype(np.float32)
        curve, peak = limiting_gain(made, sample_rate, ceiling)
        made = made if curve is None else np.asarray(made * curve, np.float32)
        loud = integrated_lufs(made, sample_rate)
        if last or abs(target_lufs - loud) < NEAR_LU:
            break
        gain += target_lufs - loud
    return Mixed(made, sample_rate, gain, loud, peak, curve)


def lay(sounds: Sequence[tuple[float, Samples]], sample_rate: int, seconds: float = 0.0) -> Samples:
    """The sum of sounds that begin at given seconds, (N,) float32; at least `seconds` long."""
    tail = float(dialogue_config()["mix"]["tail_s"])
    placed = [(round(start * sample_rate), samples) for start, samples in sounds]
    length = max((first + len(samples) for first, samples in placed), default=0) + round(tail * sample_rate)
    out = np.zeros(max(length, round(seconds * sample_rate)), np.float32)
    for first, samples in placed:
        out[first : first + len(samples)] += samples
    return out


def stems(
    sounds: Sequence[tuple[str, float, Samples]], sample_rate: int, mixed: Mixed, check: Callable[[], None]
) -> dict[str, Samples]:
    """Who speaks -> its lines alone, as long as the mix, with its gain and its limiter.

    Together they are the mix to one step of 16 bit: each is rounded so that what it leaves goes into the next.
    """
    found: dict[str, Samples] = {}
    summed = np.zeros(len(mixed.samples))
    before = np.zeros(len(mixed.samples))
    for name in dict.fromkeys(name for name, _, _ in sounds):
        check()
        own = [(start, samples) for who, start, samples in sounds if who == name]
        laid = lay(own, sample_rate, len(mixed.samples) / sample_rate)[: len(mixed.samples)]
        summed += mixed.held(laid)
        steps = np.floor(summed * STEPS)
        found[name], before = np.asarray((steps - before) / STEPS, np.float32), steps
    return found


def moved(times: Sequence[Sequence[Any]], start: float) -> list[list[Any]]:
    """(start, end, sign) rows of a line, in the time of the mix."""
    return [[round(a + start, 4), round(b + start, 4), sign] for a, b, sign in times]
