"""redo and timeline_history: what undo hid comes back, and a cut tells what was done to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from editing_context import EditingStudio, counting_film
from timelines import ids

from configs.settings import Settings
from memory.records import Asset
from memory.store import Memory
from tools.editing.timeline import load_timeline


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "counting.mp4", 24))
    yield made
    made.close()


def _asset(memory: Memory, number: int) -> Asset:
    sha = f"{number:064x}"[::-1]
    return memory.add_asset(Asset("", "image", f"assets/{number}.png", f"picture {number}", sha, 1, thread="t"))


def _summary(studio: EditingStudio, tool: str, **args: str) -> str:
    outcome = studio.run(tool, **args)
    assert outcome.result is not None, outcome.error
    return outcome.result.summary


def test_what_was_undone_comes_back_until_something_newer_is_done(workspace) -> None:
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        made = [_asset(memory, number) for number in (1, 2, 3)]
        for asset in made:
            memory.record_change("t", "assets", {"assets": [asset.id], "tool": "generate_image"})
        memory.undo("t", 2)
        assert [a.id for a in memory.list_assets(thread="t")] == [made[0].id]
        assert [change.ids for change in memory.redo("t")] == [(made[1].id,)]
        assert len(memory.redo("t", 5)) == 1 and memory.redo("t") == []
        memory.undo("t")
        newer = _asset(memory, 4)
        memory.record_change("t", "assets", {"assets": [newer.id], "tool": "generate_image"})
        assert memory.redo("t") == []


def test_a_cut_tells_its_versions_and_walks_forward_again(studio: EditingStudio) -> None:
    _, made = studio.make("edit_video", video="counting.mp4", instruction="keep the first 0.5 seconds")
    cut = made.assets[1]
    (clip,) = ids(load_timeline(studio.path(cut)))
    studio.make("change_timeline", timeline=cut.id, changes=[{"op": "trim", "clip": clip, "head": 2 / 24}])
    told = _summary(studio, "timeline_history")
    assert "has 2 versions" in told
    assert "Version 1" in told and "first 0.5" in told
    assert "Version 2 (counts now)" in told
    newest = studio.memory.list_assets("timeline", limit=1)[0]
    studio.memory.hide_assets([newest.id])
    told = _summary(studio, "timeline_history", timeline=cut.id)
    assert "Version 2 (undone)" in told and "version 1 counts" in told
    assert "version 2" in _summary(studio, "redo", timeline=cut.id)
    assert studio.memory.list_assets("timeline", limit=1)[0].id == newest.id
