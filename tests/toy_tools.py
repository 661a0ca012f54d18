"""Small real tools for tests of the executor and the agent: they write files, wait, fail, and count their runs."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from pydantic import Field

from configs.errors import EngineError, QuestionOpen
from memory.records import Score
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

RUNS: Counter[str] = Counter()


class NoteArgs(ToolArgs):
    text: str = Field(description="What to write.")
    seed: int = Field(0, description="Changes the text.")
    count: int = Field(1, description="How many; one of what timings are told apart by.")
    source: str = Field("", description="Another note.")


class WriteNote(Tool):
    name = "write_note"
    description = "Write a note."
    Args = NoteArgs
    makes = "file"

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        return Forecast(seconds=100.0 if args.text == "slow" else 1.0)

    def run(self, args: NoteArgs, ctx: ToolContext) -> ToolResult:
        RUNS[args.text] += 1
        parents = (ctx.asset(args.source).id,) if args.source else ()
        for step in range(3):
            ctx.progress(step, 3, "writing")
            time.sleep(0.02 if args.text == "wait" else 0)
        if args.text == "whose":
            raise QuestionOpen("The note was not written yet", "somebody has to agree", "Who agreed?", ("I did",))
        if args.text == "fail":
            raise EngineError("The pen broke", "too much pressure", "Write softer")
        if args.text == "bug":
            raise ZeroDivisionError("oops")
        file = ctx.scratch(".txt")
        file.write_text(f"{args.text} {args.seed}")
        value = 0.3 - args.seed / 10_000 if args.text == "sinking" else min(1.0, args.seed / 2000)
        score = Score("neatness", value, "measured", "ruler", threshold=0.4, passed=value >= 0.4)
        scores = (score,) if args.text in ("scored", "sinking") else ()
        asset = ctx.save(file, "file", f"{args.text}.txt", parents=parents, scores=scores, seed=args.seed)
        warned = (f"The ink came out at {value:.4f} of 1.",) if args.text in ("sinking", "thin") else ()
        return ToolResult(f"wrote {args.text}", (asset,), {"letters": len(args.text)}, warnings=warned)


class WipeArgs(ToolArgs):
    what: str = Field("all", description="What to wipe.")


class WipeNotes(Tool):
    name = "wipe_notes"
    description = "Delete notes."
    Args = WipeArgs
    effect = "delete"

    def run(self, args: WipeArgs, ctx: ToolContext) -> ToolResult:
        RUNS["wipe"] += 1
        return ToolResult("wiped")


class BookArgs(ToolArgs):
    pages: int = Field(2, description="Number of notes.")
    stop_at: int = Field(0, description="Fail at this page once.")


class WriteBook(Tool):
    name = "write_book"
    description = "Write several notes through sub-steps."
    Args = BookArgs
    makes = "file"

    def run(self, args: BookArgs, ctx: ToolContext) -> ToolResult:
        made = [ctx.call("write_note", {"text": f"page {n}"}, key=f"page-{n}").assets[0] for n in range(args.pages)]
        RUNS["book"] += 1
        if args.stop_at and RUNS["book"] == 1:
            raise EngineError("The book fell")
        return ToolResult("a book", tuple(made))


TOY_TOOLS = {
    "write_note": "toy_tools:WriteNote",
    "wipe_notes": "toy_tools:WipeNotes",
    "write_book": "toy_tools:WriteBook",
}
