"""Sentences in eSpeak's voices, for tests that need people to tell apart."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, VoiceProfile

CAST = {
    "Luca": VoiceProfile("Luca", gender="male", age="adult", seed=0),
    "Giulia": VoiceProfile("Giulia", gender="female", age="adult", seed=3),
}
SENTENCES = (
    "The old lighthouse keeper climbs the stairs every evening before the storm arrives.",
    "I never thought the sea could be so blue and the wind could be so warm.",
    "Where did you put the little red umbrella that my grandmother gave me?",
    "We will leave for the mountains tomorrow, as soon as the sun has come up.",
    "Somebody has eaten all the bread again, and there is no butter left either.",
    "My brother says that the old bridge will not hold another winter.",
)


@cache
def said(who: str, text: str, rate: int = 16_000) -> NDArray[np.float32]:
    """(N,) mono float32 at `rate`, about a tenth of full scale."""
    from backends.voice.wav import resample

    engine = EspeakEngine()
    engine.load()
    result = engine.speak(SpeechRequest(text, CAST[who], "en"))
    samples = resample(result.samples, result.sample_rate, rate)
    return np.asarray(0.1 * samples / np.sqrt((samples**2).mean()), np.float32).clip(-0.95, 0.95)
