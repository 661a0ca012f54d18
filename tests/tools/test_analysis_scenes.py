"""Scenes of made films, and pictures of whole films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_record import made_record, made_shot
from media_fixtures import make_video

from backends.vision.record import Shot
from evals.benchmarks.scenes import coverage_overflow, run
from evals.footage.scenes import SIZE, scene_film
from evals.footage.world import look, world
from tools.analysis.scenes import border_odds, group_scenes, with_scenes
from tools.analysis.sheets import BAR_SIZE, colour_bar, film_strip, keyframe_sheet, pictures_at, shot_pictures


def shots_of(count: int, seconds: float = 3.0, openings: dict[int, str] | None = None) -> list[Shot]:
    return [
        made_shot(
            at, start=at * seconds, end=(at + 1) * seconds, first_frame=round(at * seconds * 24),
            frames=round(seconds * 24), opening=(openings or {}).get(at, "cut" if at else "start"),
        )
        for at in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def places() -> list[np.ndarray]:
    """Six set-ups that share nothing."""
    return [look(world(2000 + at, (720, 1280)), (640, 360), 0.6, size=SIZE) for at in range(6)]


def firsts(scenes: list) -> list[int]:  # type: ignore[type-arg]
    return [scene.first_shot for scene in scenes]


def test_shot_and_reverse_shot_stay_one_scene(places: list[np.ndarray]) -> None:
    a, b, c, d = places[:4]
    scenes = group_scenes(shots_of(12), [a, b, a, b, a, b, c, d, c, d, c, d])
    assert firsts(scenes) == [1, 7] and [scene.shots for scene in scenes] == [6, 6]
    assert scenes[0].end == scenes[1].start == 18.0 and scenes[1].end == 36.0


def test_a_place_that_comes_back_much_later_is_another_scene(places: list[np.ndarray]) -> None:
    a, b, c, d = places[:4]
    scenes = group_scenes(shots_of(16, 8.0), [a, b, a, b, a, *([c, d] * 3), a, b, a, b, a])
    assert firsts(scenes) == [1, 6, 12]


def test_a_fade_speaks_for_a_border_and_music_and_speech_against(places: list[np.ndarray]) -> None:
    record = made_record(5)
    assert record.sound is not None
    pictures = places[:5]
    cuts, fades = (border_odds(shots_of(5, openings={2: kind}), pictures) for kind in ("cut", "fade"))
    assert fades[2] > cuts[2] and fades[1] == cuts[1]
    segment = record.sound.segments[0]
    odds = {
        label: border_odds(
            shots_of(5), pictures,
            sound=record.sound.model_copy(
                update={
                    "segments": (segment.model_copy(update={"start": 0.0, "end": 15.0, "label": label}),),
                    "curve_dbfs": (-40.0,) * 150,
                }
            ),
        )[2]
        for label in ("noise", "music", "speech", "speech+music")
    }  # fmt: skip
    assert odds["noise"] > odds["music"] > odds["speech"] > odds["speech+music"]
    jump = record.sound.model_copy(update={"segments": (), "curve_dbfs": (-50.0,) * 60 + (-30.0,) * 90})
    assert border_odds(shots_of(5), pictures, sound=jump)[2] > odds["noise"]


def test_a_short_insert_is_no_scene_of_its_own(places: list[np.ndarray]) -> None:
    a, b, c, d, e = places[:5]
    shots = shots_of(9)
    short = shots[4].model_copy(update={"end": shots[4].start + 1.0, "frames": 24})
    shots[4] = short
    assert len(group_scenes(shots, [a, b, a, b, e, c, d, c, d])) == 2


def test_letterbox_makes_no_likeness(places: list[np.ndarray]) -> None:
    barred = []
    for place in places[:4]:
        picture = np.zeros_like(place)
        picture[40:140] = place[40:140]
        barred.append(picture)
    a, b, c, d = barred
    assert firsts(group_scenes(shots_of(8), [a, b, a, b, c, d, c, d])) == [1, 5]


def test_odd_films() -> None:
    black = np.zeros((*SIZE, 3), np.uint8)
    assert group_scenes([], []) == []
    assert firsts(group_scenes(shots_of(1), [black])) == [1]
    assert firsts(group_scenes(shots_of(4), [black] * 4)) == [1]
    with pytest.raises(ValueError, match="1 pictures for 2 shots"):
        group_scenes(shots_of(2), [black])


def test_shots_know_their_scene(places: list[np.ndarray]) -> None:
    a, b, c, d = places[:4]
    shots = shots_of(8)
    scenes = group_scenes(shots, [a, b, a, b, c, d, c, d])
    assert [shot.scene for shot in with_scenes(shots, scenes)] == [1] * 4 + [2] * 4
    assert {shot.scene for shot in with_scenes(shots, [])} == {1}


def test_made_films_are_the_same_each_time() -> None:
    one, other = scene_film(1004, scenes=3), scene_film(1004, scenes=3)
    assert one.first_shots == other.first_shots and one.sound == other.sound
    assert all(np.array_equal(a, b) for a, b in zip(one.pictures, other.pictures, strict=True))
    assert one.shots[-1].end == pytest.approx(one.sound.seconds if one.sound else 0)


def test_the_bench_measures_borders() -> None:
    figures = run(films=2, first_seed=1004)
    assert figures["borders"]["all evidence"]["f1"] > 0.75 and figures["coverage"] > 0.9
    assert coverage_overflow([1, 4], [1, 4], 6) == [(1.0, 0.0), (1.0, 0.0)]
    assert coverage_overflow([1, 4], [1], 6) == [(1.0, 1.0), (1.0, 1.0)]
    assert coverage_overflow([1], [1, 3], 4) == [(0.5, 0.0)]


def test_sheets_bars_and_strips(tmp_path: Path) -> None:
    record = made_record(3)
    film = make_video(tmp_path / "f.mp4", 6.0, width=160, height=90, sound=False)
    pictures, strip = shot_pictures(record, film, 80), film_strip(record, film, 9, 64)
    assert [p.shape for p in pictures] == [(46, 80, 3)] * 3 or [p.shape for p in pictures] == [(44, 80, 3)] * 3
    assert len(strip) == 9 and all(s.shape[1] == 64 for s in strip)
    sheet = keyframe_sheet(record, pictures)
    assert sheet.shape[2] == 3 and sheet.shape[1] > 3 * 384
    bar = colour_bar(record)
    assert bar.shape == (*BAR_SIZE, 3)
    assert tuple(bar[10, 5]) == (0x10, 0x20, 0x4A) and tuple(bar[-2, -5]) == (0xD9, 0xBF, 0x8C)
    plain = record.model_copy(update={"shots": (record.shots[0].model_copy(update={"composition": None}),)})
    assert set(colour_bar(plain).ravel()) == {128}
    with pytest.raises(ValueError, match="2 pictures for 3 shots"):
        keyframe_sheet(record, pictures[:2])


def test_pictures_are_those_on_screen_at_their_times(tmp_path: Path) -> None:
    """The picture says when it is: brighter by one level per frame."""
    film = make_video(
        tmp_path / "g.mp4", 4.0, width=64, height=36, sound=False,
        frame=lambda at: np.full((36, 64, 3), 20 + round(at * 24) * 2, np.uint8),
    )  # fmt: skip
    wanted = [3.5, 0.0, 1.26, 1.26, 9.0]
    levels = [float(p.mean()) for p in pictures_at(film, wanted[:4], 64)]
    assert levels == pytest.approx([20 + 2 * int(t * 24 + 1e-6) for t in wanted[:4]], abs=1.5)
    seen = pictures_at(film, wanted, 64)
    assert float(seen[2].mean()) == pytest.approx(levels[2], abs=1.5)
    assert float(seen[4].mean()) == pytest.approx(levels[0], abs=1.5)  # past the end: the last that was seen
    assert pictures_at(film, [], 64) == []
