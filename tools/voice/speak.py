"""speak: one line in a character's voice."""

from __future__ import annotations

import difflib
import time
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, field_validator

from backends.voice.engine import EMOTIONS, VoiceProfile
from backends.voice.feeling import DEFAULT_INTENSITY, emotion_text
from backends.voice.language import detect_language, language_tag
from backends.voice.profile import voice_from_description, voice_from_fields
from backends.voice.script import sounds_lexicon
from backends.voice.wav import write_wav
from backends.voice.written import clean_name, without_codes, without_markup
from configs.character_voices import has_own_voices, load_character_voices
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.judges import find_judges
from tools.voice.labels import line_tags
from tools.voice.line import SpokenLine, check_length
from tools.voice.line_cache import LineCache, spoken_line
from tools.voice.routing import (
    VOICE_ENGINES,
    Route,
    engine_named,
    likely_language,
    own_language,
    preset_voice,
    route,
    spoken_language,
)

NARRATOR = "Narrator"
MOST_NAME = 80
SECONDS_PER_CHARACTER = {"espeak": 0.0006, "gpt_sovits": 0.01, "qwen3_tts": 0.06}
"""espeak: measured on two cores, measuring included (60 characters: 0.05 s). The others, until they were measured here:
from real-time factors of 0.03 to 0.1 (GPT-SoVITS' README) and 0.75 (Qwen3-TTS, RTX 4090), at 14 characters a second."""


class SpeakArgs(ToolArgs):
    text: str = Field(
        description="The words to say, as written in the script. *beeps* or *laughs* between asterisks are performed."
    )
    character: str = Field("", description="Who says it: a remembered character's name; '' is the narrator.")
    emotion: str = Field(
        "neutral",
        description=f"How it is said: one of {', '.join(EMOTIONS)}; a blend such as 'happy 0.6 + afraid 0.4'; "
        "or a change along the line such as 'from sad to happy'.",
    )
    language: str = Field("", description="Language such as en or it; '' takes the character's or the text's own.")
    intensity: float = Field(0.7, ge=0, le=1, description="Strength of the emotion, 0 to 1.")
    engine: str = Field(
        "", description=f"Voice engine, only when one is asked for by name: {', '.join(VOICE_ENGINES)}."
    )

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        return engine_named(value)

    @field_validator("emotion")
    @classmethod
    def _known_emotion(cls, value: str) -> str:
        return emotion_text(value)

    @field_validator("text")
    @classmethod
    def _not_too_long(cls, value: str) -> str:
        check_length(value)
        return value.strip().strip('"“”«»').strip()


@dataclass(frozen=True)
class Speaker:
    """Who speaks, resolved from memory."""

    voice: VoiceProfile
    name: str
    language: str = ""
    """The character's own, '' when it has none."""
    remembered: bool = True


class Speak(Tool):
    name = "speak"
    description = (
        "Speak one line in a character's voice, with an emotion, in any language the voice engine knows. "
        "Gives a sound file with word and phoneme times. Use speak_dialogue for several lines."
    )
    Args = SpeakArgs
    makes = "audio"
    time_limit_s = 300.0

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        return frozenset({self._route(args, studio).engine})

    def _route(self, args: Any, studio: Studio) -> Route:
        language = likely_language(studio, args.character, args.language, args.text)
        return route(studio, args.character, language, args.emotion, engine=args.engine)

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        characters = len(args.text)
        per_character = SECONDS_PER_CHARACTER[self._route(args, studio).engine]
        return Forecast(seconds=0.15 + per_character * characters, disk_mib=0.1 + characters * 0.0035)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        started = time.perf_counter()
        engine = ctx.engine("voice")
        speaker = find_speaker(ctx, args.character)
        chosen = self._route(args, Studio(ctx.settings, ctx.workspace, ctx.memory))
        for note in chosen.notes:
            ctx.warn(note)
        text = _shown_text(args.text, ctx) if args.text else _sound_instead(speaker, ctx)
        language = choose_language(args.language, text, speaker, engine.capabilities().languages, ctx)
        kept = LineCache.of(ctx.workspace)
        line = spoken_line(
            kept,
            engine,
            text,
            speaker.voice,
            language=language,
            emotion=args.emotion,
            intensity=args.intensity,
            target_lufs=ctx.settings.voice.loudness_lufs,
            source=chosen.source if engine.capabilities().clones else None,
            judges=find_judges(ctx.settings),
            on_try=lambda number, tries: ctx.progress(number - 1, tries, "speaking" if number == 1 else "trying again"),
        )
        file = ctx.scratch(".wav")
        write_wav(file, line.samples, line.sample_rate, tags=line_tags(ctx.memory, line.engine, speaker.name))
        quoted = _short(text, 200)
        how = _how(line.request.emotion, args.intensity)
        summary = f"{speaker.name} says '{quoted}' ({language}{how}, {line.duration:.1f} s, engine {line.engine})"
        asset = ctx.save(
            file,
            "audio",
            f"{speaker.name}: {_short(text, 40)}",
            engine=line.engine,
            engine_version=line.engine_version,
            params={**line.params(), "character": speaker.name},
            seed=line.request.seed,
            scores=line.scores,
            summary=summary,
        )
        ctx.progress(1, 1, f"{line.duration:.1f} s spoken")
        return ToolResult(
            summary=summary,
            assets=(asset,),
            measurements={**_measurements(line, time.perf_counter() - started), "from_cache": kept.hits > 0},
            warnings=line.warnings,
            data={
                "duration": line.duration,
                "language": language,
                "emotion": line.request.emotion,
                "character": speaker.name,
                "remembered": speaker.remembered,
            },
        )


def find_speaker(ctx: ToolContext, character: str) -> Speaker:
    """The character's voice from memory or the table of voices; for others one from the name, with a warning."""
    name = clean_name(character, MOST_NAME)
    if not name:
        return Speaker(voice_from_description(NARRATOR, ""), NARRATOR)
    studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
    entry = ctx.memory.resolve_character(name)
    preset = preset_voice(studio, name, entry)
    language = own_language(studio, name)
    if entry is not None:
        data = dict(entry.data)
        if preset is not None and has_own_voices(ctx.settings):  # the user's own table; memory's own fields win
            data["voice"] = {**preset[1].voice.fields(), **(data.get("voice") or {})}
        return Speaker(voice_from_fields(entry.name, entry.text, data), entry.name, language)
    if preset is not None:
        written, voice = preset
        profile = voice_from_fields(written, voice.description, {"voice": voice.voice.fields()})
        return Speaker(profile, written, language)
    meant = difflib.get_close_matches(name, load_character_voices(ctx.settings).characters, n=1, cutoff=0.7)
    near = list(dict.fromkeys((*meant, *ctx.memory.nearest_characters(name, 3))))[:3]
    hint = f"; known are {', '.join(near)}" if near else ""
    ctx.warn(f"No character '{name[:60]}' is remembered, so the voice was made from the name alone{hint}.")
    # The name is all there is: it may itself be a description ('the old robot').
    return Speaker(replace(voice_from_description(name, name), name=name), name, remembered=False)


def choose_language(wanted: str, text: str, speaker: Speaker, known: frozenset[str], ctx: ToolContext) -> str:
    """What was asked for, else the character's own, else the text's. Raises UsageError naming the nearest language."""
    if wanted.strip():
        return language_tag(wanted, known)
    if own := spoken_language(speaker.language, text):
        return language_tag(own, known)
    found = detect_language(text, default=ctx.settings.voice.language)
    if found.split("-")[0] in known:
        return found
    ctx.warn(f"The voice engine does not speak '{found}', so the line is read in {ctx.settings.voice.language}.")
    return ctx.settings.voice.language


def _shown_text(text: str, ctx: ToolContext) -> str:
    """The text without codes and markup; the latter is told."""
    shown = without_markup(text)
    if shown != text:
        ctx.warn("Markup such as <b> is not spoken; say how it is spoken with emotion and *sounds*.")
        shown = " ".join(shown.split())
    return without_codes(shown).strip()


def _how(emotion: str, intensity: float) -> str:
    """', happy', with its intensity where that is not the usual."""
    if emotion == "neutral":
        return ""
    return f", {emotion}" + ("" if abs(intensity - DEFAULT_INTENSITY) < 0.005 else f" at intensity {intensity:.2g}")


def _sound_instead(speaker: Speaker, ctx: ToolContext) -> str:
    """What a robot or an animal without words utters; '' for a human."""
    species = speaker.voice.species
    sound = sounds_lexicon()["default"].get(species, "" if species == "human" else "growl")
    if not sound:
        return ""
    directions = sounds_lexicon()["sounds"][sound]["directions"]
    ctx.warn(f"There were no words, so {speaker.name} makes its own sound ({sound}).")
    return f"*{directions[0]}*"


def _measurements(line: SpokenLine, seconds: float) -> dict[str, Any]:
    values = {score.name: score.value if score.status == "measured" else "not measured" for score in line.scores}
    return {
        "duration_s": round(line.duration, 3),
        "synthesis_s": round(line.seconds, 4),
        "total_s": round(seconds, 4),
        "real_time_factor": round(seconds / max(line.duration, 1e-6), 4),
        "tries": line.tries,
        "gates_passed": all(score.passed is not False for score in line.scores),
        **values,
    }


def _short(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
