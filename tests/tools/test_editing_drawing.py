"""What lies over a picture, stands for it, and leads from one to the next: drawn for real, looked at pixel by pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from editing_context import EditingStudio, counting_film, frames, level, numbers
from media_fixtures import make_png, make_wav
from numpy.typing import NDArray

from backends.media.audio import read_samples
from backends.media.images import save_png
from configs.errors import UsageError
from memory.records import Asset
from tools.editing.drawing.curve import curve, value_at
from tools.editing.program import read_program
from tools.editing.segments import Frame, plan, segment_key
from tools.editing.specs import CaptionSpec, ClipSpec, Key, Place, TitleSpec
from tools.editing.timeline import build_timeline, save_timeline

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)


def picture(studio: EditingStudio, tmp_path: Path, name: str, rgb: tuple[int, int, int]) -> Asset:
    return studio.attach(make_png(tmp_path / f"{name}.png", 160, 90, rgb))


def attached(studio: EditingStudio, path: Path, rgb: NDArray[np.uint8]) -> Asset:
    save_png(path, rgb)
    return studio.attach(path)


def clip(asset: Asset, start: float, seconds: float, source_in: float = 0, **more: Any) -> ClipSpec:
    return ClipSpec(asset.id, Path(asset.path), start, seconds, source_in, **more)


def build(video: list[Any], audio: dict[str, list[ClipSpec]] | None = None, **more: Any) -> otio.schema.Timeline:
    size = more.pop("size", (160, 90))
    return build_timeline("t", 24, *size, video, audio or {}, **more)


def render(studio: EditingStudio, timeline: otio.schema.Timeline) -> tuple[Path, dict[str, Any]]:
    count = len(list(studio.workspace.home.glob("cut*.otio")))
    file = save_timeline(timeline, studio.workspace.home / f"cut{count}.otio")
    film, outcome = studio.make("render_timeline", timeline=file.name)
    assert outcome.result is not None
    return film, outcome.result.measurements


def shown(studio: EditingStudio, timeline: otio.schema.Timeline) -> np.ndarray[Any, np.dtype[np.int16]]:
    return frames(render(studio, timeline)[0])


def near(pixel: Any, rgb: tuple[int, int, int], slack: int = 14) -> bool:
    return bool(np.abs(np.asarray(pixel, float) - rgb).max() <= slack)


def test_an_overlay_moves_along_its_keys(studio: EditingStudio, tmp_path: Path) -> None:
    below, above = picture(studio, tmp_path, "below", BLUE), picture(studio, tmp_path, "above", RED)
    place = Place((Key(0, 0.25, 0.5, 0.2), Key(1, 0.75, 0.5, 0.2)))
    seen = shown(studio, build([clip(below, 0, 2), clip(above, 0.5, 1, place=place)]))
    assert near(seen[11, 45, 40], BLUE) and near(seen[36, 45, 120], BLUE), "not before and not after its time"
    for frame in (12, 24, 35):
        middle = round(160 * (0.25 + 0.5 * (frame - 12) / 24))
        assert near(seen[frame, 45, middle], RED), frame
        assert near(seen[frame, 45, (middle + 80) % 160], BLUE)
    columns = np.flatnonzero(seen[12, 45, :, 0] > 120)
    assert 30 <= len(columns) <= 34, "a fifth of the frame's width"


def test_an_overlay_fades_grows_and_turns(studio: EditingStudio, tmp_path: Path) -> None:
    below, above = picture(studio, tmp_path, "below", (0, 0, 0)), picture(studio, tmp_path, "above", (230, 230, 230))
    fading = Place((Key(0, 0.5, 0.5, 0.5, opacity=0.0), Key(1, 0.5, 0.5, 0.5, opacity=1.0)))
    seen = shown(studio, build([clip(below, 0, 1), clip(above, 0, 1, place=fading)]))[:, 45, 80, 0]
    assert np.abs(seen - np.arange(24) / 24 * 230).max() < 14
    growing = Place((Key(0, 0.5, 0.5, 0.2), Key(1, 0.5, 0.5, 0.8)))
    seen = shown(studio, build([clip(below, 0, 1), clip(above, 0, 1, place=growing)]))
    widths = [(seen[n, 45, :, 0] > 115).sum() for n in (0, 12, 23)]
    assert np.abs(np.array(widths) - [32, 80, 125]).max() <= 3
    turned = Place((Key(0, 0.5, 0.5, 0.5, degrees=90),))
    seen = shown(studio, build([clip(below, 0, 0.25), clip(above, 0, 0.25, place=turned)]))[3, :, :, 0] > 115
    assert seen[45].sum() < 50 and seen[:, 80].sum() > 75, "it stands on end"


@pytest.mark.parametrize(
    ("blend", "expected"), [("screen", 187), ("multiply", 44), ("add", 210)]
)  # of 150 and 75: 255-105*180/255, 150*75/255, 150+75-15
def test_overlays_are_mixed_in(studio: EditingStudio, tmp_path: Path, blend: Any, expected: int) -> None:
    below = picture(studio, tmp_path, "below", (150, 150, 150))
    above = picture(studio, tmp_path, "above", (75, 75, 75))
    place = Place((Key(0, 0.5, 0.5, 0.5),), blend)
    seen = shown(studio, build([clip(below, 0, 0.25), clip(above, 0, 0.25, place=place)]))
    assert abs(int(seen[2, 45, 80, 0]) - expected) <= 16
    assert abs(int(seen[2, 5, 5, 0]) - 150) <= 4, "beside the overlay nothing changes"


def test_an_overlay_over_a_transition_and_its_own_sources_frames(
    studio: EditingStudio, tmp_path: Path, counting: Asset
) -> None:
    red, blue = picture(studio, tmp_path, "red", RED), picture(studio, tmp_path, "blue", BLUE)
    mix = {"transition": "dissolve", "transition_seconds": 0.5}
    corner = Place((Key(0, 0.2, 0.2, 0.4),))
    seen = shown(studio, build([clip(red, 0, 1), clip(blue, 1, 1, **mix), clip(counting, 0.25, 0.75, 0, place=corner)]))
    for frame in (6, 12, 18, 23):
        assert abs(int(seen[frame, 18, 32, 0]) - level(frame - 6)) <= 8, frame


def test_a_title_card_stands_on_its_ground_and_is_mixed_in(studio: EditingStudio, counting: Asset) -> None:
    card = TitleSpec(0.75, 1.25, "THE END", ground="#203060", transition="dissolve", transition_seconds=0.5)
    film, facts = render(studio, build([clip(counting, 0, 1), card]))
    assert facts["frames"] == 48
    seen = frames(film)
    assert near(seen[30, 5, 5], (0x20, 0x30, 0x60), 8)
    assert seen[30].max() > 200 and seen[41].max() > 200, "there is text on it"
    assert seen[23].max() > 100, "the text comes with the card"


def test_a_frozen_clip_holds_one_frame_and_is_silent(studio: EditingStudio, counting: Asset) -> None:
    held = clip(counting, 0.5, 0.5, 9 / 24, effects=({"name": "freeze"},))
    film, _ = render(studio, build([clip(counting, 0, 0.5), held], {"source": [clip(counting, 0, 0.5), held]}))
    assert numbers(film) == [*range(12), *[9] * 12]
    loud = np.abs(read_samples(film, 48_000)).max(axis=1)
    assert loud[5000:20_000].max() > 0.05 and loud[26_000:].max() < 0.01


def test_a_ramp_shows_the_frames_it_should_in_any_piece(
    studio: EditingStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.editing.presets import editing_presets

    film = studio.attach(counting_film(tmp_path / "long.mp4", 28, sound=False))
    ramp = {"name": "ramp", "factor": 0.5, "factor_end": 2.0}

    def wanted(n: float) -> float:
        return 0.5 * n + 1.5 * n * n / (2 * 20)

    forwards = build([clip(film, 0, 20 / 24, effects=(ramp,))])
    seen = numbers(render(studio, forwards)[0])
    assert all(abs(got - wanted(n)) <= 1 for n, got in enumerate(seen)), seen
    presets = editing_presets()
    small = presets.model_copy(update={"encode": presets.encode.model_copy(update={"chunk_seconds": 0.3})})
    monkeypatch.setattr("tools.editing.segments.editing_presets", lambda: small)
    pieces, facts = render(studio, forwards)
    assert facts["pieces"] == 3 and numbers(pieces) == seen
    backwards = build([clip(film, 0, 20 / 24, effects=(ramp, {"name": "reverse"}))])
    back = numbers(render(studio, backwards)[0])
    assert all(abs(got - (wanted(20) - wanted(n + 0.5))) <= 1.5 for n, got in enumerate(back)), back


def test_a_ramps_sound_keeps_its_pitch_and_length(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    tone = studio.attach(make_wav(tmp_path / "tone.wav", 3.0, frequency=500, level=0.3))
    ramp = clip(tone, 0, 2, effects=({"name": "ramp", "factor": 0.5, "factor_end": 2.0},))
    film, _ = render(studio, build([clip(counting, n, 1) for n in range(2)], {"music": [ramp]}))
    sound = read_samples(film, 48_000)[:, 0]
    for second in (0.3, 1.0, 1.6):
        part = sound[int(second * 48_000) :][:12_000]
        assert abs(float(np.argmax(np.abs(np.fft.rfft(part)))) * 4 - 500) <= 8
    wild = clip(tone, 0, 1, effects=({"name": "ramp", "factor": 0.5, "factor_end": 9.0},))
    file = save_timeline(build([clip(counting, 0, 1)], {"music": [wild]}), studio.workspace.home / "wild.otio")
    outcome = studio.run("render_timeline", timeline=file.name)
    assert outcome.result is not None and any("silent" in warning for warning in outcome.result.warnings)


@pytest.mark.parametrize("direction", ["left", "right", "up", "down"])
@pytest.mark.parametrize("kind", ["wipe", "push", "whip"])
def test_the_new_picture_comes_from_where_it_should(
    studio: EditingStudio, tmp_path: Path, kind: Any, direction: Any
) -> None:
    red, blue = picture(studio, tmp_path, "red", RED), picture(studio, tmp_path, "blue", BLUE)
    change = {"transition": kind, "transition_seconds": 0.5, "direction": direction}
    film, facts = render(studio, build([clip(red, 0, 0.5), clip(blue, 0.5, 0.5, **change)]))
    assert facts["frames"] == 24
    seen = frames(film)
    assert near(seen[5, 45, 80], RED) and near(seen[18, 45, 80], BLUE)
    new = {"left": (45, 155), "right": (45, 5), "up": (85, 80), "down": (5, 80)}[direction]
    old = {"left": (45, 5), "right": (45, 155), "up": (5, 80), "down": (85, 80)}[direction]
    assert near(seen[12][new], BLUE, 60) and near(seen[12][old], RED, 60), (kind, direction)


def test_a_zoom_and_a_dip_to_white(studio: EditingStudio, tmp_path: Path) -> None:
    red, blue = picture(studio, tmp_path, "red", RED), picture(studio, tmp_path, "blue", BLUE)
    for kind in ("zoom", "fade_white"):
        change: Any = {"transition": kind, "transition_seconds": 0.5}
        seen = shown(studio, build([clip(red, 0, 0.5), clip(blue, 0.5, 0.5, **change)]))
        assert len(seen) == 24 and near(seen[5, 45, 80], RED) and near(seen[18, 45, 80], BLUE)
        if kind == "fade_white":
            assert seen[6:18].min(axis=(1, 2, 3)).max() > 200


def test_a_crop_fills_the_frame_and_a_reframe_follows(studio: EditingStudio, tmp_path: Path) -> None:
    from PIL import Image

    halves = np.zeros((90, 320, 3), np.uint8)
    halves[:, :160], halves[:, 160:] = RED, BLUE
    Image.fromarray(halves).save(tmp_path / "halves.png")
    wide = studio.attach(tmp_path / "halves.png")
    left = clip(wide, 0, 0.25, effects=({"name": "crop", "x": 0.0, "y": 0.0, "width": 0.5, "height": 1.0},))
    seen = shown(studio, build([left]))[2]
    assert near(seen[45, 5], RED) and near(seen[45, 155], RED) and near(seen[3, 80], RED)
    follow = {"name": "reframe", "keys": [[0.0, 0.1, 0.5], [1.0, 0.9, 0.5]]}
    seen = shown(studio, build([clip(wide, 0, 1, effects=(follow,))], size=(90, 160)))
    assert near(seen[1, 80, 45], RED) and near(seen[22, 80, 45], BLUE)
    assert seen[:, 3, 45].max(axis=1).min() > 150, "no bars"


def test_nested_timelines_become_part_of_the_film(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    inner = build([clip(counting, 0, 0.25, 3 / 24), clip(counting, 0.25, 0.25, 15 / 24)])
    outer = build([clip(counting, 0, 0.25)], {"dialogue": [clip(counting, 0, 0.25)]})
    stack = inner.tracks.clone()
    span = otio.opentime.TimeRange(otio.opentime.RationalTime(2, 24), otio.opentime.RationalTime(8, 24))
    stack.source_range = span
    outer.video_tracks()[0].append(stack)
    film, _ = render(studio, outer)
    assert numbers(film) == [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 15, 16, 17, 18]
    stack.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    with pytest.raises(UsageError, match="retimed"):
        read_program(outer, lambda *_: pytest.fail("not asked"))


@pytest.mark.parametrize(
    "place",
    [
        {"keys": [{"at": 0.0, "x": 0.5, "y": 0.5, "width": 0.0}]},
        {"keys": [{"at": 0.0, "x": float("nan"), "y": 0.5, "width": 0.5}]},
        {"keys": [{"at": 1.0, "x": 0.5, "y": 0.5, "width": 0.5}, {"at": 0.0, "x": 0.5, "y": 0.5, "width": 0.5}]},
        {"keys": [{"at": 0.0, "x": "0,drawtext=text=x", "y": 0.5, "width": 0.5}]},
        {"keys": [{"at": 0.0, "x": 0.5}]},
        {"keys": {"at": 0.0}},
    ],
)
def test_places_of_overlays_are_checked(studio: EditingStudio, counting: Asset, place: Any) -> None:
    timeline = build([clip(counting, 0, 1), clip(counting, 0, 1, place=Place((Key(0, 0.5, 0.5, 0.5),)))])
    timeline.video_tracks()[1][0].metadata["studio"]["place"] = place
    with pytest.raises(UsageError, match="no usable place"):
        read_program(timeline, lambda *_: _nothing())


def test_hostile_titles_and_colours_stay_text(studio: EditingStudio, counting: Asset) -> None:
    nasty = TitleSpec(0, 0.25, "x',drawtext=text=y:[v];{\\pos(0,0)}\u202e\n%{e}")
    assert len(shown(studio, build([nasty]))) == 6
    timeline = build([TitleSpec(0, 0.25, "x")])
    timeline.video_tracks()[0][0].media_reference.parameters["ground"] = "#00,movie"
    with pytest.raises(UsageError, match="colour"):
        read_program(timeline, lambda *_: _nothing())


def test_pieces_end_where_captions_and_overlays_do() -> None:
    video = [ClipSpec("v", Path("a.mp4"), 0, 6)]
    captions = [CaptionSpec(0.2, 2.8, "one"), CaptionSpec(3.5, 5.5, "two")]
    segments = plan(read_program(build(video, captions=captions), lambda *_: _nothing()))
    assert [segment.start for segment in segments] == [0, round(2.8 * 24)]
    keys = [segment_key(segment, Frame(160, 90, segment_rate()), []) for segment in segments]
    changed = [captions[0], CaptionSpec(3.5, 5.5, "three")]
    again = plan(read_program(build(video, captions=changed), lambda *_: _nothing()))
    others = [segment_key(segment, Frame(160, 90, segment_rate()), []) for segment in again]
    assert keys[0] == others[0] and keys[1] != others[1]


def test_curves_hold_before_and_after_and_are_straight_between() -> None:
    points = [(1.0, 10.0), (3.0, 30.0), (3.0, 50.0), (5.0, 0.0)]
    text = curve(points, "now", (0.0, 9.0))
    for at, value in ((0, 10), (1, 10), (2, 20), (3, 50), (4, 25), (5, 0), (9, 0)):
        names = {"now": at, "clip": lambda v, a, b: min(max(v, a), b), "gte": lambda a, b: float(a >= b)}
        assert eval(text, names) == pytest.approx(value, abs=1e-4)
        assert value_at(points, at) == pytest.approx(value)
    assert curve(points, "now", (1.2, 2.5)).count("clip") == 1, "only what is seen"


def segment_rate() -> Any:
    from fractions import Fraction

    return Fraction(24)


def _nothing() -> Any:
    from tools.editing.program import Source

    return Source(Path("a.mp4"), "0", "vid-1", None, None)  # type: ignore[arg-type]


def test_effects_with_branches_meet_in_a_transition(studio: EditingStudio, counting: Asset) -> None:
    half = ({"name": "grade", "look": "sepia", "strength": 0.5},)
    mix: dict[str, Any] = {"transition": "dissolve", "transition_seconds": 0.25}
    video = [clip(counting, 0, 0.5, effects=half), clip(counting, 0.5, 0.5, effects=half, **mix)]
    corner = clip(counting, 0.25, 0.5, effects=half, place=Place((Key(0, 0.5, 0.5, 0.5),)))
    _, facts = render(studio, build([*video, corner]))
    assert facts["frames"] == 24


def test_a_quarter_turn_loses_no_lines(studio: EditingStudio, tmp_path: Path) -> None:
    """Turned first and fitted then: the film has every line of the source, not those that fit between bars."""
    lines = np.zeros((90, 160, 3), np.uint8)
    lines[:, ::2] = 230  # every second column: gone as soon as the picture is made smaller
    fine = attached(studio, tmp_path / "fine.png", lines)
    for degrees, turned in ((90, np.rot90(lines, -1)), (270, np.rot90(lines))):
        effects = ({"name": "turn", "degrees": degrees},)
        seen = shown(studio, build([clip(fine, 0, 0.25, effects=effects)], size=(90, 160)))[3]
        assert np.abs(seen.astype(int) - turned).mean() < 8, degrees
    wide = shown(studio, build([clip(fine, 0, 0.25, effects=({"name": "turn", "degrees": 90},))]))[3]
    assert wide[:, :40].max() < 30 and wide[:, 60:100].max() > 60, "in a film that stays wide it stands between bars"


def test_an_overlay_follows_its_reframe(studio: EditingStudio, tmp_path: Path) -> None:
    """Left half red, right half blue, four times as wide as it is high: the overlay shows the part that is named."""
    halves = np.zeros((40, 160, 3), np.uint8)
    halves[:, :80], halves[:, 80:] = RED, BLUE
    above = attached(studio, tmp_path / "halves.png", halves)
    below = picture(studio, tmp_path, "green", GREEN)
    place = Place((Key(0, 0.5, 0.5, 0.5),))
    for x, colour in ((0.1, 0), (0.9, 2)):
        effects = ({"name": "reframe", "keys": [[0.0, x, 0.5]]},)
        seen = shown(studio, build([clip(below, 0, 0.25), clip(above, 0, 0.25, place=place, effects=effects)]))[3]
        middle = seen[35:55, 50:110].reshape(-1, 3).mean(axis=0)
        assert middle.argmax() == colour and middle.max() > 180 and seen[26:64, 45:115, 1].mean() < 60
