"""Answers of a dry run: a marked stand-in for what a tool would have made, to score intents without engines."""

from __future__ import annotations

import json

from tools.publish import publish
from tools.spec import Studio, Tool, ToolArgs, ToolResult

SUFFIX = {
    "image": ".png",
    "audio": ".wav",
    "video": ".mp4",
    "timeline": ".otio",
    "subtitle": ".srt",
    "storyboard": ".json",
    "map": ".png",
    "lipsync": ".json",
}


def stand_in_result(tool: Tool, args: ToolArgs, studio: Studio, thread: str) -> ToolResult:
    """A result without work. Its asset holds the call as JSON text and says `stand_in` in its parameters."""
    if tool.makes is None:
        return ToolResult(f"{tool.name}: dry run, nothing was done")
    call = json.dumps({"stand_in": tool.name, "args": args.model_dump(mode="json")}, indent=1)
    file = studio.workspace.scratch(SUFFIX.get(tool.makes, ".txt"))
    file.write_text(call, encoding="utf-8")
    asset = publish(
        studio.workspace,
        studio.memory,
        file,
        tool.makes,
        f"{tool.name} (dry run)",
        engine="",
        engine_version="",
        tool=tool.name,
        params={"stand_in": True},
        seed=None,
        parents=(),
        scores=(),
        thread=thread,
        step=f"dry/{tool.name}",
        summary="stand-in of a dry run",
    )
    return ToolResult(f"{tool.name}: dry run, a stand-in was recorded", (asset,))
