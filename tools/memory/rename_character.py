"""rename_character: another name for somebody who is remembered, with all that belongs to him."""

from __future__ import annotations

from pydantic import Field

from configs.errors import UsageError
from memory.names import shown_name
from tools.spec import Tool, ToolArgs, ToolContext, ToolResult

NAME_LIMIT = 60


class RenameCharacter(Tool):
    name = "rename_character"
    description = (
        "Give a remembered character another name. Look, voice, pictures and other names stay; the old name still "
        "finds it. undo brings the old name back."
    )
    effect = "create"
    at_once = True

    class Args(ToolArgs):
        character: str = Field(min_length=1, description="The character as it is called now.")
        name: str = Field(min_length=1, max_length=NAME_LIMIT, description="Its new name, without quotation marks.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        entry = ctx.memory.resolve_character(args.character)
        if entry is None:
            near = ctx.memory.nearest_characters(args.character)
            fix = f"Known are: {', '.join(near)}" if near else "Introduce the character first"
            raise UsageError(f"No character is called '{args.character[:60]}'", fix=fix)
        name = shown_name(args.name, NAME_LIMIT).strip()
        if not name:
            raise UsageError("The new name is empty", fix="Say what the character shall be called")
        renamed = ctx.memory.rename_entry(entry.id, name, thread=ctx.thread)
        voice = " with its voice" if renamed.data.get("voice_source") or renamed.data.get("voice") else ""
        return ToolResult(
            summary=f"{entry.name} is called {renamed.name} now{voice}; the old name still finds it.",
            data={"id": renamed.id, "name": renamed.name, "before": entry.name, "aliases": list(renamed.aliases)},
        )
