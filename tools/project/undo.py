"""undo: take back the last changes of this conversation."""

from __future__ import annotations

from pydantic import Field

from tools.spec import SUMMARY_LIMIT, Tool, ToolArgs, ToolContext, ToolResult


class Undo(Tool):
    name = "undo"
    description = (
        "Take back what the last message did in this conversation: new files are hidden (not deleted), "
        "remembered facts and ratings go back to what they were."
    )
    # Nothing is lost by it: files are only hidden, and what an entry said stays in its history.
    effect = "create"
    at_once = True

    class Args(ToolArgs):
        steps: int = Field(
            1, ge=1, le=50, description="1 = all that the last message changed; more = that many single changes."
        )

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        undone = ctx.memory.undo(ctx.thread, args.steps, whole=args.steps == 1)
        if not undone:
            return ToolResult(summary="There is nothing left to undo in this conversation.", data={"undone": []})
        text = "Undone: " + "; ".join(change.text for change in undone) + "."
        if len(undone) < args.steps:
            text += f" There was nothing more than these {len(undone)}."
        return ToolResult(
            summary=text.encode()[:SUMMARY_LIMIT].decode(errors="ignore"),
            measurements={"steps": len(undone)},
            data={"undone": [{"kind": c.kind, "ids": list(c.ids), "text": c.text} for c in undone]},
        )
