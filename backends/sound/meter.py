"""The sound sink: hears a track once and tells how loud it is, what is on it, and where its beats are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from backends.sound.beats import TEMPO_LIMITS, Beats, find_beats
from backends.sound.ear import Ear
from backends.sound.hearing import listen_closely, model, segments
from backends.sound.levels import FLOOR_DB, LevelMeter
from backends.sound.loudness import RATE, LoudnessMeter
from backends.sound.onsets import find_onsets
from backends.sound.result import ShotSound, Sound, SoundSegment
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import SoundBlock
from backends.vision.thresholds import thresholds

MUSICAL = frozenset({"music", "speech+music"})
LONGEST_STRETCH = 900.0
"""Seconds of music that beats are looked for in at once."""
SPOKEN = frozenset({"speech", "speech+music"})


class SoundMeter:
    """A SoundSink; keeps about 300 numbers per second of sound."""

    def __init__(self) -> None:
        self._loudness, self._levels, self._ear = LoudnessMeter(), LevelMeter(), Ear()
        self._report: Sound | None = None

    def hear(self, block: SoundBlock) -> None:
        """Listen to the next block."""
        self._report = None
        self._loudness.hear(block.stereo)
        self._levels.hear(block.stereo, RATE, block.native, block.native_rate)
        self._ear.hear(block.mono)

    def report(self) -> Sound:
        """Everything that was measured so far, except the words."""
        if self._report is None:
            self._report = self._measured()
        return self._report

    def per_shot(self, shots: Sequence[ShotSpan]) -> list[ShotSound]:
        """Each shot's part, in order."""
        sound = self.report()
        beats = np.asarray(sound.beats)
        return [self._of_shot(sound, beats, shot.start, shot.end) for shot in shots]

    def _measured(self) -> Sound:
        levels = self._levels.levels()
        strength, steps = self._ear.finish()
        heard = listen_closely(steps, strength, levels)
        parts = segments(heard, levels, self._levels.seconds)
        stretches = [(find_beats(strength, start, end), start, end) for start, end in _musical(parts)]
        sure = [(found, _sureness(found), start, end) for found, start, end in stretches]
        enough = thresholds().hearing.beats_sure
        kept = [(found, chance, start, end) for found, chance, start, end in sure if found and chance >= enough]
        best = max(kept, key=lambda item: item[1] * (item[3] - item[2]), default=None)
        loudness, reasons = self._loudness.integrated(), {}
        if loudness is None:
            short = 0 < self._levels.seconds < 0.4
            reasons["loudness_lufs"] = "shorter than 0.4 s" if short else "nothing above -70 LUFS is heard"
        if best is None:
            reasons["bpm"] = "no steady beat is heard" if stretches else "no music is heard"
        step, curve = self._levels.curve()
        sounding = levels[levels > FLOOR_DB + 20]
        return Sound(
            seconds=round(self._levels.seconds, 3),
            sample_rate=self._levels.rate,
            channels=self._levels.channels,
            loudness_lufs=_rounded(loudness),
            loudness_range_lu=_rounded(self._loudness.range()),
            peak_dbfs=_rounded(self._levels.peak_dbfs),
            clipped_share=round(self._levels.clipped_share, 6),
            noise_dbfs=_rounded(float(np.percentile(sounding, 10)) if len(sounding) else None),
            bpm=round(best[0].bpm, 2) if best and best[0] else None,
            bpm_confidence=round(best[1] if best else max((chance for _, chance, _, _ in sure), default=0.0), 3),
            beats=_apart([at for found, *_ in kept if found for at in found.times]),
            onsets=tuple(round(at, 3) for at in find_onsets(strength, levels, heard.quiet_dbfs)),
            segments=tuple(_with_tempo(part, kept) for part in parts),
            curve_step=round(step, 3),
            curve_dbfs=tuple(round(float(level), 1) for level in curve),
            not_measured=reasons,
        )

    def _of_shot(self, sound: Sound, beats: np.ndarray, start: float, end: float) -> ShotSound:
        shares: dict[str, float] = {}
        for part in sound.segments:
            inside = min(end, part.end) - max(start, part.start)
            if inside > 0:
                shares[part.label] = shares.get(part.label, 0.0) + inside
        whole = max(end - start, 1e-9)
        return ShotSound(
            loudness_lufs=_rounded(self._loudness.integrated(start, end)),
            label=max(shares, key=lambda label: shares[label], default="silence"),
            speech_share=round(min(1.0, sum(shares.get(label, 0.0) for label in SPOKEN) / whole), 3),
            music_share=round(min(1.0, sum(shares.get(label, 0.0) for label in MUSICAL) / whole), 3),
            beats=int(np.count_nonzero((beats >= start) & (beats < end))),
        )


def _musical(parts: Sequence[SoundSegment]) -> list[tuple[float, float]]:
    """Stretches with music, over gaps too short to end a piece."""
    gap = thresholds().hearing.music_gap_seconds
    out: list[tuple[float, float]] = []
    for part in parts:
        if part.label not in MUSICAL:
            continue
        if out and part.start - out[-1][1] <= gap:
            out[-1] = (out[-1][0], part.end)
        else:
            out.append((part.start, part.end))
    return [piece for start, end in out for piece in _pieces(start, end)]


def _pieces(start: float, end: float) -> list[tuple[float, float]]:
    """Equal parts of at most `LONGEST_STRETCH`."""
    count = max(1, math.ceil((end - start) / LONGEST_STRETCH))
    edges = [start + (end - start) * index / count for index in range(count + 1)]
    return list(pairwise(edges))


def _apart(times: Sequence[float]) -> tuple[float, ...]:
    """Seconds, without beats that two stretches which meet have both found."""
    out: list[float] = []
    for at in times:
        if not out or at - out[-1] > 0.9 * 60 / TEMPO_LIMITS[1]:
            out.append(round(at, 3))
    return tuple(out)


def _sureness(found: Beats | None) -> float:
    return model().sureness(found.clarity, found.salience) if found else 0.0


def _with_tempo(part: SoundSegment, kept: Sequence[tuple[Beats | None, float, float, float]]) -> SoundSegment:
    if part.label not in MUSICAL:
        return part
    for found, _, start, end in kept:
        times = [at for at in found.times if part.start <= at < part.end] if found else []
        if len(times) >= 4 and start < part.end and part.start < end:
            return part.model_copy(update={"bpm": round(60 * (len(times) - 1) / (times[-1] - times[0]), 2)})
    return part


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
