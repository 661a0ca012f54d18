"""One spoken line: synthesised, trimmed, brought to its loudness, measured, and tried again when a gate fails."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.casting import species_of
from backends.voice.emotions.delivery import deliver
from backends.voice.emotions.feeling import EmotionCurve, read_emotion
from backends.voice.engines.protocol import Phoneme, SpeechRequest, SpeechResult, VoiceEngine, VoiceProfile, VoiceSource
from backends.voice.measures.loudness import normalise, trim
from backends.voice.texts.script import read_line, speakable
from configs.errors import EngineError, UsageError
from memory.records import Score
from tools.voice.gates import gates, score_line
from tools.voice.judges import NOBODY, Judges
from tools.voice.line_curve import speak_curve

DEFAULT_LUFS = -18.0


@dataclass(frozen=True)
class SpokenLine:
    """A finished line, ready to be written."""

    samples: NDArray[np.float32]
    """(N,) mono, -1..1."""
    sample_rate: int
    phonemes: tuple[Phoneme, ...]
    words: tuple[tuple[float, float, str], ...]
    request: SpeechRequest
    """The kept try."""
    engine: str
    engine_version: str
    engine_params: dict[str, Any]
    scores: tuple[Score, ...]
    target_lufs: float
    tries: int
    seconds: float
    """Wall time of all tries' synthesis."""
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    def params(self) -> dict[str, Any]:
        """JSON-ready: all that is needed to make the line again, and its timings."""
        asked = self.request
        return {
            "text": asked.text,
            "language": asked.language,
            "emotion": asked.emotion,
            "intensity": asked.intensity,
            "voice": dataclasses.asdict(asked.voice),
            "duration": round(self.duration, 4),
            "sample_rate": self.sample_rate,
            "target_lufs": round(self.target_lufs, 2),
            "tries": self.tries,
            "phonemes": [[round(p.start, 4), round(p.end, 4), p.ipa] for p in self.phonemes],
            "words": [[round(start, 4), round(end, 4), word] for start, end, word in self.words],
            "engine_params": self.engine_params,
        }


def synthesise_line(
    engine: VoiceEngine,
    text: str,
    voice: VoiceProfile,
    *,
    language: str = "en",
    emotion: str = "neutral",
    intensity: float = 0.7,
    target_lufs: float = DEFAULT_LUFS,
    seed: int = 0,
    source: VoiceSource | None = None,
    judges: Judges = NOBODY,
    on_try: Callable[[int, int], None] | None = None,
) -> SpokenLine:
    """Speak `text`, at most `gates.tries` times, and keep the best try.

    Args:
        emotion: an emotion, a blend or a curve over the line, as `read_emotion` reads it.
        intensity: 0..1, of all of it.
        target_lufs: loudness of a neutral line; an emotion speaks a few dB louder or softer.
        source: for engines that clone.
        judges: who measures likeness and intelligibility; a failed mark is tried again.
        on_try: called with (try, tries) before each, and before each phrase of a curve; raising in it stops the work.

    Raises:
        UsageError when the text holds nothing to say or is too long, EngineError when no try gives sound.
    """
    check_text(text, voice, language)
    curve = read_emotion(emotion)
    request = SpeechRequest(text, voice, language, curve.text, intensity, seed, source)
    tries = int(gates()["tries"])
    best: SpokenLine | None = None
    failure: EngineError | None = None
    seconds = 0.0
    for number in range(1, tries + 1):
        if on_try is not None:
            on_try(number, tries)
        try:
            raw, level_db = _spoken(engine, request, curve, partial(on_try, number, tries) if on_try else None)
        except EngineError as error:
            failure = error
            request = replace(request, seed=request.seed + 1)
            continue
        seconds += raw.seconds
        line = replace(_finish(engine, request, raw, target_lufs + level_db, judges), tries=number, seconds=seconds)
        if best is None or _failed(line) < _failed(best):
            best = line
        if not _failed(line):
            break
        request = _mend(request, line)
    if best is None:
        raise failure or EngineError("The voice gave nothing")
    if any(score.name == "level" and score.passed is False for score in best.scores):
        raise EngineError(
            "The voice gave silence", f"in {tries} tries at '{text[:40]}'", "Try other words, or another language"
        )
    missed = tuple(_complaint(score) for score in best.scores if score.passed is False)
    warnings = dict.fromkeys((*(f"{note}." for note in curve.notes), *best.warnings, *missed))
    return replace(best, tries=number, seconds=seconds, warnings=tuple(warnings))


def check_text(text: str, voice: VoiceProfile, language: str) -> None:
    """Raises UsageError in one sentence when `text` cannot be spoken."""
    check_length(text)
    if read_line(text, species_of(voice), language.split("-", maxsplit=1)[0]):
        return
    if not text.strip():
        raise UsageError("There is no text to speak", fix="Give the words to say, or a sound such as '*beeps*'")
    raise UsageError(
        f"There is nothing to speak in '{text.strip()[:40]}'",
        "it holds no words, only signs, emoji or directions",
        "Give the words to say, or a sound such as '*beeps*'",
    )


def check_length(text: str) -> None:
    """Raises UsageError when `text` is longer than one line may be."""
    limit = gates()["max_characters"]
    if len(text) > limit:
        raise UsageError(
            f"The text has {len(text):,} characters, too long to be one line",
            f"at most {limit:,} are spoken at once",
            "Split it into several lines with speak_dialogue",
        )


def _spoken(
    engine: VoiceEngine, request: SpeechRequest, curve: EmotionCurve, on_phrase: Callable[[], None] | None
) -> tuple[SpeechResult, float]:
    """One try, and how many dB louder than a neutral line it should be."""
    if not curve.constant:
        return speak_curve(engine, request, curve, on_phrase)
    felt = curve.at(1.0, request.intensity)
    return deliver(engine, request, felt), felt.prosody.level_db


def _finish(
    engine: VoiceEngine, request: SpeechRequest, raw: SpeechResult, target: float, judges: Judges
) -> SpokenLine:
    samples, cut = trim(raw.samples, raw.sample_rate)
    samples = normalise(samples, raw.sample_rate, target, gates()["peak_dbfs"])
    duration = len(samples) / raw.sample_rate
    phonemes = tuple(
        Phoneme(max(0.0, p.start - cut), min(duration, p.end - cut), p.ipa)
        for p in raw.phonemes
        if p.end > cut and p.start - cut < duration
    )
    words = tuple(
        (max(0.0, start - cut), min(duration, end - cut), word)
        for start, end, word in raw.words
        if end > cut and start - cut < duration
    )
    return SpokenLine(
        samples=samples,
        sample_rate=raw.sample_rate,
        phonemes=phonemes,
        words=words,
        request=request,
        engine=raw.engine,
        engine_version=raw.engine_version,
        engine_params=raw.params,
        scores=score_line(request, raw, samples, _transcription(engine, request), target, judges),
        target_lufs=target,
        tries=1,
        seconds=raw.seconds,
        warnings=raw.warnings,
    )


def _transcription(engine: VoiceEngine, request: SpeechRequest) -> str:
    """The phonemes that the text should have; '' for engines that cannot tell."""
    transcribe = getattr(engine, "transcribe", None)
    if transcribe is None:
        return ""
    segments = read_line(request.text, species_of(request.voice), request.language.split("-")[0])
    return " ".join(str(transcribe(segment.text, request.language)) for segment in segments if segment.kind == "speech")


def _failed(line: SpokenLine) -> int:
    return sum(score.passed is False for score in line.scores)


def _mend(request: SpeechRequest, line: SpokenLine) -> SpeechRequest:
    """The next try: another seed, calmer, and what the failed gates call for."""
    failed = {score.name: score for score in line.scores if score.passed is False}
    request = replace(request, seed=request.seed + 1, intensity=request.intensity * 0.7)
    if "pace" in failed:
        value, slow_fast = failed["pace"].value or 0.0, gates()["chars_per_second"]
        factor = 0.8 if value > sum(slow_fast) / 2 else 1.25
        request = replace(request, voice=replace(request.voice, rate=request.voice.rate * factor))
    if failed.keys() & {"words_spoken", "phonemes_spoken"}:
        plain = re.sub(r"[^\w\s.,!?*'’àèéìòù-]", " ", speakable(request.text))
        request = replace(request, text=" ".join(plain.split()))
    return request


def _complaint(score: Score) -> str:
    return f"The line's {score.name.replace('_', ' ')} is {score.value:g} ({score.by}); wanted: {score.threshold:g}"
