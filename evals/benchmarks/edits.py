"""Decisions of edit_video by figures, on made footage in which the truth is planted; nothing is rendered.

Per seed: a talk with pauses (words clipped, silence left), music of some tempo and style with nine shots (cuts within
one frame of a true beat), lengths asked for (error in frames), lively shots among calm ones (share of the chosen
seconds in them), dark shots (found, and wrongly found). About twenty seconds a seed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from backends.media.guard import sniff
from backends.media.probe import probe
from configs.errors import UsageError
from evals.footage.edits import FPS, Footage, Planted, footage, music, talk, variety, write_wave
from tools.analysis.reading import Wishes, read_film
from tools.editing.arrangement import Part, picture_seconds
from tools.editing.decision.facts import Facts
from tools.editing.decision.looking import ASPECTS
from tools.editing.decision.music import Music, to_beat
from tools.editing.decision.select import best_moments, cut_down
from tools.editing.decision.silence import drop_silences
from tools.editing.program import Source

SEEDS = range(101, 107)
STYLES = ("house", "pop", "rock", "latin", "drums", "waltz")
RATE = Fraction(FPS)
TARGETS = (2.0, 3.37, 5.0, 7.77, 11.11)


def run() -> dict[str, Any]:
    """Means over the seeds, and the figures of each."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        folder = Path(home)
        talks = [_talk(folder, seed) for seed in SEEDS]
        songs = [_song(folder, seed, STYLES[number % len(STYLES)]) for number, seed in enumerate(SEEDS)]
        shots = [_shots(folder, seed) for seed in SEEDS]
    heard = [song for song in songs if song["cuts"]]
    cuts = sum(song["cuts"] for song in heard)
    return {
        "words_clipped": f"{sum(one['clipped'] for one in talks)} of {sum(one['phrases'] for one in talks)} phrases",
        "silence_taken_out": round(float(np.mean([one["taken"] for one in talks])), 3),
        "cuts_within_a_frame_of_a_true_beat": f"{sum(song['near_true'] for song in heard)} of {cuts}",
        "cuts_within_a_frame_of_a_heard_beat": f"{sum(song['near_heard'] for song in heard)} of {cuts}",
        "songs_with_a_beat_heard": f"{len(heard)} of {len(songs)}",
        "length_error_frames": max(error for one in shots for error in one["length_errors"]),
        "lively_share": round(float(np.mean([one["lively_share"] for one in shots])), 3),
        "lively_by_chance": round(float(np.mean([one["by_chance"] for one in shots])), 3),
        "dark_shots": f"{sum(one['dark_found'] for one in shots)} of {len(shots)} found, "
        f"{sum(one['dark_wrong'] for one in shots)} wrong",
        "songs": songs,
        "load": round(os.getloadavg()[0], 1),
    }


def measured(film: Footage) -> tuple[Part, Facts]:
    """A film as one part, with what is known of it."""
    with read_film(film.path, Wishes(ASPECTS), name=film.path.name) as reading:
        record = reading.record
    info = probe(film.path)
    source = Source(film.path, "0" * 64, "vid-1", sniff(film.path), info)
    return Part(source, film.path.name, film.path.stem, Fraction(0), picture_seconds(source)), Facts(1, "film", record)


def _talk(folder: Path, seed: int) -> dict[str, Any]:
    pick = np.random.default_rng(seed)
    spans, at = [], float(pick.uniform(0.3, 1.2))
    while at < 12.0:
        end = at + float(pick.uniform(0.8, 2.2))
        spans.append((at, end))
        at = end + float(pick.uniform(0.8, 2.4))
    whole = round(spans[-1][1] + 1.0)
    noise = float(pick.uniform(-80, -62))
    film = footage(
        folder / f"talk{seed}.mp4", [Planted(float(whole), seed, 0.1)], talk(seed, whole, spans, noise), spoken=spans
    )
    part, facts = measured(film)
    kept, _ = drop_silences([part], lambda _: facts, RATE)
    clipped = sum(
        not any(float(piece.begin) <= start and float(piece.end) >= end for piece in kept) for start, end in spans
    )
    silent = whole - sum(end - start for start, end in spans)
    left = float(sum(piece.seconds for piece in kept)) - sum(end - start for start, end in spans)
    return {"phrases": len(spans), "clipped": clipped, "taken": 1 - left / silent}


def _song(folder: Path, seed: int, style: str) -> dict[str, Any]:
    bpm = float(np.random.default_rng(seed).uniform(80, 150))
    samples, beats = music(seed, 16.0, bpm, style)
    film = footage(folder / f"song{seed}.mp4", variety(9, 2.0, seed=seed), samples)
    write_wave(folder / f"song{seed}.wav", samples)
    part, facts = measured(film)
    told: dict[str, Any] = {"style": style, "bpm": round(bpm, 1), "cuts": 0}
    if facts.sound is None:
        return told
    try:
        cut = to_beat([part], lambda _: facts, RATE, Music(film.path.name, facts.sound, own=True))
    except UsageError as error:
        return {**told, "refused": error.sentence}
    at = np.cumsum([float(piece.seconds) for piece in cut.parts])[:-1]
    # A piece may run over a cut of the footage itself; only the places where pieces meet are cuts of the plan.
    planned = [moment for moment in at if min(abs(moment - mark) for mark in cut.cuts) < 0.5 / FPS + 1e-6]
    return {
        **told,
        "cuts": len(cut.cuts),
        "near_true": int(sum(_near(moment, beats) for moment in planned)),
        "near_heard": int(sum(_near(moment, facts.beats) for moment in planned)),
    }


def _near(moment: float, beats: Sequence[float]) -> bool:
    return min(abs(moment - beat) for beat in beats) <= 1 / FPS


def _shots(folder: Path, seed: int) -> dict[str, Any]:
    pick = np.random.default_rng(seed)
    order = pick.permutation(8)
    shots = [
        Planted(2.0, seed * 20 + number, 0.9 if kind < 2 else 0.06, light=0.15 if kind == 2 else 1.0)
        for number, kind in enumerate(order)
    ]
    film = footage(folder / f"shots{seed}.mp4", shots)
    part, facts = measured(film)
    errors = []
    for target in TARGETS:
        for planned in (
            cut_down([part], lambda _: facts, RATE, target),
            best_moments([part], lambda _: facts, RATE, target),
        ):
            frames = sum(round(piece.seconds * RATE) for piece in planned)
            errors.append(abs(frames - round(Fraction(target).limit_denominator(10_000) * RATE)))
    lively = [(2.0 * number, 2.0 * number + 2.0) for number, kind in enumerate(order) if kind < 2]
    chosen = best_moments([part], lambda _: facts, RATE, 3.0)
    inside = sum(
        max(0.0, min(float(piece.end), end) - max(float(piece.begin), start))
        for piece in chosen
        for start, end in lively
    )
    truth = {number for number, kind in enumerate(order) if kind == 2}
    found = {round((shot.start + shot.end) / 2 / 2 - 0.5) for shot in facts.dark}
    return {
        "length_errors": errors,
        "lively_share": inside / 3.0,
        "by_chance": 4.0 / 16.0,
        "dark_found": len(truth & found),
        "dark_wrong": len(found - truth),
    }
