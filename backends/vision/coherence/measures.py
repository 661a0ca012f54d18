"""From the numbers of a shot's frames to one measure per kind of fault, with the moments that show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.drift import Step
from backends.vision.coherence.numbers import Part

Floats = NDArray[np.float32]
WINDOW_SECONDS, WINDOW_PAIRS = 1.0, 8
"""A fault that lasts this long, and over this many drawings, is a fault of the shot."""
_SHOWN, _APART = 5, 0.1
"""Moments told, and seconds between them."""
_MOST_UNSEEN = 0.35
"""Share of a picture that is not found in the one before."""
_TRIMMED = 0.15
"""Share of the highest values left out of a mean: a flash, a bang, a cut that nobody found."""
_QUIET_SECONDS = 0.6
"""What is unexpected within this time of a leap is compared with it."""


@dataclass(frozen=True)
class Shown:
    """A measure and the moments of which it is highest."""

    value: float
    seconds: tuple[float, ...] = ()


def boil(changed: Part) -> Shown:
    """Levels of texture that is redrawn with every drawing, RMS."""
    return _lasting(changed["boil"][1:], changed.seconds[1:], _median)


def wobble(changed: Part, boils: float, mixed: float) -> Shown:
    """Thousandths of the longer side by which neighbouring places move against each other and back, per drawing.

    Flow follows redrawn texture a little; `mixed` thousandths per level of boil are taken off.
    """
    # Of what is hardly seen again the flow is a guess, which bends.
    fit = (changed["unfit"] < 0.5) & (changed["unseen"] < _MOST_UNSEEN)
    known = changed.only((np.arange(len(changed)) > 0) & fit)
    if len(known) < WINDOW_PAIRS // 2:
        return Shown(0.0)
    shown = _lasting(known["bending"], known.seconds, _median)
    return Shown(float(np.sqrt(max(0.0, shown.value**2 - (mixed * boils) ** 2))), shown.seconds)


def flicker(changed: Part) -> Shown:
    """Levels (at mid grey) of light that comes and goes from drawing to drawing, of the worst region."""
    light = changed.light * (144 / (float(changed["luma"].mean()) + 16))
    back = np.sqrt(np.maximum(0, -light[1:] * light[:-1]))
    return max((_lasting(column, changed.seconds[1:], _trimmed) for column in back.T), key=lambda shown: shown.value)


def jump(changed: Part) -> Shown:
    """Hundredths of the longer side that a thing is suddenly elsewhere, less when it is small or when much else moves.

    Once or twice: what leaps all the time is moving fast.
    """
    leap, new, seconds = changed["leap"].copy(), changed["new"], changed.seconds
    leap[:2] = 0
    leaps = np.flatnonzero(leap)
    values = np.zeros(len(leaps))
    for at, event in enumerate(leaps):
        around = np.abs(seconds - seconds[event]) < _QUIET_SECONDS
        around[max(0, event - 1) : event + 2] = False
        if int(around.sum()) >= 3:
            usual = max(float(np.percentile(new[around], 80)), _on_its_way(new, int(event))) + _LEAST_NEW
            values[at] = leap[event] * np.clip((new[event] / usual - 1) / 1.5, 0, 1)
    near = np.abs(seconds[leaps][:, None] - seconds[leaps]) < _QUIET_SECONDS
    alike = values > 0.4 * values[:, None]
    values[(near & alike).sum(axis=1) > _MOST_LEAPS] = 0
    if not values.any():
        return Shown(0.0)
    order = [at for at in np.argsort(-values) if values[at] > 0.5 * values.max()][:_SHOWN]
    return Shown(float(values.max()), tuple(round(float(seconds[leaps[at]]), 3) for at in order))


_LEAST_NEW = 0.001
"""Share of the picture: below it nothing is noticed."""
_BESIDE = 1.5
"""How much more than what is on its way a leap must surprise."""
_NEXT = 0.7
_MOST_LEAPS = 3
"""Within _QUIET_SECONDS to both sides: away, back, and once more."""


def _on_its_way(new: Floats, event: int) -> float:
    """How much a thing that moves fast for a few frames surprises beside its event: a bird, a wing, a leg.

    A leap is over in one pair of frames, or in two when it comes back: a frame before or after it nothing surprises,
    and two to four frames away once at most.
    """
    count = len(new)
    sides = [float(new[place]) for place in (event - 1, event + 1) if 0 <= place < count]
    further = sorted(float(new[event + off]) for off in (-4, -3, -2, 2, 3, 4) if 0 <= event + off < count)
    beside = float(max(new[place] for place in (event - 2, event + 2) if 0 <= place < count))
    return max(_BESIDE * further[-2] if len(further) > 1 else 0.0, _BESIDE * min(sides), _NEXT * beside)


_LEAST_REGIONS, _LEAST_STEPS = 3, 3
"""Regions of which a step must know something; steps from which slow can be told from sudden."""
_FASTEST = np.array((3.0, 3.0, 0.15))
"""Change of a, b and of the logarithm of chroma in half a second: what is faster is other light, and counts as this."""
_OTHER_LIGHT = 2.0
"""Times that in most regions: the picture is in other light, or a dissolve begins, and the step does not count."""
_CONSENT = 25.0
"""Percentile of the regions, from below: three of four must drift as far as this."""


def colour_drift(steps: Sequence[Step], seconds: Callable[[int], float]) -> Shown | None:
    """CIELAB units (at mid grey) that followed surfaces get away from their first colour; None: not followed enough.

    The sum of the steps from key frame to key frame, so that a slow drift shows. Most regions must agree: coloured
    light, or a thing that changes its colour, is no drift of the picture. And it must go on: of colours that come and
    go the share that is no trend (1 - R^2 of a line) does not count.
    """
    known = [step for step in steps if int(np.isfinite(step.change[:, 0]).sum()) >= _LEAST_REGIONS]
    if len(known) < _LEAST_STEPS:
        return None
    changes = np.stack([np.where(np.isnan(s.change), np.nanmedian(s.change, axis=0), s.change) for s in known])
    slow = (np.abs(np.median(changes, axis=1)) <= _OTHER_LIGHT * _FASTEST).all(axis=1)
    if int(slow.sum()) < _LEAST_STEPS:
        return None
    changes = np.clip(changes[slow], -_FASTEST, _FASTEST)
    total = np.concatenate([np.zeros((1, *changes.shape[1:])), np.cumsum(changes, axis=0)])
    end = np.median(total[-1], axis=0)
    way = total[..., :2] @ (end[:2] / max(float(np.hypot(*end[:2])), 1e-6))
    cast = _trend(np.percentile(way, _CONSENT, axis=1))
    growth = _trend(np.percentile(total[..., 2] * np.sign(end[2]), _CONSENT, axis=1))
    chroma = float(np.median([step.chroma for step in known]))
    value = float(np.hypot(cast, chroma * np.expm1(min(growth, 2.0))))
    return Shown(value, (round(seconds(known[-1].last_frame), 3), round(seconds(known[0].first_frame), 3)))


def _trend(values: NDArray[np.float64]) -> float:
    """How far a line through `values` rises, times the share of their variance that it explains; never below 0."""
    places = np.linspace(-0.5, 0.5, len(values))
    slope = float((places * values).sum() / (places**2).sum())
    spread = float(((values - values.mean()) ** 2).sum())
    explained = slope**2 * float((places**2).sum()) / spread if spread > 1e-9 else 0.0
    return max(0.0, slope) * explained


def _median(values: Floats) -> float:
    return float(np.median(values))


def _trimmed(values: Floats) -> float:
    return float(np.sort(values)[: max(1, round(len(values) * (1 - _TRIMMED)))].mean())


def _lasting(values: Floats, seconds: NDArray[np.float64], statistic: Callable[[Floats], float]) -> Shown:
    """The highest statistic of any window, and its highest moments."""
    if not len(values):
        return Shown(0.0)
    rate = (len(values) - 1) / max(float(seconds[-1] - seconds[0]), 1e-6)
    size = min(len(values), max(WINDOW_PAIRS, round(WINDOW_SECONDS * rate)))
    starts = range(0, len(values) - size + 1, max(1, size // 2))
    best = max(starts, key=lambda start: statistic(values[start : start + size]))
    value = statistic(values[best : best + size])
    return Shown(value, _moments(values[best : best + size], seconds[best : best + size]) if value > 0 else ())


def _moments(values: Floats, seconds: NDArray[np.float64]) -> tuple[float, ...]:
    found: list[float] = []
    for at in np.argsort(-values, kind="stable"):
        if all(abs(seconds[at] - other) >= _APART for other in found):
            found.append(round(float(seconds[at]), 3))
        if len(found) == _SHOWN:
            break
    return tuple(found)
