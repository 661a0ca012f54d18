"""What all cloning engines share: a line split into speech and sounds, and the part of an emotion left to prosody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from backends.voice.casting import species_of
from backends.voice.emotions.delivery import inaudible
from backends.voice.emotions.feeling import DEFAULT_INTENSITY
from backends.voice.emotions.prosody import Prosody, prosody, prosody_between, prosody_with
from backends.voice.engines.protocol import Reference, SpeechRequest
from backends.voice.shaping.reshape import praat_missing, reshape
from backends.voice.sounds import render_sounds
from backends.voice.texts.script import Segment, read_line
from configs.errors import EngineError

Sound = tuple[NDArray[np.float32], int]
"""(N,) mono float32 in -1..1, and the sample rate in Hz."""
GAP_S = 0.1
"""Between speech and a sound within one line."""
PEAK = 0.98
SILENCE_RMS = 10 ** (-50 / 20)


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
        recorded: the emotion of the recording, acted as is usual. One in the asked emotion needs nothing more; only a
            manner that was worked out already (`request.prosody`) is compared with the usual one.
    """
    own = request.source.prosody if request.source is not None else {}
    if request.prosody is None and recorded == request.emotion:
        return prosody_with(Prosody(), own)
    asked = request.prosody or prosody(request.emotion, request.intensity)
    return prosody_with(prosody_between(prosody(recorded, DEFAULT_INTENSITY), asked), own)


@dataclass(frozen=True)
class Performed:
    """A whole line."""

    samples: NDArray[np.float32]
    """(N,) mono, peaks of at most 0.98."""
    sample_rate: int
    sounds: tuple[str, ...]
    """Names of the sounds in it."""
    warnings: tuple[str, ...] = ()


def perform(request: SpeechRequest, say: Callable[[str], Sound], *, usual_rate: int, manner: Prosody) -> Performed:
    """The line: words through `say`, sounds ('*beeps*') made here.

    Args:
        say: speaks plain words.
        usual_rate: Hz, for a line of sounds alone.
        manner: laid over what `say` gives; left out with a warning where Praat is missing.
    """
    groups = [(kind, tuple(group)) for kind, group in groupby(segments_of(request), key=lambda one: one.kind)]
    spoken = [say(" ".join(s.text for s in group)) for kind, group in groups if kind == "speech"]
    rate = spoken[0][1] if spoken else usual_rate
    warnings: tuple[str, ...] = ()
    if spoken and not inaudible(manner):
        if missing := praat_missing():
            warnings = (f"The emotion was left out, as the voice cannot be given another prosody: {missing}.",)
        else:
            spoken = [(reshape(samples, rate, manner, seed=request.seed), rate) for samples, _ in spoken]
    words = iter(spoken)
    parts: list[NDArray[np.float32]] = []
    for kind, group in groups:
        if parts:
            parts.append(np.zeros(round(GAP_S * rate), dtype=np.float32))
        if kind == "speech":
            parts.append(next(words)[0])
            continue
        mood = request.prosody or prosody(request.emotion, request.intensity)
        seed = request.voice.seed + request.seed
        parts.append(render_sounds(group, species_of(request.voice), request.voice.pitch, mood, rate, seed)[0])
    samples = np.concatenate(parts).astype(np.float32)
    peak = float(np.max(np.abs(samples), initial=0.0))
    sounds = tuple(s.sound for kind, group in groups if kind == "sound" for s in group)
    return Performed(samples * np.float32(PEAK / peak) if peak > PEAK else samples, rate, sounds, warnings)


def is_silent(samples: NDArray[np.float32]) -> bool:
    return not len(samples) or float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < SILENCE_RMS
