from __future__ import annotations

import dataclasses
import time

import pytest

from configs.errors import UsageError
from memory.records import Score


def test_add_fills_id_and_time_and_reads_back_the_same(memory, make_asset):
    score = Score("sharpness", 0.8, "measured", "laplace", threshold=0.5, passed=True)
    asset = make_asset(
        "Luca è qui",
        params={"prompt": "a boy", "nested": {"n": [1, 2.5, None]}},
        seed=2**63 + 5,
        scores=(score,),
        thread="t",
    )
    stored = memory.add_asset(asset)
    assert stored.id == f"img-{asset.sha256[:10]}"
    assert stored.created_at > 0
    assert memory.get_asset(stored.id) == stored


def test_same_making_is_one_asset_but_another_step_gets_an_id_of_its_own(memory, make_asset):
    asset = make_asset(thread="a", step_key="1")
    first = memory.add_asset(asset)
    assert memory.add_asset(asset).id == first.id
    other = memory.add_asset(dataclasses.replace(asset, step_key="2"))
    third = memory.add_asset(dataclasses.replace(asset, thread="b"))
    assert len({first.id, other.id, third.id}) == 3
    assert len(memory.list_assets()) == 3


@pytest.mark.parametrize("ref", ["Beach Walk.PNG", "beach walk.png", "'beach walk.png'", "$last", "LAST", "beach w"])
def test_find_by_any_name(memory, make_asset, ref):
    memory.add_asset(make_asset("older", thread="t", created_at=1.0))
    wanted = memory.add_asset(make_asset("Beach Walk.png", thread="t"))
    assert memory.find_asset(ref, thread="t") == wanted


def test_find_by_id_path_and_prefix(memory, workspace, make_asset):
    wanted = memory.add_asset(make_asset("one"))
    memory.add_asset(make_asset("two"))
    for ref in (
        wanted.id,
        wanted.id.upper(),
        wanted.id[:9],
        wanted.path,
        f"./{wanted.path}",
        str(workspace.home / wanted.path),
    ):
        assert memory.find_asset(ref) == wanted


def test_last_looks_at_kind_and_thread(memory, make_asset):
    sound = memory.add_asset(make_asset("voice", "audio", thread="a", created_at=5.0))
    memory.add_asset(make_asset("picture", "image", thread="a", created_at=6.0))
    memory.add_asset(make_asset("other voice", "audio", thread="b", created_at=7.0))
    assert memory.find_asset("last", ("audio",), "a") == sound
    with pytest.raises(UsageError, match="no video in this conversation"):
        memory.find_asset("last", ("video",), "a")


def test_own_thread_comes_first(memory, make_asset):
    mine = memory.add_asset(make_asset("clip.mp4", "video", thread="a", created_at=1.0))
    memory.add_asset(make_asset("clip.mp4", "video", thread="b", created_at=9.0))
    assert memory.find_asset("clip.mp4", ("video",), "a") == mine


def test_errors_name_the_nearest_and_the_kind(memory, make_asset):
    memory.add_asset(make_asset("greeting.wav", "audio"))
    with pytest.raises(UsageError, match=r"no file 'greting.wav'.*greeting\.wav"):
        memory.find_asset("greting.wav")
    with pytest.raises(UsageError, match="is of kind audio: image is needed"):
        memory.find_asset("greeting.wav", ("image",))
    with pytest.raises(UsageError):
        memory.find_asset("  ")


def test_unsure_beginning_is_not_guessed(memory, make_asset):
    memory.add_asset(make_asset("shot one"))
    memory.add_asset(make_asset("shot two"))
    with pytest.raises(UsageError, match="more than one"):
        memory.find_asset("shot")


@pytest.mark.parametrize("ref", ["../../etc/passwd", "%", "' OR 1=1 --", "a" * 100_000, "\x00", "*"])
def test_hostile_references_find_nothing(memory, make_asset, ref):
    memory.add_asset(make_asset("kept"))
    with pytest.raises(UsageError):
        memory.find_asset(ref)


def test_hidden_assets_leave_lists_and_names_but_not_their_id(memory, make_asset):
    asset = memory.add_asset(make_asset("secret plan"))
    assert memory.hide_assets([asset.id, asset.id, "img-unknown"]) == 1
    assert memory.list_assets() == []
    assert [a.id for a in memory.list_assets(include_hidden=True)] == [asset.id]
    assert memory.get_asset(asset.id).hidden
    with pytest.raises(UsageError, match="undone"):
        memory.find_asset("secret plan")
    assert memory.search("secret plan") == []
    assert memory.unhide([asset.id]) == 1
    assert [h.id for h in memory.search("secret plan")] == [asset.id]


def test_lineage(memory, make_asset):
    picture = memory.add_asset(make_asset("p"))
    voice = memory.add_asset(make_asset("v", "audio"))
    clip = memory.add_asset(make_asset("c", "video", parents=(voice.id, picture.id)))
    film = memory.add_asset(make_asset("f", "video", parents=(clip.id, "img-lost")))
    assert film.parents == (clip.id, "img-lost")
    assert memory.get_asset(clip.id).parents == (voice.id, picture.id)
    assert [a.id for a in memory.parents(clip.id)] == [voice.id, picture.id]
    assert {a.id for a in memory.lineage(film.id)} == {clip.id, voice.id, picture.id}
    assert memory.lineage(film.id)[0].id == clip.id
    assert [a.id for a in memory.children(picture.id)] == [clip.id]


def test_lineage_ends_on_a_loop(memory, make_asset):
    memory.add_asset(make_asset("a", id="img-a", parents=("img-b",)))
    memory.add_asset(make_asset("b", id="img-b", parents=("img-a",)))
    assert [a.id for a in memory.lineage("img-a")] == ["img-b"]


def test_scores_and_rating_are_kept_apart(memory, make_asset):
    asset = memory.add_asset(make_asset())
    memory.rate(asset.id, 5)
    memory.set_scores(asset.id, [Score("loudness", None, "not measured", "none")])
    found = {s.name: s for s in memory.get_asset(asset.id).scores}
    assert found["user rating"].value == 5
    assert found["user rating"].status == "judged"
    assert found["loudness"].passed is None
    for wrong in (0, 6, True):
        with pytest.raises(UsageError):
            memory.rate(asset.id, wrong)
    with pytest.raises(UsageError, match="no asset"):
        memory.set_scores("img-none", [])


def test_unknown_kind_is_refused(memory, make_asset):
    with pytest.raises(UsageError, match="no asset kind 'hologram'"):
        memory.add_asset(make_asset(kind="hologram"))


def test_last_picture_is_no_contact_sheet(memory, make_asset):
    picture = memory.add_asset(make_asset(kind="image", name="a sunset", created_at=1.0))
    sheet = memory.add_asset(make_asset(kind="image", name="sheet", created_at=2.0, params={"sheet": "sunsets"}))
    assert memory.find_asset("last", ("image",)).id == picture.id
    assert memory.find_asset("$last", ("image", "map")).id == picture.id
    assert memory.find_asset("sheet", ("image",)).id == sheet.id


def test_the_newest_is_what_was_recorded_last_whatever_the_clock_said(memory, make_asset):
    now = time.time()
    before = memory.add_asset(dataclasses.replace(make_asset(name="before.png"), created_at=now + 365 * 86_400))
    after = memory.add_asset(dataclasses.replace(make_asset(name="after.png"), created_at=now))
    assert memory.find_asset("last", ("image",)).id == after.id
    assert [one.id for one in memory.list_assets("image")] == [after.id, before.id]
    assert memory.in_order([after.id, before.id]) == [before.id, after.id]
