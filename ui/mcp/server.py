"""The MCP server: the registry's tools, `ask`, and assets as resources."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mcp import types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import McpError
from pydantic import AnyUrl

from configs.errors import StudioError
from configs.settings import PROMPT_DIR
from tools.policy import ALWAYS
from tools.registry import all_tools
from tools.schema import function_schema, plain_schema
from tools.spec import Effect
from ui.mcp import resources
from ui.mcp.door import Door
from ui.mcp.own_tools import ASK, TAKE_IN, AskArgs, TakeInArgs


def create_server(door: Door) -> Server[Any, Any]:
    """All handlers, around one door."""
    server: Server[Any, Any] = Server(
        "animation-ai-studio", version=_version(), instructions=_prompt("mcp_instructions").strip()
    )

    async def list_tools() -> list[types.Tool]:
        own = [ASK] + [TAKE_IN] * bool(door.folders)
        return [*(_own_tool(name) for name in own), *await asyncio.to_thread(studio_tools)]

    async def call(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        from ui.mcp.handling import handle  # brings the agent with it, a second that no listing of tools needs

        return await handle(door, server, name, arguments)

    async def list_resources(request: types.ListResourcesRequest) -> types.ListResourcesResult:
        try:
            return await resources.list_resources(door, request.params.cursor if request.params else None)
        except StudioError as error:
            raise _as_protocol_error(error) from error

    async def read_resource(uri: AnyUrl) -> Sequence[ReadResourceContents]:
        try:
            return await resources.read_resource(door, uri)
        except StudioError as error:
            raise _as_protocol_error(error) from error

    async def list_templates() -> list[types.ResourceTemplate]:
        return [resources.TEMPLATE]

    server.list_tools()(list_tools)  # type: ignore[no-untyped-call]
    # the executor checks the arguments: it mends a model's slips, and says in one sentence what is wrong
    server.call_tool(validate_input=False)(call)
    server.list_resources()(list_resources)  # type: ignore[no-untyped-call]
    server.read_resource()(read_resource)  # type: ignore[no-untyped-call]
    server.list_resource_templates()(list_templates)  # type: ignore[no-untyped-call]
    return server


def options(server: Server[Any, Any]) -> InitializationOptions:
    return server.create_initialization_options(NotificationOptions(resources_changed=True))


def studio_tools() -> list[types.Tool]:
    """The registry's tools in MCP's form."""
    found = []
    for tool in all_tools():
        shape = function_schema(tool)["function"]
        found.append(
            types.Tool(
                name=tool.name, title=_title(tool.name), description=tool.description, inputSchema=shape["parameters"],
                annotations=_hints(tool.name, tool.effect),
            )
        )  # fmt: skip
    return found


def _own_tool(name: str) -> types.Tool:
    schema = plain_schema(AskArgs if name == ASK else TakeInArgs)
    text = " ".join(_prompt(f"mcp_{name}").split())
    return types.Tool(
        name=name, title=_title(name), description=text, inputSchema=schema, annotations=_hints(name, "create")
    )


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _hints(name: str, effect: Effect) -> types.ToolAnnotations:
    """What a client may tell its user; `ask` can lead to anything that the user then approves."""
    reads = effect == "read"
    return types.ToolAnnotations(
        title=_title(name), readOnlyHint=reads, destructiveHint=effect not in ALWAYS or name == ASK,
        idempotentHint=reads, openWorldHint=False,
    )  # fmt: skip


def _as_protocol_error(error: StudioError) -> McpError:
    """Resources have no `isError`: the sentence is the protocol's error."""
    return McpError(types.ErrorData(code=types.INTERNAL_ERROR, message=error.sentence))


def _prompt(name: str) -> str:
    return (PROMPT_DIR / f"{name}.md").read_text(encoding="utf-8")


def _version() -> str:
    try:
        return version("animation-ai-studio")
    except PackageNotFoundError:
        return "0"
