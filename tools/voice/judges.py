"""What else may judge a spoken line: a speaker encoder against the character's recordings, a speech recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.identity.local_files import model_folder
from backends.voice.alignment.align import FIT_MARK, FIT_SHORTEST_S, align
from backends.voice.casting import species_of, voices_config
from backends.voice.emotions.feeling import read_emotion
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceSource
from backends.voice.measures.figures import (
    Transcriber,
    intelligibility,
    noise_floor_db,
    quiet_is_voice,
    similarity,
    why_not,
)
from backends.voice.speakers.likeness import SpeakerEncoder, find_encoder
from backends.voice.speakers.recogniser import find_recogniser
from backends.voice.wav import read_wav
from configs.errors import StudioError
from configs.settings import Settings
from memory.records import Score

_MOST_CLIPS = 4
"""References that a line is compared with."""


@dataclass(frozen=True)
class Judges:
    """What this machine has for judging lines; each may be missing, and then says why."""

    encoder: SpeakerEncoder | None = None
    no_encoder: str = "nobody was asked"
    recogniser: Transcriber | None = None
    no_recogniser: str = "nobody was asked"

    @property
    def names(self) -> tuple[str, ...]:
        """Part of a kept line's identity: with another judge it is judged anew."""
        return tuple(one.name for one in (self.encoder, self.recogniser) if one is not None)


NOBODY = Judges()

_kept: dict[str, Transcriber] = {}
"""The recogniser that was used last, by its folder: loading one takes longer than several lines."""
WHISPER = "; a whisper hides who speaks"
NOISE_SHORTEST_S = 1.0
"""In shorter lines ('No!') the quietest tenth is speech: a third of such lines of every voice would seem noisy."""


def find_judges(settings: Settings) -> Judges:
    """The judges whose weights are on this machine; nothing is loaded before it is needed."""
    encoder, no_encoder = find_encoder(settings)
    found, no_recogniser = find_recogniser(settings)
    if found is None:
        return Judges(encoder, no_encoder, None, no_recogniser)
    where = f"{settings.warehouse}|{settings.voice.recogniser}|{settings.voice.recogniser_device}"
    if where not in _kept:
        _kept.clear()
        _kept[where] = found
    return Judges(encoder, no_encoder, _kept[where], "")


def recogniser_mib(settings: Settings) -> int:
    """GPU memory that the recogniser takes beside the engines, about: its weights and a fifth; 0 on the CPU."""
    folder = model_folder(settings, settings.voice.recogniser)
    if settings.voice.recogniser_device == "cpu" or folder is None or find_recogniser(settings)[0] is None:
        return 0
    return round((folder / "model.bin").stat().st_size / 2**20 * 1.2)


def judged(
    request: SpeechRequest, raw: SpeechResult, finished: NDArray[np.float32], spoken: str, judges: Judges
) -> tuple[Score, ...]:
    """The scores `noise`, `similarity`, `intelligibility` and `text_fit` of one try.

    Args:
        finished: (N,) samples after trimming and levelling.
        spoken: the words of the line; '' when it only has sounds.
    """
    return (
        _noise(request, raw, finished, spoken),
        _similarity(request, raw, finished, judges),
        _intelligibility(request, raw, finished, spoken, judges),
        _text_fit(request, raw, finished, spoken),
    )


def _marks() -> dict[str, Any]:
    marks: dict[str, Any] = voices_config()["gates"]
    return marks


def _noise(request: SpeechRequest, raw: SpeechResult, finished: NDArray[np.float32], spoken: str) -> Score:
    by, mark = "quietest tenth under the loud frames, dB", _marks()["noise_db"]
    if not spoken or raw.params.get("sounds"):
        return Score("noise", None, "not measured", by, mark, None, "sounds are not judged as speech")
    if len(finished) < NOISE_SHORTEST_S * raw.sample_rate:
        return Score("noise", None, "not measured", by, mark, None, "a word alone holds no pause")
    value = noise_floor_db(finished, raw.sample_rate)
    if value > mark and quiet_is_voice(finished, raw.sample_rate):
        note = f"{value:g} dB, but there is no pause in it: its quietest tenth is voice"
        return Score("noise", None, "not measured", by, mark, None, note)
    # Robots and monsters are rough by intent.
    passed = value <= mark if species_of(request.voice) == "human" else None
    return Score("noise", value, "measured", by, mark, passed)


def _similarity(request: SpeechRequest, raw: SpeechResult, finished: NDArray[np.float32], judges: Judges) -> Score:
    marks = _marks()
    mark, by = marks["similarity"], "cos(line, real) / cos(real, other real)"
    clips = _clips(request.source)
    if not clips:
        return Score("similarity", None, "not measured", by, mark, None, "the character has no recordings")
    if judges.encoder is None:
        return Score("similarity", None, "not measured", by, mark, None, judges.no_encoder)
    try:
        real = [_read(path, changed) for path, changed in clips]
        found = similarity((finished, raw.sample_rate), real, judges.encoder)
    except StudioError as error:
        return Score("similarity", None, "not measured", by, mark, None, why_not(error))
    long_enough = len(finished) >= marks["similarity_shortest_s"] * raw.sample_rate
    whispered = _whispered(request) > marks["similarity_whisper"]
    if found.value is None:
        note = f"one recording only: the bare cosine{'' if long_enough else ', of a very short line'}"
        known = found.encoder.startswith("GE2E") and not whispered
        mark = marks["similarity_cosine" if request.emotion == "neutral" else "similarity_felt"]
        passed = found.cosine >= mark if known and long_enough else None
        by = f"cos(line, real), {found.encoder}"
        return Score("similarity", found.cosine, "measured", by, mark, passed, f"{note}{WHISPER if whispered else ''}")
    note = f"{len(real)} recordings, like each other by {found.ceiling}{WHISPER if whispered else ''}"
    passed = found.value >= mark if long_enough and not whispered else None
    return Score("similarity", found.value, "measured", f"{by}, {found.encoder}", mark, passed, note)


def _whispered(request: SpeechRequest) -> float:
    """The largest share of whisper along the line, 0..1."""
    curve = read_emotion(request.emotion)
    return max(curve.at(place, request.intensity).prosody.whisper for place in (0.0, 0.5, 1.0))


def _intelligibility(
    request: SpeechRequest, raw: SpeechResult, finished: NDArray[np.float32], spoken: str, judges: Judges
) -> Score:
    by, mark = "share of letters that a recogniser hears", _marks()["intelligibility"]
    note = ""
    if not spoken:
        note = "sounds only, no words"
    elif raw.words:
        note = "the engine's own word times tell it (words_spoken)"
    elif judges.recogniser is None:
        note = judges.no_recogniser
    if note or judges.recogniser is None:
        return Score("intelligibility", None, "not measured", by, mark, None, note)
    try:
        found = intelligibility(finished, raw.sample_rate, spoken, request.language, judges.recogniser)
    except StudioError as error:
        return Score("intelligibility", None, "not measured", by, mark, None, why_not(error))
    if found is None:
        return Score("intelligibility", None, "not measured", by, mark, None, "no words to compare")
    value = round(max(0.0, 1 - found.character_error_rate), 3)
    note = f"word errors {found.word_error_rate:.0%}; heard: {found.heard[:80]}"
    return Score("intelligibility", value, "measured", f"{by}, {found.recogniser}", mark, value >= mark, note)


def _text_fit(request: SpeechRequest, raw: SpeechResult, finished: NDArray[np.float32], spoken: str) -> Score:
    """Whether an engine that tells no word times said this text at all: without weights, and surer for long lines."""
    by, note = "likeness to eSpeak's reading of the text, against its words in other orders", ""
    if not spoken:
        note = "sounds only, no words"
    elif raw.words:
        note = "the engine's own word times tell it (words_spoken)"
    elif len(finished) < FIT_SHORTEST_S * raw.sample_rate:
        note = f"lines under {FIT_SHORTEST_S:g} s are too alike"
    elif _whispered(request) > _marks()["similarity_whisper"]:
        note = "whispers of cloned voices were not measured"
    if note:
        return Score("text_fit", None, "not measured", by, FIT_MARK, None, note)
    try:
        found = align(finished, raw.sample_rate, spoken, request.language)
    except StudioError as error:
        return Score("text_fit", None, "not measured", by, FIT_MARK, None, why_not(error))
    if found.fit is None:
        return Score("text_fit", None, "not measured", by, found.mark, None, "there is too little speech in it")
    return Score("text_fit", found.fit, "measured", by, found.mark, found.fit >= found.mark)


def _clips(source: VoiceSource | None) -> tuple[tuple[str, int], ...]:
    """The character's recordings that are there, with the time of their last change."""
    if source is None:
        return ()
    paths = dict.fromkeys(reference.path for reference in source.references.values() if Path(reference.path).is_file())
    return tuple((path, Path(path).stat().st_mtime_ns) for path in list(paths)[:_MOST_CLIPS])


@lru_cache(maxsize=16)
def _read(path: str, _changed_ns: int) -> tuple[NDArray[np.float32], int]:
    return read_wav(Path(path))
