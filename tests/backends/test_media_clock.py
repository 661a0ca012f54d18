"""Times of frames whose stamps are missing, stray, or begin anew."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from film_sinks import make, moving

from backends.media.clock import FrameClock, origin_of
from backends.media.picture_track import PictureTrack

MS = Fraction(1, 1000)


def times(pts: list[int | None], *, origin: int | None = 0, step: float = 0.04) -> list[float]:
    clock = FrameClock(MS, origin, step)
    return [clock.at(one) for one in pts]


def test_stamps_are_seconds_exactly() -> None:
    clock = FrameClock(Fraction(1001, 30000), 7, 0.0)
    assert [clock.at(7 + index) for index in (0, 1, 29_970)] == [0.0, 1001 / 30000, 1000.0 - 0.001]
    assert times([3_600_007, 3_600_047], origin=None) == [0.0, 0.04]


def test_missing_stamps_are_worked_out() -> None:
    clock = FrameClock(MS, 0, 0.04)
    assert [clock.at(one) for one in (0, None, None, 120, None)] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert clock.missing == 3 and clock.backwards is None
    assert times([None, None, None]) == pytest.approx([0, 0.04, 0.08])


def test_a_stray_stamp_is_put_between_its_neighbours() -> None:
    clock = FrameClock(MS, 0, 0.04)
    found = [clock.at(one) for one in (0, 40, 80, 60, 120, 120, 160)]
    assert found == sorted(set(found)) and clock.backwards == 0.08
    assert [found[index] for index in (0, 1, 2, 4, 6)] == [0, 0.04, 0.08, 0.12, 0.16], "the others keep their times"


def test_storing_times_stand_in_for_stray_ones() -> None:
    """H.264 with B frames in AVI, as the decoder gives it."""
    clock = FrameClock(Fraction(1, 24), 1, 1 / 24)
    stamps = [(1, 2), (3, 3), (4, 4), (2, 5), (6, 6), (7, 7), (5, 8), (9, 9), (8, None), (11, 11)]
    found = [clock.at(pts, dts) * 24 for pts, dts in stamps]
    assert found == pytest.approx([0, 2, 3, 4, 5, 6, 7, 8, 9, 10])


def test_a_clock_that_begins_anew_goes_on() -> None:
    assert times([0, 40, 80, 7_000, 0, 40, 80]) == pytest.approx([0, 0.04, 0.08, 7.0, 7.04, 7.08, 7.12])


def test_where_a_film_begins() -> None:
    assert origin_of(None, 90, 1) == 90
    assert origin_of(0, 2, 1) == 2, "reordered by the decoder"
    assert origin_of(0, 12, 1) == 0, "what comes first cannot be shown"
    assert origin_of(10, 4, 1) == 4 and origin_of(5, None, 1) == 5


def test_frames_without_stamps_on_their_track(tmp_path: Path) -> None:
    path = make(tmp_path / "film.mkv", *moving(0.2, "64x48", "25"))
    with av.open(str(path)) as container:
        film = container.streams.video[0]
        track, shown = PictureTrack(film, 320), []
        for frame in container.decode(film):
            frame.pts = None
            shown += track.take(frame)
        shown += track.finish()
    assert [one.seconds for one in shown] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert [one.duration for one in shown] == pytest.approx([0.04] * 5)
    assert "5 frames have no time stamp: the frame rate gave it" in track.notes()
