"""timeline_history: what was done to a cut, version by version, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from configs.errors import UsageError
from tools.editing.decision.finish import cuts_of, explained
from tools.editing.export import timeline_of
from tools.editing.timeline_file import load_timeline
from tools.editing.versions import Version, current, gone_last, versions
from tools.spec import SUMMARY_LIMIT, Tool, ToolArgs, ToolContext, ToolResult

NEWEST = 6
"""Versions that are told in words; the rest is counted."""


class TimelineHistory(Tool):
    name = "timeline_history"
    description = (
        "Tell what was changed in a cut and why: the versions of its timeline in their order, what each one did, "
        "which one counts now and which were undone. Changes nothing."
    )
    effect = "read"

    class Args(ToolArgs):
        timeline: str = Field("", description="A timeline, or a film that was cut here; '' for the newest timeline.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        asset = _timeline(args.timeline, ctx)
        every = versions(ctx.memory, asset)
        now = current(ctx.memory, asset)
        cuts = explained(cuts_of(load_timeline(ctx.path(now.asset))))
        rows = [_row(version, now) for version in every]
        told = rows[-NEWEST:]
        lines = [f"'{asset.name}' has {len(rows)} version{'s' * (len(rows) > 1)}; version {now.number} counts."]
        if len(rows) > len(told):
            lines.append(f"{len(rows) - len(told)} earlier ones are not told here.")
        lines += [_line(row) for row in told]
        if cuts:
            lines.append(f"{cuts}.")
        text = "\n".join(lines)
        return ToolResult(
            summary=text.encode()[:SUMMARY_LIMIT].decode(errors="ignore"),
            measurements={"versions": len(rows)},
            data={"timeline": now.asset.id, "versions": rows},
        )


def _timeline(ref: str, ctx: ToolContext) -> Any:
    if ref:
        return timeline_of(ctx.asset(ref, "timeline", "video"), ctx)
    if gone := gone_last(ctx.memory):
        return gone
    newest = ctx.memory.list_assets("timeline", thread=ctx.thread, limit=1)
    if not newest:
        raise UsageError("There is no timeline in this conversation yet", fix="Cut a film first, or name one")
    return timeline_of(newest[0], ctx)


def _row(version: Version, now: Version) -> dict[str, Any]:
    state = "undone" if version.asset.hidden else "counts" if version.asset.id == now.asset.id else "kept"
    return {
        "id": version.asset.id,
        "number": version.number,
        "state": state,
        "said": list(version.said) or _first_steps(version.asset.params),
    }


def _first_steps(params: Mapping[str, Any]) -> list[str]:
    """What the first cut did, each operation with its reason, as it was decided then."""
    steps = params.get("operations")
    told = []
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping) and step.get("operation"):
            why = str(step.get("rationale", "")).strip()
            told.append(f"{step['operation']}{f' ({why})' if why else ''}")
    return told


def _line(row: dict[str, Any]) -> str:
    mark = {"undone": " (undone)", "counts": " (counts now)"}.get(row["state"], "")
    what = "; ".join(text.rstrip(".") for text in row["said"]) or "as it was first made"
    return f"Version {row['number']}{mark}: {what}."
