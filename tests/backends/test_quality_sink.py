"""What is told of frames one by one must not depend on how many are looked at together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.frame import Frame, Frames, show
from backends.vision.quality import QualitySink
from evals.footage.world import look, world

Rgb = NDArray[np.uint8]
FPS = 24


@pytest.fixture(scope="module")
def scene() -> Rgb:
    return look(world(4, (720, 1280)), (640, 360), 0.5, size=(180, 320))


def seen(film: list[Rgb], at_once: int) -> QualitySink:
    sink, before = QualitySink(), None
    for first in range(0, len(film), at_once):
        frames = [
            Frame(index, index / FPS, film[index], before if index == first else None)
            for index in range(first, min(first + at_once, len(film)))
        ]
        before = frames[-1]
        show(Frames(frames), [sink])
    return sink


@pytest.mark.parametrize("size", [(180, 320), (320, 180), (135, 241), (33, 98)])
def test_black_and_frozen_spans_do_not_depend_on_how_frames_are_divided(scene: Rgb, size: tuple[int, int]) -> None:
    small = cv2.resize(scene, size[::-1], interpolation=cv2.INTER_AREA)
    dark = np.full_like(small, 3)
    rolling = [np.roll(small, 2 * at, axis=1) for at in range(20)]
    film = [*rolling, *[rolling[-1]] * 30, *[dark] * 10, *rolling]
    info = MediaInfo("video", "mov", width=size[1], height=size[0], fps=FPS)
    reports = [seen(film, at_once).report(info) for at_once in (1, 5, 16)]
    assert reports[0] == reports[1] == reports[2]
    assert reports[0]["frozen_spans"] == [[pytest.approx(19 / FPS, abs=2e-3), pytest.approx(50 / FPS, abs=2e-3)]]
    assert reports[0]["black_spans"] == [[pytest.approx(50 / FPS, abs=2e-3), pytest.approx(60 / FPS, abs=2e-3)]]
    luma = np.mean([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).mean() for frame in film])
    assert reports[0]["mean_luma"] == pytest.approx(luma, abs=1e-3)


@pytest.mark.parametrize("place", [(60, 100), (176, 312), (0, 0)])
def test_a_mouth_that_talks_is_not_frozen_wherever_it_is(scene: Rgb, place: tuple[int, int]) -> None:
    """Four pixels a side, at the edges too, where blocks of eight do not divide the picture."""
    film = []
    for at in range(2 * FPS):
        frame = scene.copy()
        row, column = place
        frame[row : row + 4, column : column + 8] = 255 * (at % 2)
        film.append(frame)
    info = MediaInfo("video", "mov", width=320, height=180, fps=FPS)
    assert seen(film, 16).report(info)["frozen_share"] == 0
    assert seen([scene] * 2 * FPS, 16).report(info)["frozen_share"] == 1
