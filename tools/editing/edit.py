"""edit_video: an instruction in plain words, done to one clip or to several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from configs.errors import UsageError
from tools.editing.arrange import Arrangement, arrange
from tools.editing.decide import decide
from tools.editing.operations import Highlight, Operation, in_words
from tools.editing.program import Source
from tools.editing.render import render
from tools.editing.sources import SourceFinder
from tools.editing.timeline import describe, save_timeline
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

MAX_SOURCES = 100


class EditVideoArgs(ToolArgs):
    video: str | list[str] = Field(
        description="The clip: asset id, attached file's name, path in the workspace, or 'last'; several are joined."
    )
    instruction: str = Field(
        description="What to do, e.g. 'keep the first 3 seconds', 'cut out the middle', 'the most lively 3 seconds in "
        "black and white with WAIT FOR IT on top', 'twice as fast', 'join them'."
    )


class EditVideo(Tool):
    """Cuts, joins, retimes, grades and captions clips after an instruction."""

    name = "edit_video"
    description = (
        "Edit one or more existing clips after an instruction: trim, cut out, join, speed, reverse, loop, looks, "
        "fades, sound off or louder, text on the picture, the most lively seconds. Makes a new mp4 and its editable "
        "timeline; the originals stay."
    )
    Args = EditVideoArgs
    makes = "video"

    def forecast(self, args: EditVideoArgs, studio: Studio) -> Forecast:
        count = len(args.video) if isinstance(args.video, list) else 1
        return Forecast(seconds=6.0 + 4.0 * count, disk_mib=10.0 * count)

    def run(self, args: EditVideoArgs, ctx: ToolContext) -> ToolResult:
        refs = [args.video] if isinstance(args.video, str) else args.video
        if not refs or len(refs) > MAX_SOURCES:
            raise UsageError(f"{len(refs)} clips cannot be edited at once", f"1 to {MAX_SOURCES} can")
        operations = decide(args.instruction)
        finder = SourceFinder(ctx)
        assets = [ctx.asset(ref, "video") for ref in refs]
        spans: list[str] = []

        def lively(source: Source, seconds: float) -> tuple[float, float]:
            from backends.vision.motion import liveliest_span

            ctx.progress(0, 1, "looking for the most lively part")
            begin, end = liveliest_span(source.path, seconds, cancel=ctx.cancel.check)
            spans.append(f"{begin:.2f}-{end:.2f} s")
            return begin, end

        made = arrange(
            [(finder.open(asset), asset.path, Path(asset.name).stem) for asset in assets], operations, lively
        )
        return _finish(made, operations, [asset.name for asset in assets], spans, ctx)


def _finish(
    made: Arrangement, operations: list[Operation], names: list[str], spans: list[str], ctx: ToolContext
) -> ToolResult:
    title = f"{Path(names[0]).stem}-edit"
    timeline = made.timeline(title)
    rendered = render(timeline, ctx)
    steps = [{"operation": in_words(operation), "rationale": operation.rationale} for operation in operations]
    said = [str(step["operation"]) for step in steps]
    for number, operation in enumerate(operations):
        if isinstance(operation, Highlight):
            said[number] += f" ({', '.join(spans)})"
    facts: dict[str, Any] = {"operations": steps, "lively": spans}
    # Recorded only now: a render that fails leaves nothing behind.
    cut = ctx.save(
        save_timeline(timeline, ctx.scratch(".otio")),
        "timeline",
        f"{title}.otio",
        params=facts,
        parents=tuple(dict.fromkeys(asset.id for asset in rendered.sources)),
        summary=describe(timeline),
    )
    film = rendered.save(ctx, f"{title}.mp4", parents=(cut.id,), params=facts)
    program = rendered.program
    text = (
        f"Edited {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {'; '.join(said)}. "
        f"Result {program.seconds:.2f} s, {rendered.width}x{rendered.height} at {float(program.fps):g} fps."
    )
    return ToolResult(text[:SUMMARY_LIMIT], (film, cut), rendered.measurements, data=facts)
