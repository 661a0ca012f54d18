"""redo: bring back what was undone last."""

from __future__ import annotations

from pydantic import Field

from tools.spec import SUMMARY_LIMIT, Tool, ToolArgs, ToolContext, ToolResult


class Redo(Tool):
    name = "redo"
    description = (
        "Bring back what was undone last: files of this conversation that undo has hidden, or the version of a "
        "timeline that was taken back. Facts and ratings that were taken back are told anew."
    )
    effect = "create"
    at_once = True

    class Args(ToolArgs):
        timeline: str = Field(
            "", description="A timeline (or its film) whose next version shall count again; '' for what undo hid last."
        )
        steps: int = Field(1, ge=1, le=50, description="How many undone changes to bring back.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        done = [] if args.timeline else [change.text for change in ctx.memory.redo(ctx.thread, args.steps)]
        if not done:
            done = _versions_again(args, ctx)
        if not done:
            return ToolResult(summary="There is nothing to bring back in this conversation.", data={"redone": []})
        text = f"Done again: {'; '.join(done)}."
        return ToolResult(
            summary=text.encode()[:SUMMARY_LIMIT].decode(errors="ignore"),
            measurements={"steps": len(done)},
            data={"redone": done},
        )


def _versions_again(args: Redo.Args, ctx: ToolContext) -> list[str]:
    """Versions of a timeline shown again, in words. Raises UsageError when a timeline was named and none was undone."""
    from tools.editing.export import timeline_of
    from tools.editing.versions import gone_last, redo

    if args.timeline:
        timeline = timeline_of(ctx.asset(args.timeline, "timeline", "video"), ctx)
    else:
        last = gone_last(ctx.memory)
        if last is None or last.thread != ctx.thread:
            return []
        timeline = last
    done = []
    for _ in range(args.steps):
        version = redo(ctx.memory, timeline)
        done.append(f"version {version.number} of '{version.asset.name}': {' '.join(version.said)}".rstrip(" .:"))
        timeline = version.asset
    return done
