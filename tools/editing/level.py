"""The mix brought to its loudness, and the loudness of what was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import sniff
from backends.media.probe import probe
from tools.editing.mix import RATE
from tools.editing.presets import editing_presets

LIMITER = "alimiter=limit={limit:.6f}:attack=5:release=50:level=disabled:latency=1"
ROUNDS = 3
"""The limiter takes some of the gain back, so the level is approached in a few rounds."""
NEAR_LU = 0.3
SILENT_LUFS = -70.0
"""BS.1770's absolute gate: below it there is nothing to bring to a level."""
MOST_GAIN_DB = 40.0
LONGEST_SECONDS = 1200
"""Longer sound is not measured: it is read into memory as a whole."""
FLOAT_WAV = ["-c:a", "pcm_f32le", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-rf64", "auto", "-f", "wav"]


def write_mix(args: list[str], target: Path, check: Callable[[], None]) -> None:
    """Run a mix graph (see `mix_args`) into a WAV of 32-bit floats, which nothing can clip."""
    run_ffmpeg([*args, *FLOAT_WAV, str(target)], cancel=check, timeout_s=1800)


def level(mixed: Path, target: Path, lufs: float | None, check: Callable[[], None]) -> None:
    """Write `mixed` at `lufs` (None: as loud as it is) to `target`, with peaks held under the ceiling."""
    ceiling = 10 ** (editing_presets().mix.peak_db / 20)
    before = loudness(mixed) if lufs is not None else None
    gain = 0.0
    if lufs is not None and before is not None and before > SILENT_LUFS:
        gain = min(MOST_GAIN_DB, lufs - before)
    for _ in range(ROUNDS):
        chain = f"volume={gain:.3f}dB,{LIMITER.format(limit=ceiling)}"
        args = [*input_args(mixed, sniff(mixed)), "-af", chain]
        run_ffmpeg([*args, *FLOAT_WAV, str(target)], cancel=check, timeout_s=1800)
        if lufs is None or gain == 0.0:
            return
        now = loudness(target)
        if now is None or abs(now - lufs) <= NEAR_LU or gain >= MOST_GAIN_DB:
            return
        gain = min(MOST_GAIN_DB, gain + lufs - now)


def loudness(sound: Path) -> float | None:
    """Integrated loudness in LUFS of a file's sound as stereo; None when it is too long to be measured in memory."""
    import numpy as np

    from backends.media.audio import read_samples
    from backends.voice.loudness import integrated_lufs

    if probe(sound).seconds > LONGEST_SECONDS:
        return None
    samples = read_samples(sound, RATE)
    if 0 < len(samples) < RATE:
        # Repeated here along time: the meter wants at least two of its 0.4 s blocks.
        samples = np.tile(samples, (-(-RATE // len(samples)), 1))
    return integrated_lufs(samples, RATE)
