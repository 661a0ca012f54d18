"""Standard input and output kept for the protocol alone, whatever libraries and child processes print or read."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio

CHUNK = 1 << 16


class ProtocolPipes:
    """Made once per process, before anything is opened.

    What is printed from then on, also by C libraries and child processes, goes to standard error; who reads standard
    input finds it empty.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._in, out = os.dup(0), os.dup(1)  # not inherited by children (PEP 446)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self.output = anyio.wrap_file(os.fdopen(out, "w", encoding="utf-8", newline="\n"))

    async def lines(self) -> AsyncIterator[str]:
        """The client's messages until it closes the pipe; read in a daemon thread, which an end need not wait for."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def tell(line: str | None) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(queue.put_nowait, line)

        def read() -> None:
            rest = b""
            with suppress(OSError):
                while chunk := os.read(self._in, CHUNK):
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        if line.strip():
                            tell(line.decode("utf-8", "replace"))
            tell(None)

        threading.Thread(target=read, daemon=True, name="mcp-input").start()
        while (line := await queue.get()) is not None:
            yield line
