"""A line whose feeling changes while it is spoken: phrase by phrase, each at its level, joined without clicks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backends.voice.emotions.delivery import deliver
from backends.voice.emotions.feeling import EmotionCurve
from backends.voice.emotions.phrases import phrases_in, positions
from backends.voice.engines.protocol import Phoneme, SpeechRequest, SpeechResult, VoiceEngine
from backends.voice.measures.loudness import normalise, trim
from backends.voice.shaping.contour import CONTINUED
from backends.voice.wav import resample

Samples = NDArray[np.float32]

PHRASES_PER_STAGE = 2
"""Phrases wanted per change of feeling, so that each stage is heard."""
FADE_S = 0.03
"""Overlap of two phrases; equal-gain, as both ends are near silence."""
TAIL_S = 0.02
"""Most of a phrase's quiet ends that is kept."""
LEVEL_LUFS = -22.0
"""Phrases are joined at this level, low enough for any crest; the line's own level follows."""
PEAK_DBFS = -1.5


@dataclass(frozen=True)
class _Piece:
    result: SpeechResult
    samples: Samples
    cut: float
    """Seconds trimmed in front."""
    pause: float
    """Seconds of silence wanted after it."""


def speak_curve(
    engine: VoiceEngine, request: SpeechRequest, curve: EmotionCurve, on_phrase: Callable[[], None] | None
) -> tuple[SpeechResult, float]:
    """Speak `request` along `curve`.

    Args:
        on_phrase: called before each phrase; raising in it stops the work.

    Returns the line, and how many dB louder than a neutral line it should be. A text that is one phrase is spoken as
    the curve's end, and the result's warnings say so. Raises EngineError as engines do.
    """
    stages = len(curve.points) - 1
    phrases = phrases_in(request.text, PHRASES_PER_STAGE * stages)
    if len(phrases) < 2:
        felt = curve.at(1.0, request.intensity)
        spoken = deliver(engine, request, felt)
        short = " ".join(request.text.split())[:40]
        note = f"'{short}' is too short to change from {curve.text.replace('->', 'to')}, so it is all {felt.nearest}."
        return replace(spoken, warnings=(*spoken.warnings, note)), felt.prosody.level_db
    pieces: list[_Piece] = []
    levels: list[tuple[float, float]] = []
    for phrase, place in zip(phrases, positions(phrases), strict=True):
        if on_phrase is not None:
            on_phrase()
        felt = curve.at(place, request.intensity)
        if phrase is not phrases[-1]:
            felt = replace(felt, prosody=replace(felt.prosody, final=CONTINUED * felt.prosody.final))
        # A comma keeps an engine from ending the sentence in the middle of a clause.
        text = f"{phrase.text}," if phrase.open else phrase.text
        spoken = deliver(engine, replace(request, text=text), felt)
        samples, cut = trim(spoken.samples, spoken.sample_rate, TAIL_S)
        samples = normalise(samples, spoken.sample_rate, LEVEL_LUFS + felt.prosody.level_db, PEAK_DBFS)
        pieces.append(_Piece(spoken, samples, cut, phrase.pause / felt.prosody.rate))
        levels.append((len(samples) / spoken.sample_rate, felt.prosody.level_db))
    line = _joined(pieces)
    if len(phrases) <= stages:
        note = f"{len(phrases)} phrases are too few to hear every stage of {curve.text.replace('->', 'to')}."
        line = replace(line, warnings=(*line.warnings, note))
    mean = sum(seconds * level for seconds, level in levels) / sum(seconds for seconds, _ in levels)
    return line, mean


def _joined(pieces: Sequence[_Piece]) -> SpeechResult:
    first = pieces[0].result
    rate = first.sample_rate
    out = np.zeros(0, dtype=np.float32)
    phonemes: list[Phoneme] = []
    words: list[tuple[float, float, str]] = []
    silence = 0.0
    starts: list[float] = []
    for piece in pieces:
        samples = resample(piece.samples, piece.result.sample_rate, rate)
        out, began = _cross_fade(out, samples, silence, rate)
        starts.append(round(began / rate, 4))
        shift = began / rate - piece.cut
        end = len(out) / rate
        phonemes += [
            Phoneme(max(0.0, p.start + shift), min(end, p.end + shift), p.ipa)
            for p in piece.result.phonemes
            if p.start + shift < end
        ]
        words += [
            (max(0.0, a + shift), min(end, b + shift), word) for a, b, word in piece.result.words if a + shift < end
        ]
        silence = piece.pause
    sounds = [sound for piece in pieces for sound in piece.result.params.get("sounds", ())]
    each = [{"start": start, **piece.result.params} for start, piece in zip(starts, pieces, strict=True)]
    return replace(
        first,
        samples=out,
        phonemes=tuple(phonemes),
        words=tuple(words),
        seconds=sum(piece.result.seconds for piece in pieces),
        params={**first.params, "sounds": sounds, "phrases": each},
        warnings=tuple(dict.fromkeys(warning for piece in pieces for warning in piece.result.warnings)),
    )


def _cross_fade(out: Samples, samples: Samples, silence: float, rate: int) -> tuple[Samples, int]:
    """`samples` after `out` and `silence` seconds of pause, of which both quiet ends are part; and where they begin."""
    if not len(out):
        return samples, 0
    fade = min(round(FADE_S * rate), len(out) // 2, len(samples) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(1, fade))).astype(np.float32)
    out, samples = out.copy(), samples.copy()
    out[len(out) - fade :] *= ramp[::-1]
    samples[:fade] *= ramp
    quiet = round(max(0.0, silence - 2 * TAIL_S) * rate)
    began = len(out) + quiet - fade if quiet < fade else len(out) + quiet
    joined = np.zeros(began + len(samples), dtype=np.float32)
    joined[: len(out)] = out
    joined[began:] += samples
    return joined, began
