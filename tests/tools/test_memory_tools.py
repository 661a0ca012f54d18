"""The memory and project tools on a real memory, called as the executor calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.errors import UsageError
from memory.records import Asset
from memory.store import Memory
from tools.registry import get_tool
from tools.spec import SUMMARY_LIMIT


class Context:
    """What these tools use of a ToolContext."""

    def __init__(self, memory: Memory, thread: str = "t") -> None:
        self.memory, self.thread = memory, thread
        self.warnings: list[str] = []

    def asset(self, ref: str, *kinds: Any) -> Asset:
        return self.memory.find_asset(ref, kinds, self.thread)

    def engine_states(self) -> list[dict]:
        return [{"name": "preview", "state": "active", "need_mib": 900, "device": "cpu"}]

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def ctx(workspace) -> Iterator[Context]:
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        yield Context(memory)


def call(ctx: Context, name: str, /, **args: Any):
    tool = get_tool(name)
    result = tool.run(tool.Args(**args), ctx)
    assert len(result.summary.encode()) <= SUMMARY_LIMIT
    return result


def add(ctx: Context, name: str, number: int = 1, kind: Any = "image", thread: str = "t") -> Asset:
    sha = f"{number:064x}"[::-1]
    return ctx.memory.add_asset(Asset("", kind, f"assets/{number}.png", name, sha, 1, engine="preview", thread=thread))


def test_remember_search_update_undo(ctx):
    made = call(ctx, "remember", kind="character", name="Boo", text="a tiny robot that beeps", aliases=["Beeper"])
    assert made.summary == "Remembered character Boo: a tiny robot that beeps"
    found = call(ctx, "search_memory", query="robots")
    assert found.data["hits"][0]["id"] == made.data["id"]
    assert "character Boo" in found.summary
    again = call(ctx, "remember", kind="character", name="boo", text="a huge robot")
    assert again.data["updated"]
    assert ctx.memory.get_entry(made.data["id"]).source == "tool"
    undone = call(ctx, "undo")
    assert "brought back character Boo" in undone.summary
    assert ctx.memory.resolve_character("beeper").text == "a tiny robot that beeps"
    assert "nothing more than these 1" in call(ctx, "undo", steps=5).summary
    assert call(ctx, "undo").summary == "There is nothing left to undo in this conversation."


def test_a_note_without_a_name_is_called_by_its_first_words(ctx):
    call(ctx, "remember", kind="note", text="The client wants warm colours in every single shot")
    assert ctx.memory.list_entries("note")[0].name == "The client wants warm colours in"


def test_search_by_kind_and_with_nothing_found(ctx):
    call(ctx, "remember", kind="style", name="Noir", text="black and white with hard light")
    call(ctx, "remember", kind="note", name="Light", text="buy a hard light")
    assert [h["kind"] for h in call(ctx, "search_memory", query="hard light", kind="Style").data["hits"]] == ["style"]
    nothing = call(ctx, "search_memory", query="zzzz")
    assert nothing.summary == "Nothing in memory fits."
    assert nothing.data["hits"] == []


def test_long_results_fit_the_summary(ctx):
    for number in range(40):
        call(ctx, "remember", kind="note", name=f"nötë {number}", text="perché no? " * 200)
        add(ctx, f"pictüre {number} " * 5, number + 1)
    assert call(ctx, "search_memory", query="perché", limit=50).measurements["found"] >= 40
    listed = call(ctx, "list_assets", limit=40)
    assert listed.measurements["count"] == 40
    assert len(listed.assets) == 40


def test_list_assets_of_this_conversation(ctx):
    add(ctx, "one", 1)
    add(ctx, "two", 2, "audio")
    add(ctx, "elsewhere", 3, thread="other")
    assert [a.name for a in call(ctx, "list_assets").assets] == ["two", "one"]
    assert [a.name for a in call(ctx, "list_assets", kind="audio").assets] == ["two"]
    assert len(call(ctx, "list_assets", everywhere=True).assets) == 3
    empty = call(Context(ctx.memory, "new"), "list_assets", kind="image")
    assert (
        empty.summary == "There is no image in this conversation yet. Other conversations have 2: ask with everywhere."
    )
    assert call(ctx, "list_assets", kind="video").data == {"assets": []}


def test_rate_and_undo(ctx):
    asset = add(ctx, "Luca waving")
    assert call(ctx, "rate_asset", asset="luca waving", rating=5).summary == "Rated Luca waving 5 of 5."
    assert ctx.memory.get_asset(asset.id).scores[0].value == 5
    call(ctx, "undo")
    assert ctx.memory.get_asset(asset.id).scores == ()
    with pytest.raises(UsageError, match="no file"):
        call(ctx, "rate_asset", asset="nobody", rating=3)


def test_rename_undo_and_redo(ctx):
    asset = add(ctx, "Luca waving")
    assert call(ctx, "rename_asset", asset="luca waving", name="Slow").summary == "Renamed 'Luca waving' to 'Slow'."
    assert ctx.memory.find_asset("slow").id == asset.id and ctx.memory.find_asset("slow").path == asset.path
    assert ctx.memory.search("slow")[0].id == asset.id
    with pytest.raises(UsageError):
        ctx.memory.find_asset("luca waving")
    assert "named 'Slow' 'Luca waving' back" in call(ctx, "undo").summary
    assert ctx.memory.find_asset("luca waving").id == asset.id
    call(ctx, "redo")
    assert ctx.memory.get_asset(asset.id).name == "Slow"
    with pytest.raises(UsageError, match="new name is empty"):
        call(ctx, "rename_asset", asset="slow", name=" \u202e ")


def test_what_is_named_after_its_file_keeps_the_ending(ctx):
    asset = add(ctx, "1.png")
    assert call(ctx, "rename_asset", asset="last", name="Slow").data["name"] == "Slow.png"
    assert call(ctx, "rename_asset", asset=asset.id, name="Quick.PNG").data["name"] == "Quick.PNG"


@pytest.mark.parametrize(
    ("name", "args"),
    [("rate_asset", {"asset": "x", "rating": 6}), ("undo", {"steps": 0}), ("remember", {"kind": "spell", "text": "x"}),
     ("search_memory", {"query": ""}), ("list_assets", {"kind": "hologram"}), ("gpu_status", {"x": 1})],
)  # fmt: skip
def test_wrong_arguments_are_refused(name, args):
    with pytest.raises(ValidationError):
        get_tool(name).Args(**args)


def test_empty_note_is_refused_in_one_sentence(ctx):
    with pytest.raises(UsageError, match="no name"):
        call(ctx, "remember", kind="note", name=" ", text=" ")


def test_gpu_status_tells_what_the_machine_has(ctx):
    seen = call(ctx, "gpu_status")
    facts = seen.measurements
    total = facts["ram_total_mib"]
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    assert total == int(meminfo.split()[1]) // 1024
    assert 0 < facts["ram_free_mib"] <= total
    if facts["devices"]:
        first = facts["devices"][0]
        assert first["used_mib"] + first["free_mib"] <= first["total_mib"] + 1
        assert first["name"] in seen.summary
    else:
        assert seen.summary.startswith("No GPU (")
        assert "preview (900 MiB, cpu)" in seen.summary
        assert facts["reason"]
