"""Overlays that the studio draws: particles without a seam, bubbles that point, and films with transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backends.media.guard import sniff
from backends.media.probe import probe
from tools.editing.drawn.bubble import speech_bubble
from tools.editing.drawn.particles import KINDS, Loop, draw
from tools.editing.drawn.track import known_path

LOOP = Loop(160, 90, 12, 2.0, 0.6, 3)


@pytest.mark.parametrize("name", KINDS)
def test_particles_move_without_a_seam(name: str) -> None:
    frames = np.stack(list(draw(name, LOOP))).astype(np.int16)
    assert frames.shape == (24, 90, 160, 4)
    alpha = frames[..., 3]
    assert alpha.max() > 60 and 0.0005 < (alpha > 0).mean() < 0.75
    steps = np.abs(np.diff(alpha, axis=0)).mean(axis=(1, 2))
    seam = np.abs(alpha[0] - alpha[-1]).mean()
    assert steps.min() > 0.02 and seam < 1.6 * steps.max()


@pytest.mark.parametrize("name", KINDS)
def test_the_seed_decides_and_strength_adds(name: str) -> None:
    def first(strength: float, seed: int) -> np.ndarray:
        return next(draw(name, Loop(160, 90, 12, 2.0, strength, seed)))

    assert np.array_equal(first(0.5, 1), first(0.5, 1)) and not np.array_equal(first(0.5, 1), first(0.5, 2))
    assert first(1.0, 1)[..., 3].mean() > 1.3 * first(0.1, 1)[..., 3].mean()


def test_transparency_is_straight() -> None:
    for frame in draw("hearts", Loop(320, 180, 2, 1.0, 0.5, 1)):
        soft = (frame[..., 3] > 0) & (frame[..., 3] < 120)
        assert soft.any() and frame[soft][:, 0].min() > 150  # red, not faded into black


def test_a_bubble_stands_beside_the_face_and_its_tail_points_there() -> None:
    face = (0.6, 0.4, 0.75, 0.7)
    bubble = speech_bubble("Never gonna give you up", 640, 360, (0.675, 0.63), face)
    wide, high = bubble.image.size
    left, right = bubble.key.x - bubble.key.width / 2, bubble.key.x + bubble.key.width / 2
    low = bubble.key.y + high / 360 / 2
    assert left >= 0 and right <= 1 and bubble.key.y - high / 360 / 2 >= 0 and low <= 1
    assert bubble.key.x < 0.6, "more room is on the left"
    assert abs(bubble.key.width - wide / 640) < 1e-6
    alpha = np.asarray(bubble.image)[..., 3] > 128
    rows = np.flatnonzero(alpha[:, -3:].any(axis=1)) if alpha[:, -3:].any() else np.array([high])
    assert rows.mean() > 0.4 * high  # the tail is what reaches furthest to the right, and down


def test_a_long_text_stays_in_the_frame() -> None:
    for mouth in ((0.02, 0.02), (0.98, 0.98), (0.5, 0.5)):
        bubble = speech_bubble("what is said here is long and goes on " * 4, 320, 180, mouth, None)
        wide, high = (side / whole for side, whole in zip(bubble.image.size, (320, 180), strict=True))
        assert wide < 0.95 and high < 0.95
        assert bubble.key.x - wide / 2 >= -0.02 and bubble.key.x + wide / 2 <= 1.02
        assert bubble.key.y - high / 2 >= -0.02 and bubble.key.y + high / 2 <= 1.02


def test_the_film_keeps_its_transparency(tmp_path: Path) -> None:
    import av

    from tools.editing.drawn.keep import write_film

    class Still:
        class cancel:
            @staticmethod
            def check() -> None: ...

    file = tmp_path / "snow.mov"
    drawn = list(draw("snow", LOOP))
    write_film(drawn, LOOP, file, Still())  # type: ignore[arg-type]
    assert sniff(file).format == "mov" and probe(file).frames == 24
    with av.open(str(file), format="mov") as film:
        read = [frame.to_ndarray(format="rgba") for frame in film.decode(video=0)]
    assert np.array_equal(read[5], drawn[5])


def test_known_heads_are_followed_frame_by_frame_over_a_cut() -> None:
    """In a film of the studio's own nothing is looked for, and nothing glides from one shot to the next."""

    def heads(seconds: float) -> list[tuple[float, float, float, float]]:
        first, other = (0.3 + 0.1 * seconds, 0.4, 0.2, 0.3), (0.8, 0.5, 0.1, 0.2)
        return [first, other] if seconds < 1.0 else [(0.7, 0.4, 0.2, 0.3)] if seconds < 2.0 else []

    track = known_path(heads, 0.0, 2.0, None)
    assert track is not None and track.found == track.looks
    x = {round(key[0], 2): (key[1] + key[3]) / 2 for key in track.keys}
    assert x[0.0] == pytest.approx(0.3) and max(at for at, middle in x.items() if middle < 0.45) > 0.95
    assert min(at for at, middle in x.items() if middle > 0.65) < 1.05
    beside = known_path(heads, 0.0, 0.9, (0.75, 0.4, 0.85, 0.6))
    assert beside is not None and all((key[1] + key[3]) / 2 == pytest.approx(0.8) for key in beside.keys)
    assert known_path(heads, 2.5, 3.0, None) is None


def test_sparks_are_seen_in_daylight() -> None:
    """On a bright meadow: a spark that fades from its first moment on is a shimmer at most."""
    frame = next(iter(draw("sparks", Loop(960, 540, 25.0, 5.0, 0.5, 0))))
    alpha = frame[..., 3:] / 255
    meadow = np.full(frame[..., :3].shape, (150.0, 180.0, 60.0))
    changed = np.abs(alpha * (frame[..., :3] - meadow)).max(axis=2) > 60
    assert 0.001 < changed.mean() < 0.02
