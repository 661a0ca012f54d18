"""speak: one line in a character's voice."""

from __future__ import annotations

import time
from typing import Any

from pydantic import Field, field_validator

from backends.voice.emotions.feeling import DEFAULT_INTENSITY, emotion_text
from backends.voice.engines.protocol import EMOTIONS
from backends.voice.wav import write_wav
from configs.errors import EngineError
from configs.models import load_models
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import AskedLine, asked_line, engine_needed
from tools.voice.consent import CLONING
from tools.voice.judges import recogniser_mib
from tools.voice.labels import line_tags
from tools.voice.line import SpokenLine, check_length
from tools.voice.line_cache import LineCache, kept_line, spoken_line
from tools.voice.routing import VOICE_ENGINES, engine_named

AGAIN = "anew"
FROM_CACHE_S = 0.02
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
        """None for a line that lies in the cache."""
        engine = engine_needed(studio, args)
        return frozenset({engine} if engine else ())

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        characters = len(args.text)
        engine = engine_needed(studio, args)
        seconds = 0.15 + SECONDS_PER_CHARACTER[engine] * characters if engine else FROM_CACHE_S
        return Forecast(seconds=seconds, vram_mib=_vram_mib(engine, studio), disk_mib=0.1 + characters * 0.0035)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        started = time.perf_counter()
        asked = asked_line(Studio(ctx.settings, ctx.workspace, ctx.memory), args)
        kept = LineCache.of(ctx.workspace)
        found = kept_line(kept, asked.key)
        if found is None and not ctx.engines:
            return _anew(args, ctx)
        for note in asked.notes:
            ctx.warn(note)
        line = found or _spoken(asked, kept, ctx)
        speaker = asked.speaker
        file = ctx.scratch(".wav")
        write_wav(file, line.samples, line.sample_rate, tags=line_tags(ctx.memory, line.engine, speaker.name))
        quoted = _short(asked.text, 200)
        how = _how(line.request.emotion, args.intensity)
        summary = f"{speaker.name} says '{quoted}' ({asked.language}{how}, {line.duration:.1f} s, engine {line.engine})"
        asset = ctx.save(
            file,
            "audio",
            f"{speaker.name}: {_short(asked.text, 40)}",
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
            measurements={**_measurements(line, time.perf_counter() - started), "from_cache": found is not None},
            warnings=line.warnings,
            data={
                "duration": line.duration,
                "language": asked.language,
                "emotion": line.request.emotion,
                "character": speaker.name,
                "remembered": speaker.remembered,
                "details": list(asked.route.details),
            },
        )


def _vram_mib(engine: str, studio: Studio) -> int:
    """Of the engine and of a recogniser beside it, which the arbiter does not know; 0 where only the engine counts."""
    beside = recogniser_mib(studio.settings) if engine in CLONING else 0  # eSpeak's own word times tell enough
    return beside + load_models().engines[engine].need_mib if beside else 0


def _spoken(asked: AskedLine, kept: LineCache, ctx: ToolContext) -> SpokenLine:
    return spoken_line(
        kept,
        ctx.engine("voice"),
        asked.text,
        asked.speaker.voice,
        judges=asked.judges,
        options=asked.options,
        on_try=lambda number, tries: ctx.progress(number - 1, tries, "speaking" if number == 1 else "trying again"),
        **asked.how,
    )


def _anew(args: Any, ctx: ToolContext) -> ToolResult:
    """For a line that vanished from the cache since the engines were asked for: in a step that gets its engine."""
    if ctx.step.endswith(f"/{AGAIN}"):
        raise EngineError("The cache of lines cannot be read", fix="Remove cache/lines in the studio's folder")
    outcome = ctx.call("speak", args.model_dump(), key=AGAIN, title="speaking it anew")
    if outcome.result is None:
        raise EngineError("The line was not spoken", fix="Try again")
    return outcome.result


def _how(emotion: str, intensity: float) -> str:
    """', happy', with its intensity where that is not the usual."""
    if emotion == "neutral":
        return ""
    return f", {emotion}" + ("" if abs(intensity - DEFAULT_INTENSITY) < 0.005 else f" at intensity {intensity:.2g}")


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
