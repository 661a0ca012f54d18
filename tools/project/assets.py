"""list_assets: what was made or taken in."""

from __future__ import annotations

import time
from typing import Literal

from pydantic import Field

from memory.records import Asset
from tools.spec import SUMMARY_LIMIT, Tool, ToolArgs, ToolContext, ToolResult

_SHOWN = 12


class ListAssets(Tool):
    name = "list_assets"
    description = "List the files that the studio made or took in, newest first."
    effect = "read"

    class Args(ToolArgs):
        kind: Literal[
            "",
            "image",
            "audio",
            "video",
            "timeline",
            "subtitle",
            "storyboard",
            "map",
            "lipsync",
            "report",
            "dataset",
            "file",
        ] = Field("", description="Only this kind; '' for all.")
        limit: int = Field(20, ge=1, le=200, description="How many at most.")
        everywhere: bool = Field(False, description="True: those of all conversations, not only of this one.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        thread = None if args.everywhere else ctx.thread
        found = ctx.memory.list_assets(args.kind or None, thread=thread, limit=args.limit)
        what = args.kind or "file"
        if not found:
            others = 0 if thread is None else len(ctx.memory.list_assets(args.kind or None, limit=200))
            hint = f" Other conversations have {others}: ask with everywhere." if others else ""
            return ToolResult(summary=f"There is no {what} in this conversation yet.{hint}", data={"assets": []})
        lines = [f"{len(found)} {what}{'s' * (len(found) > 1)}, newest first:", *map(_line, found[:_SHOWN])]
        if len(found) > _SHOWN:
            lines.append(f"and {len(found) - _SHOWN} more")
        return ToolResult(
            summary=_cut("\n".join(lines)),
            assets=tuple(found),
            measurements={"count": len(found)},
            data={"assets": [{"id": a.id, "kind": a.kind, "name": a.name, "path": a.path} for a in found]},
        )


def _line(asset: Asset) -> str:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(asset.created_at))
    by = f"by {asset.engine}" if asset.engine else "attached" if not asset.tool else f"by {asset.tool}"
    return f"{asset.id} {asset.kind} '{asset.name[:40]}' {by}, {made}"


def _cut(text: str) -> str:
    return text.encode()[:SUMMARY_LIMIT].decode(errors="ignore")
