"""search_memory: what the studio knows about a thing."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from memory.records import Hit
from tools.spec import SUMMARY_LIMIT, Tool, ToolArgs, ToolContext, ToolResult

_LINE = 120


class SearchMemory(Tool):
    name = "search_memory"
    description = (
        "Search characters, styles, places, notes, preferences and earlier files by words and meaning. "
        "Use it when the user refers to something from before."
    )
    effect = "read"

    class Args(ToolArgs):
        query: str = Field(description="What to look for, in any words.", min_length=1)
        kind: str = Field("", description="Only this kind, e.g. character, style, note, image, video; '' for all.")
        limit: int = Field(8, ge=1, le=50, description="How many results at most.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        kinds = (args.kind.strip().casefold(),) if args.kind.strip() else ()
        hits = ctx.memory.search(args.query, kinds=kinds, limit=args.limit)
        for warning in ctx.memory.warnings():
            ctx.warn(warning)
        lines = [f"{h.kind} {h.name} ({h.id}): {' '.join(h.text.split())[:_LINE]}" for h in hits]
        return ToolResult(
            summary=_fitting(lines) if lines else "Nothing in memory fits.",
            measurements={"found": len(hits)},
            data={"hits": [_plain(hit) for hit in hits]},
        )


def _plain(hit: Hit) -> dict[str, Any]:
    return {"id": hit.id, "kind": hit.kind, "name": hit.name, "text": hit.text[:500], "score": round(hit.score, 4)}


def _fitting(lines: list[str]) -> str:
    """As many whole lines as a summary may hold."""
    kept: list[str] = []
    used = 0
    for line in lines:
        used += len(line.encode()) + 1
        if used > SUMMARY_LIMIT:
            break
        kept.append(line)
    return "\n".join(kept)
