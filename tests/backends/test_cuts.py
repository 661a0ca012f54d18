"""Cuts, dissolves, fades and wipes of made films, on the frame where that can be; and what must not be called one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from seen_films import kinds, seen

from backends.vision.cuts.window import KEPT
from configs.errors import UsageError
from evals.footage.transitions import Joined, Known
from evals.footage.transitions_negatives import TRICKS, negative
from evals.footage.transitions_shots import Shot, photograph, small_world

FPS = 24.0


def shot(number: int, speed: float = 12.0, **more: float) -> Shot:
    """A take that pans slowly over a world or a photograph of its own."""
    picture = photograph("coffee") if number == 0 else small_world(40 + number)
    return Shot(picture, str(number), FPS, speed=(speed, 3.0), scale=0.4, seed=number, **more)


def film(*truth: Known, shots: int = 2, length: int = 110, speed: float = 12.0, **more: float) -> Joined:
    takes = tuple(shot(number, speed, **more).at for number in range(shots))
    return Joined("test", FPS, 20, truth, takes, length)


def test_a_cut_is_found_on_its_frame() -> None:
    sink = seen(film(Known("cut", 40, 0), Known("cut", 75, 0), shots=3).frames())
    assert kinds(sink) == [("cut", 40, 0), ("cut", 75, 0)]
    assert all(found.confidence > 0.7 and found.start == found.end for found in sink.transitions())
    assert sink.transitions()[0].start == pytest.approx(40 / FPS)


@pytest.mark.parametrize("frames", [6, 12, 24, 40])
@pytest.mark.parametrize("eased", [False, True])
def test_dissolves_of_all_lengths(frames: int, eased: bool) -> None:
    (found,) = seen(film(Known("dissolve", 40, frames, "", eased)).frames()).transitions()
    assert found.kind == "dissolve"
    slack = max(2, frames // 5)
    assert found.first_frame == pytest.approx(40, abs=slack)
    assert found.first_frame + found.frames == pytest.approx(40 + frames, abs=slack)


def test_a_dissolve_between_shots_that_move() -> None:
    """Both pan by a fifth of the picture a second, the hand shakes, the picture has grain."""
    made = film(Known("dissolve", 40, 16), speed=120, shake=1.5, grain=3)
    (found,) = seen(made.frames()).transitions()
    assert (found.kind, found.by) == ("dissolve", "blend")
    assert abs(found.first_frame - 40) <= 4 and abs(found.first_frame + found.frames - 56) <= 4


@pytest.mark.parametrize(("colour", "said"), [("black", "black"), ("white", "white"), ("colour", "#96")])
def test_fades_through_a_colour(colour: str, said: str) -> None:
    (found,) = seen(film(Known("fade", 40, 30, colour, hold=0.2)).frames()).transitions()
    assert found.kind == "fade" and found.detail.startswith(f"through {said}")
    assert abs(found.first_frame - 40) <= 2 and abs(found.first_frame + found.frames - 70) <= 2


def test_fades_at_the_films_ends_make_no_shot() -> None:
    sink = seen(film(Known("fade", 0, 16, "black"), Known("fade", 90, 20, "black"), shots=1).frames())
    opening, closing = sink.transitions()
    assert (opening.first_frame, opening.detail) == (0, "from black") and abs(opening.frames - 16) <= 1
    assert closing.detail == "to black" and abs(closing.first_frame - 90) <= 2
    assert closing.first_frame + closing.frames == 110 and closing.end == pytest.approx(110 / FPS)
    (only,) = sink.shots()
    assert (only.opening, only.first_frame, only.frames) == ("start", 0, 110)
    assert only.clean_first == opening.frames and only.clean_first + only.clean_frames == closing.first_frame


WAYS = {
    "left to right": "left to right", "right to left": "right to left", "top to bottom": "top to bottom",
    "bottom to top": "bottom to top", "diagonal": "diagonal from the top left", "clock": "clock", "iris in": "iris in",
    "iris out": "iris out", "push left": "push left", "push down": "push down", "slide right": "slide right",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_wipes_and_their_ways(way: str) -> None:
    (found,) = seen(film(Known("wipe", 45, 18, way), shots=2, length=115).frames()).transitions()
    assert (found.kind, found.detail) == ("wipe", WAYS[way])
    assert abs(found.first_frame - 45) <= 3 and abs(found.first_frame + found.frames - 63) <= 3


def test_a_soft_edged_wipe_in_a_film_with_bars() -> None:
    """Black bars change nothing of what is wiped between them."""
    frames = []
    for frame in film(Known("wipe", 45, 20, "left to right", soft=0.1), length=115).frames():
        barred = np.zeros_like(frame)
        barred[:, 40:-40] = frame[:, 40:-40]
        frames.append(barred)
    ((kind, first, length),) = kinds(seen(frames))
    # The wipe goes through the bars too: what is seen of it is its middle three quarters.
    assert kind == "wipe" and abs(first - 47) <= 3 and abs(first + length - 62) <= 4


@pytest.mark.parametrize("trick", TRICKS)
def test_what_only_looks_like_a_transition(trick: str) -> None:
    take = negative(trick, 3)
    assert kinds(seen(take.frames(), take.fps)) == []


def test_shots_cover_the_film_with_borders_in_the_middle_of_gradual_transitions() -> None:
    truth = (Known("dissolve", 40, 12), Known("cut", 90, 0), Known("wipe", 130, 20, "top to bottom"))
    sink = seen(film(*truth, shots=4, length=190).frames())
    shots, found = sink.shots(), sink.transitions()
    assert [item.opening for item in shots] == ["start", "dissolve", "cut", "wipe"]
    assert [item.index for item in shots] == [1, 2, 3, 4]
    assert all(one.end == other.start for one, other in pairwise(shots))
    assert sum(item.frames for item in shots) == 190 and shots[-1].end == pytest.approx(190 / FPS)
    for item, border in zip(shots[1:], found, strict=True):
        assert item.first_frame == border.first_frame + border.frames // 2
        assert item.clean_first == border.first_frame + border.frames
    for item, border in zip(shots[:-1], found, strict=True):
        assert item.clean_first + item.clean_frames == border.first_frame
    assert sink.shots() == shots, "asking again changes nothing"


def test_the_sink_stays_small() -> None:
    """What is kept per frame is its time: the window does not grow with the film."""
    take = film(shots=1, length=1)
    frame = next(take.frames())
    sink = seen(frame for _ in range(400))
    assert len(sink.shots()) == 1
    window = sink._window
    assert window.stop == 400 and window.stop - window.start == KEPT and len(window._vectors) < 1.3 * KEPT < 400
    assert not any(test._pending for test in sink._tests if hasattr(test, "_pending"))


@pytest.mark.parametrize("size", [(16, 16), (90, 160), (320, 180)])
def test_odd_sizes_and_short_films(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(3)
    one, other = (noise.integers(0, 255, (*size, 3)).astype(np.uint8) for _ in range(2))
    assert kinds(seen([one] * 30 + [other] * 30)) == [("cut", 30, 0)]
    assert kinds(seen([one])) == [] and len(seen([one]).shots()) == 1
    assert seen([]).shots() == [] and seen([]).transitions() == []


def test_a_picture_that_changes_its_size_on_the_way() -> None:
    one = np.full((90, 160, 3), 90, np.uint8)
    sink = seen([one] * 20 + [np.full((100, 160, 3), 90, np.uint8)] * 20)
    assert kinds(sink) == []


def test_sensitivity_finds_weaker_ones() -> None:
    made = film(Known("dissolve", 40, 14), speed=300, shake=4, grain=6)
    counts = [len(seen(made.frames(), sensitivity=level).transitions()) for level in (0.0, 0.5, 1.0)]
    assert counts == sorted(counts) and counts[-1] == 1


def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        seen([], sensitivity=1.2)
