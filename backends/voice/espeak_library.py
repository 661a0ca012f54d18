"""The eSpeak NG library through ctypes: text in, samples with phoneme and word times out.

The library keeps its state in globals and is not thread-safe: there is one instance per process, behind one lock.
Structures follow espeak-ng's `speak_lib.h` (1.52). The library is GPL-3.0 and comes only with the `offline` extra.
"""

from __future__ import annotations

import ctypes
import re
import threading
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.engine import Phoneme
from configs.errors import EngineError

PACKAGE = "espeakng_loader"

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA_EVENTS, _DONT_EXIT = 0x1, 0x2, 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTERS = 1
_IPA_TEXT = 0x02
_WORD, _END, _PHONEME = 1, 5, 7
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7

RATE_LIMITS = (80, 450)
"""Words per minute that eSpeak accepts."""

_LOCK = threading.RLock()
_TOKEN = re.compile(r"\S+")
_EDGES = '.,;:!?…"“”«»()[]{}<>—–-*_'
"""Signs at the ends of a word that are not part of it."""
_CLAUSE_ENDS = frozenset(".,;:!?…")
MOST_JOINED = 2
"""Words that eSpeak's dictionaries join to the one before."""


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
        self._lib: Any = ctypes.CDLL(library_path)
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.sample_rate = int(
            self._lib.espeak_Initialize(_SYNCHRONOUS, 0, data_path.encode(), _PHONEME_EVENTS | _IPA_EVENTS | _DONT_EXIT)
        )
        if self.sample_rate <= 0:
            raise EngineError(
                "The eSpeak voice could not start",
                f"its data folder {data_path} was refused",
                "Reinstall the offline extra",
            )
        self.version = self._lib.espeak_Info(None).decode()
        self._chunks: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, int, int, float, str]] = []
        self._callback = _Callback(self._collect)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events and events[index].type:
            event = events[index]
            ipa = ""
            if event.type == _PHONEME:
                raw = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                ipa = raw.decode("utf-8", errors="ignore")
            self._events.append((event.type, event.text_position, event.length, event.audio_position / 1000.0, ipa))
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
        phonemes, words = _timings(events, text, len(samples) / self.sample_rate)
        return Utterance(samples, phonemes, words)

    def ipa(self, text: str, voice: str) -> str:
        """The IPA transcription of `text`, clauses joined by spaces."""
        with _LOCK:
            self._select(voice)
            pointer = ctypes.c_char_p(text.replace("\0", " ").encode("utf-8", errors="replace"))
            clauses: list[str] = []
            while pointer.value is not None:
                clause = self._lib.espeak_TextToPhonemes(ctypes.byref(pointer), _CHARS_UTF8, _IPA_TEXT)
                clauses.append(clause.decode("utf-8", errors="ignore").strip() if clause else "")
        return " ".join(part for part in clauses if part)


def _timings(
    events: list[tuple[int, int, int, float, str]], text: str, duration: float
) -> tuple[tuple[Phoneme, ...], tuple[tuple[float, float, str], ...]]:
    """Intervals from eSpeak's point events.

    A phoneme lasts until the next phoneme, pause or clause end. Words are the tokens of the text between spaces:
    eSpeak's own word events split numbers and elisions ("l'acqua") in the middle.
    """
    tokens = [(match.start(), match.end(), match.group().strip(_EDGES)) for match in _TOKEN.finditer(text)]
    spans: dict[int, tuple[float, float]] = {}
    phonemes: list[Phoneme] = []
    sound: tuple[float, str] | None = None
    token = -1

    def close(now: float) -> None:
        nonlocal sound
        if sound is not None and now > sound[0]:
            phonemes.append(Phoneme(sound[0], now, sound[1]))
            if token >= 0:
                spans[token] = (spans.get(token, (sound[0], now))[0], now)
        sound = None

    for kind, position, _length, at, ipa in events:
        now = min(at, duration)
        if kind in (_PHONEME, _END):
            close(now)
        if kind == _WORD:
            # A word's event may stand before the last phoneme of the one before is over.
            close(now)
            place = position - 1
            token = next((i for i, (start, end, _) in enumerate(tokens) if start <= place < end), token)
        elif kind == _PHONEME and ipa:
            sound = (now, ipa)
    close(duration)
    return tuple(phonemes), tuple(_shared_spans([written for _, _, written in tokens], text.split(), spans))


def _shared_spans(
    tokens: list[str], written: list[str], spans: dict[int, tuple[float, float]]
) -> list[tuple[float, float, str]]:
    """(start, end, word) of the tokens with a time.

    eSpeak speaks frequent pairs ("of the", "would have") as one word with one event: up to two tokens without a time
    that follow one with a time in the same clause share its span, by their letters. Others were not spoken.
    """
    words: list[tuple[float, float, str]] = []
    for index, (start, end) in sorted(spans.items()):
        group = [index]
        while (
            len(group) <= MOST_JOINED
            and (following := group[-1] + 1) < len(tokens)
            and following not in spans
            and written[group[-1]][-1] not in _CLAUSE_ENDS
        ):
            group.append(following)
        letters = [len(tokens[i]) for i in group]
        edges = [start + (end - start) * sum(letters[:n]) / max(1, sum(letters)) for n in range(len(group) + 1)]
        words += [(edges[n], edges[n + 1], tokens[i]) for n, i in enumerate(group) if tokens[i]]
    return words


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
            except OSError as error:
                raise EngineError(
                    "The eSpeak library could not be loaded", str(error), "Reinstall the offline extra"
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


@cache
def language_voices() -> dict[str, str]:
    """eSpeak's language tags and their English names, read from its data files ('it' -> 'Italian')."""
    folder = data_folder()
    found: dict[str, str] = {}
    for file in sorted((folder / "lang").rglob("*")) if folder else []:
        if not file.is_file():
            continue
        name, tags = "", []
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.strip().partition(" ")
            if key == "name":
                name = value.strip()
            elif key == "language" and value.split():
                tags.append(value.split()[0].lower())
        for tag in tags:
            found.setdefault(tag, name)
    return found
