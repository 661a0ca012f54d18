"""forget_voice: a cloned or trained voice is taken from a character, for instance when a consent is taken back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from configs.errors import UsageError
from configs.tts_config import load_tts
from memory.names import shown_name
from memory.records import Asset, Entry
from memory.set_aside import KEPT_DAYS, set_aside
from tools.spec import Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.consent import consent_of
from tools.voice.line_cache import LineCache


class ForgetVoiceArgs(ToolArgs):
    character: str = Field(description="Whose voice: a remembered character's name.")
    for_good: bool = Field(
        False,
        description="True: all is deleted at once and nothing can be undone; for a consent that was taken back.",
    )


class ForgetVoice(Tool):
    name = "forget_voice"
    description = (
        "Take a cloned or trained voice from a character: its recordings, trained weights and consent. The character "
        "keeps a built-in voice. It can be undone for some days, unless for_good: a person has taken the consent back."
    )
    effect = "delete"
    at_once = True
    Args = ForgetVoiceArgs

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        entry = ctx.memory.resolve_character(args.character)
        source = entry.data.get("voice_source") if entry is not None else None
        put_away = args.for_good and entry is not None and ctx.memory.delete_removed(entry.id)
        if put_away and entry is not None and not isinstance(source, Mapping):
            ctx.memory.scrub_entry(entry.id, "voice_source")
            LineCache.of(ctx.workspace).clear()
            return ToolResult(
                f"What was kept of {entry.name}'s former voice is deleted for good: no undo brings it back. "
                "Lines that were spoken before stay where they are.",
                data={"for_good": True},
            )
        if entry is None or not isinstance(source, Mapping):
            raise UsageError(f"{shown_name(args.character, 60)} has no cloned voice", fix=_nearest(args.character, ctx))
        consent = consent_of(entry.data)
        before = ctx.memory.last_change(ctx.thread)
        recordings, trainings = _recordings(ctx, source), _trainings(ctx, source)
        hidden = [asset.id for asset in recordings]
        files = [ctx.workspace.home / asset.path for asset in recordings]
        # Part of the executor's transaction: a kill or an error from here on brings the files back.
        moved = set_aside(ctx.workspace.home, [*files, *trainings], "voice")
        thread = None if args.for_good else ctx.thread
        ctx.memory.remember("character", entry.name, entry.text, _without(entry), source="tool", thread=thread)
        ctx.memory.hide_assets(hidden)
        _clear_copies(ctx)
        if args.for_good:
            ctx.memory.scrub_entry(entry.id, "voice_source")
            LineCache.of(ctx.workspace).clear()
            ctx.memory.remove_for_good(moved)
        else:
            change = {"moved": moved, "assets": hidden, "tool": self.name, "after": before, "entry": entry.id}
            ctx.memory.record_change(ctx.thread, "removed", change)
        parts = [f"{len(hidden)} recording{'s' * (len(hidden) != 1)}"]
        if trainings:
            parts.append(f"{len(trainings)} training{'s' * (len(trainings) != 1)} with all weights")
        done = "deleted for good" if args.for_good else "put away"
        summary = f"{entry.name} has no cloned voice any more: {' and '.join(parts)} {done}."
        if not args.for_good:
            summary += f" Undo brings them back for {KEPT_DAYS} days; say 'for good' to delete them at once."
        return ToolResult(
            summary + " Lines that were spoken before stay where they are.",
            measurements={"recordings": len(hidden), "trainings": len(trainings)},
            data={"consent": consent.line if consent is not None else "", "for_good": args.for_good},
        )


def _nearest(character: str, ctx: ToolContext) -> str:
    cloned = [one.name for one in ctx.memory.list_entries("character") if one.data.get("voice_source")]
    if not cloned:
        return "No character has one"
    near = [name for name in ctx.memory.nearest_characters(character, 3) if name in cloned]
    return f"Cloned voices: {', '.join(dict.fromkeys([*near, *cloned]))}"[:200]


def _clear_copies(ctx: ToolContext) -> None:
    """The copies of recordings that engines read; those of other voices are made again when they speak."""
    folders = list((ctx.workspace.cache / "engines").glob("*/references"))
    if shared := load_tts(ctx.settings).engines.gpt_sovits.shared_here:
        folders.append(Path(shared).expanduser() / "references")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _without(entry: Entry) -> dict[str, Any]:
    """What is known of the character, without the voice and the stand-in that was fitted to it."""
    data = {key: value for key, value in entry.data.items() if key != "voice_source"}
    voice = data.get("voice")
    if isinstance(voice, Mapping) and voice.get("fitted_to"):
        del data["voice"]
    return data


def _recordings(ctx: ToolContext, source: Mapping[str, Any]) -> list[Asset]:
    """The clips that the studio cut for the voice; memory may name other files of the user's, which stay."""
    given = source.get("references")
    named = given.values() if isinstance(given, Mapping) else ()
    found = [ctx.memory.get_asset(str(one.get("asset", ""))) for one in named if isinstance(one, Mapping)]
    return [asset for asset in found if asset is not None and asset.params.get("reference")]


def _trainings(ctx: ToolContext, source: Mapping[str, Any]) -> list[Path]:
    """The folders of this studio that the weights lie in; what lies elsewhere is the user's."""
    base = (ctx.workspace.home / "training").resolve()
    given = source.get("weights")
    named = given.values() if isinstance(given, Mapping) else ()
    paths = [(ctx.workspace.home / str(path)).resolve() for path in named if path]
    return sorted({base / path.relative_to(base).parts[0] for path in paths if base in path.parents})
