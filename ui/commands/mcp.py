"""`studio mcp`: the studio's tools for other programs, over standard input and output."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from configs.errors import UsageError
from ui.opening import settings_for

if TYPE_CHECKING:
    from configs.settings import Settings
    from ui.mcp.pipes import ProtocolPipes


def run_mcp(home: Path | None, brain: str | None, thread: str, yes: bool, folders: list[Path]) -> int:
    """Serve one client until it closes its pipe; the exit code. Raises UsageError."""
    settings = settings_for(home, brain)
    for folder in folders:
        if not folder.expanduser().is_dir():
            raise UsageError(f"The folder '{folder}' does not exist", fix="Check its path")
    if sys.stdin is None or sys.stdout is None:
        raise UsageError(
            "'studio mcp' has no input or no output", "both are its client's pipes", "Let a client start it"
        )
    if sys.stdin.isatty():
        print("An MCP client talks to this command through pipes; stop with Ctrl-C. See docs/mcp.md.", file=sys.stderr)
    from ui.mcp.pipes import ProtocolPipes

    return anyio.run(_serve, ProtocolPipes(), settings, thread, yes, tuple(folders))


async def _serve(pipes: ProtocolPipes, settings: Settings, thread: str, yes: bool, folders: tuple[Path, ...]) -> int:
    from mcp.server.stdio import stdio_server

    from ui.mcp.door import Door
    from ui.mcp.server import create_server, options

    door, ended = Door(settings, thread, yes=yes, folders=folders), 0
    server = create_server(door)

    async def until_signal(scope: anyio.CancelScope) -> None:
        nonlocal ended
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async for number in signals:
                ended = 128 + int(number)
                scope.cancel()
                return

    lines: Any = pipes.lines()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(until_signal, group.cancel_scope)
            async with stdio_server(lines, pipes.output) as (incoming, outgoing):
                await server.run(incoming, outgoing, options(server))
            group.cancel_scope.cancel()
    except* OSError:
        pass  # the client is gone
    finally:
        with anyio.CancelScope(shield=True):
            await door.close()
    return ended
