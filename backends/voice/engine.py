"""The protocol of voice engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import Engine

EMOTIONS = (
    "neutral", "happy", "sad", "angry", "afraid", "surprised", "tender", "excited", "whispering", "sarcastic",
)  # fmt: skip


@dataclass(frozen=True)
class VoiceProfile:
    """A character's voice, in terms that any engine can approximate. Derived from the description, stable."""

    name: str
    age: str = "adult"
    """child | teen | adult | elder."""
    gender: str = "neutral"
    """male | female | neutral."""
    species: str = "human"
    """human | robot | cat | dog | bird | seagull | monster | ..."""
    pitch: float = 0.0
    """Semitones around the engine's neutral pitch for this age and gender."""
    rate: float = 1.0
    """Speaking rate factor."""
    timbre: float = 0.0
    """-1 dark .. +1 bright."""
    seed: int = 0
    """Picks among the engine's variants, so that two like characters still differ."""


@dataclass(frozen=True)
class SpeechRequest:
    text: str
    voice: VoiceProfile
    language: str = "en"
    """BCP 47 primary tag: en, it, ..."""
    emotion: str = "neutral"
    intensity: float = 0.7
    """0..1."""
    seed: int = 0


@dataclass(frozen=True)
class Phoneme:
    start: float
    """Seconds from the start of the audio."""
    end: float
    ipa: str


@dataclass(frozen=True)
class SpeechResult:
    samples: NDArray[np.float32]
    """(N,) mono, -1..1."""
    sample_rate: int
    engine: str
    engine_version: str
    phonemes: tuple[Phoneme, ...] = ()
    """Empty when the engine has no timings."""
    words: tuple[tuple[float, float, str], ...] = ()
    """(start, end, word) in seconds."""
    seconds: float = 0.0
    """Wall time of the synthesis."""
    params: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class VoiceCapabilities:
    languages: frozenset[str]
    clones: bool
    emotion: str
    """none | reference | vector | text | prosody."""
    timings: bool
    sample_rate: int


class VoiceEngine(Engine, Protocol):
    def capabilities(self) -> VoiceCapabilities:
        """What this engine can do; answers without loading."""

    def speak(self, request: SpeechRequest) -> SpeechResult:
        """One line. Raises EngineError; never returns silence for a non-empty text."""
