"""A character goes by another name, with its voice, its pictures and its other names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from configs.errors import UsageError
from memory.store import Memory
from tools.registry import get_tool
from tools.voice.belongings import names_of


class Context:
    """What the tool uses of a ToolContext."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.thread = memory, "t"


@pytest.fixture
def ctx(workspace) -> Iterator[Context]:
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        voice = {"engine": "espeak", "pitch": -3, "fixed": True}
        memory.remember("character", "Luca", "Luca is a boy with a kite.", {"voice": voice}, aliases=["Lu"])
        yield Context(memory)


def call(ctx, tool="rename_character", **args):
    known = get_tool(tool)
    return known.run(known.Args(**args), ctx)


def test_everything_stays_but_the_name(ctx):
    before = ctx.memory.resolve_character("Luca")
    assert "Luca is called Marco now with its voice" in call(ctx, character="luca", name="Marco").summary
    after = ctx.memory.resolve_character("Marco")
    assert (after.id, after.text) == (before.id, "Marco is a boy with a kite.")
    assert after.data["voice"] == before.data["voice"] and set(after.aliases) == {"Lu", "Luca"}
    assert ctx.memory.resolve_character("Luca").id == ctx.memory.resolve_character("Lu").id == before.id
    assert names_of(after) == ["Marco", "Luca"]  # recordings kept under the old name are still its own
    assert ctx.memory.search("Marco")[0].id == before.id


def test_undo_and_redo(ctx):
    before = ctx.memory.resolve_character("Luca")
    call(ctx, character="Luca", name="Marco")
    call(ctx, "undo")
    assert ctx.memory.get_entry(before.id) == before and ctx.memory.resolve_character("Marco") is None
    call(ctx, "redo")
    assert ctx.memory.get_entry(before.id).name == "Marco"


def test_back_again_leaves_no_trace_among_the_aliases(ctx):
    call(ctx, character="Luca", name="Marco")
    call(ctx, character="Marco", name="Luca")
    assert ctx.memory.resolve_character("Luca").aliases == ("Lu", "Marco")


def test_the_old_name_is_free_for_somebody_new(ctx):
    old = ctx.memory.resolve_character("Luca")
    call(ctx, character="Luca", name="Marco")
    new = ctx.memory.remember("character", "Luca", "a knight")
    assert new.id != old.id and ctx.memory.resolve_character("Luca").text == "a knight"
    assert ctx.memory.get_entry(old.id).name == "Marco"


def test_a_name_that_somebody_has_is_refused(ctx):
    ctx.memory.remember("character", "Boo", "a robot", aliases=["Bibo"])
    for taken in ("Boo", "bibo"):
        with pytest.raises(UsageError, match="is the name of character Boo already"):
            call(ctx, character="Luca", name=taken)
    with pytest.raises(UsageError, match="No character is called 'Zed'"):
        call(ctx, character="Zed", name="Zod")
    with pytest.raises(UsageError, match="new name is empty"):
        call(ctx, character="Luca", name=" \u202e ")
    assert ctx.memory.resolve_character("Luca").name == "Luca"
