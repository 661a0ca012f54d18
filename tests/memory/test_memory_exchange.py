from __future__ import annotations

import json

import pytest

from configs.errors import StudioError, UsageError
from configs.workspace import Workspace
from memory.exchange import export_memory, import_memory
from memory.store import Memory


@pytest.fixture
def stocked(memory, make_asset):
    memory.remember("character", "Zoë", "una ragazza con le trecce", {"look": {"hair": "red"}}, ["Zo"])
    parent = memory.add_asset(make_asset("voice", "audio", seed=3))
    child = memory.add_asset(make_asset("clip", "video", parents=(parent.id,), params={"prompt": "perché"}))
    memory.rate(child.id, 4)
    memory.hide_assets([memory.add_asset(make_asset("undone")).id])
    return memory


@pytest.fixture
def elsewhere(tmp_path):
    with Memory.open(Workspace.open(tmp_path / "second"), index="numpy", embedder="letters") as memory:
        yield memory


def test_round_trip_keeps_everything(stocked, elsewhere, tmp_path):
    target = tmp_path / "memory.jsonl"
    out = export_memory(stocked, target, files=True)
    assert (out.assets, out.entries, out.files) == (2, 1, 2)
    back = import_memory(elsewhere, target)
    assert (back.assets, back.entries, back.files, back.kept) == (2, 1, 2, 0)
    assert elsewhere.list_entries() == stocked.list_entries()
    assert elsewhere.list_assets() == stocked.list_assets()
    for asset in elsewhere.list_assets():
        copy, first = elsewhere.workspace.home / asset.path, stocked.workspace.home / asset.path
        assert copy.read_bytes() == first.read_bytes()
    assert elsewhere.search("trecce")[0].name == "Zoë"
    again = import_memory(elsewhere, target)
    assert (again.assets, again.entries, again.kept) == (0, 0, 3)


def test_nothing_is_overwritten_silently(stocked, elsewhere, tmp_path):
    target = tmp_path / "memory.jsonl"
    export_memory(stocked, target)
    with pytest.raises(UsageError, match="exists already"):
        export_memory(stocked, target)
    mine = elsewhere.remember("character", "zoe", "somebody else")
    with pytest.raises(UsageError, match=r"'zoe' .*is here already with other contents"):
        import_memory(elsewhere, target)
    assert elsewhere.list_assets() == []
    kept = import_memory(elsewhere, target, on_conflict="keep")
    assert (kept.assets, kept.entries, kept.kept) == (2, 0, 1)
    assert elsewhere.get_entry(mine.id) == mine
    import_memory(elsewhere, target, on_conflict="replace")
    assert elsewhere.get_entry(mine.id).text == "una ragazza con le trecce"
    assert elsewhere.entry_history(mine.id)[0].text == "somebody else"


HEADER = json.dumps({"type": "header", "format": "animation-ai-studio-memory", "version": 1})
ASSET = {"id": "img-1", "kind": "image", "path": "assets/a.png", "name": "a", "sha256": "0" * 64, "bytes": 1}
ENTRY = {"id": "chr-1", "kind": "character", "name": "A", "text": "b"}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["{}"], "type"),
        (["not json"], "line 1: "), ([json.dumps({"type": "header", "format": "other"})], "no export"),
        ([HEADER, "[1, 2"], "line 3: "),
        ([HEADER, json.dumps({"type": "asset", "asset": {**ASSET, "kind": "virus"}})], "kind"),
        ([HEADER, json.dumps({"type": "asset", "asset": {**ASSET, "path": "../../etc/passwd"}})], "assets/"),
        ([HEADER, json.dumps({"type": "asset", "asset": {**ASSET, "path": "/etc/passwd"}})], "assets/"),
        ([HEADER, json.dumps({"type": "asset", "asset": {**ASSET, "path": "studio.db"}})], "assets/"),
        ([HEADER, json.dumps({"type": "asset", "asset": {**ASSET, "path": "assets/../studio.db"}})], "assets/"),
        ([HEADER, json.dumps({"type": "asset", "asset": ASSET}),
          json.dumps({"type": "asset", "asset": {**ASSET, "id": "img-2"}})], "belongs to img-1"),
        ([HEADER, json.dumps({"type": "entry", "entry": {**ENTRY, "kind": "system"}})], "no known kind"),
        ([HEADER, json.dumps({"type": "entry", "entry": ENTRY}),
          json.dumps({"type": "entry", "entry": {**ENTRY, "id": "chr-2"}})], "is called 'A'"),
        ([json.dumps({"type": "header", "format": "animation-ai-studio-memory", "version": 9})], "newer"),
    ],
)  # fmt: skip
def test_wrong_files_change_nothing(memory, tmp_path, lines, why):
    source = tmp_path / "in.jsonl"
    good = json.dumps({"type": "entry", "entry": {**ENTRY, "id": "nte-9", "kind": "note", "name": "first"}})
    source.write_text("\n".join([*lines[:1], good, *lines[1:]]))
    with pytest.raises(UsageError, match=why) as caught:
        import_memory(memory, source)
    assert "\n" not in caught.value.sentence
    assert memory.list_entries() == []
    assert memory.list_assets() == []


def test_other_bad_files(memory, tmp_path):
    source = tmp_path / "in.jsonl"
    with pytest.raises(UsageError, match="cannot be read"):
        import_memory(memory, source)
    source.write_bytes(bytes(range(256)))
    with pytest.raises(UsageError, match="no text file"):
        import_memory(memory, source)
    with pytest.raises(StudioError, match="cannot be written"):
        export_memory(memory, tmp_path / "missing folder" / "out.jsonl")


def test_a_changed_file_is_refused_and_copies_are_taken_back(stocked, elsewhere, tmp_path):
    target = tmp_path / "memory.jsonl"
    export_memory(stocked, target, files=True)
    clip = next(a for a in stocked.list_assets() if a.kind == "video")
    (tmp_path / "memory.jsonl.files" / clip.path).write_bytes(b"other")
    with pytest.raises(UsageError, match="digest differs"):
        import_memory(elsewhere, target)
    assert list(elsewhere.workspace.assets.iterdir()) == []
    assert elsewhere.list_assets() == []
