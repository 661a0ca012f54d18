"""change_timeline and its versions: saved whole, walked back and forth, told in words; nothing lost by a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from editing_context import EditingStudio, counting_film, numbers
from timelines import a_cut, ids

from configs.errors import UsageError
from configs.settings import Settings
from memory.records import Asset
from tools.editing.change.apply import apply, read_changes
from tools.editing.change.desk import Desk
from tools.editing.change.diff import differences
from tools.editing.timeline import load_timeline
from tools.editing.versions import NOTE, current, gone_last, redo, undo, versions


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "counting.mp4", 24))
    yield made
    made.close()


@pytest.fixture
def cut(studio: EditingStudio) -> Asset:
    _, outcome = studio.make("edit_video", video="counting.mp4", instruction="keep the first 0.5 seconds")
    return outcome.assets[1]


def clips(studio: EditingStudio, asset: Asset) -> list[str]:
    return ids(load_timeline(studio.path(asset)))


def change(studio: EditingStudio, asset: Asset, *changes: dict[str, object], render: str = "no") -> Asset:
    _, outcome = studio.make("change_timeline", timeline=asset.id, changes=list(changes), render=render)
    return outcome.assets[-1]


def test_a_change_is_a_new_version_and_renders_frame_by_frame(studio: EditingStudio, cut: Asset) -> None:
    (clip,) = clips(studio, cut)
    wanted = [
        {"op": "trim", "clip": clip, "head": 2 / 24, "tail": -2 / 24},
        {"op": "insert", "at": 0, "new": {"asset": "counting.mp4", "source_start": 20 / 24, "seconds": 3 / 24}},
        {"op": "freeze", "clip": clip, "inside": 4 / 24, "seconds": 3 / 24},
    ]
    film, outcome = studio.make("change_timeline", timeline=cut.id, changes=wanted, render="full")
    assert numbers(film) == [20, 21, 22, 2, 3, 4, 5, 6, 6, 6, 6, 7, 8, 9, 10, 11, 12, 13]
    saved = outcome.assets[1]
    assert saved.kind == "timeline" and saved.parents[0] == cut.id and saved.name == cut.name
    assert studio.path(cut).is_file() and clips(studio, cut) == [clip]
    assert outcome.result is not None and "Version 2" in outcome.result.summary
    assert len(outcome.result.data["said"]) == 3
    assert load_timeline(studio.path(saved)).duration().value == 18 == len(numbers(film))


def test_undo_and_redo_walk_the_versions(studio: EditingStudio, cut: Asset) -> None:
    memory, first = studio.memory, studio.path(cut).read_bytes()
    (clip,) = clips(studio, cut)
    two = change(studio, cut, {"op": "grade", "clip": clip, "look": "sepia"})
    three = change(studio, two, {"op": "grade", "clip": clip, "look": ""})
    assert [version.number for version in versions(memory, cut)] == [1, 2, 3]
    assert current(memory, cut).asset.id == three.id
    gone, now = undo(memory, cut)
    assert (gone.asset.id, now.asset.id) == (three.id, two.id)
    assert undo(memory, two)[1].asset.id == cut.id and studio.path(cut).read_bytes() == first
    with pytest.raises(UsageError, match="nothing to undo"):
        undo(memory, cut)
    assert redo(memory, cut).asset.id == two.id and redo(memory, cut).asset.id == three.id
    with pytest.raises(UsageError, match="nothing to redo"):
        redo(memory, cut)
    undo(memory, cut)
    four = change(studio, two, {"op": "reverse", "clip": clip})
    assert current(memory, cut).asset.id == four.id
    with pytest.raises(UsageError, match="nothing to redo"):
        redo(memory, cut)
    assert len(versions(memory, cut)) == 4 and all(studio.path(v.asset).is_file() for v in versions(memory, cut))


def test_last_stays_on_the_timeline_that_was_undone(studio: EditingStudio, cut: Asset) -> None:
    memory, (clip,) = studio.memory, clips(studio, cut)
    studio.make("edit_video", video="counting.mp4", instruction="keep the last 0.5 seconds")
    two = change(studio, cut, {"op": "grade", "clip": clip, "look": "sepia"})
    assert gone_last(memory) is None, "nothing was undone"
    undo(memory, two)
    assert memory.find_asset("last", ("timeline",), "").id != cut.id, "the newest to be seen is another film's"
    found = gone_last(memory)
    assert found is not None and found.id == cut.id
    assert redo(memory, found).asset.id == two.id and gone_last(memory) is None
    undo(memory, two)
    studio.make("edit_video", video="counting.mp4", instruction="keep the first 0.25 seconds")
    assert gone_last(memory) is None, "something newer was made"


def test_undo_in_the_chat_goes_a_version_back(studio: EditingStudio, cut: Asset) -> None:
    (clip,) = clips(studio, cut)
    two = change(studio, cut, {"op": "reverse", "clip": clip}, render="preview")
    assert studio.run("undo", steps=1).error is None
    assert current(studio.memory, cut).asset.id == cut.id
    assert redo(studio.memory, cut).asset.id == two.id
    assert studio.memory.find_asset("last", ("video",), "t").tool == "change_timeline"


def test_a_change_that_does_not_fit_leaves_no_version(studio: EditingStudio, cut: Asset) -> None:
    (clip,) = clips(studio, cut)
    wrong = [{"op": "trim", "clip": clip, "head": 0.1}, {"op": "split", "clip": clip, "inside": 9}]
    outcome = studio.run("change_timeline", timeline=cut.id, changes=wrong)
    assert isinstance(outcome.error, UsageError) and "Change 2 (split)" in outcome.error.sentence
    assert len(versions(studio.memory, cut)) == 1
    missing = {"op": "insert", "at": 0, "new": {"asset": "../../etc/passwd", "seconds": 1}}
    assert studio.run("change_timeline", timeline=cut.id, changes=[missing]).error is not None


def test_a_change_that_another_one_overtook_is_told(
    studio: EditingStudio, cut: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were begun on the same version; the slower one is saved beside the quicker one, and says so."""
    from tools.editing.change import tool

    (clip,) = clips(studio, cut)
    real, quick = tool.render, list[Asset]()

    def slow(*args: Any, **more: Any) -> Any:
        if not quick:
            quick.append(change(studio, cut, {"op": "grade", "clip": clip, "look": "noir"}))
        return real(*args, **more)

    monkeypatch.setattr(tool, "render", slow)
    sepia = {"op": "grade", "clip": clip, "look": "sepia"}
    _, outcome = studio.make("change_timeline", timeline=cut.id, changes=[sepia], render="preview")
    assert outcome.result is not None
    assert [quick[0].id in text for text in outcome.result.warnings if "meanwhile" in text] == [True]
    _, alone = studio.make("change_timeline", timeline=quick[0].id, changes=[sepia], render="preview")
    assert alone.result is not None and not any("meanwhile" in text for text in alone.result.warnings)


def test_a_change_to_an_older_version_is_told(studio: EditingStudio, cut: Asset) -> None:
    (clip,) = clips(studio, cut)
    change(studio, cut, {"op": "reverse", "clip": clip})
    _, outcome = studio.make(
        "change_timeline", timeline=cut.id, changes=[{"op": "grade", "clip": clip, "look": "sepia"}]
    )
    assert outcome.result is not None and any("newer version" in text for text in outcome.result.warnings)


def find(ref: str) -> object:
    from timelines import find_asset

    return find_asset(ref)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([{"op": "trim", "clip": 1, "tail": 1}], ["lasts 5.00 s instead of 6.00 s", "lasts 2.00 s instead of 3.00 s"]),
        ([{"op": "split", "clip": 1, "inside": 1}], ["was split into"]),
        ([{"op": "move", "clip": 2, "before": 0}], ["'c' ", "was moved to 0.00 s"]),
        ([{"op": "ripple_delete", "clip": 0}], ["'a' ", "was taken away from 'Video'", "The marker 'shot 1' is gone"]),
        ([{"op": "retime", "clip": 1, "factor": 2}], ["plays at 2x instead of 1x"]),
        ([{"op": "grade", "clip": 1, "look": "sepia"}], ["has sepia"]),
        ([{"op": "transition", "clip": 1, "kind": "cut"}], ["begins with a cut instead of a dissolve of 0.50 s"]),
        ([{"op": "caption", "start": 0, "end": 1, "text": "Hey"}], ["Caption 'Hey' (caption-1) was added"]),
        ([{"op": "audio_gain", "clip": 1, "db": -120}], ["plays at silence instead of +0.0 dB"]),
        ([{"op": "duck", "track": "music", "db": 3}], ["'music' steps back by 3 dB under speech"]),
    ],
)
def test_differences_in_words(changes: list[dict[str, object]], told: list[str]) -> None:
    names = ids(a_cut())
    for each in changes:
        for key in ("clip", "before"):
            if key in each:
                each[key] = names[int(str(each[key]))]
    made = apply(a_cut(), read_changes(changes), find).timeline  # type: ignore[arg-type]
    text = "\n".join(each.text for each in differences(a_cut(), made))
    assert all(part in text for part in told), text
    assert differences(a_cut(), a_cut()) == []


def test_what_only_moved_along_is_no_difference() -> None:
    made = apply(a_cut(), read_changes([{"op": "trim", "clip": ids(a_cut())[0], "head": 0.25}]), find).timeline  # type: ignore[arg-type]
    texts = [each.text for each in differences(a_cut(), made)]
    assert not any("'c'" in text or "voice" in text or "three" in text for text in texts), texts


KILLED = """
import json, sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from editing_context import EditingStudio
from configs.settings import Settings
studio = EditingStudio(Settings(home=Path({home!r})))
asset = {asset!r}
for number in range(10_000):
    look = "sepia" if number % 2 else "black_and_white"
    wanted = [{{"op": "grade", "clip": {clip!r}, "look": look}}]
    outcome = studio.run("change_timeline", timeline=asset, changes=wanted)
    asset = outcome.assets[0].id
    print(asset, flush=True)
"""


def test_a_kill_loses_no_version(studio: EditingStudio, cut: Asset, settings: Settings) -> None:
    (clip,) = clips(studio, cut)
    studio.close()
    program = KILLED.format(path=[*sys.path], home=str(settings.home), asset=cut.id, clip=clip)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(5)]
        time.sleep(0.037)
        os.kill(process.pid, signal.SIGKILL)
        told += [line.strip() for line in process.stdout if line.endswith("\n")]
    again = EditingStudio(settings)
    try:
        chain = {version.asset.id: version for version in versions(again.memory, cut)}
        assert len(told) >= 5 and set(told) <= set(chain)
        for version in chain.values():
            assert isinstance(load_timeline(again.path(version.asset)), otio.schema.Timeline)
        assert sorted(version.number for version in chain.values()) == list(range(1, len(chain) + 1))
        assert undo(again.memory, cut)[1].number == len(chain) - 1
    finally:
        again.close()


def test_versions_are_told_by_the_asset_itself(studio: EditingStudio, cut: Asset) -> None:
    (clip,) = clips(studio, cut)
    two = change(studio, cut, {"op": "reverse", "clip": clip, "rationale": "for fun"})
    kept = studio.memory.get_asset(two.id)
    assert kept is not None
    assert json.loads(json.dumps(kept.params["changes"])) == [{"op": "reverse", "clip": clip, "rationale": "for fun"}]
    assert kept.params["version"]["number"] == 2 and "backwards" in kept.params["said"][0]


@pytest.mark.parametrize("seed", [3, 8])
def test_any_changes_render_to_the_frame(studio: EditingStudio, cut: Asset, seed: int) -> None:
    """A dozen random changes, each a version; the film has as many frames as its timeline, undone it is the first."""
    dice, asset, first = random.Random(seed), cut, studio.path(cut).read_bytes()
    made = 0
    while made < 12:
        timeline = load_timeline(studio.path(asset))
        clip, other = (dice.choice([*ids(timeline), *ids(timeline, "source")]) for _ in range(2))
        at, short = dice.randrange(0, 20) / 24, dice.randrange(1, 6) / 24
        new = {"asset": "counting.mp4", "source_start": dice.randrange(0, 18) / 24, "seconds": short}
        wanted = dice.choice(
            [
                {"op": "trim", "clip": clip, "head": short, "tail": -short},
                {"op": "split", "clip": clip, "inside": short},
                {"op": "insert", "at": at, "new": new},
                {"op": "overwrite", "at": at, "new": new},
                {"op": "move", "clip": clip, "before": other},
                {
                    "op": "retime",
                    "clip": clip,
                    "factor": dice.choice([0.5, 1, 2]),
                    "factor_end": dice.choice([None, 2]),
                },
                {"op": "freeze", "clip": clip, "inside": short, "seconds": short},
                {"op": "reverse", "clip": clip},
                {"op": "transition", "clip": clip, "kind": dice.choice(["dissolve", "wipe", "cut"]), "seconds": short},
                {"op": "title", "at": at, "seconds": short, "text": "Hello"},
                {"op": "ripple_delete", "start": at, "end": at + short},
            ]
        )
        outcome = studio.run("change_timeline", timeline=asset.id, changes=[wanted])
        if outcome.error is not None:
            assert isinstance(outcome.error, UsageError), outcome.error
            continue
        asset, made = outcome.assets[0], made + 1
    film, _ = studio.make("render_timeline", timeline=asset.id, preview=True)
    assert len(numbers(film)) == Desk(load_timeline(studio.path(asset))).length
    for _ in range(12):
        undo(studio.memory, cut)
    back = current(studio.memory, cut).asset
    assert back.id == cut.id and studio.path(back).read_bytes() == first


def test_a_full_disk_leaves_the_version_before(
    studio: EditingStudio, cut: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clip,) = clips(studio, cut)

    def full(self: Path, *args: object, **more: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        outcome = studio.run("change_timeline", timeline=cut.id, changes=[{"op": "reverse", "clip": clip}])
    assert outcome.error is not None and "No space left" in outcome.error.sentence
    assert current(studio.memory, cut).asset.id == cut.id and len(versions(studio.memory, cut)) == 1
    assert current(studio.memory, change(studio, cut, {"op": "reverse", "clip": clip})).number == 2


def test_the_current_version_is_the_last_one_made_also_where_the_clock_was_set_back(studio: EditingStudio) -> None:
    first = Asset("tml-1", "timeline", "assets/tml-1.otio", "a.otio", "1", 1, created_at=2e9)
    note = {"number": 2, "before": first.id, "first": first.id}
    second = Asset(
        "tml-2", "timeline", "assets/tml-2.otio", "a.otio", "2", 1, params={NOTE: note}, parents=(first.id,),
        created_at=1e9,
    )  # fmt: skip
    for asset in (first, second):
        studio.memory.add_asset(asset)
    assert current(studio.memory, first).asset.id == second.id
    studio.memory.hide_assets([second.id])
    assert gone_last(studio.memory) is not None
