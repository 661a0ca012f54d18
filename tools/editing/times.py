"""A timeline's frame rate and its times as exact numbers; what another program noted may be no number at all."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from configs.errors import UsageError
from tools.editing.outline import studio_data
from tools.editing.specs import frame_rate

if TYPE_CHECKING:
    import opentimelineio as otio

MOST_SECONDS = 1e9
"""Thirty years: beyond every camera's clock."""


def rate_of(timeline: otio.schema.Timeline) -> Fraction:
    """The exact rate that the timeline notes, else the one of its times. Raises UsageError for none that can be."""
    noted = studio_data(timeline).get("fps")
    problem = f"The timeline '{str(timeline.name)[:60]}' has no usable frame rate"
    try:
        rate = Fraction(str(noted)) if noted is not None else frame_rate(timeline.duration().rate)
        frame_rate(float(rate))
    except UsageError as error:
        raise UsageError(problem, error.problem, error.fix) from error
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise UsageError(problem, f"'{str(noted)[:40]}'") from error
    return rate


def seconds_of(time: otio.opentime.RationalTime) -> Fraction:
    """Exact seconds: NTSC rates are stored as decimals, but mean thousandths of 1001.

    Raises UsageError for a time that is no number, or beyond all measure.
    """
    return _seconds(float(time.value), float(time.rate))


@lru_cache(maxsize=4096)
def _seconds(value: float, per_second: float) -> Fraction:
    """Remembered: one change of a timeline asks for the same times hundreds of times."""
    rate = frame_rate(per_second)
    if not math.isfinite(value) or abs(value) > MOST_SECONDS * rate:
        raise UsageError("The timeline has a time that cannot be", f"{value:g} frames at {float(rate):g} fps")
    return Fraction(value).limit_denominator(1_000_000) / rate
