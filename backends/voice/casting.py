"""From a voice profile and an emotion to eSpeak's knobs and a treatment of the sound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backends.voice.emotions.prosody import Prosody
from backends.voice.engines.espeak_library import EspeakKnobs
from backends.voice.engines.protocol import VoiceProfile
from backends.voice.profile import seeded
from backends.voice.shaping.timbre import Treatment, formant_ratio
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table

SEMITONES_PER_UNIT = 12 / 50
"""eSpeak's pitch knob: 50 units are about an octave (its `pitch_adjust_tab`)."""

TIMBRE_FORMANTS, TIMBRE_TILT_DB = 0.07, 4.0
"""What timbre +1 does: shorter vocal tract, brighter."""


@cache
def voices_config() -> dict[str, Any]:
    """configs/voices.yaml."""
    loaded: dict[str, Any] = own_table(CONFIG_DIR / "voices.yaml")
    return loaded


@dataclass(frozen=True)
class Casting:
    """How one line will be made."""

    knobs: EspeakKnobs
    treatment: Treatment


def species_of(profile: VoiceProfile) -> str:
    """The profile's species where there is a treatment for it, else 'animal' ('human' stays human)."""
    name = profile.species.casefold() or "human"
    return name if name in voices_config()["species"] else "animal"


def cast(profile: VoiceProfile, language_voice: str, prosody: Prosody) -> Casting:
    """Choose variant, pitch, rate, range and treatment for `profile` speaking with `prosody`."""
    config = voices_config()
    age = config["ages"].get(profile.age, config["ages"]["adult"])
    kind = config["species"][species_of(profile)]
    gender = profile.gender if profile.gender in age["variants"] else "neutral"
    variants: list[tuple[str, float]] = list(age["variants"][gender].items())
    variant, tuning = variants[profile.seed % len(variants)]

    own = config["own"]
    tract = (1 + TIMBRE_FORMANTS * profile.timbre) * (1 + own["formants"] * seeded(profile.seed, "tract"))
    formants = age["formants"] * kind.get("formants", 1.0) * prosody.formants * tract
    ratio = float(formant_ratio(formants))
    pitch = profile.pitch + tuning + kind.get("pitch", 0.0) + prosody.pitch
    rate = profile.rate * age["rate"] * kind.get("rate", 1.0) * prosody.rate
    spread = age["range"] * kind.get("range", 1.0) * prosody.range * (1 + own["range"] * seeded(profile.seed, "range"))
    knobs = EspeakKnobs(
        voice=f"{language_voice}+{variant}",
        # The formant shift speeds the speech up by the same factor; ask for that much slower speech.
        words_per_minute=round(config["espeak"]["words_per_minute"] * rate / ratio),
        pitch=round(float(np.clip(50 + pitch / SEMITONES_PER_UNIT, 0, 99))),
        range=round(float(np.clip(50 * spread, 0, 99))),
        volume=config["espeak"]["volume"],
        word_gap=round(config["espeak"]["word_gap"] + prosody.word_gap),
    )
    hum = kind.get("ring_hz", 60.0) * (1 + own["ring"] * seeded(profile.seed, "ring"))
    treatment = Treatment(
        formants=ratio,
        tremor_hz=prosody.tremor_hz if prosody.tremor_cents else _first("tremor_hz", 6.0, kind, age),
        tremor_cents=prosody.tremor_cents + kind.get("tremor_cents", 0.0) + age.get("tremor_cents", 0.0),
        roughness=min(0.9, prosody.roughness + kind.get("roughness", 0.0) + age.get("roughness", 0.0)),
        rough_hz=_first("rough_hz", prosody.rough_hz, kind, age),
        drive=min(1.0, prosody.drive + kind.get("drive", 0.0)),
        whisper=prosody.whisper,
        # A robot's hum is part of its voice: it rises and falls with it.
        ring_hz=hum * 2 ** (prosody.pitch / 12),
        ring_mix=kind.get("ring_mix", 0.0),
        comb_ms=kind.get("comb_ms", 7.0) * (1 + own["comb"] * seeded(profile.seed, "comb")),
        comb_mix=kind.get("comb_mix", 0.0),
        tilt_db=prosody.tilt_db
        + kind.get("tilt_db", 0.0)
        + TIMBRE_TILT_DB * profile.timbre
        + own["tilt_db"] * seeded(profile.seed, "tilt"),
    )
    return Casting(knobs, treatment)


def _first(key: str, default: float, *places: dict[str, Any]) -> float:
    return next((float(place[key]) for place in places if key in place), default)
