"""The eSpeak NG library through ctypes: text in, samples with phoneme and word times out.

The library keeps its state in globals and is not thread-safe: there is one instance per process, behind one lock.
Structures follow espeak-ng's `speak_lib.h` (1.52). The library is GPL-3.0 and comes only with the `offline` extra.
"""

from __future__ import annotations

import ctypes
import os
import threading
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.espeak_timings import PHONEME, TimedEvent, timings
from backends.voice.engines.protocol import Phoneme
from configs.errors import EngineError

PACKAGE = "espeakng_loader"

SEED = 1
"""Of eSpeak's own noise."""

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA_EVENTS, _DONT_EXIT = 0x1, 0x2, 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTERS = 1
_IPA_TEXT = 0x02
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7

RATE_LIMITS = (80, 450)
"""Words per minute that eSpeak accepts."""

_LOCK = threading.RLock()


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Utterance:
    """What eSpeak said."""

    samples: NDArray[np.float32]
    """(N,) mono, -1..1."""
    phonemes: tuple[Phoneme, ...]
    words: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class EspeakKnobs:
    """eSpeak's own parameters."""

    voice: str
    """Voice with an optional variant, e.g. 'it+f2'."""
    words_per_minute: int = 175
    pitch: int = 50
    """0..99; 50 is the voice's own, about 4 units per semitone."""
    range: int = 50
    """0..99; 0 is monotone."""
    volume: int = 100
    word_gap: int = 0
    """Units of 10 ms."""


class EspeakLibrary:
    """The loaded library. Use `open_library()`; all methods take the process-wide lock."""

    def __init__(self, library_path: str, data_path: str) -> None:
        self._library_path, self._data_path = library_path, data_path
        self._chunks: list[NDArray[np.int16]] = []
        self._events: list[TimedEvent] = []
        self._callback = _Callback(self._collect)
        self._lib: Any = None
        self.sample_rate = self._start()
        self.version = self._info()

    def _start(self) -> int:
        try:
            self._lib = ctypes.CDLL(self._library_path)
        except OSError as error:
            raise EngineError(
                "The eSpeak library could not be loaded", str(error), "Reinstall the offline extra"
            ) from error
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        options = _PHONEME_EVENTS | _IPA_EVENTS | _DONT_EXIT
        sample_rate = int(self._lib.espeak_Initialize(_SYNCHRONOUS, 0, self._data_path.encode(), options))
        if sample_rate <= 0:
            raise EngineError(
                "The eSpeak voice could not start",
                f"its data folder {self._data_path} was refused",
                "Reinstall the offline extra",
            )
        self._lib.espeak_SetSynthCallback(self._callback)
        # espeak_Initialize seeds the noise of breathy variants with the time of day.
        self._lib.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        return sample_rate

    def _info(self) -> str:
        return str(self._lib.espeak_Info(None).decode())

    def _start_afresh(self) -> None:
        """Load the library again (0.8 ms), so that the same request gives the same sound.

        eSpeak keeps its flutter and noise positions in statics that no call of its own resets.
        """
        if os.name != "posix":
            return
        if self._lib is not None:
            handle = ctypes.c_void_p(self._lib._handle)
            self._lib.espeak_Terminate()
            self._lib = None
            ctypes.CDLL(None).dlclose(handle)
        self._start()

    def _collect(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events and events[index].type:
            event = events[index]
            ipa = ""
            if event.type == PHONEME:
                raw = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                ipa = raw.decode("utf-8", errors="ignore")
            self._events.append(TimedEvent(event.type, event.text_position, event.audio_position / 1000.0, ipa))
            index += 1
        return 0

    def _select(self, voice: str) -> None:
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EngineError(
                f"eSpeak has no voice '{voice}'", fix="See the languages it can speak with 'studio doctor'"
            )

    def synthesise(self, text: str, knobs: EspeakKnobs) -> Utterance:
        """Speak plain `text` (no SSML). Raises EngineError when eSpeak fails or says nothing."""
        payload = text.replace("\0", " ").encode("utf-8", errors="replace") + b"\0"
        with _LOCK:
            self._start_afresh()
            self._select(knobs.voice)
            for parameter, value in (
                (_RATE, int(np.clip(knobs.words_per_minute, *RATE_LIMITS))),
                (_VOLUME, knobs.volume),
                (_PITCH, int(np.clip(knobs.pitch, 0, 99))),
                (_RANGE, int(np.clip(knobs.range, 0, 99))),
                (_WORD_GAP, max(0, knobs.word_gap)),
            ):
                self._lib.espeak_SetParameter(parameter, value, 0)
            self._chunks, self._events = [], []
            status = self._lib.espeak_Synth(payload, len(payload), 0, _POSITION_CHARACTERS, 0, _CHARS_UTF8, None, None)
            chunks, events = self._chunks, self._events
            self._chunks, self._events = [], []
        if status != 0:
            raise EngineError("eSpeak could not speak the text", f"its error code is {status}", "Try a shorter text")
        if not chunks:
            raise EngineError("eSpeak said nothing", f"it found no words in '{text[:40]}'", "Give words to say")
        samples = np.concatenate(chunks).astype(np.float32) / 32768.0
        phonemes, words = timings(events, text, len(samples) / self.sample_rate)
        return Utterance(samples, phonemes, words)

    def ipa(self, text: str, voice: str) -> str:
        """The IPA transcription of `text`, clauses joined by spaces."""
        with _LOCK:
            if self._lib is None:
                self._start()
            self._select(voice)
            pointer = ctypes.c_char_p(text.replace("\0", " ").encode("utf-8", errors="replace"))
            clauses: list[str] = []
            while pointer.value is not None:
                clause = self._lib.espeak_TextToPhonemes(ctypes.byref(pointer), _CHARS_UTF8, _IPA_TEXT)
                clauses.append(clause.decode("utf-8", errors="ignore").strip() if clause else "")
        return " ".join(part for part in clauses if part)


_opened: EspeakLibrary | None = None


def open_library() -> EspeakLibrary:
    """The process's one eSpeak. Raises EngineError with what is missing and how to get it."""
    global _opened
    with _LOCK:
        if _opened is None:
            try:
                loader: Any = import_module(PACKAGE)
                _opened = EspeakLibrary(str(loader.get_library_path()), str(loader.get_data_path()))
            except ImportError as error:
                raise EngineError(
                    "There is no voice on this machine",
                    "the package espeakng-loader is not installed",
                    "Install it with: pip install 'animation-ai-studio[offline]'",
                ) from error
        return _opened


def data_folder() -> Path | None:
    """eSpeak's data folder, found without loading the library; None when the package is missing."""
    try:
        spec = find_spec(PACKAGE)
    except ValueError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "espeak-ng-data"


class LanguageVoice(NamedTuple):
    name: str
    """In English: 'Italian'."""
    identifier: str
    """What eSpeak selects it by, e.g. 'roa/it'."""


@cache
def language_voices() -> dict[str, LanguageVoice]:
    """eSpeak's voices by language tag, read from its data files; those whose dictionary is missing are left out."""
    folder = data_folder()
    found: dict[str, LanguageVoice] = {}
    for file in sorted((folder / "lang").rglob("*")) if folder else []:
        if not folder or not file.is_file():
            continue
        name, dictionary, tags = "", "", list[str]()
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.strip().partition(" ")
            if key == "name":
                name = value.strip()
            elif key == "dictionary":
                dictionary = value.split("//")[0].strip()
            elif key == "language" and value.split():
                tags.append(value.split()[0].lower())
        words = [dictionary] if dictionary else [form for tag in tags for form in (tag, tag.split("-")[0])]
        if any((folder / f"{word}_dict").is_file() for word in words):
            for tag in tags:
                found.setdefault(tag, LanguageVoice(name, file.relative_to(folder / "lang").as_posix()))
    return found
