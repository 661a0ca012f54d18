"""The `attach_file` tool: a file of an allowed folder becomes one that the studio's tools can name."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import ValidationError

from agent.report import asset_row
from configs.errors import UsageError
from ui.mcp.calling import Call
from ui.mcp.door import Door
from ui.mcp.own_tools import TAKE_IN, TakeInArgs


async def take_in(door: Door, call: Call) -> dict[str, Any]:
    """Copy it into the studio's folder; its name and id serve as file arguments from then on. Raises StudioError."""
    try:
        path = TakeInArgs.model_validate(dict(call.args)).path
    except ValidationError as error:
        raise UsageError("attach_file needs 'path'", error.errors()[0]["msg"]) from error
    agent = await door.agent()
    asset = await asyncio.to_thread(door.take_in, agent, path)
    return {"tool": TAKE_IN, "status": "done", "summary": f"Took in '{asset.name}'.", "assets": [asset_row(asset)]}
