"""list_voices: which voice every character has, which engine speaks it, and what could speak besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from backends.voice.engine import VoiceProfile
from configs.character_voices import load_character_voices
from memory.records import Entry
from tools.spec import SUMMARY_LIMIT, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import find_speaker
from tools.voice.consent import consent_of
from tools.voice.routing import VOICE_ENGINES, lacking, route

MOST = 20
"""Characters in one answer."""


class ListVoicesArgs(ToolArgs):
    character: str = Field("", description="Only this character's voice; '' tells of all and of the engines.")


class ListVoices(Tool):
    name = "list_voices"
    description = (
        "Tell which voice a character has: built-in, cloned or trained, how it sounds, which engine speaks it, under "
        "whose consent; or all characters' voices, and the voice engines with what each of them lacks."
    )
    effect = "read"
    Args = ListVoicesArgs

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        if args.character.strip():
            name = args.character.strip()
            one = _voice(name, ctx.memory.resolve_character(name), ctx)
            return ToolResult(one["line"], data={"voices": [one]})
        entries = ctx.memory.list_entries("character")
        voices = [_voice(entry.name, entry, ctx) for entry in entries[:MOST]]
        known = {voice["character"].casefold() for voice in voices}
        stand_ins = [name for name in load_character_voices(ctx.settings).characters if name.casefold() not in known]
        lines = [voice["line"] for voice in voices]
        if len(entries) > MOST:
            lines.append(f"... and {len(entries) - MOST} more; ask for one by name.")
        if stand_ins:
            lines.append(f"Of the table of voices: {', '.join(stand_ins)}, with built-in voices until they are cloned.")
        lines.append("Anybody else gets a built-in voice from the name and the description.")
        engines = [(name, lacking(name, _studio(ctx))) for name in VOICE_ENGINES]
        lines += [f"Engine {name}: {'ready' if not why else 'not ready. ' + why}" for name, why in engines]
        text = "\n".join(lines).encode()[:SUMMARY_LIMIT].decode(errors="ignore")
        return ToolResult(
            text, measurements={"voices": len(entries)}, data={"voices": voices, "engines": dict(engines)}
        )


def _voice(name: str, entry: Entry | None, ctx: ToolContext) -> dict[str, Any]:
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
    if recordings:
        line += f"; recordings: {', '.join(recordings)}"
    if recordings and chosen.source is None:
        line += " (kept until an engine that clones is installed)"
    if (consent := consent_of(data)) is not None:
        line += f"; {consent.line}"
    return {
        "character": speaker.name, "kind": kind, "engine": chosen.engine, "recordings": recordings, "line": f"{line}.",
    }  # fmt: skip


def sounding(profile: VoiceProfile) -> str:
    """A voice in words: 'a child, male, deeper and slower than usual'."""
    parts = [profile.age if profile.species == "human" else f"{profile.species} ({profile.age})"]
    parts += [profile.gender] if profile.gender != "neutral" else []
    if abs(profile.pitch) >= 1:
        parts.append(f"{profile.pitch:+.1f} semitones")
    if abs(profile.rate - 1) >= 0.03:
        parts.append(f"{profile.rate:.2f} times the usual pace")
    return ", ".join(parts)


def _studio(ctx: ToolContext) -> Studio:
    return Studio(ctx.settings, ctx.workspace, ctx.memory)
