"""Composition of a film's shots: what is sampled, how pictures are summed up, and that cuts do not change the pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.composition.figures import CascadeFaces
from backends.vision.composition.measure import CompositionSink, compose
from backends.vision.composition.result import Composition, Figure
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame
from configs.errors import EngineError
from evals.footage.frames import lit, plain, with_subject
from evals.footage.world import look, world

Rgb = NDArray[np.uint8]
INFO = MediaInfo("video", "mov", width=320, height=180, fps=24)


def shown(sink: CompositionSink, frames: Iterable[Rgb], times: Sequence[float] | None = None) -> CompositionSink:
    before: Frame | None = None
    for index, rgb in enumerate(frames):
        seconds = index / 24 if times is None else times[index]
        before = Frame(index, seconds, rgb, before)
        sink.see(before)
    return sink


def span(first: int, frames: int, clean: tuple[int, int] | None = None) -> ShotSpan:
    begin, count = clean or (first, frames)
    return ShotSpan(
        index=1, start=first / 24, end=(first + frames) / 24, first_frame=first, frames=frames,
        clean_first=begin, clean_frames=count, opening="cut",
    )  # fmt: skip


class Marked:
    """Finds a figure where the picture's upper left corner is white."""

    name = "marks"
    sees = "marked pictures"

    def __init__(self) -> None:
        self.asked: list[float] = []

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        self.asked.append(seconds or 0.0)
        if rgb[:4, :4].mean() < 250:
            return ()
        return (Figure(kind="face", box=(0.4, 0.2, 0.6, 0.65), by=self.name, character="Ada", similarity=0.8),)


def marked(rgb: Rgb) -> Rgb:
    out = rgb.copy()
    out[:4, :4] = 255
    return out


@pytest.fixture(scope="module")
def pictures() -> list[Rgb]:
    return [with_subject(3000).rgb, plain(3001), with_subject(3002).rgb]


def test_each_shot_is_measured_on_its_own_clean_frames(pictures: list[Rgb]) -> None:
    mixed = (pictures[0] // 2 + pictures[1] // 2).astype(np.uint8)
    frames = [pictures[0]] * 30 + [mixed] * 12 + [pictures[1]] * 30
    sink = shown(CompositionSink(INFO), frames)
    found = sink.report([span(0, 36, (0, 30)), span(36, 36, (42, 30))])
    for one, picture in zip(found, pictures, strict=False):
        alone = compose(picture)
        assert one.subject == pytest.approx(alone.subject, abs=0.002)
        assert (one.key, one.layers) == (alone.key, alone.layers)
        assert one.symmetry == pytest.approx(alone.symmetry, abs=0.002)
        assert [colour.name for colour in one.colours] == [colour.name for colour in alone.colours]


@pytest.mark.parametrize("first", range(6))
def test_a_shot_of_six_frames_has_a_sample_wherever_it_begins(pictures: list[Rgb], first: int) -> None:
    frames = [pictures[1]] * (24 + first) + [pictures[2]] * 6 + [pictures[1]] * 24
    (found,) = shown(CompositionSink(INFO), frames).report([span(24 + first, 6)])
    assert found.subject == pytest.approx(compose(pictures[2]).subject, abs=0.002)


def test_a_shot_too_short_for_a_sample_gets_the_nearest(pictures: list[Rgb]) -> None:
    (found,) = shown(CompositionSink(INFO), [pictures[0]] * 40).report([span(7, 2)])
    assert found.subject == pytest.approx(compose(pictures[0]).subject, abs=0.002)


def test_how_a_film_is_cut_does_not_change_what_is_sampled(pictures: list[Rgb]) -> None:
    frames = [pictures[at // 20 % 3] for at in range(100)]
    sink = shown(CompositionSink(INFO), frames)
    assert sink.report([span(20, 20)]) == sink.report([span(0, 20), span(20, 20), span(40, 60)])[1:2]


def test_uneven_frame_times_are_sampled_by_time(pictures: list[Rgb]) -> None:
    rough = [round(at / 24 + (0.011 if at % 2 else 0.0), 3) for at in range(96)]
    sink = shown(CompositionSink(INFO), [pictures[0]] * 96, rough)
    assert 15 <= len(sink.sampled) <= 17


def test_what_hardly_changes_counts_as_what_was_measured_but_another_shot_does_not(pictures: list[Rgb]) -> None:
    """Dark shots differ by a few levels only, and are composed differently all the same."""
    dark = [picture // 12 for picture in pictures]
    assert np.abs(dark[0].astype(int) - dark[2]).mean() < 8
    frames = [dark[0]] * 24 + [dark[2]] * 6 + [np.roll(dark[0], at // 4, axis=1) for at in range(24)]
    still, short, slow = shown(CompositionSink(INFO), frames).report([span(0, 24), span(24, 6), span(30, 24)])
    for found, picture in ((still, dark[0]), (short, dark[2]), (slow, np.roll(dark[0], 3, axis=1))):
        alone = compose(picture)
        assert found.subject == pytest.approx(alone.subject, abs=0.03)
        assert found.symmetry == pytest.approx(alone.symmetry, abs=0.02)
        assert found.colours[0].name == alone.colours[0].name


def test_means_over_a_shot_are_means() -> None:
    low, high = (next(rgb for rgb, key in map(lit, range(3000, 3100)) if key == wanted) for wanted in ("low", "high"))
    sink = shown(CompositionSink(INFO), [low] * 48 + [high] * 48)
    both, first, second = sink.report([span(0, 96), span(0, 48), span(48, 48)])
    assert (first.key, second.key) == ("low", "high")
    assert both.luma == pytest.approx((first.luma + second.luma) / 2, abs=1)
    shares = {colour.name: colour.share for colour in both.colours}
    top = first.colours[0]
    assert shares[top.name] == pytest.approx(top.share / 2, abs=0.15)


def test_figures_give_the_scale_and_their_best_likeness(pictures: list[Rgb]) -> None:
    finder = Marked()
    frames = [marked(pictures[0])] * 96 + [pictures[1]] * 96
    seen, empty = shown(CompositionSink(INFO, finder), frames).report([span(0, 96), span(96, 96)])
    assert (seen.scale, seen.figures[0].character, seen.figures[0].similarity) == ("CU", "Ada", 0.8)
    assert seen.subject == pytest.approx((0.5, 0.425), abs=0.01) and seen.headroom is not None
    assert (empty.scale, empty.figures, empty.headroom) == ("unknown", (), None)
    assert empty.scale_reason.endswith("here marked pictures are found, and there were none")
    assert len(finder.asked) <= 8 / 2 + 3, "looking is dear: once every two seconds and after a change"


def test_a_scale_that_few_pictures_show_is_told_with_doubt(pictures: list[Rgb]) -> None:
    frames = [marked(pictures[0])] * 54 + [pictures[0]] * 240
    sometimes, always = (
        shown(CompositionSink(INFO, Marked()), made).report([span(0, 288)])[0]
        for made in (frames, [marked(pictures[0])] * 288)
    )
    assert sometimes.scale == always.scale == "CU"
    assert sometimes.scale_confidence < 0.8 * always.scale_confidence


class Cascade(Marked):
    """What the cascade says of marked pictures, its box moved by a share of the frame per second."""

    name = CascadeFaces.name

    def __init__(self, drift: float = 0.0) -> None:
        super().__init__()
        self._drift = drift

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        by = self._drift * (seconds or 0.0)
        found = super().find(rgb, seconds)
        return tuple(one.model_copy(update={"box": (0.1 + by, 0.2, 0.3 + by, 0.63), "by": self.name}) for one in found)


def test_a_face_of_the_cascade_that_one_look_of_several_sees_is_none(pictures: list[Rgb]) -> None:
    finder = Cascade()
    frames = [marked(pictures[0])] * 12 + [pictures[0]] * 132
    (found,) = shown(CompositionSink(INFO, finder), frames).report([span(0, 144)])
    assert (found.scale, found.figures, found.headroom, found.scale_confidence) == ("unknown", (), None, 0)
    assert "no other look at the shot confirmed" in found.scale_reason
    assert finder.asked[1] == pytest.approx(1.0, abs=0.1), "a doubted face is looked for again soon"
    assert finder.asked[2] == pytest.approx(4.0, abs=0.2)


def test_a_face_of_the_cascade_counts_when_two_looks_see_it_in_one_place(pictures: list[Rgb]) -> None:
    frames = [marked(pictures[0])] * 96
    (held,) = shown(CompositionSink(INFO, Cascade(0.02)), frames).report([span(0, 96)])
    assert held.scale == "CU" and 0.5 < held.scale_confidence <= 0.7 and held.figures
    (leaping,) = shown(CompositionSink(INFO, Cascade(0.3)), frames).report([span(0, 96)])
    assert leaping.scale == "unknown" and not leaping.figures


def test_a_face_of_the_cascade_in_a_shot_of_one_look_is_told_with_doubt(pictures: list[Rgb]) -> None:
    frames = [marked(pictures[0])] * 18
    (once,) = shown(CompositionSink(INFO, Cascade()), frames).report([span(0, 18)])
    assert once.scale == "CU" and 0 < once.scale_confidence <= 0.5
    (sure,) = shown(CompositionSink(INFO, Marked()), frames).report([span(0, 18)])
    assert sure.scale_confidence > 0.5, "other finders need no second look"


def test_without_a_finder_the_reason_is_the_one_given(pictures: list[Rgb]) -> None:
    why = "no face or figure could be measured: not asked"
    (found,) = shown(CompositionSink(INFO, None, why), pictures).report([span(0, 3)])
    assert found.scale_reason == why


def test_what_moves_is_the_subject_among_much_that_does_not() -> None:
    """A piece of the ground itself slides over it: only its motion tells it."""
    ground = look(world(3004, (480, 860)), (430, 240), 0.5, size=(180, 320))
    frames = []
    for at in range(25):
        frame = ground.copy()
        frame[60:110, 180 + 2 * at : 230 + 2 * at] = ground[20:70, 40:90]
        frames.append(frame)
    (found,) = shown(CompositionSink(INFO), frames).report([span(6, 18)])
    assert found.subject == pytest.approx((228 / 320, 85 / 180), abs=0.08)
    assert compose(frames[12]).subject != pytest.approx((229 / 320, 85 / 180), abs=0.08)


def test_a_finder_that_fails_costs_the_scale_only(pictures: list[Rgb]) -> None:
    class Broken(Marked):
        def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
            super().find(rgb, seconds)
            raise EngineError("The pose models cannot be used", "a file is damaged", "Put them there again")

    finder = Broken()
    (found,) = shown(CompositionSink(INFO, finder), [pictures[0]] * 96).report([span(0, 96)])
    assert found.scale == "unknown" and "The pose models cannot be used" in found.scale_reason
    assert len(finder.asked) == 1
    assert found.subject == pytest.approx(compose(pictures[0]).subject, abs=0.002)


def test_no_frames_give_empty_records() -> None:
    assert CompositionSink(INFO).report([span(0, 10)]) == [Composition(scale_reason="no frame was seen")]


def test_a_letterboxed_film_is_measured_in_its_picture() -> None:
    picture = np.full((136, 320, 3), 128, np.uint8)
    cv2.circle(picture, (107, 45), 12, (200, 30, 30), -1)
    boxed = np.pad(picture, [(22, 22), (0, 0), (0, 0)])
    (found,) = shown(CompositionSink(INFO), [boxed] * 24).report([span(0, 24)])
    assert found.thirds > 0.93
