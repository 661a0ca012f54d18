"""Measured pass marks of a spoken line."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from backends.voice.casting import species_of, voices_config
from backends.voice.engines.protocol import SpeechRequest, SpeechResult
from backends.voice.measures.loudness import integrated_lufs, peak_dbfs, rms_dbfs, speech_span
from backends.voice.texts.script import Segment, read_line
from memory.records import Score
from tools.voice.judges import NOBODY, Judges, judged

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]", re.UNICODE)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

SOUNDS_OF_GRACE = 2
"""Sounds of a line that may be reduced or linked away without a fault."""


def gates() -> dict[str, Any]:
    """The thresholds, section `gates` of configs/voices.yaml."""
    marks: dict[str, Any] = voices_config()["gates"]
    return marks


def score_line(
    request: SpeechRequest,
    raw: SpeechResult,
    finished: Any,
    expected_ipa: str,
    target_lufs: float,
    judges: Judges = NOBODY,
) -> tuple[Score, ...]:
    """All gates of one try.

    Args:
        raw: what the engine gave.
        finished: (N,) float32 samples after trimming and levelling.
        expected_ipa: the engine's transcription of the spoken part, '' where it has none.
        target_lufs: the loudness that was aimed at.
        judges: who else measures it, where they are on this machine.
    """
    segments = read_line(request.text, species_of(request.voice), request.language.split("-")[0])
    spoken = " ".join(segment.text for segment in segments if segment.kind == "speech")
    return (
        _silence(finished),
        _pace(spoken, raw),
        _loudness(finished, raw.sample_rate, target_lufs),
        _clipping(raw, finished),
        _words(segments, raw),
        _phonemes(segments, raw, expected_ipa),
        *judged(request, raw, finished, spoken, judges),
    )


def _silence(samples: Any) -> Score:
    mark, value = gates()["silence_dbfs"], rms_dbfs(samples)
    return Score("level", round(value, 1), "measured", "RMS, dBFS", mark, value > mark)


def _pace(spoken: str, raw: SpeechResult) -> Score:
    slow, fast = gates()["chars_per_second"]
    letters = _spoken_letters(spoken)
    by = "letters per second"
    if not letters:
        return Score("pace", None, "not measured", by, note="sounds only, no words")
    start, end = speech_span(raw.samples, raw.sample_rate)
    seconds = max(end - start, 1e-3)
    plausible = letters / fast <= seconds <= letters / slow + gates()["slack_seconds"]
    # Sounds between the words take time too; then only too short is a fault.
    if raw.params.get("sounds"):
        plausible = letters / fast <= seconds
    return Score(
        "pace", round(letters / seconds, 1), "measured", by, fast, plausible, f"plausible: {slow:g} to {fast:g}"
    )


def _spoken_letters(text: str) -> float:
    weights = gates()
    return sum(
        weights["digit_weight"] if char.isdigit() else weights["wide_weight"] if _WIDE.match(char) else 1
        for char in text
        if char.isalnum()
    )


def _loudness(samples: Any, sample_rate: int, target: float) -> Score:
    value = integrated_lufs(samples, sample_rate)
    near = abs(value - target) <= gates()["loudness_tolerance_lu"]
    return Score("loudness", round(value, 1), "measured", "ITU-R BS.1770, LUFS", round(target, 1), near)


def _clipping(raw: SpeechResult, finished: Any) -> Score:
    share = float(np.mean(np.abs(raw.samples) >= 0.999)) if len(raw.samples) else 0.0
    mark = gates()["peak_dbfs"]
    value = peak_dbfs(finished)
    passed = value <= mark + 0.05 and share <= gates()["clipped_share"]
    return Score("peak", round(value, 1), "measured", "sample peak, dBFS", mark, passed, f"engine clipped {share:.2%}")


def _words(segments: tuple[Segment, ...], raw: SpeechResult) -> Score:
    """Share of the asked words that came out, each with sound in its time."""
    by = "engine's word times with sound in them"
    asked = Counter(_signs(" ".join(segment.text for segment in segments)))
    if not raw.words or not asked:
        return Score("words_spoken", None, "not measured", by, gates()["min_coverage"], None, "no word times")
    floor = rms_dbfs(raw.samples) - 40
    heard: Counter[str] = Counter()
    for start, end, word in raw.words:
        first, last = int(start * raw.sample_rate), int(end * raw.sample_rate)
        if rms_dbfs(raw.samples[first:last]) > floor:
            heard.update(_signs(word))
    share = (asked & heard).total() / asked.total()
    mark = gates()["min_coverage"]
    return Score("words_spoken", round(share, 3), "measured", by, mark, share >= mark)


def _signs(text: str) -> list[str]:
    """Letters and digits: engines split words differently, but they keep the letters."""
    return _TOKEN.findall(text.casefold())


def _phonemes(segments: tuple[Segment, ...], raw: SpeechResult, expected_ipa: str) -> Score:
    """Likeness of the phonemes that came out to the transcription of the text."""
    by, mark = "transcription against phoneme events", gates()["min_phonemes"]
    expected = _signs_of(expected_ipa)
    if not expected or not raw.phonemes or any(segment.kind == "sound" for segment in segments):
        return Score("phonemes_spoken", None, "not measured", by, mark, None, "no transcription to compare with")
    came = _signs_of("".join(phoneme.ipa for phoneme in raw.phonemes))
    blocks = SequenceMatcher(None, expected, came, autojunk=False).get_matching_blocks()
    found = sum(block.size for block in blocks)
    share = found / len(expected)
    # In a very short line one reduced or linked sound is a large share, and no fault.
    passed = share >= mark or len(expected) - found <= SOUNDS_OF_GRACE
    return Score("phonemes_spoken", round(share, 3), "measured", by, mark, passed)


def _signs_of(ipa: str) -> list[str]:
    """Base letters of an IPA text, without stress, length and diacritics."""
    return [sign for sign in unicodedata.normalize("NFD", ipa) if unicodedata.category(sign) == "Ll"]
