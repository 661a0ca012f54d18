"""How well a track is heard: kinds of sound, beats and tempo, loudness, and how fast.

Made tracks of seeds (1000 and up), voices and languages that nothing was fitted to; real speech from the folder that
STUDIO_REAL_MEDIA names, when it holds one called `speech`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from backends.sound.result import Sound
    from evals.footage.sounds import SoundTrack

TRACKS, TRACK_SECONDS = range(1000, 1020), 60.0
SONGS, SONG_SECONDS = range(1000, 1004), 20.0
"""So many songs of every style."""
BEAT_TOLERANCE = 0.07
"""Seconds; the standard of beat tracking (Davies et al. 2009)."""
SETTLING = 2.0
"""Seconds at a song's start that are not judged: nobody taps along from the first note."""
SPEED_SECONDS = 120.0


def run() -> dict[str, Any]:
    """Figures by part, JSON-ready."""
    return {
        "segments": segments(),
        "beats": beats(),
        "beatless": beatless(),
        "loudness": loudness(),
        "speed": speed(),
        "real_speech": real_speech(),
    }


def heard(samples: Any, rate: int) -> Sound:
    """What the meter reports of (N,) or (N, 2) samples."""
    from backends.sound.meter import SoundMeter
    from evals.footage.sounds import blocks

    meter = SoundMeter()
    for block in blocks(samples, rate):
        meter.hear(block)
    return meter.report()


def segments(seeds: Iterable[int] = TRACKS, seconds: float = TRACK_SECONDS) -> dict[str, Any]:
    """Share of 0.1 s steps with the right label, in all and per label; what is taken for what; calibration."""
    from evals.footage.sounds import LABELS, sound_track

    counts = np.zeros((len(LABELS), len(LABELS)), int)
    under: dict[str, list[bool]] = {}
    sure: list[tuple[float, bool]] = []
    for seed in seeds:
        track = sound_track(seed, seconds, "report")
        sound = heard(track.samples, track.rate)
        truth, told = track.labels(), told_labels(sound, len(track.labels()))
        for right, said in zip(truth, told, strict=True):
            counts[LABELS.index(right), LABELS.index(said)] += 1
        _by_level(track, told, under)
        sure += _reliability(sound, track)
    rows = counts.sum(axis=1)
    speech = _detection(counts, [index for index, label in enumerate(LABELS) if "speech" in label])
    music = _detection(counts, [index for index, label in enumerate(LABELS) if "music" in label])
    return {
        "frame_accuracy": round(float(np.trace(counts) / counts.sum()), 4),
        "recall": {label: round(float(counts[i, i] / max(1, rows[i])), 4) for i, label in enumerate(LABELS)},
        "confusion": {label: dict(zip(LABELS, counts[i].tolist(), strict=True)) for i, label in enumerate(LABELS)},
        "speech_f1": speech,
        "music_f1": music,
        "music_heard_under_speech": {key: round(float(np.mean(found)), 4) for key, found in sorted(under.items())},
        "calibration_error": _calibration(sure),
        "steps": int(counts.sum()),
    }


def beats(seeds: Sequence[int] = SONGS, seconds: float = SONG_SECONDS) -> dict[str, Any]:
    """F-measure within 70 ms, median offset, tempo right within 4 %, and right up to a level of the metre."""
    from evals.footage.fit_sounds import is_right
    from evals.footage.music import BEATLESS, STYLES, song

    table: dict[str, list[tuple[float, bool, bool, bool]]] = {}
    offsets: list[float] = []
    for style in STYLES:
        for seed in seeds:
            if style in BEATLESS:
                continue
            made = song(seed * 31 + STYLES.index(style), seconds, style)
            sound = heard(made.samples, _rate())
            truth = float(made.bpm or 0)
            plain = sound.bpm is not None and is_right(sound.bpm, truth, (1.0,))
            score, late = beat_score(made.beats, sound.beats)
            offsets += late if plain else []
            level = sound.bpm is not None and is_right(sound.bpm, truth)
            table.setdefault(style, []).append((score, plain, level, sound.bpm is not None))
    rows = np.asarray([row for rows in table.values() for row in rows], float).mean(axis=0)
    return {
        "f_measure": round(float(rows[0]), 4),
        "tempo_right": round(float(rows[1]), 4),
        "tempo_right_or_level": round(float(rows[2]), 4),
        "tempo_given": round(float(rows[3]), 4),
        "median_offset_ms": round(1000 * float(np.median(offsets)), 1) if offsets else None,
        "by_style": {
            style: dict(
                zip(("f_measure", "tempo_right", "or_level"), np.mean(rows, axis=0).round(3).tolist(), strict=False)
            )
            for style, rows in table.items()
        },
    }


def beatless(seeds: Sequence[int] = SONGS) -> dict[str, Any]:
    """How often a tempo is told of what has none: pads, speech, noises."""
    from evals.footage.music import song
    from evals.footage.noises import NOISES, noise
    from evals.footage.speakers import speech

    rate = _rate()
    waves = [song(seed, SONG_SECONDS, "pad").samples for seed in seeds for _ in range(2)]
    waves += [speech(seed, SONG_SECONDS, "report") for seed in seeds]
    waves += [noise(seeds[0], SONG_SECONDS, kind)[0] for kind in NOISES]
    told = [heard(wave, rate).bpm is not None for wave in waves]
    return {"tracks": len(told), "tempo_told": int(sum(told))}


def loudness(seeds: Iterable[int] = range(1000, 1010)) -> dict[str, Any]:
    """Largest difference to pyloudnorm of the integrated loudness of stereo tracks, LU."""
    import pyloudnorm

    from backends.sound.meter import SoundMeter
    from backends.vision.frame import STEREO_RATE
    from evals.footage.sounds import blocks, sound_track

    errors = []
    for seed in seeds:
        track = sound_track(seed, 30.0, "report")
        side = np.roll(track.samples, 240) * 0.7
        pieces = list(blocks(np.stack([track.samples, side], axis=1), track.rate))
        meter = SoundMeter()
        for block in pieces:
            meter.hear(block)
        whole = np.concatenate([block.stereo for block in pieces]).astype(np.float64)
        expected = float(pyloudnorm.Meter(STEREO_RATE).integrated_loudness(whole))
        errors.append(abs((meter.report().loudness_lufs or -120.0) - expected))
    return {"worst_lu": round(max(errors), 3), "mean_lu": round(float(np.mean(errors)), 3), "tracks": len(errors)}


def speed() -> dict[str, Any]:
    """Times real time of a FLAC and an AAC file, from opening to the report, by wall clock and by processor time."""
    import soundfile

    from backends.sound.meter import SoundMeter
    from backends.vision.watch import listen
    from evals.footage.sounds import sound_track
    from evals.footage.world import write_clip

    track = sound_track(1000, SPEED_SECONDS, "report")
    stereo = np.stack([track.samples, track.samples * 0.8], axis=1)
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        flac, film = Path(folder) / "track.flac", Path(folder) / "film.mp4"
        soundfile.write(flac, stereo, track.rate)
        frame = np.zeros((64, 64, 3), np.uint8)
        write_clip(
            film, (frame for _ in range(int(SPEED_SECONDS))), fps=1, sound=stereo.astype(np.float32), rate=track.rate
        )
        for name, path in (("flac", flac), ("aac", film)):
            listen(path, [SoundMeter()])  # what is loaded once is not the track's
            began, spent = time.perf_counter(), time.process_time()
            meter = SoundMeter()
            listen(path, [meter])
            meter.report()
            out[name] = {
                "times_real_time": round(SPEED_SECONDS / (time.perf_counter() - began), 1),
                "cpu_ms_per_second": round(1000 * (time.process_time() - spent) / SPEED_SECONDS, 2),
            }
    return out


def real_speech() -> dict[str, Any] | str:
    """Share of the sounding time of real recordings of speech that is told as speech, and as speech over music."""
    from backends.sound.meter import SoundMeter
    from backends.vision.watch import listen

    folder = Path(os.environ.get("STUDIO_REAL_MEDIA", "")) / "speech"
    files = sorted(folder.glob("*.flac")) if os.environ.get("STUDIO_REAL_MEDIA") else []
    if not files:
        return "not measured: STUDIO_REAL_MEDIA names no folder with speech"
    shares: dict[str, float] = {}
    for path in files:
        meter = SoundMeter()
        listen(path, [meter])
        for part in meter.report().segments:
            shares[part.label] = shares.get(part.label, 0.0) + part.end - part.start
    sounding = sum(length for label, length in shares.items() if label != "silence")
    told = {label: round(length / sounding, 4) for label, length in shares.items() if label != "silence"}
    return {"files": len(files), "sounding_seconds": round(sounding, 1), "share": told}


def told_labels(sound: Sound, count: int, step: float = 0.1) -> list[Any]:
    """The reported label at each step's middle."""
    ends = np.asarray([part.end for part in sound.segments])
    places = np.searchsorted(ends, (np.arange(count) + 0.5) * step, side="right")
    return [sound.segments[min(int(place), len(ends) - 1)].label for place in places]


def beat_score(truth: Sequence[float], told: Sequence[float]) -> tuple[float, list[float]]:
    """F-measure of beats within BEAT_TOLERANCE, each used once, and how late the found ones are, seconds."""
    truth = [at for at in truth if at >= SETTLING]
    told = [at for at in told if at >= SETTLING - BEAT_TOLERANCE]
    left, late = list(told), []
    for at in truth:
        near = min(left, key=lambda other: abs(other - at), default=None)
        if near is not None and abs(near - at) <= BEAT_TOLERANCE:
            left.remove(near)
            late.append(near - at)
    return 2 * len(late) / max(1, len(truth) + len(told)), late


def _rate() -> int:
    from evals.footage.instruments import RATE

    return RATE


def _detection(counts: Any, wanted: list[int]) -> float:
    hits = counts[np.ix_(wanted, wanted)].sum()
    return round(float(2 * hits / max(1, counts[wanted].sum() + counts[:, wanted].sum())), 4)


def _by_level(track: SoundTrack, told: list[Any], under: dict[str, list[bool]]) -> None:
    for section in track.sections:
        if section.label == "speech+music":
            key = f"{4 * int(section.under_db // 4):02d}-{4 * int(section.under_db // 4) + 4:02d} dB"
            under.setdefault(key, []).extend(
                "music" in said for said in told[int(section.start * 10) : int(section.end * 10)]
            )


def _reliability(sound: Sound, track: SoundTrack) -> list[tuple[float, bool]]:
    """Of each step: how sure the meter is, and whether it is right."""
    truth = track.labels()
    out = []
    for part in sound.segments:
        for step in range(round(part.start * 10), min(round(part.end * 10), len(truth))):
            out.append((part.confidence, truth[step] == part.label))
    return out


def _calibration(sure: list[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error: mean distance between how sure and how right, over bins of sureness (Guo 2017)."""
    table = np.asarray(sure, float)
    places = np.minimum((table[:, 0] * bins).astype(int), bins - 1)
    error = 0.0
    for place in range(bins):
        part = table[places == place]
        if len(part):
            error += len(part) / len(table) * abs(float(part[:, 0].mean() - part[:, 1].mean()))
    return round(error, 4)
