"""What can be looked at in a film."""

from __future__ import annotations

from typing import Literal, get_args

Aspect = Literal["scenes", "shots", "composition", "camera", "coherence", "sound", "content"]

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)

PLAN = "storyboard"
"""Whose texts those of a planned shot are, as 'measurements' and the names of models are of others."""
