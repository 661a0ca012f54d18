"""Timelines: built from clips, saved whole, read safely."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from configs.errors import StudioError, UsageError
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec, frame_rate
from tools.editing.timeline import build_timeline, describe, load_timeline, outline, save_timeline


def clip(name: str, start: float, seconds: float, **more: Any) -> ClipSpec:
    return ClipSpec(f"vid-{name}", Path(f"assets/{name}.mp4"), start, seconds, **more)


def a_film() -> otio.schema.Timeline:
    return build_timeline(
        "Luca",
        24,
        1280,
        720,
        video=[
            clip("a", 0, 5, transition="fade", transition_seconds=0.5),
            clip("b", 4.5, 5, source_in=1, transition="dissolve", transition_seconds=0.5),
            clip("c", 10, 5, effects=({"name": "speed", "factor": 2.0}, {"name": "grade", "look": "sepia"})),
        ],
        audio={"dialogue": [clip("x", 1, 2.013), clip("y", 2, 2, gain_db=-3)], "music": [clip("m", 0, 15)]},
        captions=[CaptionSpec(1, 3, "Ciao!"), CaptionSpec(2, 4, "Beep", "meme", "top")],
        markers=[MarkerSpec(4.5, "beat", "they meet")],
    )


def test_clips_gaps_and_transitions_lie_on_the_frame_grid() -> None:
    video = a_film().video_tracks()[0]
    assert [type(item).__name__ for item in video] == ["Clip", "Transition", "Clip", "Gap", "Clip"]
    first, mix, second, gap, third = video
    # Overlapping by 12 frames: cut in the middle, the dissolve reaches to both ends of the overlap.
    assert first.trimmed_range().duration.value == 114
    assert (mix.in_offset.value, mix.out_offset.value) == (6, 6)
    assert (second.source_range.start_time.value, second.source_range.duration.value) == (24 + 6, 114)
    assert gap.trimmed_range().duration.value == 12
    assert third.trimmed_range_in_parent().start_time.value == 240
    assert a_film().duration().value == 360


def test_clips_that_are_only_heard_have_no_look() -> None:
    both = clip("a", 0, 2, effects=({"name": "grade", "look": "noir"}, {"name": "fade_out", "seconds": 1.0},
                                    {"name": "speed", "factor": 2.0}))  # fmt: skip
    tracks = outline(build_timeline("x", 24, 160, 90, [both], {"source": [both]}))["tracks"]
    seen, heard = ([effect["name"] for effect in track["clips"][0]["effects"]] for track in tracks)
    assert (seen, heard) == (["grade", "fade_out", "speed"], ["fade_out", "speed"])


def test_a_transition_out_of_nothing_is_a_fade_in() -> None:
    first = a_film().video_tracks()[0][0]
    assert [effect.effect_name for effect in first.effects] == ["studio.fade_in"]


def test_overlapping_sounds_and_captions_get_further_tracks() -> None:
    film = a_film()
    assert [track.name for track in film.audio_tracks()] == ["dialogue", "dialogue 2", "music"]
    assert [track.name for track in film.tracks if track.kind == "Subtitle"] == ["captions", "captions 2"]
    # 2.013 s of speech are 48.3 frames: the last one is kept.
    assert film.audio_tracks()[0][1].trimmed_range().duration.value == 49


def test_saved_and_read_it_is_the_same_and_bytes_repeat(tmp_path: Path) -> None:
    one, two = save_timeline(a_film(), tmp_path / "a.otio"), save_timeline(a_film(), tmp_path / "b.otio")
    assert one.read_bytes() == two.read_bytes()
    assert load_timeline(one).is_equivalent_to(a_film())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.otio", "b.otio"]


def test_every_clip_has_an_id_of_its_own_and_names_its_source() -> None:
    facts = outline(a_film())
    clips = [fact for track in facts["tracks"] for fact in track["clips"]]
    assert len({fact["id"] for fact in clips}) == len(clips)
    assert {fact["source"] for fact in clips if "source" in fact} == {f"assets/{n}.mp4" for n in "abcxym"}
    repeated = build_timeline("r", 24, 64, 64, [clip("a", 0, 1), clip("a", 1, 1)], {})
    assert len({fact["id"] for fact in outline(repeated)["tracks"][0]["clips"]}) == 2


def test_described_in_one_line() -> None:
    assert describe(a_film()) == (
        "Luca: 15.0 s, 1280x720 at 24 fps, 3 video clips (1 transition), 2 dialogue clips, 1 music clip, 2 captions"
    )


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(24, Fraction(24)), (23.976, Fraction(24000, 1001)), (29.97, Fraction(30000, 1001)), (12.5, Fraction(25, 2))],
)
def test_decimal_rates_mean_exact_ones(fps: float, rate: Fraction) -> None:
    assert frame_rate(fps) == rate


@pytest.mark.parametrize("fps", [0, -1, 1000, float("nan"), float("inf")])
def test_impossible_rates_are_refused(fps: float) -> None:
    with pytest.raises(UsageError):
        frame_rate(fps)


@pytest.mark.parametrize(
    "video",
    [
        [clip("a", 0, 0)],
        [clip("a", 0, -1)],
        [clip("a", 0, float("nan"))],
        [clip("a", 0, 3), clip("b", 2, 3)],
        [ClipSpec("x", Path("/etc/passwd"), 0, 1)],
        [ClipSpec("x", Path("../secret.mp4"), 0, 1)],
    ],
    ids=["empty", "negative", "nan", "overlap", "absolute", "outside"],
)
def test_clips_that_cannot_be_are_refused(video: list[ClipSpec]) -> None:
    with pytest.raises(UsageError):
        build_timeline("t", 24, 64, 64, video, {})


def test_absolute_paths_become_relative_to_the_workspace(tmp_path: Path) -> None:
    film = build_timeline("t", 24, 64, 64, [ClipSpec("v", tmp_path / "assets/a.mp4", 0, 1)], {}, root=tmp_path)
    assert film.video_tracks()[0][0].media_reference.target_url == "assets/a.mp4"


def test_clips_that_only_meet_are_mixed_around_the_cut() -> None:
    video = [clip("a", 0, 1), clip("b", 1, 1, transition="dissolve", transition_seconds=0.5)]
    track = build_timeline("t", 24, 64, 64, video, {}).video_tracks()[0]
    assert [item.duration().value for item in (track[0], track[2])] == [24, 24]
    assert (track[1].in_offset.value, track[1].out_offset.value) == (6, 6)


def test_transitions_never_meet_inside_a_short_clip() -> None:
    long = {"transition": "dissolve", "transition_seconds": 2.0}
    video = [clip("a", 0, 1), clip("b", 1, 0.5, **long), clip("c", 1.5, 1, **long)]
    track = build_timeline("t", 24, 64, 64, video, {}).video_tracks()[0]
    _, into, short, out, _ = track
    assert into.out_offset.value + out.in_offset.value <= short.duration().value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x01garbage",
        b"ffconcat version 1.0\nfile other.mp4\n",
        b"{}",
        b"[1, 2]",
        b'{"OTIO_SCHEMA": "Clip.2"}',
        b'{"OTIO_SCHEMA": "Timeline.1", "tracks": 5}',
        b'{"OTIO_SCHEMA": "Timeline.1", "tracks":',
        b'{"OTIO_SCHEMA": "Timeline.1", "a": ' + b"[" * 200 + b"]" * 200 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_timeline_gets_one_sentence(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "bad.otio"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=r"bad\.otio") as caught:
        load_timeline(path)
    assert "\n" not in caught.value.sentence


def test_a_missing_file_and_a_full_disk_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError):
        load_timeline(tmp_path / "none.otio")

    def full(self: Path, *args: Any, **more: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StudioError, match="No space left"):
        save_timeline(a_film(), tmp_path / "a.otio")
    assert list(tmp_path.iterdir()) == []


def test_what_is_ours_lies_under_one_name() -> None:
    data = json.loads(otio.adapters.write_to_string(a_film(), "otio_json"))
    todo, spaces = [data], set()
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            spaces |= set(node["metadata"]) if isinstance(node.get("metadata"), dict) else set()
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    assert spaces == {"studio"}
