"""What the camera does, against pictures that were moved by hand and against made clips whose plan is known."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from backends.media.probe import MediaInfo
from backends.vision.camera.grid import grid_of
from backends.vision.camera.sink import CameraSink
from backends.vision.camera.track import CameraTrack
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames
from backends.vision.motion import MotionSink
from evals.benchmarks.camera import measured, stretches_found
from evals.footage.moves import made_clip
from evals.footage.world import world

HEIGHT, WIDTH, FPS = 180, 320, 24


@pytest.fixture(scope="module")
def ground():
    """A detailed picture, (540, 960, 3)."""
    return cv2.resize(world(5), (960, 540), interpolation=cv2.INTER_AREA)


def span(index, first, frames, times=None):
    start = first / FPS if times is None else times[first]
    end = (first + frames) / FPS if times is None else times[first + frames - 1] + 1 / FPS
    return ShotSpan(
        index=index, start=start, end=end, first_frame=first, frames=frames, clean_first=first, clean_frames=frames,
        opening="start" if index == 1 else "cut",
    )  # fmt: skip


def watched(frames, times=None, others=()):
    sink, before = CameraSink(MediaInfo("video", "made")), None
    for number, rgb in enumerate(frames):
        frame = Frame(number, number / FPS if times is None else times[number], rgb, before)
        for one in (sink, *others):
            one.see(frame)
        before = frame
    return sink


def told(frames, times=None):
    frames = list(frames)
    return watched(frames, times).report([span(1, 0, len(frames), times)])[0]


def moved(ground, frames, *, right=0.0, down=0.0, grow=1.0, turn=0.0, start=1.0):
    """Frames from which the picture's content leaves by (right, down) pixels a frame, grows and turns by degrees."""
    for number in range(frames):
        matrix = cv2.getRotationMatrix2D((480, 270), -turn * number, start * grow**number)
        matrix[:, 2] += (WIDTH / 2 - 480 + right * number, HEIGHT / 2 - 270 + down * number)
        yield cv2.warpAffine(ground, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


# The picture's own motion is given: the camera goes the other way.
@pytest.mark.parametrize(
    ("motion", "move", "direction", "speed"),
    [
        ({"right": -2.0}, "pan", "right", 2 * FPS / WIDTH),
        ({"right": 0.4}, "pan", "left", 0.4 * FPS / WIDTH),
        ({"right": -22.0}, "pan", "right", 22 * FPS / WIDTH),
        ({"down": -1.0}, "tilt", "down", FPS / HEIGHT),
        ({"down": 0.3}, "tilt", "up", 0.3 * FPS / HEIGHT),
        ({"turn": 1.0}, "roll", "counter-clockwise", FPS / 360),
        ({"turn": -0.06}, "roll", "clockwise", 0.06 * FPS / 360),
        ({"grow": 1.001}, "zoom_or_push", "in", 1.001**FPS - 1),
        ({"grow": 1 / 1.01, "start": 1.4}, "zoom_or_push", "out", 1 - 1.01**-FPS),
        ({}, "static", "", 0.0),
    ],
)
def test_direction_and_speed_of_one_move(ground, motion, move, direction, speed):
    frames = 24 if abs(motion.get("right", 0)) > 10 else 48
    work = told(moved(ground, frames, **motion))
    assert (work.move, work.direction) == (move, direction)
    assert work.speed == pytest.approx(speed, rel=0.08)
    assert work.confidence > 0.5
    assert work.shake < 0.0006
    assert [one.move for one in work.segments] == [move]


def test_a_static_camera_sees_motion_but_goes_nowhere(ground):
    """Something covers up to 40 % of the frame and moves."""

    def frames():
        for number in range(60):
            frame = next(moved(ground, 1)).copy()
            left = -140 + 6 * number
            box = frame[18:, max(0, left) : max(0, left + 142)]
            box[:] = world_patch[: box.shape[0], : box.shape[1]]
            yield frame

    world_patch = cv2.resize(world(9), (320, 180))
    work = told(frames())
    assert work.move == "static"
    assert work.motion > 0.02


def test_a_pan_behind_something_large(ground):
    def frames():
        for number, frame in enumerate(moved(ground, 48, right=-1.5)):
            cv2.circle(frame, (300 - 5 * number, 110), 60, (250, 240, 30), -1)
            cv2.circle(frame, (310 - 5 * number, 90), 14, (20, 20, 200), -1)
            yield frame

    work = told(frames())
    assert (work.move, work.direction) == ("pan", "right")
    assert work.speed == pytest.approx(1.5 * FPS / WIDTH, rel=0.1)


def test_light_that_swings_is_no_motion(ground):
    still = next(moved(ground, 1))
    frames = [(still * (0.75 + 0.25 * np.sin(number / 4))).astype(np.uint8) for number in range(48)]
    assert told(frames).move == "static"


def test_a_move_after_another_and_its_border(ground):
    first = list(moved(ground, 40))
    then = list(moved(ground, 41, right=-2.5))[1:]
    work = told([*first, *then])
    assert [(one.move, one.direction) for one in work.segments] == [("static", ""), ("pan", "right")]
    assert work.segments[0].end == pytest.approx(40 / FPS, abs=3 / FPS)
    assert all(one.end == other.start for one, other in pairwise(work.segments))
    assert work.move == "mixed" and work.speed == 0


def test_shots_are_told_apart(ground):
    other = cv2.resize(world(11), (960, 540), interpolation=cv2.INTER_AREA)
    sink = watched([*moved(ground, 30, right=-2), *moved(other, 30, down=-1.5), *moved(ground, 3)])
    works = sink.report([span(1, 0, 30), span(2, 30, 30), span(3, 60, 3)])
    assert [(one.move, one.direction) for one in works[:2]] == [("pan", "right"), ("tilt", "down")]
    assert works[2].move == "unknown" and "short" in works[2].reason


def test_pictures_held_for_two_frames_are_no_shake(ground):
    shown = list(moved(ground, 40, right=-3))
    work = told(frame for frame in shown for _ in range(2))
    assert (work.move, work.direction) == ("pan", "right")
    assert work.speed == pytest.approx(1.5 * FPS / WIDTH, rel=0.1)
    assert work.shake < 0.0006


def test_uneven_times(ground):
    times = np.cumsum(np.random.default_rng(1).choice([1 / 24, 1 / 12, 1 / 48], 50))
    times -= times[0]
    frames = []
    for second in times:
        matrix = np.array([[1, 0, WIDTH / 2 - 480 - 50 * second], [0, 1, HEIGHT / 2 - 270]])
        frames.append(cv2.warpAffine(ground, matrix, (WIDTH, HEIGHT)))
    work = told(frames, times)
    assert (work.move, work.direction) == ("pan", "right")
    assert work.speed == pytest.approx(50 / WIDTH, rel=0.05)
    assert work.shake < 0.0006


def test_black_bars_do_not_hold_the_picture(ground):
    frames = []
    for frame in moved(ground, 48, grow=1.006):
        frame[:, :40] = frame[:, -70:] = 0
        frames.append(frame)
    work = told(frames)
    assert (work.move, work.direction) == ("zoom_or_push", "in")
    assert work.speed == pytest.approx(1.006**FPS - 1, rel=0.1)


@pytest.mark.parametrize("size", [(568, 320), (320, 40), (64, 36), (36, 64)])
def test_other_sizes(ground, size):
    tall = cv2.resize(ground, (1400, 900))
    height, width = size
    frames = [np.ascontiguousarray(tall[50 : 50 + height, at : at + width]) for at in range(50, 90)]
    work = told(frames)
    assert (work.move, work.direction) == ("pan", "right")
    assert work.speed == pytest.approx(FPS / width, rel=0.1)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 30, "texture"),
        ([np.full((16, 16, 3), number, np.uint8) for number in range(30)], "too small"),
        (list(np.random.default_rng(1).integers(0, 255, (20, HEIGHT, WIDTH, 3), np.uint8)), "followed"),
        ([np.zeros((HEIGHT, WIDTH, 3), np.uint8)], "short"),
    ],
)
def test_what_cannot_be_told_says_why(frames, why):
    work = told(frames)
    assert work.move == "unknown"
    assert why in work.reason
    assert work.confidence == 0 and work.segments == ()


@pytest.mark.parametrize(
    ("seed", "kind", "texture"),
    [
        (5, "push", "layers"),
        (16, "push", "cartoon layers"),
        (23, "zoom", "layers"),
        (42, "tracking", "layers"),
        (51, "tracking", "cartoon layers"),
        (7, "handheld", "photo"),
        (61, "handheld", "world"),
        (68, "roll", "cartoon layers"),
        (55, "pan", "sparse"),
    ],
)
def test_made_clips(seed, kind, texture):
    """Parallax, a subject that stays, a shaking hand, hardly any texture."""
    work = measured(made_clip(seed, kind, texture)).work
    assert work.move == ("zoom_or_push" if kind == "zoom" else kind)
    assert work.direction == made_clip(seed, kind, texture).stretches[0].direction


def test_however_frames_are_divided(ground):
    """A cut, a thing in front and a long step across batches; the numbers are the same but for rounding."""
    pictures = [*moved(ground, 25, right=-2.3, grow=1.004), *moved(ground[:, ::-1], 24, down=1.1)]
    for number, picture in enumerate(pictures):
        cv2.circle(picture, (300 - 5 * number, 110), 50, (250, 240, 30), -1)
    tracks = []
    for size in (1, 5, 16):
        sink, before = CameraTrack(), None
        for first in range(0, len(pictures), size):
            frames = []
            for number in range(first, min(first + size, len(pictures))):
                first_before = before if not frames else None
                frames.append(before := Frame(number, number / FPS, pictures[number], first_before))
            sink.see_all(Frames(frames))
        tracks.append((sink.track(), sink.liveliness.samples()))
    (whole, lively), *others = tracks[::-1]
    assert len(whole.ends) > 4
    for track, (seconds, energy) in others:
        assert np.array_equal(track.ends, whole.ends)
        assert np.array_equal(seconds, lively[0])
        assert energy == pytest.approx(lively[1], abs=1e-4)
        for name, values in (*whole.steps.items(), *whole.links.items()):
            mine = track.steps[name] if values is whole.steps.get(name) else track.links[name]
            # Of shares one cell of 390 may be on the other side of a mark.
            assert mine == pytest.approx(values, abs=0.02 if name in ("matched", "inliers") else 2e-3), name


@pytest.mark.parametrize("size", [(180, 320), (181, 323), (90, 40), (64, 36)])
@pytest.mark.parametrize("cell", [1, 4])
def test_flow_of_the_cells(size, cell):
    """Flow at any size is averaged within the cells that it lies on."""
    grid, motion = grid_of(size), np.array([[3.0, -1.5, 0.02, -0.01]])
    height, width = (side // cell for side in size)
    x = ((np.arange(width) + 0.5) / width - 0.5) * size[1]
    y = (((np.arange(height) + 0.5) / height - 0.5) * size[0])[:, None]
    (tx, ty, a, b), zero = motion[0], np.zeros((height, width))
    flow = np.stack([tx + a * x - b * y + zero, ty + b * x + a * y + zero], axis=2).astype(np.float32)
    assert grid.flow(flow[None]) == pytest.approx(grid.moved(motion), abs=0.05)


def test_flow_in_cells_is_as_fine_as_its_cells_and_few_sizes_are_kept():
    from backends.vision import flow

    assert flow._flow_of((96, 96), flow._FLOW_CELL, 12).getFinestScale() == 0
    assert flow._flow_of((96, 96), 1, 12).getFinestScale() > 0
    one, other = flow._flow_of((20, 20), 1, 12), flow._flow_of((21, 21), 1, 12)
    assert one is flow._flow_of((20, 20), 1, 12) and other is not one, "sizes that take turns are both kept"
    for side in range(20, 40):
        assert flow._flow_of((side, side), 1, 12) is flow._flow_of((side, side), 1, 12)
        assert len(flow._OF_THREAD.flows) <= flow._SIZES_KEPT


def test_a_clip_of_several_moves():
    clip = made_clip(8, "mixed")
    assert len(clip.stretches) > 1
    assert all(stretches_found(measured(clip)))


def test_liveliness_is_that_of_the_flow(ground):
    """Shared with the camera it is the same curve as from a flow of its own."""
    frames = [*moved(ground, 30, right=-1), *moved(ground, 30, right=-4)]
    own = MotionSink()
    sink = watched(frames, others=[own])
    shared = MotionSink(sink).curve([30 / FPS])
    curve = own.curve([30 / FPS])
    assert len(shared.seconds) == pytest.approx(len(curve.seconds), abs=1)
    for start, end, pixels in ((0, 1.1, 1), (1.4, 2.4, 4)):
        assert shared.mean_between(start, end) == pytest.approx(pixels * FPS / WIDTH, rel=0.1)
        assert shared.mean_between(start, end) == pytest.approx(curve.mean_between(start, end), rel=0.15)
