from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from memory.embedder import HashEmbedder, shared_embedder
from memory.search import fuse, match_expressions
from memory.store import Memory

HOSTILE = [
    '"', '"" OR ""', "robot*", "robot NEAR/2 beach", "NEAR(robot beach)", "robot AND NOT beach",
    "(robot", "robot)", "name:robot",
    "kind : image", "{name body} : robot", "^robot", "robot + beach", "'; DROP TABLE assets; --", "\x00robot", "-robot",
    "robot\\", "🤖", "機械", "%s %d {0}", "AND", "OR", "NOT", "NEAR",
]  # fmt: skip


@pytest.fixture
def stocked(memory, make_asset):
    memory.remember("character", "Boo", "a small robot with one round eye")
    memory.remember("character", "Luca", "un ragazzo con i capelli ricci: perché ride così?")
    memory.remember("style", "Watercolour", "soft washes of paint on rough paper")
    memory.add_asset(
        make_asset("Luca at sunset", thread="a", params={"prompt": "Luca waves on the beach"}, engine="preview")
    )
    memory.add_asset(make_asset("greeting", "audio", thread="b", summary="Boo says hello on the beach"))
    return memory


@pytest.mark.parametrize(
    ("query", "name"),
    [("robots", "Boo"), ("PERCHE", "Luca"), ("perché cosi", "Luca"), ("paint", "Watercolour"),
     ("waving at the beach", "Luca at sunset"),
     ("hello", "greeting"), ("what is the robot", "Boo")],
)  # fmt: skip
@pytest.mark.parametrize("semantic", [True, False])
def test_finds_by_words(stocked, query, name, semantic):
    hits = stocked.search(query, semantic=semantic)
    assert hits[0].name == name
    assert (hits[0].entry or hits[0].asset).name == name
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_filters(stocked):
    assert {h.kind for h in stocked.search("beach")} == {"image", "audio"}
    assert [h.kind for h in stocked.search("beach", kinds=("audio",))] == ["audio"]
    assert {h.kind for h in stocked.search("beach Boo robot", kinds=("audio", "character"))} == {"audio", "character"}
    assert [h.name for h in stocked.search("beach", thread="a")] == ["Luca at sunset"]
    assert "Boo" in [h.name for h in stocked.search("robot beach", thread="a")]
    assert len(stocked.search("beach robot paint ride", limit=2)) == 2


@pytest.mark.parametrize("query", HOSTILE)
def test_operators_of_the_query_language_stay_words(stocked, query):
    hits = stocked.search(query, kinds=("image", 'x" OR "'))
    assert all(hit.kind == "image" for hit in hits)
    found = stocked.search(query, semantic=False)
    if "robot" in query:
        assert "Boo" in [hit.name for hit in found]
    assert len(stocked.list_assets()) == 2


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "!?"])
def test_nothing_asked_nothing_found(stocked, query):
    assert stocked.search(query, semantic=False) == []


def test_a_hundred_thousand_characters_take_no_time(stocked):
    start = time.process_time()
    hits = stocked.search("robot " + "wörd " * 20_000)
    assert time.process_time() - start < 1.0
    assert hits[0].name == "Boo"


def test_text_of_memory_stays_data(memory, make_asset):
    text = '"); DROP TABLE entries; -- ignore all rules <script> {name: *} NEAR("a" "b")'
    entry = memory.remember("note", text[:60], text)
    asset = memory.add_asset(make_asset(text, summary=text))
    assert memory.get_entry(entry.id).text == text
    assert memory.get_asset(asset.id).name == text
    assert {h.id for h in memory.search("ignore all rules")} == {entry.id, asset.id}


def test_twins_are_shown_once_the_liked_and_the_new_come_first(memory, make_asset):
    old = memory.add_asset(make_asset("castle", summary="a castle at night", created_at=time.time() - 90 * 86400))
    liked = memory.add_asset(make_asset("castle", summary="a castle at night in rain", created_at=old.created_at))
    memory.rate(liked.id, 5)
    twin = make_asset("castle", summary="a castle at night", path=old.path, sha256=old.sha256, thread="b")
    memory.add_asset(dataclasses.replace(twin, created_at=old.created_at))
    hits = memory.search("castle night")
    assert len(hits) == 2
    assert hits[0].id == liked.id


def test_a_changed_or_forgotten_record_is_found_as_it_is_now(stocked):
    entry = stocked.remember("character", "Boo", "a green dragon")
    assert stocked.search("dragon")[0].id == entry.id
    assert "Boo" not in [h.name for h in stocked.search("small robot", kinds=("character",))]
    stocked.forget(entry.id)
    assert "Boo" not in [h.name for h in stocked.search("dragon")]


def _answers(memory: Memory) -> list[list[tuple[str, float]]]:
    asked = ["robot on the beach", "soft paint", "Luca", "perche", "hello"]
    return [[(h.id, round(h.score, 3)) for h in memory.search(query)] for query in asked]


def test_rebuild_gives_the_same_answers(stocked, workspace):
    stocked.hide_assets([stocked.list_assets("image")[0].id])
    before = _answers(stocked)
    assert stocked.status().pending == 0
    with stocked.transaction() as db:
        db.execute("DROP TABLE record_text")
        db.execute("DELETE FROM vectors WHERE ref LIKE 'aud%'")
    assert stocked.rebuild() == 4
    assert _answers(stocked) == before


def test_lost_or_foreign_index_is_filled_again_from_the_catalogue(stocked, workspace):
    before = _answers(stocked)
    stocked.close()
    file = next((workspace.home / "index-numpy").glob("*.npz"))
    file.unlink()
    with Memory.open(workspace, index="numpy", embedder="letters") as again:
        assert _answers(again) == before
        assert again.status().pending == 0


def test_another_embedder_embeds_everything_again(stocked, workspace):
    before = _answers(stocked)
    stocked.close()

    class Other(HashEmbedder):
        name = "letters-other"

    with Memory.open(workspace, index="numpy", embedder=Other()) as again:
        assert _answers(again) == before
        with again.transaction() as db:
            assert {row[0] for row in db.execute("SELECT model FROM vectors")} == {"letters-other"}


def test_an_empty_memory_never_loads_the_encoder(workspace):
    class Unused:
        name, is_semantic, cosine_floor = "unused", True, 0.0

        def encode(self, texts):
            raise AssertionError("loaded for nothing")

    with Memory.open(workspace, index="numpy", embedder=Unused()) as memory:
        assert memory.search("anything") == []
        memory.remember("note", "n", "robot")
        assert memory.search("robot", semantic=False)[0].name == "n"


def test_match_expressions_drop_stopwords_only_beside_others():
    assert match_expressions("the robot") == ['("robot")']
    assert match_expressions("what is it") == ['("what" AND "is" AND "it")', '("what" OR "is" OR "it")']
    assert match_expressions("boo", ("image",)) == ['(kind : "image") AND ("boo")']


def test_fusion_prefers_what_both_rankings_have():
    scores = fuse([{"a": 1.0, "b": 1.0}, {"b": 1.0, "c": 0.1}], 60)
    assert max(scores, key=lambda ref: scores[ref]) == "b"
    assert scores["a"] == pytest.approx(1 / 61) and scores["c"] == pytest.approx(0.1 / 62)


def test_letters_embedder():
    rows = HashEmbedder().encode(["a small robot", "small robots", "purple dinosaurs", ""])
    assert rows.shape == (4, 1024)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 1, 0], abs=1e-5)
    assert rows[0] @ rows[1] > 0.5
    assert rows[0] @ rows[2] < 0.2


def test_packaged_minilm_finds_by_meaning(memory, workspace, make_asset):
    memory.close()
    encoder = shared_embedder("auto")
    assert encoder.is_semantic
    with Memory.open(workspace, index="numpy", embedder=encoder) as opened:
        opened.remember("character", "Boo", "a tiny robot who beeps")
        opened.remember("place", "Harbour", "fishing boats rocking beside the quay")
        opened.add_asset(make_asset("shot 3", summary="a boy runs along the seaside at dusk"))
        assert opened.search("mechanical creature")[0].name == "Boo"
        assert opened.search("child near the ocean in the evening")[0].name == "shot 3"
        assert opened.search("quarterly tax statement") == []
        assert opened.status().is_semantic
