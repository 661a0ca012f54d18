"""DNSMOS of a clip, where the studio can measure it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def find_cleanliness() -> tuple[Callable[[Path], float | None], str]:
    """What gives DNSMOS OVRL (1 to 5) of a sound file, None where it cannot be measured; and its name, for people."""
    return (lambda file: None), "not measured"
