"""From settings to an executor: workspace, memory, arbiter. The agent is built on top of it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from configs.settings import Settings
from configs.workspace import Workspace
from memory.set_aside import empty_trash
from memory.store import Memory
from tools.embedding import studio_embedder
from tools.engine_room import EngineRoom
from tools.executor import Executor
from tools.publish import remove_unrecorded
from tools.spec import Studio

_open: Counter[Path] = Counter()
"""Executors of this process by home folder."""


_DRAFT = re.compile(r"\.[0-9a-f]{16,64}\..*|.*\.part|tmp[a-z0-9_]{8}\.wav")
"""Names that files in the cache have until they are whole."""


def remove_leftovers(workspace: Workspace, memory: Memory | None = None, *, killed: bool = False) -> None:
    """Delete temporary files that a killed studio left, and what was set aside days ago.

    The memory's lock keeps other processes out, so what lies there is nobody's while this process has no executor open.
    memory: to know which file was being recorded then. killed: the former owner ended without closing; then drafts may
    lie in the cache too.
    """
    if not _open[workspace.home]:
        if memory is not None:
            remove_unrecorded(workspace, memory)
        drafts = [f for f in workspace.cache.rglob("*") if _DRAFT.fullmatch(f.name) and f.is_file()] if killed else []
        for entry in (*workspace.tmp.iterdir(), *drafts):
            with suppress(OSError):
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    empty_trash(workspace.home)


def open_executor(settings: Settings) -> Executor:
    """Everything that tools need. Close with `close_executor`.

    Raises StudioError when the workspace cannot be written, is damaged, or another studio owns it.
    """
    workspace = Workspace.open(settings.home)
    memory = Memory.open(workspace, index=settings.memory.index, embedder=studio_embedder(settings.memory.embedder))
    remove_leftovers(workspace, memory, killed=memory.was_killed)

    try:
        room = EngineRoom.open(settings, workspace)
    except BaseException:
        memory.close()
        raise
    _open[workspace.home] += 1
    return Executor(Studio(settings, workspace, memory), room.arbiter)


def close_executor(executor: Executor) -> None:
    """Unload the engines and close the memory."""
    executor.arbiter.close()
    executor.studio.memory.close()
    _open[executor.studio.workspace.home] -= 1


@contextmanager
def opened_executor(settings: Settings) -> Iterator[Executor]:
    """`open_executor`, closed at the end."""
    executor = open_executor(settings)
    try:
        yield executor
    finally:
        close_executor(executor)
