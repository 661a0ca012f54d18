"""DNSMOS of a clip, where the studio can measure it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def find_cleanliness() -> tuple[Callable[[Path], float | None], str]:
    """What gives DNSMOS OVRL (1 to 5) of a sound file, None where it cannot be measured; and its name, for people."""
    from backends.voice.measures.mos import cleanliness, cleanliness_is_here
    from backends.voice.wav import read_wav

    if not cleanliness_is_here():
        return (lambda file: None), "not measured (DNSMOS is not installed)"

    def overall(file: Path) -> float | None:
        found = cleanliness(*read_wav(file))
        return None if found is None else found.overall

    return overall, "DNSMOS P.835 overall, where the SNR does not pass"
