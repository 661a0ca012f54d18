"""rename_asset: another name for a result; its file, and what was made from it, stay as they are."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import Field

from configs.errors import UsageError
from memory.names import shown_name
from tools.spec import Tool, ToolArgs, ToolContext, ToolResult

NAME_LIMIT = 120


class RenameAsset(Tool):
    name = "rename_asset"
    description = (
        "Give a result (film, picture, sound, timeline) another name, by which it is listed and found; no text is "
        "written on it, and its file stays where it is. undo brings the old name back."
    )
    effect = "create"
    at_once = True

    class Args(ToolArgs):
        asset: str = Field(description="The result: an asset id, a file name, or 'last'.")
        name: str = Field(min_length=1, max_length=NAME_LIMIT, description="Its new name, without quotation marks.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.asset)
        name = shown_name(args.name, NAME_LIMIT)
        if not name:
            raise UsageError("The new name is empty", fix="Say what it shall be called")
        ending = PurePosixPath(asset.path).suffix
        if ending and asset.name.lower().endswith(ending.lower()) and not name.lower().endswith(ending.lower()):
            name += ending  # what is named after its file stays so
        before = asset.name or asset.id
        ctx.memory.rename_asset(asset.id, name, thread=ctx.thread)
        return ToolResult(
            summary=f"Renamed '{before}' to '{name}'.",
            data={"asset": asset.id, "name": name, "before": before},
        )
