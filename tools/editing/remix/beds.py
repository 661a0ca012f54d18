"""Sounds that a style puts under a film, made by the studio and kept as assets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.media.audio import read_samples
from backends.media.probe import probe
from backends.sound.pcm import RATE, write_pcm
from tools.editing.remix.presets import Bed

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import ToolContext

_LONGEST_PIANO = 900.0
_LOOKED_RATE = 8000
_USUAL, _MOST_DOWN = -16.0, -30.0
"""Loud moments (the 95th percentile of tenths of a second, dBFS) of a film at the studio's loudness, and dB at most."""
PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "hiss": (("surface", "hiss"),),
    "crackle": (("surface", "crackle"),),
    "piano": (("music", "ragtime"), ("surface", "crackle")),
}
"""Role on the timeline and sound, per bed."""


def make_beds(bed: Bed, seconds: float, seed: int, ctx: ToolContext) -> list[tuple[str, Asset]]:
    """The sounds of a bed as (role, asset), as long as the film."""
    made = []
    for role, name in PARTS.get(bed, ()):
        ctx.progress(0, 1, f"making the {name}")
        file = write_pcm(ctx.scratch(".wav"), _samples(name, seconds, seed))
        asset = ctx.save(
            file, "audio", f"{name}.wav", engine="studio", seed=seed, params={"bed": name, "seconds": seconds},
            summary=f"{name}, {seconds:.1f} s, made by the studio",
        )  # fmt: skip
        made.append((role, asset))
    return made


def bed_gain(film: Path) -> float:
    """By how many dB a bed is turned down under a film, 0 or less: as far below a soft film as below a loud one.

    A film without sound gets it soft. Raises UsageError for a damaged sound track.
    """
    if not probe(film).has_audio:
        return _MOST_DOWN / 2
    samples = read_samples(film, _LOOKED_RATE, 1)[:, 0]
    step = round(_LOOKED_RATE * 0.1)
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    if not len(whole):
        return 0.0
    levels = 10 * np.log10((whole.astype(np.float64) ** 2).mean(axis=1) + 1e-12)
    return round(float(np.clip(np.quantile(levels, 0.95) - _USUAL, _MOST_DOWN, 0.0)), 1)


def _samples(name: str, seconds: float, seed: int) -> NDArray[np.float32]:
    if name != "ragtime":
        from backends.sound.surface import surface_noise

        return surface_noise(name, seconds, seed)
    from backends.sound.beds import make_bed

    piece = make_bed(name, min(max(seconds, 0.5), _LONGEST_PIANO), seed)
    return np.asarray(np.resize(piece, (round(seconds * RATE), 2)) if seconds > _LONGEST_PIANO else piece)
