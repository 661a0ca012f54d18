"""forget_voice: a cloned or trained voice is taken from a character, for instance when a consent is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from configs.errors import UsageError
from memory.names import shown_name
from memory.records import Asset, Entry
from memory.set_aside import KEPT_DAYS, set_aside
from tools.spec import Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.belongings import (
    clear_copies,
    datasets_of,
    recordings_of,
    sources_of,
    trainings_of,
    without_voice,
)
from tools.voice.consent import consent_of


class ForgetVoiceArgs(ToolArgs):
    character: str = Field(description="Whose voice: a remembered character's name.")
    for_good: bool = Field(
        False,
        description="True: all is deleted at once, the datasets that the studio made too, and nothing can be undone; "
        "for a consent that was taken back.",
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
        if entry is None:
            raise UsageError(f"{shown_name(args.character, 60)} has no cloned voice", fix=_nearest(args.character, ctx))
        source = entry.data.get("voice_source")
        put_away = bool(args.for_good and ctx.memory.delete_removed(entry.id))
        known = isinstance(source, Mapping)
        recordings = recordings_of(ctx, entry, undone=args.for_good) if known or args.for_good else []
        trainings = trainings_of(ctx.workspace.home, entry) if known or args.for_good else []
        datasets = datasets_of(ctx, entry) if args.for_good else []
        theirs = sources_of(ctx.memory, (*recordings, *datasets))
        there = [one for one in (*recordings, *datasets) if (ctx.workspace.home / one.path).exists()]
        if not (known or put_away or there or trainings):
            raise UsageError(f"{entry.name} has no cloned voice", fix=_nearest(args.character, ctx))
        consent = consent_of(entry.data)
        self._take(ctx, args, entry, [one.id for one in (*recordings, *datasets)], there, trainings)
        counted = (
            ("recording", len(recordings), ""), ("training", len(trainings), " with all weights"),
            ("dataset", sum(one.kind == "dataset" for one in datasets), " with its pages and logs"),
        )  # fmt: skip
        parts = [f"{count} {what}{'s' * (count != 1)}{more}" for what, count, more in counted if count]
        return ToolResult(
            _summary(entry, args.for_good, parts, theirs),
            measurements={"recordings": len(recordings), "trainings": len(trainings)},
            data={"consent": consent.line if consent is not None else "", "for_good": args.for_good},
        )

    def _take(
        self, ctx: ToolContext, args: Any, entry: Entry, ids: list[str], there: list[Asset], trainings: list[Path]
    ) -> None:
        """Part of the executor's transaction: a kill or an error brings the files back."""
        before = ctx.memory.last_change(ctx.thread)
        files = [ctx.workspace.home / asset.path for asset in there]
        moved = set_aside(ctx.workspace.home, [*files, *trainings], "voice") if files or trainings else []
        if "voice_source" in entry.data:
            thread = None if args.for_good else ctx.thread
            data = without_voice(entry)
            ctx.memory.remember("character", entry.name, entry.text, data, source="tool", thread=thread)
        clear_copies(ctx, for_good=args.for_good)
        if args.for_good:
            ctx.memory.drop_assets(ids)
            ctx.memory.scrub_entry(entry.id, "voice_source")
            ctx.memory.remove_for_good(moved)
        else:
            ctx.memory.hide_assets(ids)
            change = {"moved": moved, "assets": ids, "tool": self.name, "after": before, "entry": entry.id}
            ctx.memory.record_change(ctx.thread, "removed", change)


def _summary(entry: Entry, for_good: bool, parts: list[str], theirs: list[Asset]) -> str:
    gone = " and ".join(parts[-2:]) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    text = f"{entry.name} has no cloned voice any more"
    if for_good:
        text += f": {gone or 'what was put away before'} deleted for good; no undo brings it back."
    else:
        text += f"{f': {gone} put away' if gone else ''}. Undo brings it back for {KEPT_DAYS} days; "
        text += "say 'for good' to delete it at once."
    text += " Lines that were spoken before stay where they are"
    if for_good and theirs:
        more = f" and {len(theirs) - 3} more" if len(theirs) > 3 else ""
        text += f", and so do your own files it was taken from: {', '.join(one.name for one in theirs[:3])}{more}"
    return f"{text}."


def _nearest(character: str, ctx: ToolContext) -> str:
    cloned = [one.name for one in ctx.memory.list_entries("character") if one.data.get("voice_source")]
    if not cloned:
        return "No character has one"
    near = [name for name in ctx.memory.nearest_characters(character, 3) if name in cloned]
    return f"Cloned voices: {', '.join(dict.fromkeys([*near, *cloned]))}"[:200]
