"""A camera's work in words."""

import pytest

from backends.vision.camera.result import CameraSegment, CameraWork
from backends.vision.camera.words import in_words


def work(move, direction="", speed=0.0, **more):
    return CameraWork(start=0, end=2, move=move, direction=direction, speed=speed, confidence=0.9, **more)


def piece(start, move, direction="", speed=0.0):
    return CameraSegment(start=start, end=start + 1, move=move, direction=direction, speed=speed, confidence=0.9)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (work("push", "in", 0.03), "slow push-in"),
        (work("push", "out", 0.1), "pull-out"),
        (work("zoom_or_push", "in", 0.03), "slow push-in or zoom in"),
        (work("zoom", "out", 0.5), "fast zoom out"),
        (work("pan", "left", 0.8, shake=0.002), "fast pan left, handheld"),
        (work("tilt", "up", 0.2, also="pan right"), "tilt up with pan right"),
        (work("roll", "clockwise", 0.01), "slow roll clockwise"),
        (work("tracking", "right", 0.3), "tracking shot right"),
        (work("pan", "right", 0.2, also="zoom_or_push in"), "pan right with push-in or zoom in"),
        (work("static"), "static camera"),
        (work("handheld", shake=0.003), "handheld camera"),
        (work("unknown", reason="the shot is too short"), ""),
        (
            work("mixed", segments=(piece(0, "static"), piece(1, "pan", "left", 0.05))),
            "static camera, then slow pan left",
        ),
        (
            work("mixed", segments=tuple(piece(n, "pan", "left" if n % 2 else "right", 0.2) for n in range(6))),
            "pan right, then pan left, then pan right, then pan left and more",
        ),
    ],
)
def test_words(made, words):
    assert in_words(made) == words
