"""Any sequence of changes: what comes out is whole, and what does not fit changes nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from editing_context import counting_film
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timelines import SOURCE_SECONDS, a_cut, find_asset

from backends.media.guard import MediaLimits, sniff
from backends.media.probe import probe
from configs.errors import UsageError
from configs.settings import UploadSettings
from tools.editing.change.apply import apply, read_changes
from tools.editing.change.desk import BEDS, Desk
from tools.editing.outline import studio_data
from tools.editing.program import Source, read_program
from tools.editing.segments import plan
from tools.editing.specs import frame_rate
from tools.editing.timeline_file import load_timeline, save_timeline

SECONDS = st.integers(0, 200).map(lambda n: n / 24)
SHORT = st.integers(1, 40).map(lambda n: n / 24)
PICTURES = st.sampled_from(["vid-n", "vid-a", "img-n"])


@st.composite
def any_change(draw: st.DrawFn, clips: list[str]) -> dict[str, Any]:
    """A change that is well-formed, whether it fits or not; clips are named by ids that are there."""
    clip = st.sampled_from(clips)
    new = st.fixed_dictionaries(
        {"asset": PICTURES, "seconds": SHORT, "source_start": st.integers(0, 100).map(lambda n: n / 24)}
    )
    sound = st.fixed_dictionaries(
        {"asset": st.sampled_from(["aud-n", "vid-a"]), "seconds": SHORT, "track": st.sampled_from(["music", "effects"])}
    )
    ends = st.integers(-30, 60).map(lambda n: n / 24)
    shapes: dict[str, dict[str, Any]] = {
        "trim": {"clip": clip, "head": ends, "tail": ends, "ripple": st.booleans()},
        "split": {"clip": clip, "inside": SHORT},
        "insert": {"at": SECONDS, "new": new | sound, "all_tracks": st.booleans()},
        "overwrite": {"at": SECONDS, "new": new | sound},
        "ripple_delete": {"clip": clip},
        "move": {"clip": clip, "before": clip},
        "transition": {
            "clip": clip, "kind": st.sampled_from(["cut", "dissolve", "fade", "wipe", "push"]), "seconds": SHORT,
        },
        "retime": {
            "clip": clip, "factor": st.sampled_from([0.5, 1, 1.5, 3]), "factor_end": st.sampled_from([None, None, 2.0]),
        },
        "reverse": {"clip": clip},
        "freeze": {"clip": clip, "inside": SHORT, "seconds": SHORT},
        "title": {"at": SECONDS, "seconds": SHORT, "text": st.just("Title")},
        "caption": {"start": SECONDS, "end": SECONDS, "text": st.just("Hello")},
        "audio_gain": {"clip": clip, "db": st.integers(-120, 6), "fade_in": st.sampled_from([0, 0.5])},
        "grade": {"clip": clip, "look": st.sampled_from(["sepia", ""])},
        "overlay": {"at": SECONDS, "new": new, "keys": st.just([{"x": 0.5, "y": 0.5, "width": 0.3}])},
        "duck": {"track": st.just("music"), "db": st.integers(0, 40)},
    }  # fmt: skip
    op = draw(st.sampled_from([*shapes, "stretch"]))
    if op == "stretch":
        return {"op": "ripple_delete", "start": draw(SECONDS), "end": draw(SECONDS)}
    return {"op": op, **{name: draw(values) for name, values in shapes[op].items()}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = counting_film(tmp_path_factory.mktemp("film") / "counting.mp4", 12)
    limits = MediaLimits.of(UploadSettings())
    return Source(path, "0" * 64, "vid-x", sniff(path, limits), probe(path, limits))


def check(timeline: otio.schema.Timeline, source: Source) -> None:
    """All that must hold of a timeline, whatever was done to it."""
    ids = [studio_data(clip)["id"] for clip in timeline.find_clips()]
    assert len(set(ids)) == len(ids)
    for track in timeline.tracks:
        items = list(track)
        for before, item, after in zip([None, *items], items, [*items[1:], None], strict=False):
            if isinstance(item, otio.schema.Transition):
                assert isinstance(before, otio.schema.Clip) and isinstance(after, otio.schema.Clip)
                continue
            span = item.source_range.duration
            assert span.value == int(span.value) >= 1 and frame_rate(span.rate) == 24
    desk = Desk(timeline)
    for lane, slot in desk.every():
        reach = slot.after + next((one.before for one in lane.slots if one.start == slot.end), 0)
        assert reach <= slot.frames
        if slot.clip.media_reference.available_range is not None and not slot.frozen:
            # A bed that was there from the beginning may be longer than its source: nothing is asked of it.
            last = slot.source + slot.eaten(slot.frames)
            assert slot.source >= 0 and last <= Fraction(SOURCE_SECONDS) * 24 + 1, slot.label
        if lane is desk.main and slot.speeds() == (1, 1) and not slot.backwards:
            for _, sound in desk.linked(slot):
                assert sound.speeds() != (1, 1) or sound.source - sound.start == slot.source - slot.start, "out of sync"
        if lane.role in BEDS:
            assert slot.end <= desk.length or slot.start < desk.length + 240
    program = read_program(timeline, lambda asset, url: source)
    assert program.frames == desk.main.length == desk.length
    assert sum(segment.frames for segment in plan(program)) == program.frames


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
          derandomize=True)  # fmt: skip
@given(data=st.data())
def test_any_sequence_of_changes(data: st.DataObject, source: Source, tmp_path_factory: pytest.TempPathFactory) -> None:
    timeline = a_cut()
    ever = {studio_data(clip)["id"] for clip in timeline.find_clips()}
    there = set(ever)
    history = []
    for _ in range(data.draw(st.integers(1, 8))):
        change = data.draw(any_change(sorted(there)))
        before = otio.adapters.write_to_string(timeline, "otio_json")
        try:
            made = apply(timeline, read_changes([change]), find_asset)
        except UsageError as error:
            assert "\n" not in error.sentence
            assert otio.adapters.write_to_string(timeline, "otio_json") == before
            continue
        assert otio.adapters.write_to_string(timeline, "otio_json") == before, "the given timeline was touched"
        assert len(made.said) == 1 and made.said[0].endswith(".")
        history.append((before, timeline))
        timeline = made.timeline
        check(timeline, source)
        now = {studio_data(clip)["id"] for clip in timeline.find_clips()}
        assert not (now - there) & ever, "an id came back"
        ever |= now
        there = now
    file = tmp_path_factory.getbasetemp() / "any.otio"
    assert load_timeline(save_timeline(timeline, file)).is_equivalent_to(timeline)
    # Undo is going back to what was there: every step, byte for byte.
    for text, old in reversed(history):
        assert otio.adapters.write_to_string(old, "otio_json") == text


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_one_list_or_one_by_one_is_the_same(data: st.DataObject) -> None:
    timeline, done = a_cut(), []
    for _ in range(4):
        there = [studio_data(clip)["id"] for clip in timeline.find_clips()]
        change = data.draw(any_change(sorted(there)))
        try:
            timeline = apply(timeline, read_changes([change]), find_asset).timeline
        except UsageError:
            continue
        done.append(change)
    assert apply(a_cut(), read_changes(done), find_asset).timeline.is_equivalent_to(timeline)


def test_where_a_film_from_elsewhere_gets_its_ids(tmp_path: Path, source: Source) -> None:
    timeline = a_cut()
    for clip in timeline.find_clips():
        del clip.metadata["studio"]
    made = apply(timeline, [], find_asset).timeline
    check(made, source)
    assert apply(made, [], find_asset).timeline.is_equivalent_to(made)
