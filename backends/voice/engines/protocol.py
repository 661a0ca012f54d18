"""The protocol of voice engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import Engine
from backends.voice.emotions.names import EMOTIONS

if TYPE_CHECKING:
    from backends.voice.emotions.prosody import Prosody

__all__ = [
    "EMOTIONS",
    "Phoneme",
    "Reference",
    "SpeechRequest",
    "SpeechResult",
    "VoiceCapabilities",
    "VoiceEngine",
    "VoiceProfile",
    "VoiceSource",
]


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
class Reference:
    """A recording whose voice and manner a cloning engine takes over."""

    path: str
    """Absolute; a sound of 3 to 10 s."""
    text: str = ""
    """What is said in it; '' where nobody wrote it down."""
    language: str = ""


@dataclass(frozen=True)
class VoiceSource:
    """What a cloning engine needs to speak as one character."""

    engine: str = ""
    """The engine that the weights belong to; '' when any engine that clones will do."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """'gpt' and 'sovits' for GPT-SoVITS: absolute paths; empty = the engine's own base weights."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    """By emotion (EMOTIONS); 'neutral' serves every emotion that has none of its own."""
    prosody: Mapping[str, float] = field(default_factory=dict)
    """Fields of Prosody that are added to every line, e.g. {'pitch': -1, 'rate': 0.95}."""

    def reference(self, emotion: str) -> Reference | None:
        return self.references.get(emotion) or self.references.get("neutral")


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
    source: VoiceSource | None = None
    """For engines that clone; None: a voice from the description."""
    prosody: Prosody | None = None
    """Worked out already (a blend, a point of a curve): used in place of emotion and intensity by engines that can."""
    vector: tuple[float, ...] = ()
    """For engines that take emotions as a vector: see `emotion_vector`."""
    instruction: str = ""
    """For engines that take an instruction in words."""


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
    """Primary tags."""
    clones: bool
    """True: needs a VoiceSource with a reference."""
    emotion: frozenset[str]
    """The ways in which it takes an emotion: reference, vector, text, prosody; empty: none."""
    timings: bool
    sample_rate: int
    memory_mib: int = 0
    """While active: of the GPU, or of main memory for an engine on the CPU."""


class VoiceEngine(Engine, Protocol):
    def capabilities(self) -> VoiceCapabilities:
        """What this engine can do; answers without loading."""

    def speak(self, request: SpeechRequest) -> SpeechResult:
        """One line. Raises EngineError; never returns silence for a non-empty text."""
