"""Where one shot ends and the next begins; the tests are in `backends.vision.cuts`."""

from __future__ import annotations

from backends.vision.cuts.result import ShotSpan, Transition
from backends.vision.cuts.sink import CutSink, detect_shots

__all__ = ["CutSink", "ShotSpan", "Transition", "detect_shots"]
