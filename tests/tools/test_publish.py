"""A file becomes an asset or it does not: what a record has stays, whatever fails beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from configs.errors import StudioError
from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory
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
