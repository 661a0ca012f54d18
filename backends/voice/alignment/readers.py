"""Voices that read a text aloud, so that a recording of it can be laid over their reading.

A reading is compared best in a voice like the recorded one: two plain voices serve for people, a child's, a cat's and a
bird's for the high and small voices that the studio casts. With the plain ones alone, right texts of a bird's voice
looked as wrong as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.espeak import EspeakEngine, espeak_voice
from backends.voice.engines.espeak_library import EspeakKnobs, open_library
from backends.voice.engines.protocol import Phoneme, SpeechRequest, VoiceProfile
from backends.voice.texts.reading import Token


class Reading(Protocol):
    """A text that was read aloud; seconds."""

    @property
    def samples(self) -> NDArray[np.float32]:
        """(N,) mono at eSpeak's rate."""

    @property
    def phonemes(self) -> tuple[Phoneme, ...]: ...

    @property
    def words(self) -> tuple[tuple[float, float, str], ...]:
        """(start, end, word)."""


@dataclass(frozen=True)
class Reader:
    """One voice that reads."""

    variant: str = ""
    """Of eSpeak's plain voice."""
    profile: VoiceProfile | None = None
    """A voice of the studio's cast instead."""

    def read(self, tokens: Sequence[Token], tag: str) -> Reading:
        """Raises EngineError when eSpeak is missing or does not speak the language."""
        text = " ".join(token.spoken for token in tokens)
        if self.profile is None:
            return open_library().synthesise(text, EspeakKnobs(espeak_voice(tag) + self.variant))
        engine = EspeakEngine()
        engine.load()
        return engine.speak(SpeechRequest(text, self.profile, tag))


PLAIN = (Reader(), Reader("+f2"))
SMALL = tuple(
    Reader(profile=VoiceProfile(name, age=age, species=species))
    for name, age, species in (("child", "child", "human"), ("cat", "child", "cat"), ("bird", "teen", "bird"))
)
