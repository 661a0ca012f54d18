"""Pictures kept while a film passes: which, how many, how large, and the best one of each shot."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.composition.keyframes import PictureSink
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames, show
from backends.vision.thresholds import thresholds
from evals.footage.world import look, world

Rgb = NDArray[np.uint8]
INFO = MediaInfo("video", "mov", width=320, height=180, fps=24)


@pytest.fixture(scope="module")
def scenes() -> list[Rgb]:
    return [look(world(seed, (720, 1280)), (640, 360), 0.5, size=(180, 320)) for seed in (1, 2, 3)]


def shown(sink: PictureSink, frames: Iterable[Rgb], fps: float = 24) -> PictureSink:
    before: Frame | None = None
    for index, rgb in enumerate(frames):
        before = Frame(index, index / fps, rgb, before)
        sink.see(before)
    return sink


def span(index: int, first: int, frames: int, trim: int = 0) -> ShotSpan:
    return ShotSpan(
        index=index, start=first / 24, end=(first + frames) / 24, first_frame=first, frames=frames,
        clean_first=first + trim, clean_frames=frames - 2 * trim, opening="start" if first == 0 else "cut",
    )  # fmt: skip


def likeness(one: Rgb, other: Rgb) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_each_shot_gets_its_own_picture_from_the_middle(scenes: list[Rgb]) -> None:
    with shown(PictureSink(INFO), [scene for scene in scenes for _ in range(48)]) as sink:
        kept = list(sink.pictures([span(n + 1, 48 * n, 48) for n in range(3)]))
    assert [likeness(one.rgb, scene) > 0.97 for one, scene in zip(kept, scenes, strict=True)] == [True] * 3
    assert all(abs(one.frame - (48 * n + 24)) <= 6 for n, one in enumerate(kept))
    assert all(one.seconds == pytest.approx(one.frame / 24) for one in kept)


def test_the_sharp_picture_is_taken_before_the_blurred_middle(scenes: list[Rgb]) -> None:
    blurred = cv2.GaussianBlur(scenes[0], (0, 0), 5)
    frames = [scenes[0]] * 20 + [blurred] * 40 + [scenes[0]] * 20
    with shown(PictureSink(INFO), frames) as sink:
        (best,) = sink.pictures([span(1, 0, 80)])
    assert likeness(best.rgb, scenes[0]) > 0.97
    assert best.frame < 20 or best.frame >= 60


def test_nothing_black_and_nothing_from_a_transition_is_taken(scenes: list[Rgb]) -> None:
    dark = (scenes[0] // 24).astype(np.uint8)
    frames = [scenes[0]] * 24 + [dark] * 24 + [scenes[1]] * 12
    with shown(PictureSink(INFO), frames) as sink:
        lit = sink.pictures([span(1, 0, 60)])[0]
        clean = sink.pictures([span(1, 0, 60, trim=14)])[0]
    assert lit.luma > 20
    assert 14 <= clean.frame < 46


def test_a_shot_of_three_frames_gets_the_first_after_the_cut(scenes: list[Rgb]) -> None:
    frames = [scenes[0]] * 25 + [scenes[1]] * 3 + [scenes[2]] * 25
    with shown(PictureSink(INFO), frames) as sink:
        kept = list(sink.pictures([span(1, 0, 25), span(2, 25, 3), span(3, 28, 25)]))
    assert kept[1].frame == 25
    assert likeness(kept[1].rgb, scenes[1]) > 0.97


def test_fast_motion_and_flicker_do_not_fill_the_file(scenes: list[Rgb]) -> None:
    rolling = [np.roll(scenes[0], 40 * at, axis=1) for at in range(96)]
    with shown(PictureSink(INFO), rolling) as sink:
        assert 16 <= len(sink) <= 24


def test_a_strip_is_evenly_spaced(scenes: list[Rgb]) -> None:
    with shown(PictureSink(INFO), [scenes[0]] * 240) as sink:
        strip = list(sink.strip(8))
        assert len(sink.strip(500)) == len(sink)
    steps = np.diff([one.seconds for one in strip])
    assert len(strip) == 8
    assert np.all(np.abs(steps - 10 / 8) <= 0.25 + 1e-6)


def test_the_file_keeps_to_its_budget_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    small = thresholds().model_copy(
        update={"keyframes": thresholds().keyframes.model_copy(update={"mib_per_hour": 1.0})}
    )
    monkeypatch.setattr("backends.vision.composition.keyframes.thresholds", lambda: small)
    sink = shown(PictureSink(INFO), [noise] * 60, fps=4)
    first, last = (float(np.abs(sink.near(t).rgb.astype(float) - noise).mean()) for t in (0.0, 14.0))
    assert last > first + 2
    sink.close()
    with pytest.raises(ValueError, match="closed"):
        sink.near(0.0)


def test_no_frames_give_no_pictures() -> None:
    with PictureSink(INFO) as sink:
        assert list(sink.pictures([span(1, 0, 10)])) == []
        assert list(sink.strip(5)) == []


@pytest.mark.parametrize("size", [(180, 320), (135, 240), (100, 34)])
def test_the_same_pictures_are_kept_however_frames_are_divided(scenes: list[Rgb], size: tuple[int, int]) -> None:
    film = [cv2.resize(np.roll(scene, 3 * at, axis=1), size[::-1]) for scene in scenes for at in range(23)]
    kept = []
    for at_once in (1, 5, 16):
        before: Frame | None = None
        with PictureSink(INFO) as sink:
            for first in range(0, len(film), at_once):
                frames = [
                    Frame(index, index / 24, film[index], before if index == first else None)
                    for index in range(first, min(first + at_once, len(film)))
                ]
                before = frames[-1]
                show(Frames(frames), [sink])
            kept.append([(one.frame, one.sharpness, one.luma, one.rgb.tobytes()) for one in sink.strip(len(sink))])
    assert kept[0] == kept[1] == kept[2] and {0, 23, 46} <= {one[0] for one in kept[0]}
