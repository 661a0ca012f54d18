"""change_timeline: exact changes to an editable timeline, saved as its next version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from configs.errors import UsageError
from tools.editing.change.apply import apply, read_changes
from tools.editing.change.assets import facts_finder
from tools.editing.change.model import AnyChange
from tools.editing.change.uncut import Base, base_of
from tools.editing.cost import seconds_to_draw
from tools.editing.effects.lut import CUBES, has_table
from tools.editing.outline import describe, outline
from tools.editing.program import read_program
from tools.editing.render import render
from tools.editing.render import summary as render_summary
from tools.editing.sources import SourceFinder
from tools.editing.versions import current, save_version, version_of
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

MOST_CHANGES = 500
SAID = 6
"""Sentences that are said in full; the rest is counted."""


class ChangeTimelineArgs(ToolArgs):
    timeline: str = Field(
        description="The timeline, a video made from one, or any other video, which becomes a timeline of one clip: "
        "asset id, name, path in the workspace, or 'last'."
    )
    changes: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MOST_CHANGES,
        description="Changes in order, each {'op': 'trim' | 'split' | 'insert' | 'overwrite' | 'ripple_delete' | "
        "'move' | 'transition' | 'retime' | 'effect' | 'grade' | 'caption' | 'audio_gain' | 'duck' | 'freeze' | "
        "'reverse' | 'crop' | 'reframe' | 'overlay' | 'title', 'clip': clip id, ...}. Times in seconds.",
    )
    render: Literal["no", "preview", "full"] = Field(
        "no", description="'preview': also a small, quick film to look at; 'full': the finished film."
    )


class ChangeTimeline(Tool):
    """Applies changes to a timeline, all of them or none."""

    name = "change_timeline"
    description = (
        "Make exact changes to an editable timeline (trim, move, retime, transition, caption, ...), clips named by "
        "their ids. Saves the next version; the versions before stay, and undo goes back. For an instruction in words "
        "use edit_video."
    )
    Args = ChangeTimelineArgs
    makes = "timeline"

    def forecast(self, args: ChangeTimelineArgs, studio: Studio) -> Forecast:
        per_million = {"no": 0.0, "preview": 0.007, "full": 0.018}[args.render]
        seconds = seconds_to_draw(args.timeline, studio, fixed=0.5, per_million=per_million)
        return Forecast(seconds=seconds, disk_mib=1.0)

    def run(self, args: ChangeTimelineArgs, ctx: ToolContext) -> ToolResult:
        changes = read_changes(args.changes)
        base = base_of(ctx.asset(args.timeline, "timeline", "video"), ctx)
        _check_tables(changes, ctx)
        behind = _newer(base, ctx)
        if behind and base.asset is not None:
            ctx.warn(f"'{base.name}' has a newer version ({behind}); this change was made to {base.asset.id}")
        finder = SourceFinder(ctx)
        made = apply(base.timeline, changes, facts_finder(ctx, finder))
        # Read as the renderer would: a version that could not be rendered is not kept.
        read_program(made.timeline, finder.find)
        rendered = render(made.timeline, ctx, preview=args.render == "preview") if args.render != "no" else None
        sources = list(finder.assets)
        if (meanwhile := _newer(base, ctx)) and meanwhile != behind:
            ctx.warn(
                f"'{base.name}' was changed meanwhile ({meanwhile}); this version is made from the one before that"
            )
        saved = save_version(ctx, base.recorded(ctx), made.timeline, made.said, changes, sources=sources)
        number = version_of(saved).number
        assets, measured = [saved], {"version": number, "changes": len(changes)}
        text = f"Version {number} of '{saved.name}': {_said(made.said)} Now {describe(made.timeline)}."
        if base.new:
            text = f"{base.name} was not cut here yet: it is a timeline of one clip now. {text}"
        if rendered is not None:
            title = saved.name.removesuffix(".otio")
            assets.insert(0, rendered.save(ctx, f"{title}.mp4", parents=(saved.id,)))
            text += f" {render_summary(rendered, title)}"
            measured |= rendered.measurements
        facts = {"said": list(made.said), "version": number, "outline": outline(made.timeline)}
        return ToolResult(text.encode()[:SUMMARY_LIMIT].decode(errors="ignore"), tuple(assets), measured, data=facts)


def _newer(base: Base, ctx: ToolContext) -> str:
    """The id of the newest version where that is another one than the base; '' where it is the newest."""
    if base.asset is None:
        return ""
    newest = current(ctx.memory, base.asset).asset.id
    return "" if newest == base.asset.id else newest


def _check_tables(changes: Sequence[AnyChange], ctx: ToolContext) -> None:
    """A colour table that is not there could not be drawn: such a version is not made."""
    for number, change in enumerate(changes, 1):
        if change.op != "effect" or change.effect.get("name") != "lut":
            continue
        table = str(change.effect.get("table", ""))
        if not has_table(table, ctx.workspace.cache / CUBES):
            raise UsageError(
                f"Change {number} (effect) does not fit: there is no colour table '{table[:64]}'",
                "it is neither a style of remix_style nor a table that a remix has baked here",
                "Name a style such as noir, or use remix_style with a reference",
            )


def _said(said: tuple[str, ...]) -> str:
    more = len(said) - SAID
    return " ".join(said[:SAID]) + (f" And {more} more changes." if more > 0 else "")
