"""Made clips of camera moves: the same each time, and as planned."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backends.media.probe import probe
from backends.vision.camera.result import CameraSegment, CameraWork
from evals.benchmarks.camera import Answer, borders_off, figures, stretches_found
from evals.footage.moves import KINDS, SLOWEST_AND_FASTEST, Stretch, made_clip
from evals.footage.moves_frames import Recording
from evals.footage.moves_worlds import FLAT, LAYERED


def test_a_seed_is_a_clip():
    one, same, other = made_clip(3), made_clip(3), made_clip(4)
    assert one.stretches == same.stretches != other.stretches
    first, again = next(one.pictures()), next(same.pictures())
    assert np.array_equal(first, again) and first.shape == (180, 320, 3)


def test_plans_are_within_bounds():
    clips = [made_clip(seed) for seed in range(80)]
    assert {clip.kind for clip in clips} == set(KINDS)
    assert {clip.texture for clip in clips} == {*FLAT, *LAYERED}
    for clip in clips:
        assert clip.stretches[0].first == 0
        for stretch in clip.stretches:
            slow, fast = SLOWEST_AND_FASTEST.get(stretch.move, (0, 0))
            assert slow <= stretch.speed <= fast
        assert clip.shake or all(one.move != "handheld" for one in clip.stretches)
        assert clip.layered or clip.kind not in ("push", "tracking")


@pytest.mark.parametrize(("move", "direction", "dx", "dy"), [("pan", "right", -1, 0), ("tilt", "up", 0, 1)])
def test_the_picture_goes_the_other_way(move, direction, dx, dy):
    """A shift of 0.25 frames a second for a second, measured by phase correlation of the first and a later frame."""
    still = replace(made_clip(5, "pan", "photo"), shake=0.0, things=(), recording=Recording(quality=100, shutter=0))
    clip = replace(still, fps=24, stretches=(Stretch(move, direction, 0.25, 0, 13),))
    frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in clip.pictures()]
    found, _ = cv2.phaseCorrelate(frames[0], frames[12], cv2.createHanningWindow((320, 180), cv2.CV_32F))
    assert found == pytest.approx((dx * 0.125 * 320, dy * 0.125 * 180), abs=1.0)


def test_a_clip_as_a_film(tmp_path):
    clip = replace(made_clip(2, "static", "cartoon"), stretches=(Stretch("static", "", 0.0, 0, 12),))
    info = probe(clip.save(tmp_path / "clip.mp4"))
    assert (info.width, info.height, info.frames) == (320, 180, 12)


def test_the_bench_counts_what_is_wrong():
    clip = replace(made_clip(8, "mixed"), fps=24)
    clip = replace(clip, stretches=(Stretch("pan", "left", 0.2, 0, 48), Stretch("tilt", "up", 0.2, 48, 96)))

    def said(border, second):
        parts = [("pan", "left", 0.0, border), (second, "up", border, 4.0)]
        pieces = [
            CameraSegment(start=start, end=end, move=move, direction=way, speed=0.2, confidence=1)
            for move, way, start, end in parts
        ]
        work = CameraWork(start=0, end=4, move="mixed", speed=0, confidence=1, segments=tuple(pieces))
        return Answer(clip, work, 0.1)

    right, late = said(2.0, "tilt"), said(3.0, "zoom")
    assert borders_off(right) == [0] and borders_off(late) == [24]
    assert stretches_found(right) == [True, True] and stretches_found(late) == [True, False]
    table = figures([right, late, replace(right, work=right.work.model_copy(update={"move": "pan"}))])
    assert table["class_accuracy"] == pytest.approx(0.6667)
    assert table["confusion"] == {"mixed": {"mixed": 2, "pan": 1}}
    assert table["mixed_borders_within_6_frames"] == pytest.approx(0.6667)
    assert len(table["wrong"]) == 1
