"""Timelines that are not what they say: a change makes a whole timeline of them or one sentence, never a crash."""

from __future__ import annotations

import json
from typing import Any

import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timelines import a_cut, find_asset

from configs.errors import UsageError
from tools.editing.change.apply import apply, read_changes
from tools.editing.change.desk import Desk
from tools.editing.change.diff import differences
from tools.editing.outline import effects_of, outline, studio_data
from tools.editing.telling import tell

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-1e3, 1e3), st.text(max_size=8), st.just([]), st.just({}),
    st.just([[0, "x"]]), st.just([1, 2, 3]), st.just({"keys": [{"at": "a"}]}), st.just(float("inf")),
    st.just("\u202e\x1b[2J"),
)  # fmt: skip


@pytest.mark.parametrize("junk", [None, [], 3, "x"])
def test_junk_where_depths_are_noted_is_passed_over(junk: object) -> None:
    timeline = a_cut()
    timeline.metadata["studio"] = {**dict(timeline.metadata["studio"]), "ducking": junk}
    made = apply(timeline, read_changes([{"op": "duck", "track": "music", "db": 3}]), find_asset).timeline
    assert dict(studio_data(made)["ducking"]) == {"music": 3}
    assert any("steps back" in one.text for one in differences(timeline, made))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_junk_in_metadata_is_no_crash(data: st.DataObject) -> None:
    timeline = a_cut()
    place = data.draw(st.sampled_from(["id", "asset", "gain_db", "place", "effect", "ramp", "words", "own", "film"]))
    junk = data.draw(JUNK)
    for clip in timeline.find_clips():
        own = dict(clip.metadata["studio"])
        if place in ("id", "asset", "gain_db", "place"):
            clip.metadata["studio"] = {**own, place: junk}
        elif place == "own":
            clip.metadata["studio"] = junk
        elif place == "words" and isinstance(clip.media_reference, otio.schema.GeneratorReference):
            clip.media_reference.parameters["words"] = junk
        elif place in ("effect", "ramp"):
            name = "studio.ramp" if place == "ramp" else f"studio.{junk}"
            clip.effects.append(otio.schema.Effect(effect_name=name, metadata={"studio": {"factor": junk, "at": junk}}))
    if place == "film":
        field = data.draw(st.sampled_from(["fps", "width", "ids", "ducking", "loudness"]))
        timeline.metadata["studio"] = {**dict(timeline.metadata["studio"]), field: junk}
    assert json.dumps(outline(timeline), default=str) and list(tell(timeline)) is not None
    try:
        desk = Desk(timeline)
        there = [slot.id for slot in desk.main.slots]
        changes = [
            {"op": "trim", "clip": there[1], "head": 0.5, "tail": 0.5},
            {"op": "split", "clip": there[0], "inside": 0.5},
            {"op": "audio_gain", "clip": there[1], "db": -3},
            {"op": "duck", "track": "music", "db": 3},
            {"op": "retime", "clip": there[2], "factor": 2},
        ]
        made = apply(timeline, read_changes(changes), find_asset).timeline
    except UsageError as error:
        assert "\n" not in error.sentence
        return
    assert differences(timeline, made)
    named = [studio_data(clip)["id"] for clip in made.find_clips()]
    assert len(set(named)) == len(named) and all(name.isprintable() for name in named)


@pytest.mark.parametrize(
    ("scalar", "effects"), [(-2.0, [{"name": "speed", "factor": 2.0}, {"name": "reverse"}]), (0.0, [])]
)
def test_speeds_of_other_programs(scalar: float, effects: list[dict[str, Any]]) -> None:
    timeline = a_cut()
    timeline.tracks[0][0].effects.append(otio.schema.LinearTimeWarp(time_scalar=scalar))
    made = apply(timeline, [], find_asset).timeline
    assert effects_of(made.tracks[0][0]) == effects
    assert Desk(made).main.slots[0].frozen is (scalar == 0)


@pytest.mark.parametrize("scalar", [float("nan"), float("inf"), 1e9])
def test_speeds_that_cannot_be(scalar: float) -> None:
    timeline = a_cut()
    timeline.tracks[0][0].effects.append(otio.schema.LinearTimeWarp(time_scalar=scalar))
    with pytest.raises(UsageError, match="no usable speed"):
        apply(timeline, [], find_asset)
