"""What moves fast, and light that changes at once, are no faults: cases that real films showed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.coherence.drift import Step
from backends.vision.coherence.measures import colour_drift, wobble
from backends.vision.coherence.numbers import PAIR, Numbers, Part
from backends.vision.coherence.redrawn import REGIONS
from backends.vision.coherence.result import Coherence
from backends.vision.coherence.sink import CoherenceSink
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames

Rgb = NDArray[np.uint8]
FPS = 24.0


def flight(seed: int, speed: float, size: float, beat: int, count: int = 48, leap: int = 0) -> list[Rgb]:
    """A bird that gets nearer and beats its wings, before a ground that pans slowly.

    leap: pixels that it is further on from frame 36 on.
    """
    pick = np.random.default_rng(seed)
    rough = sum(
        cv2.resize(pick.normal(0, step / 40, (200 // step, 460 // step)), (460, 200), interpolation=cv2.INTER_CUBIC)
        for step in (40, 20, 6)
    )
    ground = np.array([150, 110, 80]) + np.asarray(rough)[..., None] * np.array([34, 30, 26])
    frames = []
    for k in range(count):
        frame = ground[10:190, 20 + k // 3 : 340 + k // 3].clip(0, 255).astype(np.uint8).copy()
        grown = 1 + max(0, k - 14) * 0.05
        x, y = int((k - 14) * speed * (1 + max(0, k - 14) * 0.04)) - 20, int(90 - k * 0.8)
        x += leap * (k >= 36)
        if x < 380:
            _draw_bird(frame, x, y, size * grown, float(np.sin(np.pi * k / beat + 0.3)))
        frames.append(frame)
    return frames


def _draw_bird(frame: Rgb, x: int, y: int, size: float, up: float) -> None:
    cv2.ellipse(frame, (x, y), (int(size * 0.8), int(size * 0.3)), -8, 0, 360, (200, 60, 40), -1, cv2.LINE_AA)
    for side in (-0.35, 0.3):
        tip = (int(x + side * size * 1.2), int(y - up * size * 1.6))
        wing = np.array([(int(x - size * 0.4), y), (int(x + size * 0.4), y), tip], np.int32)
        cv2.fillPoly(frame, [wing], (225, 80, 50), cv2.LINE_AA)


def judged(frames: list[Rgb]) -> Coherence:
    sink = CoherenceSink(MediaInfo("video", "mp4", fps=FPS))
    before: Frame | None = None
    for first in range(0, len(frames), 16):
        taken: list[Frame] = []
        for index, rgb in enumerate(frames[first : first + 16], start=first):
            taken.append(before := Frame(index, index / FPS, rgb, None if taken else before))
        sink.see_all(Frames(taken))
    count = len(frames)
    shot = ShotSpan(
        index=1, start=0, end=count / FPS, first_frame=0, frames=count, clean_first=0, clean_frames=count,
        opening="cut",
    )  # fmt: skip
    return sink.report([shot])[0]


@pytest.mark.parametrize(("seed", "speed", "size", "beat"), [(2, 18, 30, 4), (0, 24, 34, 2)])
def test_a_bird_that_flies_through_the_picture_is_no_jump(seed: int, speed: float, size: float, beat: int) -> None:
    found = judged(flight(seed, speed, size, beat))
    assert found.verdict == "coherent", found.faults


def test_a_bird_that_is_elsewhere_from_one_frame_on_jumps() -> None:
    (fault,) = judged(flight(2, 2, 30, 12, leap=80)).faults
    assert fault.kind == "jump"
    assert fault.seconds[0] == pytest.approx(36 / FPS, abs=0.05)


def part(**columns: list[float]) -> Part:
    """Numbers of drawings that all differ, one per 1/24 s."""
    numbers = Numbers()
    for at, row in enumerate(zip(*columns.values(), strict=True)):
        values = dict.fromkeys(PAIR, 0.0) | dict(zip(columns, row, strict=True))
        numbers.add(at, at / FPS, values, np.zeros(REGIONS, np.float32))
    return numbers.part(slice(0, len(next(iter(columns.values())))))


def test_what_is_hardly_seen_again_does_not_bend() -> None:
    """A camera that is thrown round: two thirds of each picture are new, and the flow of the rest is a guess."""
    bends = [0.0] * 12 + [2.7, 7.7, 0.4, 2.6, 5.0, 1.6, 2.0, 4.5, 5.6, 1.5, 0.6, 6.3] * 2 + [0.0] * 20
    thrown = [0.05] * 12 + [0.55] * 24 + [0.1] * 20
    assert wobble(part(bending=bends, unseen=thrown), 0.0, 3.5).value == 0
    assert wobble(part(bending=bends, unseen=[0.05] * 56), 0.0, 3.5).value > 0.6


def steps(*changes: tuple[float, float, float]) -> list[Step]:
    """All six regions change alike."""
    return [
        Step(12 * at, 12 * (at + 1), np.tile(np.array(change, np.float32), (6, 1)), 38.0)
        for at, change in enumerate(changes)
    ]


def test_a_picture_that_turns_pale_at_once_does_not_drift() -> None:
    """The beginning of a dissolve that belongs to the shot still, or a lamp."""
    slow = steps((-0.5, -0.5, -0.02), (-1.5, -2.0, -0.06), (-2.0, -2.0, -0.08), (-2.0, -2.0, -0.08))
    found = colour_drift(slow, float)
    assert found is not None and found.value > 3.5
    pale = steps((0.1, 0.2, -0.01), (-0.2, 0.1, 0.0), (0.1, 0.0, 0.01), (-7.4, -7.2, -0.4))
    found = colour_drift(pale, float)
    assert found is not None and found.value < 1
    assert colour_drift(pale[1:], float) is None, "two steps are left, of which nothing can be told"
