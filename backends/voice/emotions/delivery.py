"""An emotion handed to an engine in the terms that it knows: a vector, prosody, an instruction, or a reference.

What an engine cannot do itself is done to its sound afterwards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace

from backends.voice.emotions.feeling import DEFAULT_INTENSITY, MANNERS, Blend, feeling_of
from backends.voice.emotions.prosody import Prosody, emotions_config, prosody, prosody_between, prosody_with
from backends.voice.engines.protocol import EMOTIONS, SpeechRequest, SpeechResult, VoiceEngine, VoiceSource
from backends.voice.shaping.reshape import praat_missing, reshape_timed

INAUDIBLE = {
    "pitch": 0.25, "range": 0.05, "rate": 0.02, "tilt_db": 0.5, "tremor_cents": 3.0, "roughness": 0.04, "drive": 0.05,
    "whisper": 0.03, "final": 0.5, "accent": 0.5, "stretch": 0.05,
}  # fmt: skip
"""Distances from no change that nobody hears: resynthesis would cost more than it gives."""
FAINT = 0.05
"""Amount of an emotion that is not worth a word."""


def deliver(engine: VoiceEngine, request: SpeechRequest, blend: Blend) -> SpeechResult:
    """Speak `request` with the feeling of `blend`, whatever the engine can do. Raises EngineError as engines do."""
    ways, source = engine.capabilities().emotion, request.source
    own = source.prosody if source is not None else {}
    asked = replace(request, emotion=blend.nearest, intensity=blend.intensity, prosody=None)
    rest = prosody_with(Prosody(), own)
    if "prosody" in ways:
        asked = replace(asked, prosody=blend.prosody)
        if "reference" in ways and source is not None and source.references:
            # Such an engine works out itself what its recording, acted as is usual, leaves to prosody.
            emotion = nearest_reference(blend, source)[0]
            asked = replace(asked, emotion=emotion, intensity=DEFAULT_INTENSITY)
        return engine.speak(asked)
    if "vector" in ways:
        asked = replace(asked, vector=emotion_vector(blend))
    elif "text" in ways:
        asked = replace(asked, instruction=instruction(blend))
    else:
        emotion, missing = nearest_reference(blend, source)
        asked, rest = replace(asked, emotion=emotion), prosody_with(missing, own)
    spoken = engine.speak(asked)
    return spoken if inaudible(rest) else reshaped(spoken, rest, request.seed)


def nearest_reference(blend: Blend, source: VoiceSource | None) -> tuple[str, Prosody]:
    """The emotion whose recording comes closest, and the prosody that is missing from it.

    A recording is taken to be acted at the intensity that is usual here. Without recordings: neutral, and all of it.
    """
    among = tuple(emotion for emotion in EMOTIONS if source is not None and emotion in source.references)
    # Manners of speaking lie near feelings that they sound unlike: only who asks for them gets them.
    among = tuple(one for one in among if one not in MANNERS or one == blend.nearest)
    strengths = {emotion: 0.0 if emotion == "neutral" else DEFAULT_INTENSITY for emotion in among}
    best = min(
        among,
        key=lambda one: round(blend.feeling.distance(feeling_of(one, strengths[one])), 9),
        default="neutral",
    )
    return best, prosody_between(prosody(best, strengths.get(best, 0.0)), blend.prosody)


def emotion_vector(blend: Blend) -> tuple[float, ...]:
    """(8,) happy, angry, sad, afraid, disgusted, melancholic, surprised, calm; their sum is 0.8 at most.

    The cap and the order are IndexTTS2's (index-tts/index-tts, `infer_v2.py`).
    """
    table, cap = emotions_config()["vectors"], float(emotions_config()["vector_cap"])
    amounts = dict(blend.amounts)
    amounts["neutral"] = amounts.get("neutral", 0.0) + max(0.0, 1.0 - sum(amounts.values()))
    values = [sum(table[emotion][place] * amount for emotion, amount in amounts.items()) for place in range(8)]
    scale = min(1.0, cap / max(sum(values), 1e-9))
    return tuple(round(value * scale, 4) for value in values)


def instruction(blend: Blend) -> str:
    """In words: 'Speak happily, with a smile in the voice.' Strong and weak feelings are named as such."""
    words: Mapping[str, str] = emotions_config()["instructions"]
    felt = sorted(((amount, one) for one, amount in blend.amounts.items() if one != "neutral"), reverse=True)
    if not felt or felt[0][0] < FAINT:
        return f"Speak {words['neutral']}."
    strong, weak = blend.intensity > 0.85, blend.intensity < 0.4
    degree = "With strong feeling, speak" if strong else "With just a hint of feeling, speak" if weak else "Speak"
    second = f", and a little {words[felt[1][1]]}" if len(felt) > 1 and felt[1][0] >= FAINT else ""
    return f"{degree} {words[felt[0][1]]}{second}."


def reshaped(spoken: SpeechResult, rest: Prosody, seed: int = 0) -> SpeechResult:
    """`spoken` with `rest` done to its sound, times moved along; without Praat as it was, with a warning."""
    missing = praat_missing()
    if missing:
        note = f"The emotion was left out, as the voice cannot be given another prosody: {missing}"
        return replace(spoken, warnings=(*spoken.warnings, note))
    made = reshape_timed(
        spoken.samples, spoken.sample_rate, rest, words=spoken.words, phonemes=spoken.phonemes, seed=seed
    )
    return replace(
        spoken,
        samples=made.samples,
        phonemes=made.phonemes(spoken.phonemes),
        words=made.words(spoken.words),
        params={**spoken.params, "reshaped": {k: round(v, 4) for k, v in dataclasses.asdict(rest).items()}},
    )


def inaudible(rest: Prosody) -> bool:
    """True when `rest` changes nothing that anybody would hear."""
    plain = Prosody()
    return all(abs(getattr(rest, name) - getattr(plain, name)) <= limit for name, limit in INAUDIBLE.items())
