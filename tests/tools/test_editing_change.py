"""Changes of timelines: where everything lies afterwards, frame by frame, and what does not fit."""

from __future__ import annotations

from typing import Any

import opentimelineio as otio
import pytest
from timelines import a_cut, find_asset, ids, places

from configs.errors import UsageError
from tools.editing.change.apply import Applied, apply, read_changes
from tools.editing.outline import effects_of, outline, plain, studio_data

A, B, C = ids(a_cut())


def do(*changes: dict[str, Any], to: otio.schema.Timeline | None = None) -> Applied:
    return apply(to or a_cut(), read_changes(list(changes)), find_asset)


def markers(timeline: otio.schema.Timeline) -> dict[str, int]:
    return {marker.name: round(marker.marked_range.start_time.value) for marker in timeline.tracks.markers}


def transitions(timeline: otio.schema.Timeline) -> list[tuple[int, int]]:
    track = timeline.video_tracks()[0]
    joins = [item for item in track if isinstance(item, otio.schema.Transition)]
    return [(round(join.in_offset.value), round(join.out_offset.value)) for join in joins]


def by_id(timeline: otio.schema.Timeline, clip_id: str) -> otio.schema.Clip:
    return next(clip for clip in timeline.find_clips() if studio_data(clip).get("id") == clip_id)


def test_no_change_gives_the_same_timeline() -> None:
    assert do().timeline.is_equivalent_to(a_cut())


def test_trim_moves_up_what_follows_on_every_track() -> None:
    made = do({"op": "trim", "clip": B, "head": 0.5, "tail": 0.25})
    shots = [("a", 0, 48, 48), ("b", 48, 54, 60), ("c", 102, 24, 48)]
    assert places(made.timeline) == shots and places(made.timeline, "source") == shots
    assert places(made.timeline, "dialogue") == [("voice", 48, 36, 0)]
    assert places(made.timeline, "music") == [("song", 0, 126, 0)]
    assert places(made.timeline, "captions") == [("one", 12, 24, 0), ("two", 48, 36, 0), ("three", 108, 12, 0)]
    assert markers(made.timeline) == {"shot 1": 0, "shot 2": 48, "shot 3": 102}
    assert transitions(made.timeline) == [(6, 6)]
    assert made.said == (f"Trimmed 'b' ({B}): 0.50 s off its beginning and 0.25 s off its end, 3.00 s -> 2.25 s.",)


def test_trim_gives_back_what_the_source_holds() -> None:
    made = do({"op": "trim", "clip": B, "head": -1, "tail": -1}).timeline
    assert places(made) == [("a", 0, 48, 48), ("b", 48, 120, 24), ("c", 168, 24, 48)] == places(made, "source")
    assert places(made, "music") == [("song", 0, 192, 0)]
    with pytest.raises(UsageError, match=r"begin earlier by 2\.50 s: its source has 2\.00 s"):
        do({"op": "trim", "clip": B, "head": -2.5})
    with pytest.raises(UsageError, match=r"end later by 6\.00 s: its source has 5\.00 s"):
        do({"op": "trim", "clip": B, "tail": -6})


def test_trim_without_ripple_leaves_a_gap_and_takes_the_transition_away() -> None:
    made = do({"op": "trim", "clip": B, "head": 1, "ripple": False})
    assert places(made.timeline) == [("a", 0, 48, 48), ("b", 72, 48, 72), ("c", 120, 24, 48)]
    assert transitions(made.timeline) == [] and "nothing comes right before it" in made.said[0]
    back = do({"op": "trim", "clip": B, "head": -1, "ripple": False}, to=made.timeline).timeline
    assert places(back) == places(a_cut())
    with pytest.raises(UsageError, match="taken there"):
        do({"op": "trim", "clip": B, "head": -1, "ripple": False})


def test_a_clip_played_backwards_loses_its_beginning_at_its_sources_end() -> None:
    made = do({"op": "reverse", "clip": B}, {"op": "trim", "clip": B, "head": 1}).timeline
    assert places(made)[1] == ("b", 48, 48, 48) == places(made, "source")[1]
    made = do({"op": "reverse", "clip": B}, {"op": "trim", "clip": B, "tail": 1}).timeline
    assert places(made)[1] == ("b", 48, 48, 72)


def test_split_gives_both_pieces_and_their_sound_new_ids() -> None:
    made = do({"op": "split", "clip": B, "inside": 1}).timeline
    pieces = [("b", 48, 24, 48), ("b", 72, 48, 72)]
    assert places(made)[1:3] == pieces == places(made, "source")[1:3]
    assert ids(made) == [A, f"{B}.1", f"{B}.2", C] and transitions(made) == [(6, 6)]
    again = do({"op": "split", "clip": f"{B}.2", "inside": 1}, to=made).timeline
    assert ids(again) == [A, f"{B}.1", f"{B}.3", f"{B}.4", C]
    with pytest.raises(UsageError, match=rf"it was split into {B}\.1, {B}\.2"):
        do({"op": "reverse", "clip": B}, to=made)


def test_an_id_is_never_given_again() -> None:
    made = do({"op": "split", "clip": B, "inside": 1}, {"op": "ripple_delete", "clip": f"{B}.2"}).timeline
    again = do({"op": "split", "clip": f"{B}.1", "inside": 0.5}, to=made).timeline
    assert ids(again)[1:3] == [f"{B}.3", f"{B}.4"]
    new = {"op": "insert", "at": 0, "new": {"asset": "vid-n", "seconds": 1}}
    one = do(new).timeline
    first = ids(one)[0]
    two = do({"op": "ripple_delete", "clip": first}, new, to=one).timeline
    assert ids(two)[0] != first and len(set(ids(two))) == len(ids(two))


def test_insert_opens_all_tracks_and_brings_its_sound() -> None:
    made = do({"op": "insert", "at": 3, "new": {"asset": "vid-new", "seconds": 1, "source_start": 4}}).timeline
    shots = [("a", 0, 48, 48), ("b", 48, 24, 48), ("new", 72, 24, 96), ("b", 96, 48, 72), ("c", 144, 24, 48)]
    assert places(made) == shots == places(made, "source")
    assert places(made, "dialogue") == [("voice", 60, 36, 0)], "a voice is not torn"
    assert places(made, "music") == [("song", 0, 168, 0)], "music that reached to the end still does"
    assert places(made, "captions")[2] == ("three", 150, 12, 0)
    assert markers(made)["shot 3"] == 144


def test_insert_on_a_track_of_sound_moves_nothing() -> None:
    made = do({"op": "insert", "at": 3, "new": {"asset": "aud-boo", "seconds": 2, "track": "dialogue"}}).timeline
    assert places(made) == places(a_cut())
    assert [track["name"] for track in outline(made)["tracks"] if track["role"] == "dialogue"] == [
        "dialogue", "dialogue 2",
    ]  # fmt: skip
    assert places(made, "dialogue")[1] == ("boo", 72, 48, 0)


def test_a_clip_without_a_length_is_as_long_as_it_lasts_and_sound_no_longer_than_the_film() -> None:
    made = do({"op": "insert", "at": 3, "new": {"asset": "aud-boo", "track": "dialogue"}}).timeline
    assert places(made) == places(a_cut()) and places(made, "dialogue")[1] == ("boo", 72, 72, 0)
    made = do({"op": "insert", "at": 3, "new": {"asset": "aud-boo", "track": "dialogue", "source_start": 9}}).timeline
    assert places(made, "dialogue")[1][1:] == (72, 24, 216)
    made = do({"op": "insert", "at": 0, "new": {"asset": "vid-new"}}).timeline
    assert places(made)[0] == ("new", 0, 240, 0)


def test_overwrite_moves_nothing() -> None:
    made = do({"op": "overwrite", "at": 3, "new": {"asset": "img-card", "seconds": 1}}).timeline
    assert places(made) == [
        ("a", 0, 48, 48), ("b", 48, 24, 48), ("card", 72, 24, 0), ("b", 96, 24, 96), ("c", 120, 24, 48),
    ]  # fmt: skip
    assert ("b", 96, 24, 96) in places(made, "source") and len(places(made, "source")) == 4
    assert places(made, "dialogue") == [("voice", 60, 36, 0)]


def test_ripple_delete_of_a_clip_takes_what_lay_in_it() -> None:
    made = do({"op": "ripple_delete", "clip": B})
    assert places(made.timeline) == [("a", 0, 48, 48), ("c", 48, 24, 48)] == places(made.timeline, "source")
    assert places(made.timeline, "dialogue") == [] and "'voice'" in made.said[0]
    assert places(made.timeline, "captions") == [("one", 12, 24, 0), ("three", 54, 12, 0)]
    assert markers(made.timeline) == {"shot 1": 0, "shot 3": 48}
    assert transitions(made.timeline) == []


def test_ripple_delete_of_time_cuts_every_sound_but_music() -> None:
    made = do({"op": "ripple_delete", "start": 1, "end": 3}).timeline
    assert places(made) == [("a", 0, 24, 48), ("b", 24, 48, 72), ("c", 72, 24, 48)] == places(made, "source")
    assert places(made, "dialogue") == [("voice", 24, 24, 12)]
    assert places(made, "music") == [("song", 0, 96, 0)]
    assert places(made, "captions") == [("one", 12, 12, 0), ("two", 24, 24, 0), ("three", 78, 12, 0)]


def test_taking_a_sound_or_a_caption_away_moves_nothing() -> None:
    voice, caption = ids(a_cut(), "dialogue")[0], ids(a_cut(), "captions")[0]
    made = do({"op": "ripple_delete", "clip": voice}, {"op": "ripple_delete", "clip": caption}).timeline
    assert places(made) == places(a_cut()) and places(made, "dialogue") == []
    assert places(made, "captions") == places(a_cut(), "captions")[1:]


def test_move_takes_sound_captions_and_markers_along() -> None:
    made = do({"op": "move", "clip": C, "before": A})
    assert places(made.timeline) == [("c", 0, 24, 48), ("a", 24, 48, 48), ("b", 72, 72, 48)]
    assert places(made.timeline, "source") == places(made.timeline)
    assert places(made.timeline, "captions") == [("three", 6, 12, 0), ("one", 36, 24, 0), ("two", 84, 36, 0)]
    assert places(made.timeline, "music") == places(a_cut(), "music")
    assert markers(made.timeline) == {"shot 3": 0, "shot 1": 24, "shot 2": 72}
    back = do({"op": "move", "clip": C, "after": B}, to=made.timeline).timeline
    assert places(back) == places(a_cut()) and transitions(back) == [(6, 6)]


def test_a_sound_is_moved_to_a_time() -> None:
    voice = ids(a_cut(), "dialogue")[0]
    assert places(do({"op": "move", "clip": voice, "to": 1}).timeline, "dialogue") == [("voice", 24, 36, 0)]
    with pytest.raises(UsageError, match="an order, no times"):
        do({"op": "move", "clip": B, "to": 1})


def test_retime_scales_what_hangs_on_the_clip() -> None:
    made = do({"op": "retime", "clip": B, "factor": 2}).timeline
    assert places(made) == [("a", 0, 48, 48), ("b", 48, 36, 48), ("c", 84, 24, 48)] == places(made, "source")
    assert places(made, "captions") == [("one", 12, 24, 0), ("two", 54, 18, 0), ("three", 90, 12, 0)]
    assert effects_of(by_id(made, B)) == [{"name": "speed", "factor": 2.0}]
    back = do({"op": "retime", "clip": B, "factor": 1}, to=made).timeline
    assert places(back) == places(a_cut()) and effects_of(by_id(back, B)) == []
    ramp = do({"op": "retime", "clip": B, "factor": 1, "factor_end": 2}).timeline
    assert places(ramp)[1] == ("b", 48, 48, 48)
    halves = do({"op": "split", "clip": B, "inside": 1}, to=ramp).timeline
    # From 1x to 1.5x within 24 frames: 30 frames of the source are gone by then.
    assert places(halves)[2] == ("b", 72, 24, 78)
    assert effects_of(by_id(halves, f"{B}.2")) == [{"name": "ramp", "factor": 1.5, "factor_end": 2.0}]


def test_freeze_holds_a_frame_in_silence() -> None:
    made = do({"op": "freeze", "clip": B, "inside": 1, "seconds": 2}).timeline
    assert places(made)[1:4] == [("b", 48, 24, 48), ("b (still)", 72, 48, 72), ("b", 120, 48, 72)]
    assert places(made, "source")[1:3] == [("b", 48, 24, 48), ("b", 120, 48, 72)]
    (still,) = [clip for clip in made.find_clips() if clip.name == "b (still)"]
    assert any(isinstance(effect, otio.schema.FreezeFrame) for effect in still.effects)


def test_transitions_fit_or_are_refused() -> None:
    made = do({"op": "transition", "clip": C, "kind": "whip", "seconds": 0.5, "direction": "up"}).timeline
    assert transitions(made) == [(6, 6), (6, 6)]
    joins = [item for item in made.video_tracks()[0] if isinstance(item, otio.schema.Transition)]
    assert plain(studio_data(joins[1])) == {"kind": "whip", "direction": "up"}
    with pytest.raises(UsageError, match=r"leave it 2\.00 s"):
        do({"op": "transition", "clip": C, "kind": "dissolve", "seconds": 4})
    assert transitions(do({"op": "transition", "clip": B, "kind": "cut"}).timeline) == []
    opened = do({"op": "transition", "clip": A, "kind": "fade", "seconds": 0.5}).timeline
    assert effects_of(by_id(opened, A)) == [{"name": "fade_in", "seconds": 0.5}]
    short = do({"op": "trim", "clip": B, "head": 2.9})
    assert transitions(short.timeline) == [(6, 2)] and "shortened to 0.33 s" in short.said[0]


def test_captions_overlays_sound_and_looks() -> None:
    made = do(
        {"op": "caption", "start": 1, "end": 3, "text": "Ho", "style": "meme"},
        {"op": "overlay", "at": 1, "new": {"asset": "img-x", "seconds": 1}, "keys": [{"x": 0.5, "y": 0.5, "width": 1}]},
        {"op": "audio_gain", "clip": B, "db": -3, "fade_out": 0.5},
        {"op": "audio_gain", "clip": A, "db": -120},
        {"op": "duck", "track": "music", "db": 6},
        {"op": "grade", "clip": B, "look": "sepia", "strength": 0.5},
        {"op": "grade", "clip": B, "look": "black_and_white"},
        {"op": "title", "at": 6, "seconds": 1, "text": "The End"},
    ).timeline
    assert ("Ho", 24, 48, 0) in places(made, "captions") and places(made, "overlay") == [("x", 24, 24, 0)]
    place = next(studio_data(clip)["place"] for clip in made.find_clips() if clip.name == "x")
    assert plain(place) == {"keys": [{"at": 0.0, "x": 0.5, "y": 0.5, "width": 1.0}], "blend": "normal"}
    sounds = {clip.name: clip for clip in made.audio_tracks()[0].find_clips()}
    assert studio_data(sounds["b"])["gain_db"] == -3 and studio_data(sounds["a"])["gain_db"] == -120
    assert effects_of(sounds["b"]) == [{"name": "fade_out", "seconds": 0.5}]
    assert effects_of(by_id(made, B)) == [{"name": "grade", "look": "black_and_white"}]
    assert plain(studio_data(made))["ducking"] == {"music": 6.0}
    assert places(made)[-1] == ("The End", 144, 24, 0) and made.duration().value == 168


def test_a_film_that_shows_a_part_of_itself_is_changed_as_it_is_shown() -> None:
    timeline = a_cut()
    for lane in timeline.tracks:
        lane[:] = [item for item in lane if not isinstance(item, otio.schema.Transition)]
    time = otio.opentime.RationalTime
    timeline.tracks.source_range = otio.opentime.TimeRange(time(24, 24), time(96, 24))
    made = do({"op": "grade", "clip": A, "look": "noir"}, to=timeline).timeline
    assert made.tracks.source_range is None and made.duration().value == 96
    assert [start for _, start, _, _ in places(made)] == [0, 24]
    assert [marker.marked_range.start_time.value for marker in made.tracks.markers] == [0, 24, 96]


def test_effects_keep_their_moment_when_their_clip_is_cut() -> None:
    zoom = {"op": "effect", "clip": C, "effect": {"name": "fade_out", "seconds": 0.5}}
    made = do(zoom, {"op": "split", "clip": C, "inside": 0.5}).timeline
    assert effects_of(by_id(made, f"{C}.1")) == [] and len(effects_of(by_id(made, f"{C}.2"))) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([{"op": "trim", "clip": "clip-none", "head": 1}], "no clip 'clip-none'"),
        ([{"op": "trim", "clip": B, "head": 2, "tail": 1}], r"cannot lose 3\.00 s: it lasts 3\.00 s"),
        ([{"op": "trim", "clip": B, "head": 0.001}], "less than one frame"),
        ([{"op": "split", "clip": B, "inside": 3}], "both pieces need a frame"),
        ([{"op": "insert", "at": 9, "new": {"asset": "vid-n", "seconds": 1}}], "behind the film's end"),
        ([{"op": "insert", "at": 0, "new": {"asset": "vid-n", "seconds": 11}}], "too short"),
        ([{"op": "insert", "at": 0, "new": {"asset": "aud-n", "seconds": 1}}], "no picture"),
        ([{"op": "insert", "at": 0, "new": {"asset": "img-n", "seconds": 1, "track": "music"}}], "no sound"),
        ([{"op": "insert", "at": 0, "new": {"asset": "img-n"}}], "has no length"),
        ([{"op": "insert", "at": 0, "new": {"asset": "vid-n", "source_start": 10}}], "behind the end of 'n.mp4'"),
        ([{"op": "effect", "clip": B, "effect": {}}], "has no 'name'"),
        ([{"op": "ripple_delete", "start": 0, "end": 6}], "Nothing would be left"),
        ([{"op": "ripple_delete", "start": 4, "end": 4}], "Nothing lies between"),
        ([{"op": "ripple_delete", "start": 4, "end": 8}], r"ends at 6\.00 s"),
        ([{"op": "move", "clip": B, "after": A}], "already after"),
        ([{"op": "move", "clip": B}], "Give one of"),
        ([{"op": "retime", "clip": B, "factor": 0.005}], "cannot be made"),
        ([{"op": "effect", "clip": B, "effect": {"name": "speed", "factor": 2}}], "change 'retime'"),
        ([{"op": "effect", "clip": B, "effect": {"name": "sparkle;drawtext"}}], "no effect"),
        ([{"op": "grade", "clip": B, "look": "nope"}], "no grade 'nope'"),
        ([{"op": "caption", "start": 3, "end": 2, "text": "x"}], "ends before it begins"),
        ([{"op": "caption", "start": 5, "end": 9, "text": "x"}], "behind the film's end"),
        ([{"op": "duck", "track": "drums", "db": 3}], "no sound 'drums'"),
        ([{"op": "freeze", "clip": B, "inside": 4, "seconds": 1}], r"cannot be frozen at 4\.00 s"),
        ([{"op": "crop", "clip": B, "x": 0.5, "y": 0, "width": 0.6, "height": 1}], "outside its picture"),
        ([{"op": "split", "clip": B, "inside": 1}, {"op": "split", "clip": B, "inside": 1}], r"Change 2 \(split\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_and_changes_nothing(changes: list[dict[str, Any]], told: str) -> None:
    timeline = a_cut()
    with pytest.raises(UsageError, match=told) as caught:
        do(*changes, to=timeline)
    assert timeline.is_equivalent_to(a_cut()) and "\n" not in caught.value.sentence


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([{"op": "explode"}], "Change 1: there is no change 'explode'. There are trim, split"),
        (
            [{"op": "trim"}, {"op": "ripple-delet"}],
            "Change 2: there is no change 'ripple-delet'. The nearest is 'ripple_d",
        ),
        ([{"clip": "a"}], "Change 1: it has no 'op'"),
        ([{"op": "split", "clip": "x", "inside": 0}], "inside"),
        ([{"op": "split", "clip": "x", "inside": float("nan")}], "inside"),
        ([{"op": "trim", "clip": "x", "head": 1, "hat": 2}], "hat"),
        ("cut it", "The list of changes cannot be read"),
    ],
)
def test_changes_that_cannot_be_read(data: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_changes(data)


def test_ntsc_stays_on_the_frame_grid() -> None:
    made = do({"op": "trim", "clip": ids(a_cut(29.97))[1], "head": 0.5}, to=a_cut(29.97)).timeline
    values = [clip.source_range.duration.value for clip in made.find_clips()]
    assert all(value == int(value) for value in values)
    assert studio_data(made)["fps"] == "30000/1001"


def test_black_at_the_end_counts() -> None:
    made = do({"op": "trim", "clip": C, "tail": 0.5, "ripple": False}).timeline
    assert made.video_tracks()[0].duration().value == 144 and outline(made)["seconds"] == 6.0
    later = do({"op": "caption", "start": 5.6, "end": 6, "text": "The end"}, to=made).timeline
    assert ("The end", 134, 10, 0) in places(later, "captions")
    assert do({"op": "ripple_delete", "start": 5.5, "end": 6}, to=made).timeline.duration().value == 132


def test_effects_go_where_they_are_seen_or_heard() -> None:
    made = do({"op": "effect", "clip": B, "effect": {"name": "fade_out", "seconds": 0.5}}).timeline
    sound = next(clip for clip in made.audio_tracks()[0].find_clips() if clip.name == "b")
    assert effects_of(by_id(made, B)) == effects_of(sound) == [{"name": "fade_out", "seconds": 0.5}]
    music, caption = ids(a_cut(), "music")[0], ids(a_cut(), "captions")[0]
    glow = {"op": "effect", "effect": {"name": "vignette"}}
    for clip, told in ((music, "cannot be heard"), (caption, "not for captions")):
        with pytest.raises(UsageError, match=told):
            do({**glow, "clip": clip})
    for change in ({"op": "grade", "look": "sepia"}, {"op": "crop", "x": 0, "y": 0, "width": 0.5, "height": 0.5}):
        with pytest.raises(UsageError, match="is for pictures"):
            do({**change, "clip": music})


def test_the_films_fades_stay_at_its_ends() -> None:
    faded = do(
        {"op": "transition", "clip": A, "kind": "fade", "seconds": 0.5},
        {"op": "effect", "clip": C, "effect": {"name": "fade_out", "seconds": 0.5}},
    ).timeline
    for change in ({"op": "move", "clip": A, "after": C}, {"op": "ripple_delete", "clip": A}):
        made = do(change, to=faded)
        first, last = by_id(made.timeline, ids(made.timeline)[0]), by_id(made.timeline, ids(made.timeline)[-1])
        assert effects_of(first) == [{"name": "fade_in", "seconds": 0.5}], "the second clip begins the film now"
        assert effects_of(last) == [{"name": "fade_out", "seconds": 0.5}]
        assert "the film's fade in is on 'b'" in made.said[0]
        every = [effect["name"] for clip in made.timeline.video_tracks()[0].find_clips() for effect in effects_of(clip)]
        assert sorted(every) == ["fade_in", "fade_out"]


def test_music_that_reached_to_the_end_goes_on_under_what_is_added_there() -> None:
    made = do({"op": "title", "at": 6, "seconds": 2, "text": "The End"}).timeline
    assert places(made, "music") == [("song", 0, 192, 0)]
