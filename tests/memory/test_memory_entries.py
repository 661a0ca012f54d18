from __future__ import annotations

import pytest

from configs.errors import UsageError


def test_remember_updates_by_kind_and_name_and_keeps_the_history(memory):
    first = memory.remember("character", "Luca", "a boy", {"look": {"hair": "brown"}, "fixed": 1})
    again = memory.remember("Character", "  LÚCA ", "a boy with a red hat", aliases=["Luc", "luca"])
    assert again.id == first.id
    assert again.name == "LÚCA"
    assert again.aliases == ("Luc",)
    assert [e.text for e in memory.entry_history(first.id)] == ["a boy"]
    assert memory.get_entry(first.id) == again
    assert memory.remember("style", "Luca", "watercolour").id != first.id
    assert [e.kind for e in memory.list_entries()] == ["character", "style"]


def test_derived_facts_go_with_their_text_unless_fixed(memory):
    memory.remember(
        "character", "A", "old text", {"look": {"hair": 1}, "voice": {"pitch": 2, "fixed": True}, "born": 3}
    )
    same = memory.remember("character", "A", "old text")
    assert set(same.data) == {"look", "voice", "born"}
    changed = memory.remember("character", "A", "new text")
    assert set(changed.data) == {"voice", "born"}
    assert memory.remember("character", "A", "new text", {}).data == {}


def test_saying_the_same_again_changes_nothing(memory):
    first = memory.remember("note", "n", "text", thread="t")
    assert memory.remember("note", "n", "text", thread="t") == first
    assert memory.entry_history(first.id) == []
    assert len(memory.undo("t", 5)) == 1


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [("spell", "x", "y"), ("note", "  ", "y"), ("note", "n" * 201, "y"), ("note", "n", "y" * 20_001)],
)
def test_refused(memory, kind, name, text):
    with pytest.raises(UsageError):
        memory.remember(kind, name, text)
    assert memory.list_entries() == []


def test_forget_and_undo(memory):
    entry = memory.remember("place", "Beach", "white sand", {"n": 1}, ["shore"])
    assert memory.forget(entry.id, thread="t") == entry
    assert memory.forget(entry.id, thread="t") is None
    assert memory.search("sand") == []
    undone = memory.undo("t")
    assert undone[0].text == "brought back place Beach as it was before"
    assert memory.get_entry(entry.id) == entry
    assert memory.search("sand")[0].entry == entry


def test_undo_goes_back_step_by_step_and_only_in_its_thread(memory, make_asset):
    asset = memory.add_asset(make_asset("Luca waving", thread="t"))
    memory.record_change("t", "assets", {"assets": [asset.id, "img-gone"]})
    memory.rate(asset.id, 2, thread="t")
    memory.rate(asset.id, 5, thread="t")
    entry = memory.remember("character", "Luca", "a boy", thread="t")
    memory.remember("character", "Luca", "a man", thread="t")
    memory.remember("character", "Mia", "a girl", thread="other")

    def rating():
        return [s.value for s in memory.get_asset(asset.id).scores]

    assert [u.kind for u in memory.undo("t", 1)] == ["entry"]
    assert memory.get_entry(entry.id).text == "a boy"
    assert memory.undo("t")[0].ids == (entry.id,)
    assert memory.get_entry(entry.id) is None
    assert rating() == [5]
    memory.undo("t")
    assert rating() == [2]
    last = memory.undo("t", 10)
    assert [u.kind for u in last] == ["rating", "assets"]
    assert last[1].ids == (asset.id,)
    assert "Luca waving" in last[1].text
    assert rating() == []
    assert memory.get_asset(asset.id).hidden
    assert memory.undo("t") == []
    assert [e.name for e in memory.list_entries()] == ["Mia"]


def test_what_one_message_brought_about_goes_and_comes_back_as_one(memory):
    for number, message in enumerate(("first", "second", "second", "second")):
        before = memory.last_change("t")
        memory.remember("note", f"n{number}", "text", thread="t")
        memory.changes_of_message("t", before, message)

    def names():
        return sorted(entry.name for entry in memory.list_entries())

    assert [len(undone.ids) for undone in memory.undo("t", whole=True)] == [1, 1, 1]
    assert names() == ["n0"], "not the message before it"
    (again,) = memory.redo("t")
    assert len(again.ids) == 3 and names() == ["n0", "n1", "n2", "n3"]
    assert len(memory.undo("t")) == 1 and names() == ["n0"], "one step from now on"


def test_changes_without_a_message_are_undone_one_by_one(memory):
    for number in range(2):
        memory.remember("note", f"n{number}", "text", thread="t")
    assert len(memory.undo("t", whole=True)) == 1
    assert [entry.name for entry in memory.list_entries()] == ["n0"]


def test_undo_leaves_what_was_changed_since(memory):
    entry = memory.remember("note", "n", "one", thread="a")
    memory.remember("note", "n", "two", thread="b")
    undone = memory.undo("a")
    assert undone[0].ids == ()
    assert memory.get_entry(entry.id).text == "two"


def test_wrong_undo_is_refused(memory):
    with pytest.raises(UsageError):
        memory.undo("t", 0)
    with pytest.raises(UsageError):
        memory.record_change("t", "database", {})
    with pytest.raises(UsageError, match="needs 'assets'"):
        memory.record_change("t", "assets", {"ids": []})


def test_names_and_texts_are_kept_as_they_read(memory):
    """Control characters, marks that turn the direction of writing and halves of letters hide what a name is."""
    entry = memory.remember("character", "a\u202egnp\x00.exe", "one\x07\ntwo \ud83d", aliases=["b\u202ec"])
    assert (entry.name, entry.text, entry.aliases) == ("a gnp .exe", "one\ntwo \ufffd", ("b c",))
    with pytest.raises(UsageError):
        memory.remember("character", "\u202e\x00", "nobody")
