"""forget_voice: a cloned or trained voice is taken from a character, for instance when a consent is taken back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset, Entry
from tools.spec import Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.consent import consent_of


class ForgetVoice(Tool):
    name = "forget_voice"
    description = (
        "Take a cloned or trained voice from a character: its recordings, trained weights and consent. Use it when a "
        "person takes the consent back. The character keeps a built-in voice."
    )
    effect = "delete"

    class Args(ToolArgs):
        character: str = Field(description="Whose voice: a remembered character's name.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        entry = ctx.memory.resolve_character(args.character)
        source = entry.data.get("voice_source") if entry is not None else None
        if entry is None or not isinstance(source, Mapping):
            raise UsageError(f"{args.character[:60]} has no cloned voice", fix="See 'studio memory list character'")
        consent = consent_of(entry.data)
        removed = [_remove(path) for path in _trainings(ctx, source)]
        hidden = [asset.id for asset in _recordings(ctx, source)]
        ctx.memory.remember("character", entry.name, entry.text, _without(entry), source="tool", thread=ctx.thread)
        for asset in (ctx.memory.get_asset(ref) for ref in hidden):
            if asset is not None:
                (ctx.workspace.home / asset.path).unlink(missing_ok=True)
        ctx.memory.hide_assets(hidden)
        parts = [f"{len(hidden)} recording{'s' * (len(hidden) != 1)}"]
        if removed:
            parts.append(f"{len(removed)} training{'s' * (len(removed) != 1)} with all weights")
        under = f" (it stood under {consent.line})" if consent is not None else ""
        summary = f"{entry.name} has no cloned voice any more: {' and '.join(parts)} deleted{under}."
        summary += " Lines that were spoken before stay where they are."
        return ToolResult(summary, measurements={"recordings": len(hidden), "trainings": len(removed)})


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


def _remove(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder
