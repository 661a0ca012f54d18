"""Overlays that the studio draws: particles without a seam, bubbles that point, and films with transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.guard import sniff
from backends.media.probe import probe
from tools.editing.decision.known import Face
from tools.editing.drawn.bubble import ROOMS, Bubble, _text, speech_bubble
from tools.editing.drawn.explosion import explosion
from tools.editing.drawn.hearts import heart
from tools.editing.drawn.particles import KINDS, Loop, draw
from tools.editing.drawn.track import known_path
from tools.editing.moments import Box

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


def placed(bubble: Bubble, width: int, height: int) -> NDArray[np.bool_]:
    """(height, width): where the bubble covers the frame."""
    alpha = np.asarray(bubble.image)[..., 3] > 40
    covered = np.zeros((height, width), bool)
    top, left = (
        round(bubble.key.y * height - alpha.shape[0] / 2),
        round((bubble.key.x - bubble.key.width / 2) * width),
    )
    assert top >= -1 and left >= -1 and top + alpha.shape[0] <= height + 1 and left + alpha.shape[1] <= width + 1
    rows, columns = np.nonzero(alpha)
    covered[np.clip(rows + top, 0, height - 1), np.clip(columns + left, 0, width - 1)] = True
    return covered


def within(covered: NDArray[np.bool_], box: Box) -> float:
    """Share of the box that is covered."""
    high, wide = covered.shape
    part = covered[
        max(0, round(box[1] * high)) : round(box[3] * high), max(0, round(box[0] * wide)) : round(box[2] * wide)
    ]
    return float(part.mean()) if part.size else 0.0


def test_a_bubble_stands_beside_the_face_and_its_tail_points_there() -> None:
    face = Face.found((0.6, 0.4, 0.75, 0.7))
    bubble = speech_bubble("Never gonna give you up", 640, 360, face)
    covered = placed(bubble, 640, 360)
    assert bubble.key.x < 0.6, "more room is on the left"
    assert abs(bubble.key.width - bubble.image.width / 640) < 1e-6
    rows, columns = np.nonzero(covered)
    away = np.hypot(columns - face.mouth[0] * 640, rows - face.mouth[1] * 360).min()
    assert 8 < away < 45, "the tail comes to the mouth and ends beside it"


@pytest.mark.parametrize("shape", [(640, 360), (360, 640), (426, 238)])
@pytest.mark.parametrize("size", [0.25, 0.5, 0.7])
@pytest.mark.parametrize("at", [0.15, 0.5, 0.85])
def test_a_bubble_covers_no_face_that_leaves_room_and_never_the_eyes(
    shape: tuple[int, int], size: float, at: float
) -> None:
    """Faces from a medium shot to a large close-up, at both sides and in the middle."""
    width, height = shape
    wide = size * min(shape) / width
    x0, y0 = at * (1 - wide), 0.15
    face = Face.found((x0, y0, x0 + wide, y0 + size * min(shape) / height))
    bubble = speech_bubble("Wow, this is great!", width, height, face)
    covered = placed(bubble, width, height)
    assert face.eyes is not None and within(covered, face.eyes) == 0
    assert within(covered, face.box) < 0.12, "its tail at most"
    mouth = (face.mouth[0] - 0.1 * wide, face.mouth[1] - 0.02, face.mouth[0] + 0.1 * wide, face.mouth[1] + 0.02)
    assert within(covered, mouth) == 0


def test_a_bubble_leaves_other_faces_and_the_captions_alone() -> None:
    speaks, beside = Face.found((0.55, 0.3, 0.7, 0.6)), Face.found((0.2, 0.25, 0.38, 0.6))
    alone, both = (speech_bubble("Who are you?", 640, 360, speaks, others) for others in ((), (beside,)))
    assert within(placed(both, 640, 360), beside.box) == 0 < within(placed(alone, 640, 360), beside.box)
    low = Face.found((0.45, 0.75, 0.55, 0.95))
    captions = (0.15, 0.83, 0.85, 1.0)
    assert within(placed(speech_bubble("Down here!", 640, 360, low, (), (captions,)), 640, 360), captions) < 0.03


def test_a_long_text_stays_in_the_frame() -> None:
    for x, y in ((0.02, 0.02), (0.98, 0.98), (0.5, 0.5)):
        face = Face.found((x - 0.05, y - 0.1, x + 0.05, y + 0.1))
        bubble = speech_bubble("what is said here is long and goes on " * 4, 320, 180, face)
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


def test_known_faces_are_followed_frame_by_frame_over_a_cut() -> None:
    """In a film of the studio's own nothing is looked for, and nothing glides from one shot to the next."""

    def faces(seconds: float) -> list[Face]:
        first, other = (0.2 + 0.1 * seconds, 0.25, 0.4 + 0.1 * seconds, 0.55), (0.75, 0.4, 0.85, 0.6)
        boxes = [first, other] if seconds < 1.0 else [(0.6, 0.25, 0.8, 0.55)] if seconds < 2.0 else []
        return [Face.found(box) for box in boxes]

    track = known_path(faces, 0.0, 2.0, None)
    assert track is not None and track.found == track.looks
    x = {round(key[0], 2): (key[1] + key[3]) / 2 for key in track.keys}
    assert x[0.0] == pytest.approx(0.3) and max(at for at, middle in x.items() if middle < 0.45) > 0.95
    assert min(at for at, middle in x.items() if middle > 0.65) < 1.05
    eyes = {round(key[0], 2): key for key in track.eyes}
    assert 0.3 < eyes[0.0][2] < eyes[0.0][4] < 0.42 and (eyes[0.0][1] + eyes[0.0][3]) / 2 == pytest.approx(0.3)
    beside = known_path(faces, 0.0, 0.9, (0.75, 0.4, 0.85, 0.6))
    assert beside is not None and all((key[1] + key[3]) / 2 == pytest.approx(0.8) for key in beside.keys)
    assert known_path(faces, 2.5, 3.0, None) is None


def test_sparks_are_seen_in_daylight() -> None:
    """On a bright meadow: a spark that fades from its first moment on is a shimmer at most."""
    frame = next(iter(draw("sparks", Loop(960, 540, 25.0, 5.0, 0.5, 0))))
    alpha = frame[..., 3:] / 255
    meadow = np.full(frame[..., :3].shape, (150.0, 180.0, 60.0))
    changed = np.abs(alpha * (frame[..., :3] - meadow)).max(axis=2) > 60
    assert 0.001 < changed.mean() < 0.02


def test_an_explosion_is_fire_then_smoke_then_nothing() -> None:
    loop = Loop(160, 160, 20, 1.6, 0.5, 3)
    made = np.stack(list(explosion(loop))).astype(float)
    assert made.shape == (32, 160, 160, 4) and np.array_equal(made, np.stack(list(explosion(loop))))
    alpha, light = made[..., 3], made[..., :3].mean(axis=3)
    middle = np.s_[70:90, 70:90]
    assert alpha[0][middle].mean() > 200 and light[0][middle].mean() > 200, "white heat at once"
    assert made[6][middle][..., 0].mean() > 1.8 * made[6][middle][..., 2].mean(), "fire"
    assert light[20][alpha[20] > 60].mean() < 90, "smoke"
    assert alpha[-1].max() < 20 and alpha[:, [0, -1]].max() < 30 > alpha[:, :, [0, -1]].max()
    sizes = [(one > 80).mean() for one in alpha]
    assert sizes[8] > 3 * sizes[0]
    strong = np.stack(list(explosion(Loop(160, 160, 20, 1.6, 1.0, 3))))
    assert (strong[8, ..., 3] > 80).mean() > 1.1 * sizes[8]


def test_a_heart_is_red_with_a_dark_edge_and_clear_around_it() -> None:
    drawn_heart = np.asarray(heart())
    assert tuple(drawn_heart[160, 160, :3]) == (244, 43, 84) and drawn_heart[160, 160, 3] == 255
    alpha = drawn_heart[..., 3]
    assert alpha[:8].max() == 0 == alpha[:, :8].max() and 0.35 < (alpha > 128).mean() < 0.6
    low = np.flatnonzero(alpha[:, 160] > 128)[-1]
    assert drawn_heart[low - 3, 160, 0] < 200, "its edge"


@pytest.mark.parametrize("name", ["rain", "snow"])
def test_rain_and_snow_are_seen_before_a_white_sky(name: str) -> None:
    frame = next(iter(draw(name, Loop(960, 540, 25.0, 5.0, 0.5, 0))))
    alpha = frame[..., 3:] / 255
    assert (np.abs(alpha * (frame[..., :3] - 250.0)).max(axis=2) > 24).mean() > 0.001


@pytest.mark.parametrize(("width", "height"), [(360, 640), (640, 360), (240, 426)])
def test_no_word_of_a_bubble_is_broken(width: int, height: int) -> None:
    for room in ROOMS:
        lines, size = _text("Good morning, everybody!", width, height, room)
        assert " ".join("".join(part for _, part in line) for line in lines).split() == [
            "GOOD",
            "MORNING,",
            "EVERYBODY!",
        ]
        assert size >= 8
