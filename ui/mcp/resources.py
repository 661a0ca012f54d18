"""What the studio made or took in, as MCP resources."""

from __future__ import annotations

import asyncio

from mcp import types
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.shared.exceptions import McpError
from pydantic import AnyUrl

from memory.records import Asset
from ui.mcp.content import SCHEME, mime_of, resource_fields
from ui.mcp.door import Door

PAGE, MOST = 100, 2000
"""Resources a page, and how many of the newest are listed at all."""
READABLE_BYTES = 8 * 2**20
NOT_FOUND = -32002
"""The protocol's own code for a resource that is not there."""
TEMPLATE = types.ResourceTemplate(
    uriTemplate=SCHEME + "{id}", name="asset", description="A file that the studio made or took in, by its id."
)


async def list_resources(door: Door, cursor: str | None) -> types.ListResourcesResult:
    """One page of all conversations' assets, newest first. Raises StudioError."""
    memory = (await door.agent()).studio.memory
    try:
        start = int(cursor or 0)
    except ValueError as error:
        raise McpError(types.ErrorData(code=types.INVALID_PARAMS, message=f"'{cursor}' is no page")) from error
    newest = await asyncio.to_thread(memory.list_assets, limit=min(MOST, max(0, start) + PAGE + 1))
    page = newest[max(0, start) : max(0, start) + PAGE]
    more = str(max(0, start) + PAGE) if len(newest) > max(0, start) + PAGE else None
    return types.ListResourcesResult(
        resources=[types.Resource(**resource_fields(asset)) for asset in page], nextCursor=more
    )


async def read_resource(door: Door, uri: AnyUrl) -> list[ReadResourceContents]:
    """A small asset's content: text as text, all else as bytes. Raises McpError, StudioError."""
    agent = await door.agent()
    identity = str(uri).removeprefix(SCHEME)
    asset = await asyncio.to_thread(agent.studio.memory.get_asset, identity)
    if asset is None or asset.hidden or not str(uri).startswith(SCHEME):
        raise McpError(
            types.ErrorData(code=NOT_FOUND, message=f"There is no asset '{identity}'", data={"uri": str(uri)})
        )
    return [await asyncio.to_thread(_content, door, asset)]


def _content(door: Door, asset: Asset) -> ReadResourceContents:
    from configs.workspace import Workspace

    file = Workspace(door.settings.home.expanduser().resolve()).inside(asset.path)
    if not file.is_file():
        raise McpError(types.ErrorData(code=NOT_FOUND, message=f"The file of '{asset.name}' is gone"))
    if file.stat().st_size > READABLE_BYTES:
        size = file.stat().st_size / 2**20
        message = f"'{asset.name}' has {size:.0f} MiB, more than the {READABLE_BYTES >> 20} that are sent: open {file}"
        raise McpError(types.ErrorData(code=types.INVALID_REQUEST, message=message))
    data, mime = file.read_bytes(), mime_of(asset.path)
    if mime.startswith(("image/", "audio/", "video/")):
        return ReadResourceContents(data, mime)
    try:
        return ReadResourceContents(data.decode("utf-8"), mime)
    except UnicodeDecodeError:
        return ReadResourceContents(data, mime)
