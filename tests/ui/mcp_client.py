"""A client of `studio mcp` over real pipes, made of the SDK's own parts; its loop runs in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import psutil
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

T = TypeVar("T")
FAST = {
    "STUDIO_MEMORY__EMBEDDER": "letters", "STUDIO_MEMORY__INDEX": "numpy", "STUDIO_IMAGE__PREVIEW_SAMPLES": "2",
    "STUDIO_IMAGE__WIDTH": "256", "STUDIO_IMAGE__HEIGHT": "144", "STUDIO_BRAIN": "offline", "HF_HUB_OFFLINE": "1",
}  # fmt: skip


def server_env() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_") or k == "STUDIO_GPU__RUN_DIR"}
    return {**kept, **FAST}


class McpClient:
    """One running server. `answer`: what its user says when asked; None: a client that cannot ask its user."""

    def __init__(self, home: Path, *options: str, answer: types.ElicitResult | None = None) -> None:
        self.home, self.answer, self.asked = home, answer, list[str]()
        self._options, self._loop, self._stop = options, asyncio.new_event_loop(), asyncio.Event()
        self._ready, self._failed = threading.Event(), ""
        before = set(psutil.Process().children())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(300) and not self._failed, self._failed
        self.process = next(p for p in psutil.Process().children() if p not in before and "mcp" in p.cmdline())

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failed = repr(error)
            self._ready.set()

    async def _serve(self) -> None:
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "ui.cli", "mcp", "--home", str(self.home), *self._options],
            env=server_env(), cwd=Path(__file__).parents[2],
        )  # fmt: skip
        callback = self._elicited if self.answer is not None else None
        async with (
            stdio_client(command) as (read, write),
            ClientSession(read, write, elicitation_callback=callback) as s,
        ):
            self.session, self.hello = s, await s.initialize()
            self._ready.set()
            await self._stop.wait()

    async def _elicited(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(params.message)
        assert self.answer is not None
        return self.answer

    def begin(self, work: Coroutine[Any, Any, T]) -> Any:
        """Started on the client's loop; a concurrent future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 300) -> T:
        found: T = self.begin(work).result(seconds)
        return found

    def call(self, name: str, /, **args: Any) -> types.CallToolResult:
        return self.do(self.session.call_tool(name, args))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)


def words(result: types.CallToolResult) -> str:
    return next(part.text for part in result.content if isinstance(part, types.TextContent))


def kinds(result: types.CallToolResult) -> list[str]:
    return [part.type for part in result.content]
