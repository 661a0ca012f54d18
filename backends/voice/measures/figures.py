"""Figures of a spoken sound: likeness to a person, noise, melody, cleanliness, intelligibility.

A figure that cannot be measured here is None, with the reason; it is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import FRAME_S, frame_levels, integrated_lufs, rms_dbfs
from backends.voice.speakers.activity import speech_spans
from backends.voice.texts.reading import read_tokens
from configs.errors import StudioError

if TYPE_CHECKING:
    from backends.voice.speakers.likeness import SpeakerEncoder

Samples = NDArray[np.float32]
Sound = tuple[Samples, int]
"""(N,) mono samples and their rate in Hz."""

_PITCH_HZ = (60.0, 600.0)
_NOISE_SHARE = 10.0
_VOICED_SHARE = 0.5
"""Percentile of frame levels taken for the noise floor where nothing tells where the pauses are."""
_PAUSE_FRAMES = 5
_SILENCE_DBFS = -90.0
"""Digital silence between words says nothing about noise."""


@dataclass(frozen=True)
class Similarity:
    """How like one person two sounds are, by one encoder; figures of two encoders must not be compared."""

    value: float | None
    """cos(synthetic, real) / cos(real, held-out real): 1 is as like as the person to themselves. None: no second
    real clip."""
    cosine: float
    """cos(synthetic, real)."""
    ceiling: float | None
    """cos(real, held-out real), mean over the clips left out in turn."""
    encoder: str


@dataclass(frozen=True)
class PitchFacts:
    """Melody and voice of a sound, by Praat."""

    median_hz: float | None
    """None: nothing is voiced."""
    range_semitones: float | None
    """10th to 90th percentile of voiced frames."""
    hnr_db: float | None
    """Mean harmonics-to-noise ratio of voiced frames: 20 is a clear voice, under 7 is hoarse or noisy."""
    voiced_share: float
    """0..1 of frames."""


@dataclass(frozen=True)
class Intelligibility:
    """A recogniser's transcript against the text."""

    word_error_rate: float
    """Edits per word of the text, 0 is every word heard; may exceed 1."""
    character_error_rate: float
    heard: str
    recogniser: str


def similarity(synthetic: Sound, real: Sequence[Sound], encoder: SpeakerEncoder) -> Similarity:
    """Likeness of a synthetic sound to a person's real clips.

    With two or more clips the figure is relative to how like the real clips are to each other (the human ceiling of
    Seed-TTS-eval's SIM is 0.73 of 1, so a raw cosine says little). Each side is one clip against the mean of others.

    Raises UsageError when a clip is too short or silent, or `real` is empty.
    """
    from backends.voice.speakers.likeness import centroid, cosine

    if not real:
        raise ValueError("no real clip to compare with")
    made = encoder.embed(*synthetic)
    vectors = np.stack([encoder.embed(*one) for one in real])
    if len(vectors) == 1:
        return Similarity(None, round(cosine(made, vectors[0]), 4), None, encoder.name)
    rests = [centroid(np.delete(vectors, one, axis=0)) for one in range(len(vectors))]
    ceiling = float(np.mean([cosine(rest, held) for rest, held in zip(rests, vectors, strict=True)]))
    # The same count of clips on both sides, or the mean of more would seem nearer.
    raw = float(np.mean([cosine(made, rest) for rest in rests]))
    value = raw / ceiling if ceiling > 0.05 else None
    return Similarity(None if value is None else round(value, 4), round(raw, 4), round(ceiling, 4), encoder.name)


def snr_db(samples: Samples, rate: int, spans: Sequence[tuple[float, float]] | None = None) -> float | None:
    """Level of speech over what is heard in the pauses, in dB; None where there is no pause with a sound in it.

    spans: (start, end) seconds of the speech; None finds it.
    """
    levels = frame_levels(samples, rate)
    if not len(levels):
        return None
    found = speech_spans(samples, rate) if spans is None else spans
    at = (np.arange(len(levels)) + 0.5) * len(samples) / rate / len(levels)
    speech = np.zeros(len(levels), bool)
    near = np.zeros(len(levels), bool)
    for start, end in found:
        speech |= (at >= start) & (at < end)
        near |= (at >= start - 0.05) & (at < end + 0.05)
    pauses = levels[~near & (levels > _SILENCE_DBFS)]
    if not speech.any() or len(pauses) < _PAUSE_FRAMES:
        return None
    return round(_mean_db(levels[speech]) - _mean_db(pauses), 1)


def noise_floor_db(samples: Samples, rate: int) -> float:
    """Level of the quietest tenth of frames under the loud ones, in dB: the steady noise, or breath, under a voice.

    Negative; -100 for digital silence between words.
    """
    levels = frame_levels(samples, rate)
    if not len(levels):
        return 0.0
    quiet, loud = np.percentile(levels, [_NOISE_SHARE, 95.0])
    return round(float(max(-100.0, quiet - loud)), 1)


def quiet_is_voice(samples: Samples, rate: int) -> bool:
    """Whether the quietest tenth of frames is mostly voiced: then there is no pause in which noise could be heard.

    Measured on eSpeak's voices ('One one one one.'): half of these frames and more; with white noise 5 dB under the
    speech at most a fifth. False where Praat is missing.
    """
    try:
        import parselmouth
    except ImportError:
        return False
    levels = frame_levels(samples, rate)
    if len(samples) < 0.1 * rate:
        return False
    quiet = np.flatnonzero(levels <= np.percentile(levels, _NOISE_SHARE))
    pitch = parselmouth.Sound(samples.astype(np.float64), rate).to_pitch(None, *_PITCH_HZ)
    at = (quiet + 0.5) * FRAME_S
    return float(np.mean([pitch.get_value_at_time(float(t)) > 0 for t in at])) >= _VOICED_SHARE


def pitch_facts(samples: Samples, rate: int) -> PitchFacts | None:
    """Pitch and harmonicity by Praat; None when praat-parselmouth is not installed or the sound is under 0.1 s."""
    try:
        import parselmouth
    except ImportError:
        return None
    if len(samples) < 0.1 * rate:
        return None
    sound = parselmouth.Sound(samples.astype(np.float64), rate)
    hertz = np.asarray(sound.to_pitch(None, *_PITCH_HZ).selected_array["frequency"])
    voiced = hertz[hertz > 0]
    share = float(len(voiced) / max(1, len(hertz)))
    if len(voiced) < 3:
        return PitchFacts(None, None, None, round(share, 3))
    low, high = np.percentile(voiced, [10, 90])
    harmonic = np.asarray(sound.to_harmonicity(minimum_pitch=_PITCH_HZ[0]).values)
    clear = harmonic[harmonic > -199.0]
    return PitchFacts(
        round(float(np.median(voiced)), 1),
        round(float(12 * np.log2(high / low)), 2),
        round(float(clear.mean()), 1) if len(clear) else None,
        round(share, 3),
    )


def level_facts(samples: Samples, rate: int) -> dict[str, float]:
    """Loudness in LUFS, RMS in dBFS and the spread of speech levels in dB (how lively the energy is)."""
    levels = frame_levels(samples, rate)
    heard = levels[levels > levels.max() - 40] if len(levels) else levels
    return {
        "lufs": round(integrated_lufs(samples, rate), 1),
        "rms_dbfs": round(rms_dbfs(samples), 1),
        "energy_spread_db": round(float(heard.std()), 1) if len(heard) else 0.0,
    }


def letters_per_second(text: str, seconds: float) -> float:
    """Pace: letters of the text, figures written out would count as read, over seconds of speech."""
    return round(sum(char.isalnum() for char in text) / max(seconds, 1e-3), 1)


class Transcriber(Protocol):
    """What writes down speech from samples: `backends.voice.speakers.recogniser.Recogniser`."""

    name: str

    def write_samples(self, samples: Samples, rate: int, language: str = "") -> str:
        """What is said."""


def intelligibility(
    samples: Samples, rate: int, text: str, language: str, recogniser: Transcriber
) -> Intelligibility | None:
    """Word and character error rates of a recogniser's transcript against `text`; None when the text has no words.

    Both sides are compared as spoken: numbers and abbreviations written out, case and punctuation away.
    Raises EngineError when the recogniser fails.
    """
    tag = language.split("-", maxsplit=1)[0]
    wanted = spoken_words(text, tag)
    if not wanted:
        return None
    heard = recogniser.write_samples(samples, rate, tag)
    said = spoken_words(heard, tag)
    return Intelligibility(
        round(edits(wanted, said) / len(wanted), 4),
        round(edits("".join(wanted), "".join(said)) / len("".join(wanted)), 4),
        heard,
        recogniser.name,
    )


def spoken_words(text: str, language: str) -> list[str]:
    """The words of a text as they are said, casefolded, without punctuation."""
    spoken = " ".join(token.spoken for token in read_tokens(text, language)).casefold()
    spoken = spoken.replace("’", "'").replace("-", " ")
    words = ("".join(char for char in word if char.isalnum() or char == "'").strip("'") for word in spoken.split())
    return [word for word in words if word]


def edits(wanted: Sequence[str], came: Sequence[str]) -> int:
    """Levenshtein distance: insertions, deletions and substitutions."""
    row = np.arange(len(came) + 1)
    theirs = np.array([hash(one) for one in came], dtype=np.int64)
    for number, one in enumerate(wanted, 1):
        fresh = np.empty_like(row)
        fresh[0] = number
        fresh[1:] = np.minimum(row[1:] + 1, row[:-1] + (theirs != hash(one)))
        # Insertions run along the row: a running minimum of value minus place.
        place = np.arange(len(row))
        row = np.minimum.accumulate(fresh - place) + place
    return int(row[-1])


def why_not(error: StudioError) -> str:
    """A failed measurement's reason in one line."""
    return " ".join(str(error).split())[:120]


def _mean_db(levels: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10)) + 1e-12))
