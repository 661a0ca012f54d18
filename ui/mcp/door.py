"""The studio behind the server: opened by the first call that needs it, closed with the connection."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from configs.errors import StudioError, UsageError
from configs.workspace import Workspace

if TYPE_CHECKING:
    from agent.studio_agent import StudioAgent
    from configs.settings import Settings
    from memory.records import Asset

T = TypeVar("T")
AT_ONCE = 8
"""Calls that run at the same time; engines are leased one by one anyway, reading is not."""
STOP_S = 30.0
"""How long a turn may take to stop when the client leaves."""


class Door:
    """One home, one conversation, one agent. Lives on one event loop.

    A studio that cannot be opened (another one has the home, the disk is full) is told with each call, and tried again.
    """

    def __init__(self, settings: Settings, thread: str, *, yes: bool, folders: tuple[Path, ...]) -> None:
        """
        Args:
            yes: what overwrites, deletes or spends is approved in advance, and who consented is taken from the client.
            folders: outside the home, from where files may be taken in.
        """
        self.settings, self.thread, self.yes = settings, thread, yes
        self.folders = tuple(folder.expanduser().resolve() for folder in folders)
        self.turn = asyncio.Lock()
        """Held while the agent works: one wish of a conversation after the other."""
        self.turns: set[asyncio.Task[Any]] = set()
        """Turns that run, those included that nobody waits for any more."""
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mcp-call")
        self._opening: asyncio.Task[StudioAgent] | None = None

    async def agent(self) -> StudioAgent:
        """The agent, opened by the first call. Raises StudioError."""
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        return await asyncio.shield(self._opening)  # a call that is cancelled meanwhile does not stop it

    def _open(self) -> StudioAgent:
        from ui.opening import open_agent

        return open_agent(self.settings)

    async def long_work(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run a call in a thread. When its caller is cancelled, it is no longer waited for, and ends by itself."""
        return await asyncio.wrap_future(self._pool.submit(functools.partial(work, *args, **named)))

    def own_file(self, ref: str) -> Path:
        """A file of the home (by a relative path, too) or of a folder that was allowed. Raises UsageError."""
        if not ref or "\x00" in ref or len(ref) > 4096:
            raise UsageError("No file is named", fix="Give its path")
        if any(folder in Path(ref).expanduser().resolve().parents for folder in self.folders):
            path = Path(ref).expanduser().resolve()
        else:
            path = Workspace(self.settings.home.expanduser().resolve()).inside(ref)
        if not path.is_file():
            raise UsageError(f"There is no file '{ref}'", "neither in the studio's folder nor in one that was allowed")
        return path

    def take_in(self, agent: StudioAgent, ref: str) -> Asset:
        """A copy of such a file as an asset of the conversation. Raises UsageError."""
        asset: Asset = agent.attach(self.own_file(ref), self.thread)
        return asset

    async def close(self) -> None:
        """Wait for what was told to stop, then unload the engines and close the memory."""
        agent: StudioAgent | None = None
        if self._opening is not None:
            with suppress(StudioError):
                agent = await self._opening
        if agent is not None:
            agent.cancel(self.thread)
        if self.turns:
            await asyncio.wait(self.turns, timeout=STOP_S)
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        if agent is not None:
            await asyncio.to_thread(agent.close)
