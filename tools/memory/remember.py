"""remember: keep a character, a style, a place, a note or a preference."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tools.spec import Tool, ToolArgs, ToolContext, ToolResult

_NAME_WORDS, _NAME_LETTERS = 6, 60


class Remember(Tool):
    name = "remember"
    description = (
        "Keep a character, style, place, note or preference for later. Something of the same kind and name is "
        "updated; what it said before can be brought back with undo."
    )
    effect = "create"
    at_once = True

    class Args(ToolArgs):
        kind: Literal["character", "style", "place", "note", "preference"] = Field(description="What it is.")
        name: str = Field("", description="Its name; '' takes the first words of the text.")
        text: str = Field(description="What to keep: how a character looks and sounds, what a style is like, the note.")
        aliases: list[str] = Field(default_factory=list, description="Other names that it goes by.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        name = args.name.strip() or " ".join(args.text.split()[:_NAME_WORDS])[:_NAME_LETTERS]
        entry = ctx.memory.remember(args.kind, name, args.text, aliases=args.aliases, source="tool", thread=ctx.thread)
        again = entry.updated_at > entry.created_at
        verb = "Updated" if again else "Remembered"
        return ToolResult(
            summary=f"{verb} {entry.kind} {entry.name}: {' '.join(entry.text.split())[:300]}",
            data={"id": entry.id, "kind": entry.kind, "name": entry.name, "updated": again},
        )
