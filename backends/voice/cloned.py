"""What all cloning engines share: a line split into speech and sounds, and the part of an emotion left to prosody."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from backends.voice.casting import species_of
from backends.voice.emotion import Prosody, prosody
from backends.voice.engine import Reference, SpeechRequest, VoiceSource
from backends.voice.script import Segment, read_line
from backends.voice.sounds import render_sounds
from configs.errors import EngineError

Sound = tuple[NDArray[np.float32], int]
"""(N,) mono float32 in -1..1, and the sample rate in Hz."""
GAP_S = 0.1
"""Between speech and a sound within one line."""
PEAK = 0.98
SILENCE_RMS = 10 ** (-50 / 20)
FACTORS = frozenset({"range", "rate", "formants"})
FREQUENCIES = frozenset({"tremor_hz", "rough_hz"})


def segments_of(request: SpeechRequest) -> tuple[Segment, ...]:
    """Raises EngineError when the text holds nothing to utter."""
    segments = read_line(request.text, species_of(request.voice), request.language.split("-")[0])
    if not segments:
        raise EngineError(
            "There is nothing to say", f"'{request.text[:40]}' holds no words and no sounds", "Give words to say"
        )
    return segments


def choose_reference(request: SpeechRequest, engine: str) -> tuple[Reference, str]:
    """The recording for the request's emotion, and the emotion that it was recorded with.

    Raises EngineError when the voice has no recording at all.
    """
    source = request.source
    if source is None or not source.references:
        raise EngineError(
            f"{engine} needs a recording of {request.voice.name}'s voice",
            "it speaks only in cloned voices",
            "Clone the voice from a clip first, or let the built-in voice speak",
        )
    chosen = source.reference(request.emotion)
    if chosen is None:  # neither this emotion nor a neutral one was recorded
        emotion, chosen = next(iter(sorted(source.references.items())))
        return chosen, emotion
    return chosen, request.emotion if request.emotion in source.references else "neutral"


def left_to_prosody(request: SpeechRequest, recorded: str) -> Prosody:
    """What of the asked manner the recording does not bring along.

    Args:
        recorded: the emotion of the recording. One in the asked emotion needs nothing more; only a manner that was
            worked out already (`request.prosody`) is compared with the emotion's usual one.
    """
    asked = request.prosody or prosody(request.emotion, request.intensity)
    brought = prosody(recorded, request.intensity)
    manner = Prosody() if request.prosody is None and recorded == request.emotion else _without(asked, brought)
    return _with(manner, request.source or VoiceSource())


def perform(
    request: SpeechRequest, say: Callable[[str], Sound], *, usual_rate: int, manner: Prosody
) -> tuple[NDArray[np.float32], int, tuple[str, ...]]:
    """The line: words through `say`, sounds ('*beeps*') made here.

    Args:
        say: speaks plain words.
        usual_rate: Hz, for a line of sounds alone.
        manner: laid over what `say` gives.

    Returns:
        samples (N,) mono float32 with peaks of at most 0.98, the sample rate in Hz, and the names of the sounds.
    """
    groups = [(kind, tuple(group)) for kind, group in groupby(segments_of(request), key=lambda one: one.kind)]
    spoken = [say(" ".join(s.text for s in group)) for kind, group in groups if kind == "speech"]
    rate = spoken[0][1] if spoken else usual_rate
    words = iter(reshaped(samples, rate, manner) for samples, _ in spoken)
    parts: list[NDArray[np.float32]] = []
    for kind, group in groups:
        if parts:
            parts.append(np.zeros(round(GAP_S * rate), dtype=np.float32))
        if kind == "speech":
            parts.append(next(words))
            continue
        mood = request.prosody or prosody(request.emotion, request.intensity)
        seed = request.voice.seed + request.seed
        parts.append(render_sounds(group, species_of(request.voice), request.voice.pitch, mood, rate, seed)[0])
    samples = np.concatenate(parts).astype(np.float32)
    peak = float(np.max(np.abs(samples), initial=0.0))
    sounds = tuple(s.sound for kind, group in groups if kind == "sound" for s in group)
    return (samples * np.float32(PEAK / peak) if peak > PEAK else samples), rate, sounds


def reshaped(samples: NDArray[np.float32], rate: int, manner: Prosody) -> NDArray[np.float32]:
    """`samples` with `manner` laid over them; the same samples when it changes nothing."""
    if dataclasses.replace(manner, tremor_hz=0, rough_hz=0) == dataclasses.replace(Prosody(), tremor_hz=0, rough_hz=0):
        return samples
    from backends.voice.reshape import reshape

    return reshape(samples, rate, manner)


def is_silent(samples: NDArray[np.float32]) -> bool:
    return not len(samples) or float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < SILENCE_RMS


def _without(asked: Prosody, brought: Prosody) -> Prosody:
    """Factors divided, offsets subtracted."""
    changes: dict[str, float] = {}
    for field in dataclasses.fields(Prosody):
        wanted, there = getattr(asked, field.name), getattr(brought, field.name)
        if field.name in FACTORS:
            changes[field.name] = wanted / there
        elif field.name in FREQUENCIES:
            changes[field.name] = wanted
        else:
            changes[field.name] = wanted - there
    # what a recording has of these cannot be taken out of it again
    floors = {name: max(0.0, changes[name]) for name in ("tremor_cents", "roughness", "drive", "whisper")}
    return Prosody(**{**changes, **floors})


def _with(manner: Prosody, source: VoiceSource) -> Prosody:
    given: Mapping[str, float] = source.prosody
    names = {field.name for field in dataclasses.fields(Prosody)}
    changes = {
        name: getattr(manner, name) * value if name in FACTORS else getattr(manner, name) + value
        for name, value in given.items()
        if name in names and name not in FREQUENCIES
    }
    return dataclasses.replace(manner, **changes)
