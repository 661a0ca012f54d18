"""Beeps, barks and squawks: sound words become synthesised tones with mouth timings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.emotions.prosody import Prosody
from backends.voice.engines.protocol import Phoneme
from backends.voice.texts.script import Segment, sounds_lexicon

ATTACK_S, RELEASE_S = 0.008, 0.03
LEVEL = 0.16
"""RMS of a sound before loudness is set, near that of speech."""
VOWEL_WEIGHT = 4
"""A vowel of a sound word lasts this many times as long as a consonant."""
_VOWELS = frozenset("aeiouɔɛəʊɪɑʌæ")


def render_sounds(
    segments: Sequence[Segment], species: str, pitch: float, prosody: Prosody, sample_rate: int, seed: int
) -> tuple[NDArray[np.float32], tuple[Phoneme, ...], tuple[tuple[float, float, str], ...]]:
    """Play sound segments that follow each other as one phrase.

    Args:
        pitch: semitones around the species' base pitch (a small robot beeps higher).
        prosody: bends the contour over the phrase (glide), spreads the notes (range) and sets the pace (rate).

    Returns:
        samples (N,) mono float32, phonemes and words with times in seconds from the first sample.
    """
    lexicon = sounds_lexicon()
    generator = np.random.default_rng([seed & 0xFFFFFFFF, sum(len(segment.text) for segment in segments)])
    played = [(owner, name) for owner, segment in enumerate(segments) for name in _names(segment, generator)]
    base = lexicon["base_hz"].get(species, lexicon["base_hz"]["animal"]) * 2 ** ((pitch + prosody.pitch) / 12)
    gap = np.zeros(round(lexicon["gap_seconds"] / prosody.rate * sample_rate), dtype=np.float32)
    parts: list[NDArray[np.float32]] = []
    phonemes: list[Phoneme] = []
    spans: dict[int, tuple[float, float]] = {}
    length = 0
    for index, (owner, name) in enumerate(played):
        # The emotion's glide runs over the phrase: questions and joy rise, sadness falls.
        place = index / (len(played) - 1) - 0.5 if len(played) > 1 else 0.0
        offset = prosody.glide * place + float(generator.uniform(-0.4, 0.4))
        bend = prosody.glide / max(2, len(played))
        entry = lexicon["sounds"][name]
        samples = _notes(entry["notes"], base, offset, bend, segments[owner].stretch, prosody, sample_rate, generator)
        start, end = length / sample_rate, (length + len(samples)) / sample_rate
        phonemes += _phones(entry["phones"], start, end - start)
        spans[owner] = (spans.get(owner, (start, end))[0], end)
        parts += [samples, gap]
        length += len(samples) + len(gap)
    words = tuple((*spans[owner], segment.text) for owner, segment in enumerate(segments))
    return np.concatenate(parts[:-1]), tuple(phonemes), words


def _names(segment: Segment, generator: np.random.Generator) -> list[str]:
    """The sounds of a segment: one, or for a direction such as '*beeps*' a phrase of them."""
    if not segment.phrase:
        return [segment.sound]
    choices: list[list[str]] = sounds_lexicon()["phrases"].get(segment.sound, [[segment.sound]])
    return choices[int(generator.integers(len(choices)))]


def _notes(
    notes: list[dict[str, Any]],
    base: float,
    offset: float,
    bend: float,
    stretch: float,
    prosody: Prosody,
    sample_rate: int,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    parts: list[NDArray[np.float32]] = []
    for note in notes:
        seconds = note["seconds"] * stretch / prosody.rate
        start = note["from"] * prosody.range + offset - bend / 2
        end = note["to"] * prosody.range + offset + bend / 2
        parts.append(_tone(note, base, start, end, seconds, prosody, sample_rate, generator))
        if note.get("gap"):
            parts.append(np.zeros(round(note["gap"] * sample_rate), dtype=np.float32))
    out = np.concatenate(parts)
    rms = float(np.sqrt(np.mean(out**2)))
    return (out * (LEVEL / max(rms, 1e-6))).astype(np.float32)


def _tone(
    note: dict[str, Any],
    base: float,
    start: float,
    end: float,
    seconds: float,
    prosody: Prosody,
    sample_rate: int,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """One gliding note: oscillator, noise, flutter, resonance, envelope."""
    count = max(8, round(seconds * sample_rate))
    at = np.arange(count) / sample_rate
    semitones = np.linspace(start, end, count)
    semitones = semitones + note.get("vibrato", 0.0) * np.sin(2 * np.pi * note.get("vibrato_hz", 6.0) * at)
    semitones = semitones + prosody.tremor_cents / 100 * np.sin(2 * np.pi * prosody.tremor_hz * at)
    # The highest partial that still fits is 0.45 of the sample rate; base notes stay well below it.
    hertz = np.minimum(base * 2 ** (semitones / 12), 0.2 * sample_rate)
    phase = 2 * np.pi * np.cumsum(hertz) / sample_rate
    wave = _oscillator(note.get("wave", "soft"), phase, hertz, sample_rate)
    noise_share = max(note.get("noise", 0.0), 0.85 * prosody.whisper)
    if noise_share:
        wave = (1 - noise_share) * wave + noise_share * generator.normal(0, 0.6, count)
    rough = max(note.get("rough", 0.0), prosody.roughness)
    if rough:
        hz = note.get("rough_hz", prosody.rough_hz)
        wave = wave * (1 - rough * (0.5 + 0.5 * np.sin(2 * np.pi * hz * at)))
    if "formants" in note:
        wave = _resonate(wave, note["formants"][0], note["formants"][1], sample_rate)
    envelope = np.minimum(1.0, np.minimum(at / ATTACK_S, (seconds - at) / min(RELEASE_S, seconds / 2)))
    envelope = np.clip(envelope, 0.0, 1.0) * np.exp(-note.get("decay", 0.8) * at)
    return np.asarray(wave * envelope, dtype=np.float32)


def _oscillator(
    wave: str, phase: NDArray[np.float64], hertz: NDArray[np.float64], sample_rate: int
) -> NDArray[np.float64]:
    """Sums of partials below the Nyquist frequency, so that nothing aliases."""
    amplitudes = {"sine": [1.0], "soft": [1.0, 0.28, 0.16, 0.05], "saw": [1 / k for k in range(1, 19)]}[wave]
    out = np.zeros_like(phase)
    for number, amplitude in enumerate(amplitudes, start=1):
        out += amplitude * np.sin(number * phase) * (number * hertz < 0.45 * sample_rate)
    return out


def _resonate(wave: NDArray[np.float64], start_hz: float, end_hz: float, sample_rate: int) -> NDArray[np.float64]:
    """A resonance that moves from one frequency to another (a mouth that opens), by cross-fading two filters."""
    from scipy import signal

    fade = np.linspace(0, 1, len(wave))
    voices = [signal.lfilter(*signal.iirpeak(hz, Q=2.5, fs=sample_rate), wave) for hz in (start_hz, end_hz)]
    moved: NDArray[np.float64] = (1 - fade) * voices[0] + fade * voices[1] + 0.25 * wave
    return moved


def _phones(phones: list[str], start: float, seconds: float) -> list[Phoneme]:
    weights = [VOWEL_WEIGHT if phone[0] in _VOWELS else 1 for phone in phones]
    edges = start + seconds * np.concatenate([[0.0], np.cumsum(weights) / sum(weights)])
    return [Phoneme(float(edges[i]), float(edges[i + 1]), phone) for i, phone in enumerate(phones)]
