"""The same contract on Chroma and on its numpy twin, and what happens to a damaged one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memory.open_index import open_index
from memory.store import Memory


def unit(*rows: list[float]) -> np.ndarray:
    matrix = np.array(rows, np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.fixture(params=["chroma", "numpy"])
def kind(request):
    return request.param


@pytest.fixture
def index(kind, tmp_path):
    opened, warning = open_index(kind, tmp_path, "model")
    assert warning == ""
    yield opened
    opened.close()


ROWS = unit([1, 0, 0], [0.9, 0.1, 0], [0, 1, 0])
META = [{"kind": "image"}, {"kind": "audio"}, {"kind": "image"}]


def test_empty(index):
    assert index.count() == 0
    assert index.query(ROWS[0], 5) == []
    index.delete(["unknown"])
    index.add([], np.zeros((0, 3), np.float32), [])
    assert index.count() == 0


def test_nearest_first_with_cosines(index):
    index.add(["a", "b", "c"], ROWS, META)
    found = index.query(ROWS[0], 2)
    assert [name for name, _ in found] == ["a", "b"]
    assert found[0][1] == pytest.approx(1.0, abs=1e-5)
    assert found[1][1] == pytest.approx(float(ROWS[0] @ ROWS[1]), abs=1e-5)
    assert len(index.query(ROWS[0], 99)) == 3


def test_where(index):
    index.add(["a", "b", "c"], ROWS, META)
    assert [name for name, _ in index.query(ROWS[1], 5, {"kind": "image"})] == ["a", "c"]
    assert index.query(ROWS[1], 5, {"kind": "video"}) == []


def test_replace_delete_clear(index):
    index.add(["a", "b", "c"], ROWS, META)
    index.add(["a"], unit([0, 0, 1]), [{"kind": "image"}])
    assert index.count() == 3
    assert index.query(unit([0, 0, 1])[0], 1)[0][0] == "a"
    index.delete(["a", "unknown"])
    assert index.count() == 2
    assert [name for name, _ in index.query(ROWS[0], 5)] == ["b", "c"]
    index.clear()
    assert index.count() == 0
    index.add(["z"], ROWS[:1], [{}])
    assert index.query(ROWS[0], 1)[0][0] == "z"


def test_survives_closing(kind, tmp_path):
    first, _ = open_index(kind, tmp_path, "model")
    first.add(["a", "b", "c"], ROWS, META)
    before = first.query(ROWS[1], 3)
    first.close()
    second, warning = open_index(kind, tmp_path, "model")
    assert warning == ""
    after = second.query(ROWS[1], 3)
    assert [name for name, _ in after] == [name for name, _ in before]
    assert [cosine for _, cosine in after] == pytest.approx([cosine for _, cosine in before], abs=1e-6)
    second.close()
    other, _ = open_index(kind, tmp_path, "another model")
    assert other.count() == 0
    other.close()


def test_both_agree_on_many(tmp_path):
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((600, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [f"r{n}" for n in range(len(rows))]
    answers = []
    for name in ("chroma", "numpy"):
        opened, _ = open_index(name, tmp_path, "model")
        opened.add(ids, rows, [{} for _ in ids])
        opened.delete(ids[100:200])
        answers.append([[i for i, _ in opened.query(q, 10)] for q in rows[:20]])
        opened.close()
    shared = [len(set(a) & set(b)) for a, b in zip(*answers, strict=True)]
    assert sum(shared) >= 0.95 * 10 * len(shared)


def _garble(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"not an index at all" * 40)


def test_a_damaged_index_is_moved_aside_and_built_anew(kind, workspace, make_asset):
    with Memory.open(workspace, index=kind, embedder="letters") as memory:
        asset = memory.add_asset(make_asset("robot on the beach"))
        memory.add_asset(make_asset("purple castle"))
        before = [h.id for h in memory.search("robots at beaches")]
        assert before[0] == asset.id
    _garble(workspace.home / f"index-{kind}")
    with Memory.open(workspace, index=kind, embedder="letters") as memory:
        assert [h.id for h in memory.search("robots at beaches")] == before
        told = memory.warnings()
        assert len(told) == 1
        assert "damaged" in told[0]
        assert memory.warnings() == []
        memory.add_asset(make_asset("robot in the snow"))
        assert len(memory.search("robots")) == 2
    assert list(workspace.home.rglob("*.damaged-1"))
