"""A client's call, from its arrival to its answer: progress meanwhile, and errors as results."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server

from configs.errors import Cancelled, PolicyError, StudioError
from tools.registry import get_tool
from ui.mcp.approval import User
from ui.mcp.asking import ask
from ui.mcp.calling import Call, call_tool
from ui.mcp.content import blocks, plain_json, told
from ui.mcp.door import Door
from ui.mcp.own_tools import ASK, TAKE_IN
from ui.mcp.progress import TOTAL, ProgressTeller
from ui.mcp.taking_in import take_in

LOG = logging.getLogger("studio.mcp")
OWN = {ASK: ask, TAKE_IN: take_in}


async def handle(door: Door, server: Server[Any, Any], name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """A call's result; what fails is a result too, with `isError` and one sentence."""
    context = server.request_context
    session, token = context.session, context.meta.progressToken if context.meta else None

    async def send(done: float, words: str) -> None:
        await session.send_progress_notification(token or 0, done, TOTAL, words or None, str(context.request_id))

    progress = ProgressTeller(send if token is not None else None)
    call = Call(name, arguments, User(session, context.request_id), progress)
    try:
        report = await OWN.get(name, call_tool)(door, call)
    except asyncio.CancelledError:
        progress.drop()
        raise
    except StudioError as error:
        await progress.finish()
        return _error(error)
    except Exception as error:
        LOG.exception("%s failed", name)
        await progress.finish()
        return _error(StudioError(f"{name} failed unexpectedly", f"{type(error).__name__}: {error}"[:300]))
    await progress.finish()
    result = await _result(door, name, report, _agreed(session))
    if any(isinstance(part, types.ResourceLink) for part in result.content):
        await session.send_resource_list_changed()
    return result


async def _result(door: Door, name: str, report: dict[str, Any], agreed: str) -> types.CallToolResult:
    studio = (await door.agent()).studio
    failed = bool(report.get("error")) and not report.get("questions")
    shown = dict(report)
    if failed and not report.get("reply"):
        error = report["error"]
        shown["reply"] = StudioError(error["problem"], error["cause"], error["fix"]).sentence
    if name not in OWN and get_tool(name).effect == "read":
        shown["assets"] = []  # known already, and in the summary
    words = told(shown, studio.workspace.home)
    ids = [row["id"] for row in shown.get("assets", ())]
    assets = [a for i in ids if (a := await asyncio.to_thread(studio.memory.get_asset, i)) is not None]
    content = await asyncio.to_thread(blocks, words, assets, studio.workspace, agreed)
    shape = plain_json({k: v for k, v in report.items() if k != "home"})
    return types.CallToolResult(content=content, structuredContent=shape, isError=failed)


def _error(error: StudioError) -> types.CallToolResult:
    shape = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code}
    text = types.TextContent(type="text", text=error.sentence)
    status = {PolicyError: "refused", Cancelled: "cancelled"}.get(type(error), "failed")
    return types.CallToolResult(content=[text], structuredContent={"status": status, "error": shape}, isError=True)


def _agreed(session: Any) -> str:
    """The protocol version agreed on: the client's own, where the server knows it."""
    wanted = session.client_params.protocolVersion if session.client_params else ""
    return str(min(str(wanted), types.LATEST_PROTOCOL_VERSION))
