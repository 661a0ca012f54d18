"""change_voice: a character speaks deeper, faster, older or with another accent from now on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, field_validator

from backends.voice.profile import voice_from_fields
from backends.voice.texts.written import clean_name
from configs.errors import UsageError
from tools.spec import Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import MOST_NAME
from tools.voice.clone import known_character
from tools.voice.routing import ALWAYS_THERE, VOICE_ENGINES, engine_named, known_languages, lacking

PITCH, RATE, TIMBRE = 12.0, (0.5, 2.0), 1.0
"""How far a voice may go from that of its age and gender: semitones, factor of the pace, darkness."""
AUTO = "auto"
UNKNOWN = "A character known by the voice only."


class ChangeVoiceArgs(ToolArgs):
    character: str = Field(description="Whose voice: a character's name.")
    pitch: float = Field(0.0, ge=-12, le=12, description="Semitones up (deeper: below 0), added to what it is now.")
    rate: float = Field(1.0, gt=0.4, le=2.5, description="Factor on the pace that it has now: 1.15 is faster.")
    timbre: float = Field(0.0, ge=-2, le=2, description="Brighter (above 0) or darker, added to what it is now.")
    age: Literal["", "child", "teen", "adult", "elder"] = Field("", description="How old it sounds; '' leaves it.")
    gender: Literal["", "male", "female", "neutral"] = Field("", description="'' leaves it.")
    engine: str = Field(
        "",
        description=f"Which voice engine speaks it from now on: {', '.join(VOICE_ENGINES)}; auto leaves the choice to "
        "the studio again; '' changes nothing.",
    )
    language: str = Field(
        "", description="What it always speaks, or an accent such as en-gb, for lines in that language; '' leaves it."
    )

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        return AUTO if value.strip().casefold() in (AUTO, "automatic") else engine_named(value)


class ChangeVoice(Tool):
    name = "change_voice"
    description = (
        "Change how a character's voice sounds from now on: deeper, higher, faster, slower, brighter, darker, older, "
        "younger, with an accent (en-gb, en-us, pt-br), or by another voice engine. Steps add up; undo takes the last "
        "one back. It speaks nothing: speak the line again to hear it."
    )
    effect = "create"
    at_once = True
    Args = ChangeVoiceArgs

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        name = clean_name(args.character, MOST_NAME)
        if not name:
            raise UsageError("Nobody is named whose voice shall change", fix="Say the character's name")
        entry = known_character(ctx, name)
        name, text = (entry.name, entry.text) if entry is not None else (name, UNKNOWN)
        data: dict[str, Any] = dict(entry.data) if entry is not None else {}
        description = text if entry is not None else name
        before = voice_from_fields(name, description, data)
        fields = _changed(data.get("voice"), asdict(before), args, new=entry is None)
        after: dict[str, Any] = {**data, "voice": fields}
        source = data.get("voice_source")
        if isinstance(source, Mapping):
            after["voice_source"] = {**source, "prosody": _reshaped(source.get("prosody"), args)}
        told = _told(asdict(before), asdict(voice_from_fields(name, description, after)))
        if args.language.strip():
            tag = _language(args.language, ctx)
            told += [f"language {data.get('language') or 'by the text'} to {tag}"]
            after["language"] = tag
        if args.engine:
            told += [_engine(args.engine, after, name, ctx)]
        if not told:
            raise UsageError(
                f"{name}'s voice would stay as it is",
                "it is at the end of what can be set" if args.pitch or args.rate != 1 or args.timbre else "",
                "Say deeper, higher, faster, slower, brighter, darker, older, younger, or an accent",
            )
        ctx.memory.remember("character", name, text, after, source="tool", thread=ctx.thread)
        if isinstance(source, Mapping) and (args.age or args.gender):
            ctx.warn("Age and gender shape the built-in voice only; a recording keeps its own.")
        summary = f"{name}'s voice from now on: {'; '.join(told)}."
        return ToolResult(summary, data={"character": name, "voice": fields, "language": after.get("language", "")})


def _engine(wanted: str, data: dict[str, Any], name: str, ctx: ToolContext) -> str:
    """Who speaks from now on, put into `data`. Raises UsageError where that engine cannot be started here."""
    if wanted == AUTO:
        data.pop("voice_engine", None)
        return "spoken by whichever engine suits the line"
    if wanted != ALWAYS_THERE and (why := lacking(wanted, Studio(ctx.settings, ctx.workspace, ctx.memory))):
        raise UsageError(
            f"{wanted} cannot speak for {name}",
            why,
            "The voice stays with the engine that it has",
        )
    source = data.get("voice_source")
    if wanted != ALWAYS_THERE and not (isinstance(source, Mapping) and source.get("references")):
        ctx.warn(f"{wanted} needs a recording of the voice: until one is cloned, the built-in voice speaks for {name}.")
    if isinstance(source, Mapping) and source.get("weights") and wanted != "gpt_sovits":
        ctx.warn(f"The trained weights are gpt_sovits'; {wanted} speaks after the recording only.")
    data["voice_engine"] = wanted
    return f"spoken by {wanted}"


def _changed(given: Any, now: Mapping[str, Any], args: Any, *, new: bool) -> dict[str, Any]:
    """The fields of `data['voice']` with the change in them; those that nobody set stay open."""
    fields = dict(given) if isinstance(given, Mapping) else {}
    if new:  # what the name tells must not be lost under a description that says nothing
        fields |= {key: now[key] for key in ("age", "gender", "species")}
    if args.pitch:
        fields["pitch"] = round(max(-PITCH, min(PITCH, now["pitch"] + args.pitch)), 2)
    if args.rate != 1:
        fields["rate"] = round(max(RATE[0], min(RATE[1], now["rate"] * args.rate)), 3)
    if args.timbre:
        fields["timbre"] = round(max(-TIMBRE, min(TIMBRE, now["timbre"] + args.timbre)), 2)
    return fields | {key: value for key in ("age", "gender") if (value := getattr(args, key))}


def _reshaped(given: Any, args: Any) -> dict[str, float]:
    """What is laid over every line of a cloned voice, with the change in it."""
    kept = {str(k): float(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    if args.pitch:
        kept["pitch"] = round(max(-PITCH, min(PITCH, kept.get("pitch", 0.0) + args.pitch)), 2)
    if args.rate != 1:
        kept["rate"] = round(max(RATE[0], min(RATE[1], kept.get("rate", 1.0) * args.rate)), 3)
    return kept


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is different, in words: `3 semitones lower than before`."""
    told = []
    if abs(step := after["pitch"] - before["pitch"]) > 1e-6:
        told.append(f"{abs(step):.2g} semitones {'higher' if step > 0 else 'lower'} than before")
    if abs(faster := after["rate"] / before["rate"] - 1) > 1e-6:
        told.append(f"{abs(faster):.0%} {'faster' if faster > 0 else 'slower'} than before")
    if abs(brighter := after["timbre"] - before["timbre"]) > 1e-6:
        told.append(f"{'brighter' if brighter > 0 else 'darker'} than before")
    return told + [f"{before[key]} to {after[key]}" for key in ("age", "gender") if before[key] != after[key]]


def _language(wanted: str, ctx: ToolContext) -> str:
    from backends.voice.texts.language import language_tag

    return language_tag(wanted, known_languages(Studio(ctx.settings, ctx.workspace, ctx.memory)))
