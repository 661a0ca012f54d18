"""Shots of films in the memory: kept film by film, found by words and meaning, gone with their film and back again."""

from __future__ import annotations

import dataclasses
import json
import sqlite3

import pytest

from configs.errors import UsageError
from configs.workspace import Workspace
from memory.embedder import HashEmbedder
from memory.exchange import export_memory, import_memory
from memory.migrations import v0001_catalogue, v0002_search
from memory.migrations.runner import MIGRATIONS, version_of
from memory.records import FilmShot
from memory.search import shot_expressions
from memory.store import Memory


def shot(film: str, number: int, text: str, **more) -> FilmShot:
    return FilmShot(film, number, 2.0 * number, 2.0 * number + 2, text, "measurements", **more)


NIGHT = "A slow push-in, low key, blue and black; Giulia; speech"
BEACH = "A wide static shot, high key; two figures wave; music"


@pytest.fixture
def film(memory, make_asset):
    return memory.add_asset(make_asset("night train.mp4", "video", thread="a"))


@pytest.fixture
def shown(memory, film):
    """A film of two shots."""
    night = shot(film.id, 1, NIGHT, context="a girl with braids", terms="notte dolly", data={"motion": 0.04})
    memory.put_shots(film.id, [night, shot(film.id, 2, BEACH, thumbnail="cache/shots/ab/cd.jpg", keyframe=5.2)])
    return film


def found(memory: Memory, query: str, **more) -> list[str]:
    return [hit.id for hit in memory.search(query, kinds=("shot",), **more)]


def test_a_shot_is_found_with_its_film_time_and_figures(memory, shown):
    for query in ("push-in on the girl", "braids", "dolly di notte", "the scene where Giulia is in the dark blue"):
        hit = memory.search(query)[0]
        assert (hit.kind, hit.id, hit.name, hit.text) == ("shot", f"{shown.id}#1", "night train.mp4", NIGHT)
        assert hit.shot.data == {"motion": 0.04} and (hit.shot.start, hit.shot.end) == (2.0, 4.0)
        assert hit.asset is None and hit.entry is None
    first, second = memory.shots(shown.id)
    assert (first.film_name, second.thumbnail, second.keyframe) == ("night train.mp4", "cache/shots/ab/cd.jpg", 5.2)
    assert list(memory.all_shots()) == [first, second]


def test_shots_and_other_records_are_found_together_or_apart(memory, shown):
    memory.remember("character", "Giulia", "a girl with braids")
    assert {h.kind for h in memory.search("girl with braids")} == {"character", "shot"}
    assert memory.search("Giulia")[0].kind == "character"
    assert {h.kind for h in memory.search("girl with braids", shots=False)} == {"character"}
    assert {h.kind for h in memory.search("girl with braids", kinds=("shot",), shots=False)} == {"shot"}
    assert {h.kind for h in memory.search("girl with braids", kinds=("character",))} == {"character"}
    assert {h.kind for h in memory.search("girl night train", kinds=("shot", "video"))} == {"shot", "video"}
    assert found(memory, "girl", thread="a") == [f"{shown.id}#1"] and found(memory, "girl", thread="b") == []
    assert found(memory, "girl", thread="b", semantic=False) == []


def test_a_new_analysis_replaces_the_old_one(memory, shown):
    memory.index_pending()
    kept = memory.shots(shown.id)[1]
    memory.put_shots(shown.id, [kept])
    assert [s.number for s in memory.shots(shown.id)] == [2]
    assert found(memory, "girl with braids push-in", semantic=False) == []
    assert memory.status().pending == 1  # the one that went; what stayed is not embedded again
    memory.put_shots(shown.id, [dataclasses.replace(kept, text="A red balloon", start=4.5)])
    assert found(memory, "balloon") == [f"{shown.id}#2"] and found(memory, "two figures wave", semantic=False) == []
    assert memory.shots(shown.id)[0].start == 4.5
    assert memory.put_shots(shown.id, []) == 0 and memory.shots(shown.id) == []
    assert memory.search("balloon", kinds=("shot",)) == []


WRONG = [
    ({"film": "vid-other"}, "belongs to"), ({"number": 0}, "number or its times"),
    ({"start": float("nan")}, "times"), ({"end": 1.0, "start": 2.0}, "ends before"), ({"start": -1.0}, "times"),
    ({"text": "x" * 3000}, "too long"), ({"terms": "x" * 7000}, "too long"), ({"data": {"a": float("inf")}}, "no JSON"),
    ({"data": {"a": object()}}, "no JSON"), ({"data": {"a": "x" * 30_000}}, "too many figures"),
    ({"thumbnail": "/etc/passwd"}, "does not lie"), ({"thumbnail": "cache/../studio.db"}, "does not lie"),
    ({"thumbnail": "studio.db"}, "does not lie"), ({"number": 1}, "same number"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "why"), WRONG)
def test_a_wrong_shot_changes_nothing(memory, shown, change, why):
    before = memory.shots(shown.id)
    good, bad = shot(shown.id, 1, "A red balloon"), dataclasses.replace(shot(shown.id, 3, "x"), **change)
    with pytest.raises(UsageError, match=why):
        memory.put_shots(shown.id, [good, bad])
    assert memory.shots(shown.id) == before and found(memory, "balloon", semantic=False) == []


def test_a_film_that_is_not_there_has_no_shots(memory):
    with pytest.raises(UsageError, match="no film"):
        memory.put_shots("vid-none", [shot("vid-none", 1, "x")])
    assert memory.shots("vid-none") == []


@pytest.mark.parametrize("semantic", [True, False])
def test_shots_go_and_come_back_with_their_film(memory, shown, semantic):
    asked = [f"{shown.id}#1"]
    assert found(memory, "girl with braids", semantic=semantic) == asked
    memory.record_change("a", "assets", {"assets": [shown.id]})
    memory.undo("a")
    assert found(memory, "girl with braids", semantic=semantic) == [] and memory.shots(shown.id) == []
    memory.put_shots(shown.id, [shot(shown.id, 1, NIGHT, context="a girl with braids"), shot(shown.id, 2, BEACH)])
    assert found(memory, "girl with braids", semantic=semantic) == []
    memory.unhide([shown.id])
    assert found(memory, "girl with braids", semantic=semantic) == asked
    assert len(memory.shots(shown.id)) == 2
    with memory.transaction() as db:
        db.execute("DELETE FROM assets WHERE id = ?", (shown.id,))
        assert db.execute("SELECT count(*) FROM shots").fetchone()[0] == 0
    assert found(memory, "girl with braids", semantic=semantic) == []


def test_the_same_film_taken_in_twice_answers_once(memory, shown, make_asset):
    twin = make_asset("again.mp4", "video", sha256=shown.sha256, thread="b")
    twin = memory.add_asset(dataclasses.replace(twin, created_at=shown.created_at - 60))
    memory.put_shots(twin.id, [shot(twin.id, 1, NIGHT)])
    assert found(memory, "slow push-in Giulia") in ([f"{shown.id}#1"], [f"{twin.id}#1"])


def test_words_come_before_words_that_lack(memory, film):
    memory.put_shots(film.id, [shot(film.id, 1, "a red kite over the sea"), shot(film.id, 2, "a red kite over the sea "
                     "at dawn with a dog"), shot(film.id, 3, "a dog " * 40), shot(film.id, 4, "nothing")])  # fmt: skip
    assert found(memory, "red kite dog", semantic=False) == [f"{film.id}#{n}" for n in (2, 1, 3)]


def test_expressions_leave_out_what_any_shot_is_called():
    assert shot_expressions("the shot where") == [
        '"the" AND "shot" AND "where"',
        *shot_expressions("the shot where")[1:],
    ]
    assert shot_expressions("the scene where Boo") == ['"boo"']
    assert shot_expressions("red kite") == ['"red" AND "kite"', '"red" OR "kite"']
    assert shot_expressions("red kite dog")[1] == '("kite" AND "dog") OR ("red" AND "dog") OR ("red" AND "kite")'
    assert shot_expressions("") == [] and len(shot_expressions("a1 " * 5 + " ".join(map(str, range(90))))) == 3


@pytest.mark.parametrize(
    "query", ['"', "girl*", "NEAR(girl braids)", "name:girl", "-girl", "girl OR", "'; DROP TABLE shots"]
)
def test_operators_stay_words(memory, shown, query):
    assert all(hit.kind == "shot" for hit in memory.search(query, kinds=("shot",)))
    assert len(memory.shots(shown.id)) == 2


def test_a_film_that_is_renamed_keeps_its_shots(memory, shown):
    with memory.transaction() as db:
        db.execute("UPDATE assets SET name = 'harbour.mp4' WHERE id = ?", (shown.id,))
    assert memory.search("harbour", kinds=("shot",), semantic=False)[0].name == "harbour.mp4"
    assert found(memory, "train", semantic=False) == []


def _answers(memory: Memory) -> list[list[tuple[str, float]]]:
    return [
        [(h.id, round(h.score, 3)) for h in memory.search(q)] for q in ("girl braids", "wave", "notte", "Giulia blue")
    ]


@pytest.mark.parametrize("index", ["numpy", "chroma"])
def test_rebuild_and_another_encoder_give_the_same_answers(workspace, make_asset, index):
    with Memory.open(workspace, index=index, embedder="letters") as memory:
        film = memory.add_asset(make_asset("night train.mp4", "video"))
        memory.remember("note", "Braids", "the girl has braids")
        memory.put_shots(film.id, [shot(film.id, 1, NIGHT, context="a girl with braids"), shot(film.id, 2, BEACH)])
        before = _answers(memory)
        assert memory.status().pending == 0 and memory.status().shots == 2
        with memory.transaction() as db:
            db.execute("DROP TABLE shot_text")
            db.execute("DELETE FROM shot_vectors WHERE ref LIKE '%#1'")
        assert memory.rebuild() == 4
        assert _answers(memory) == before

    class Other(HashEmbedder):
        name = "letters-other"

    with Memory.open(workspace, index=index, embedder=Other()) as memory:
        assert _answers(memory) == before
        with memory.transaction() as db:
            assert {row[0] for row in db.execute("SELECT model FROM shot_vectors")} == {"letters-other"}


def test_a_damaged_index_of_shots_leaves_that_of_records(memory, shown, workspace):
    memory.remember("note", "Braids", "the girl has braids")
    before = _answers(memory)
    memory.close()
    file = next((workspace.home / "index-numpy-shots").glob("*.npz"))
    file.write_bytes(b"nothing")
    with Memory.open(workspace, index="numpy", embedder="letters") as again:
        assert _answers(again) == before
        assert any("damaged" in warning for warning in again.warnings())
    assert len(list((workspace.home / "index-numpy").glob("*.damaged*"))) == 0


@pytest.fixture
def elsewhere(tmp_path):
    with Memory.open(Workspace.open(tmp_path / "second"), index="numpy", embedder="letters") as memory:
        yield memory


def test_export_and_import_carry_the_shots(memory, shown, elsewhere, tmp_path):
    target = tmp_path / "memory.jsonl"
    out = export_memory(memory, target, files=True)
    assert (out.assets, out.shots, str(out)) == (1, 2, "3")
    back = import_memory(elsewhere, target)
    assert (back.assets, back.shots, back.kept) == (1, 2, 0)
    assert elsewhere.shots(shown.id) == memory.shots(shown.id)
    assert found(elsewhere, "girl with braids")[0] == f"{shown.id}#1"
    again = import_memory(elsewhere, target)
    assert (again.assets, again.shots, again.kept) == (0, 0, 2)
    elsewhere.put_shots(shown.id, [shot(shown.id, 1, "A red balloon")])
    with pytest.raises(UsageError, match=r"shots of 'night train.mp4' .* other contents"):
        import_memory(elsewhere, target)
    import_memory(elsewhere, target, on_conflict="keep")
    assert [s.text for s in elsewhere.shots(shown.id)] == ["A red balloon"]
    elsewhere.rate(shown.id, 3)
    import_memory(elsewhere, target, on_conflict="replace")
    assert elsewhere.shots(shown.id) == memory.shots(shown.id)


def test_an_import_without_shots_leaves_those_of_the_same_film(memory, shown, tmp_path):
    target = tmp_path / "memory.jsonl"
    export_memory(memory, target)
    lines = [line for line in target.read_text().splitlines() if '"type": "shot"' not in line]
    lines[0] = lines[0].replace('"version": 2', '"version": 1')
    target.write_text("\n".join(lines))
    memory.rate(shown.id, 4)
    import_memory(memory, target, on_conflict="replace")
    assert len(memory.shots(shown.id)) == 2 and found(memory, "braids") == [f"{shown.id}#1"]


@pytest.mark.parametrize(
    ("change", "why"),
    [({"film": "vid-none"}, "no film"), ({"thumbnail": "../x.jpg"}, "does not lie"), ({"colour": 1}, "colour"),
     ({"start": "Infinity"}, "times")],
)  # fmt: skip
def test_a_wrong_line_imports_nothing(memory, shown, elsewhere, tmp_path, change, why):
    target = tmp_path / "memory.jsonl"
    export_memory(memory, target)
    lines = target.read_text().splitlines()
    last = json.loads(lines[-1])
    last["shot"] |= change
    target.write_text("\n".join([*lines[:-1], json.dumps(last)]))
    with pytest.raises(UsageError, match=why):
        import_memory(elsewhere, target)
    assert elsewhere.list_assets() == []


def test_repair_saves_the_shots(memory, shown, workspace):
    memory.hide_assets([memory.add_asset(dataclasses.replace(shown, id="vid-2", name="b", hidden=False)).id])
    memory.index_pending()
    before = memory.shots(shown.id)
    memory.close()
    report = Memory.repair(workspace)
    assert report.saved["shots"] == 2 and report.saved["shot_vectors"] == 2
    with Memory.open(workspace, index="numpy", embedder="letters") as again:
        assert again.shots(shown.id) == before
        assert found(again, "girl with braids")[0] == f"{shown.id}#1"


def test_a_file_of_version_2_gets_its_tables(workspace):
    with sqlite3.connect(workspace.database) as old:
        for statement in (*v0001_catalogue.STATEMENTS, *v0002_search.STATEMENTS):
            old.execute(statement)
        old.execute("PRAGMA user_version = 2")
        old.execute(
            """INSERT INTO assets VALUES (1, 'vid-1', 'video', 'assets/a.mp4', 'Train', 'train', 'a mp4', 'ff', 3,
                '', '', '', '{}', '9', '[]', 't', '', '', 'a train', 4, 2.0, 0)"""
        )
    old.close()
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        assert memory.shots("vid-1") == []
        memory.put_shots("vid-1", [shot("vid-1", 1, NIGHT)])
        assert {hit.id for hit in memory.search("train push-in")} == {"vid-1", "vid-1#1"}
    with sqlite3.connect(workspace.database) as now:
        assert version_of(now) == len(MIGRATIONS)
    now.close()


@pytest.mark.parametrize(
    ("query", "number"),
    [("tilt up", 1), ("the shot that tilts down", 2), ("push in", 3), ("pull out of the room", 4), ("zoom in", 5)],
)
def test_the_direction_of_a_move_is_searched_for(memory, film, query, number):
    moves = ("tilt up", "tilt down", "push-in", "pull-out", "zoom in", "zoom out")
    terms = ("up upwards", "down downwards", "in closer dolly", "out away dolly", "in closer", "out away")
    # what comes first otherwise is the newest, so each is put before its opposite once
    shots = [
        shot(film.id, at, f"A {move}, grey and sand; speech", terms=other)
        for at, (move, other) in enumerate(zip(moves, terms, strict=True), 1)
    ]
    memory.put_shots(film.id, shots)
    first = memory.search(query, kinds=("shot",), semantic=False)[0]
    assert first.id == f"{film.id}#{number}"
    assert first.score > 1.001 * max(hit.score for hit in memory.search(query, kinds=("shot",), semantic=False)[1:])
