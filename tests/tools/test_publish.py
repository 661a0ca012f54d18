"""A file becomes an asset or it does not: what a record has stays, whatever fails beside it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from configs.errors import StudioError
from configs.settings import Settings
from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory
from tools.opening import close_executor, open_executor
from tools.publish import publish


@pytest.fixture
def memory(workspace: Workspace) -> Iterator[Memory]:
    with Memory.open(workspace, index="numpy", embedder="letters") as opened:
        yield opened


def published(memory: Memory) -> Asset:
    space = memory.workspace
    file = space.scratch(".txt")
    file.write_text("the same", encoding="utf-8")
    return publish(
        space, memory, file, "file", "note.txt", engine="", engine_version="", tool="toy", params={}, seed=None,
        parents=(), scores=(), thread="t", step="1", summary="",
    )  # fmt: skip


def refusing(*_: Any) -> Asset:
    raise StudioError("The memory cannot be written", "the disk is full", "Free space")


def test_what_cannot_be_recorded_leaves_no_file(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "add_asset", refusing)
    with pytest.raises(StudioError):
        published(memory)
    assert not list(memory.workspace.assets.iterdir())


def test_a_file_that_was_undone_stays_when_its_step_fails_the_next_time(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = published(memory)
    memory.hide_assets([made.id])
    monkeypatch.setattr(memory, "add_asset", refusing)
    with pytest.raises(StudioError):
        published(memory)
    memory.unhide([made.id])
    assert (memory.workspace.home / made.path).read_text(encoding="utf-8") == "the same"


def test_a_failing_run_does_not_remove_what_a_parallel_one_recorded(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run moved its file and is about to be refused when the second does the same step."""
    record, inside, first = memory.add_asset, threading.Event(), threading.current_thread()

    def slow(asset: Asset) -> Asset:
        if threading.current_thread() is not first:
            return record(asset)
        inside.set()
        other.join(0.3)  # a lock keeps the other run out until this one has ended
        return refusing()

    found: list[Asset] = []

    def second() -> None:
        inside.wait(5)
        found.append(published(memory))

    other = threading.Thread(target=second)
    monkeypatch.setattr(memory, "add_asset", slow)
    other.start()
    with pytest.raises(StudioError):
        published(memory)
    other.join(5)
    assert (memory.workspace.home / found[0].path).is_file()


KILLED = """
import os, signal, sys
from configs.workspace import Workspace
from memory.store import Memory
from tools.opening import close_executor, open_executor
from tools.publish import publish

space = Workspace.open(sys.argv[1])
memory = Memory.open(space, index="numpy", embedder="letters")
when = sys.argv[2]
record = memory.add_asset

def add_asset(asset):
    if when == "after":
        record(asset)
    os.kill(os.getpid(), signal.SIGKILL)

memory.add_asset = add_asset
file = space.scratch(".txt")
file.write_text("the same", encoding="utf-8")
publish(
    space, memory, file, "file", "note.txt", engine="", engine_version="", tool="toy", params={}, seed=None,
    parents=(), scores=(), thread="t", step="1", summary="",
)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_the_file_and_its_record(settings: Settings, when: str) -> None:
    """The file lies in its place; whether it stays is what the record says, once the studio is opened again."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(settings.home), when], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    space = Workspace.open(settings.home)
    assert len(list(space.assets.iterdir())) == 1
    executor = open_executor(settings)
    try:
        kept = executor.studio.memory.list_assets("file")
        assert [space.home / asset.path for asset in kept] == list(space.assets.iterdir())
        assert len(kept) == (when == "after") and not list(space.tmp.iterdir())
        published(executor.studio.memory)
        assert len(list(space.assets.iterdir())) == 1 and not list(space.tmp.iterdir())
    finally:
        close_executor(executor)
