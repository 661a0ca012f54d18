"""list_voices: which voice every character has, what could speak besides, and which emotions there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from backends.voice.emotions.prosody import emotions_config
from backends.voice.engines.protocol import EMOTIONS, VoiceProfile
from configs.character_voices import load_character_voices
from memory.records import Entry
from tools.spec import SUMMARY_LIMIT, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import find_speaker
from tools.voice.consent import consent_of
from tools.voice.routing import VOICE_ENGINES, lacking, route

MOST = 20
"""Characters in one answer."""
HOW_TO_WRITE = (
    "How strongly: 'very sad', or intensity 0 to 1 (0.7 is the usual). Two at once: 'happy 0.6 + afraid 0.4'. Changing "
    "along a line: 'from sad to happy'. In a script: (sadly) before the words."
)
PEOPLE = {
    ("child", "male"): "boy", ("child", "female"): "girl", ("teen", "male"): "teenage boy",
    ("teen", "female"): "teenage girl", ("adult", "male"): "man", ("adult", "female"): "woman",
    ("elder", "male"): "old man", ("elder", "female"): "old woman", ("child", "neutral"): "child",
    ("teen", "neutral"): "teenager", ("adult", "neutral"): "grown-up", ("elder", "neutral"): "old person",
}  # fmt: skip


class ListVoicesArgs(ToolArgs):
    character: str = Field("", description="Only this character's voice; '' tells of all and of the engines.")
    about: Literal["voices", "emotions"] = Field(
        "voices", description="emotions: in place of voices, which emotions a line can have and how they are written."
    )
    details: bool = Field(
        False, description="True: with consents, recordings, weights, and what the engines lack, in full."
    )


class ListVoices(Tool):
    name = "list_voices"
    description = (
        "Tell which voice a character has: built-in, cloned or trained, how it sounds, which engine speaks it, under "
        "whose consent; or all characters' voices and the voice engines; or which emotions lines can be spoken with."
    )
    effect = "read"
    Args = ListVoicesArgs

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        if args.about == "emotions":
            return _emotions()
        if args.character.strip():
            name = args.character.strip()
            one = _voice(name, ctx.memory.resolve_character(name), ctx, details=args.details)
            return ToolResult(one["line"], data={"voices": [one]})
        entries = ctx.memory.list_entries("character")
        voices = [_voice(entry.name, entry, ctx, details=args.details) for entry in entries[:MOST]]
        known = {voice["character"].casefold() for voice in voices}
        stand_ins = [name for name in load_character_voices(ctx.settings).characters if name.casefold() not in known]
        lines = [voice["line"] for voice in voices]
        if len(entries) > MOST:
            lines.append(f"... and {len(entries) - MOST} more; ask for one by name.")
        if stand_ins:
            lines.append(f"{', '.join(stand_ins)}: built-in voices until they are cloned.")
        lines.append("Anybody else gets a built-in voice from the name and the description.")
        engines = {name: lacking(name, _studio(ctx)) for name in VOICE_ENGINES}
        lines += _engines(engines, details=args.details)
        text = "\n".join(lines).encode()[:SUMMARY_LIMIT].decode(errors="ignore")
        return ToolResult(text, measurements={"voices": len(entries)}, data={"voices": voices, "engines": engines})


def _emotions() -> ToolResult:
    """The presets with what they sound like, and how they are put together."""
    told = emotions_config()["instructions"]
    lines = ["A line can be spoken:", *(f"- {name}: {told[name]}" for name in EMOTIONS), "", HOW_TO_WRITE]
    return ToolResult("\n".join(lines), measurements={"emotions": len(EMOTIONS)}, data={"emotions": list(EMOTIONS)})


def _engines(lacks: Mapping[str, str], *, details: bool) -> list[str]:
    if details:
        return [f"Engine {name}: {'ready' if not why else f'not ready. {why}'}" for name, why in lacks.items()]
    ready = [name for name, why in lacks.items() if not why]
    absent = [name for name, why in lacks.items() if why]
    text = f"Engines: {', '.join(ready) or 'none'} ready"
    return [f"{text}; {', '.join(absent)} not (studio doctor tells why)." if absent else f"{text}."]


def _voice(name: str, entry: Entry | None, ctx: ToolContext, *, details: bool) -> dict[str, Any]:
    """What speaks for a character, as data and as one line for people."""
    speaker = find_speaker(ctx, name)
    profile, language = speaker.voice, speaker.language
    chosen = route(_studio(ctx), name, language, "neutral")
    data: Mapping[str, Any] = entry.data if entry is not None else {}
    given = data.get("voice_source")
    source = given if isinstance(given, Mapping) else {}
    kind = "trained" if chosen.source and chosen.source.weights else "cloned" if chosen.source else "built-in"
    line = f"{speaker.name}: {kind} voice, {sounding(profile)}, spoken by {chosen.engine}"
    line += (
        f", always in {language}" if language and "-" not in language else f", accent {language}" if language else ""
    )
    recordings = list(source.get("references") or {})
    if recordings and details:
        line += f"; recordings: {', '.join(recordings)}"
    if recordings and chosen.source is None:
        line += "; its recording waits for an engine that clones"
    if (consent := consent_of(data)) is not None:
        line += f"; {consent.line if details else consent.short}"
    return {
        "character": speaker.name, "kind": kind, "engine": chosen.engine, "recordings": recordings, "line": f"{line}.",
        "consent": consent.line if consent is not None else "", "notes": [*chosen.notes, *chosen.details],
    }  # fmt: skip


def sounding(profile: VoiceProfile) -> str:
    """A voice in words: 'boy, 1.5 semitones deeper and slower than usual'."""
    if profile.species == "human":
        parts = [PEOPLE[profile.age, profile.gender]]
    else:
        parts = [f"{profile.species} ({profile.age})", *([profile.gender] if profile.gender != "neutral" else [])]
    if abs(profile.pitch) >= 1:
        parts.append(f"{abs(profile.pitch):.1f} semitones {'higher' if profile.pitch > 0 else 'deeper'}")
    if abs(profile.rate - 1) >= 0.03:
        parts.append(f"{'faster' if profile.rate > 1 else 'slower'} ({profile.rate:.2f})")
    return ", ".join(parts)


def _studio(ctx: ToolContext) -> Studio:
    return Studio(ctx.settings, ctx.workspace, ctx.memory)
