"""What planners choose from measured curves: no flash of a few frames, cuts that are seen, pauses, calm crops."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from backends.sound.result import Sound, SoundSegment
from backends.vision.composition.result import Composition, Figure
from backends.vision.record import Curves, FilmFile, FilmRecord, Shot
from tools.editing.arrangement import Part
from tools.editing.cut import Source
from tools.editing.decision.closer import ACROSS
from tools.editing.decision.facts import Facts
from tools.editing.decision.intercut import taking_turns
from tools.editing.decision.music import Music, to_beat
from tools.editing.decision.pieces import kept_frames
from tools.editing.decision.reframe import calmest
from tools.editing.decision.select import SHORTEST, best_moments, cut_down
from tools.editing.decision.silence import drop_silences, tighten
from tools.editing.decision.trailer import trailer

RATE = Fraction(25)
SOURCE = cast("Source", object())


def facts_of(lengths: list[float], lively: Any = None, sound: Sound | None = None) -> Facts:
    """A clip of shots of these seconds; `lively(seconds)` is its motion."""
    shots, start = [], 0.0
    for index, length in enumerate(lengths, 1):
        first, frames = round(start * RATE), round((start + length) * RATE) - round(start * RATE)
        span = {"start": start, "end": start + length, "first_frame": first, "frames": frames}
        clean = {"clean_first": first, "clean_frames": frames}
        shots.append(Shot(index=index, opening="cut", keyframe=start + length / 2, **span, **clean))
        start += length
    times = tuple(at / 10 for at in range(round(start * 10)))
    motion = tuple(lively(at) if lively else 0.2 for at in times)
    file = FilmFile(name="f", seconds=start, frames=round(start * RATE), width=160, height=90, fps=25.0)
    curves = Curves(seconds=times, motion=motion, luma=tuple(90.0 for _ in times))
    return Facts(1, "f", FilmRecord(film=file, aspects=("shots",), shots=tuple(shots), sound=sound, curves=curves))


def whole(facts: Facts) -> list[Part]:
    return [Part(SOURCE, "f.mp4", "f", Fraction(0), Fraction(round(facts.seconds * RATE)) / RATE)]


def spans(parts: Any) -> list[tuple[int, int]]:
    return [(int(part.begin * RATE), int(part.end * RATE)) for part in parts]


@pytest.mark.parametrize("seconds", [4.0, 6.4, 10.0])
def test_what_is_needed_for_the_length_is_no_flash(seconds: float) -> None:
    facts = facts_of([2.7, 2.75, 4.3, 2.75, 2.2], lambda at: 0.9 if 2.7 < at < 12.5 else 0.1)
    made = best_moments(whole(facts), lambda _: facts, RATE, seconds)
    assert sum(last - first for first, last in spans(made)) == round(seconds * RATE)
    assert min(last - first for first, last in spans(made)) >= round(SHORTEST * RATE)


def test_shots_of_a_quick_cut_film_are_all_a_little_shorter_when_all_are_needed() -> None:
    facts = facts_of([0.48] * 25)
    made = cut_down(whole(facts), lambda _: facts, RATE, 11.8)
    lengths = [last - first for first, last in spans(made)]
    assert sum(lengths) == 295 and min(lengths) >= 11


def test_a_sliver_of_a_shot_goes_first() -> None:
    facts = facts_of([3.0, 0.32, 3.0, 3.0], lambda at: 0.9 if 3.0 <= at < 3.32 else 0.3)
    made = cut_down(whole(facts), lambda _: facts, RATE, 6.0)
    assert all(not 75 <= first < 83 for first, _ in spans(made))


def test_the_build_up_of_a_trailer_does_not_show_what_the_button_shows() -> None:
    facts = facts_of([5.0] * 8, lambda at: 0.9 if 27.0 < at < 29.4 else 0.3 + 0.01 * (at % 5))
    cut = trailer(whole(facts), lambda _: facts, RATE, seconds=12.0, title="It")
    *rest, button = spans(cut.parts)
    assert button[1] - button[0] >= 30 and 660 <= button[0] <= 740, "a look takes time"
    assert all(first >= button[1] + 20 or last <= button[0] - 20 for first, last in rest)
    assert sum(last - first for first, last in spans(cut.parts)) + 25 * sum(card.seconds for card in cut.cards) == 300


def song(seconds: float, period: float) -> Music:
    beats = tuple(float(at) for at in np.arange(0, seconds, period))
    return Music("song", Sound(seconds=seconds, beats=beats, bpm=60 / period, bpm_confidence=1.0))


def test_every_cut_on_the_beat_is_seen_as_one() -> None:
    facts = facts_of([4.0, 1.2, 1.84, 2.44, 2.0, 2.52, 5.5, 2.9, 2.76, 2.72, 3.12, 3.28])
    made = to_beat(whole(facts), lambda _: facts, RATE, song(20.0, 0.53))
    edges = {round(shot.start * RATE) for shot in facts.record.shots}
    cuts = spans(made.parts)
    assert all(
        later[0] >= before[1] + 5 or later[0] in edges or later[1] <= before[0] for before, later in pairwise(cuts)
    ), cuts
    assert not any(first < edge < last for first, last in cuts for edge in edges), "no shot flashes up inside a piece"


def test_no_frame_of_the_footages_own_fades_is_shown_at_a_cut() -> None:
    facts = facts_of([3.0] * 8)
    faded = [shot.model_copy(update={"clean_first": shot.first_frame + 10, "clean_frames": 55})
             for shot in facts.record.shots]  # fmt: skip
    facts = Facts(1, "f", facts.record.model_copy(update={"shots": tuple(faded)}))
    made = to_beat(whole(facts), lambda _: facts, RATE, song(20.0, 0.53))
    assert all(first % 75 >= 10 and (last - 1) % 75 < 65 for first, last in spans(made.parts))


def test_where_pieces_must_run_over_cuts_no_shot_flashes_up() -> None:
    facts = facts_of([0.8] * 20)
    made = to_beat(whole(facts), lambda _: facts, RATE, song(9.0, 0.5), quick=False)
    edges = [round(shot.start * RATE) for shot in facts.record.shots]
    for number, length in enumerate(made.cuts):
        assert length > 0, number
    for first, last in spans(made.parts):
        assert all(min(edge - first, last - edge) >= 7 for edge in edges if first < edge < last)


def spoken(room: float, seconds: float = 12.0) -> Sound:
    """Talk from 0.5 to 4.0 and from 6.0 to 11.0 s in a room of this level, heard as speech throughout."""
    pick = np.random.default_rng(3)
    levels = np.full(round(seconds * 10), room) + pick.normal(0, 0.5, round(seconds * 10))
    for first, last in ((5, 40), (60, 110)):
        levels[first:last] = -14 + pick.normal(0, 4, last - first)
    return Sound(
        seconds=seconds, peak_dbfs=-4.0, noise_dbfs=room, curve_dbfs=tuple(float(level) for level in levels),
        segments=(SoundSegment(start=0, end=seconds, label="speech", confidence=0.9),),
    )  # fmt: skip


def test_pauses_of_a_recording_with_room_noise_are_silences() -> None:
    facts = facts_of([12.0], sound=spoken(-41.0))
    made, note = drop_silences(whole(facts), lambda _: facts, RATE)
    assert "silences taken out" in note
    kept = spans(made)
    assert any(first <= 12 and last >= 100 for first, last in kept) and sum(b - a for a, b in kept) < 250
    assert any(first <= 150 and last >= 275 for first, last in kept), "all that is said stays"


def test_talk_is_tightened_though_the_speaker_moves() -> None:
    facts = facts_of([12.0], lambda at: 0.3 + 0.1 * (at % 1.0), spoken(-41.0))
    made, note = tighten(whole(facts), lambda _: facts, RATE, boring=False)
    assert "pauses" in note
    (first, second) = sorted(spans(made))[-2:]
    assert 0.4 <= (first[1] - 100) / 25 + (150 - second[0]) / 25 <= 0.8, "a breath stays between the sentences"


def test_a_pause_in_which_most_happens_stays() -> None:
    facts = facts_of([12.0], lambda at: 1.0 if 4.0 <= at < 6.0 else 0.05, spoken(-41.0))
    made, _ = tighten(whole(facts), lambda _: facts, RATE, boring=False)
    assert any(first <= 100 and last >= 150 for first, last in spans(made))


def drawn(*places: float) -> np.ndarray[Any, Any]:
    cells = (np.arange(ACROSS) + 0.5) / ACROSS
    made = sum(np.exp(-0.5 * ((cells - place) / 0.04) ** 2) for place in places)
    return np.asarray(made / np.sum(made))


def test_of_two_people_the_crop_shows_one_and_stays_there() -> None:
    pick = np.random.default_rng(5)
    both = np.stack([drawn(0.28, 0.72) + pick.uniform(0, 0.02, ACROSS) for _ in range(30)])
    way = calmest(both / both.sum(axis=1, keepdims=True), 0.316)
    assert np.ptp(way) < 0.02 and min(abs(way[0] - 0.28), abs(way[0] - 0.72)) < 0.06


def test_the_crop_goes_along_with_who_walks() -> None:
    walk = np.linspace(0.2, 0.8, 40)
    way = calmest(np.stack([drawn(place) for place in walk]), 0.316)
    assert np.abs(way - np.clip(walk, 0.158, 0.842)).max() < 0.1 and np.diff(way).min() >= 0


def test_a_crop_as_wide_as_the_picture_stands_in_its_middle() -> None:
    assert (calmest(np.stack([drawn(0.1)] * 3), 1.0) == 0.5).all()


LINES = ((2.0, 3.4), (7.0, 8.6), (12.2, 13.8), (21.0, 22.4), (23.0, 24.2), (31.0, 32.2), (37.5, 39.0))
"""Questions and answers of a film of 40 s."""


def a_talk(lively: Any = None) -> Facts:
    facts = facts_of([5.0] * 8, lively or (lambda at: 0.9 if 21.0 < at < 24.5 or at > 36.5 else 0.3))
    return replace(facts, known_lines=LINES)


@pytest.mark.parametrize("seconds", [9.0, 12.0, 15.0, 20.0])
def test_a_trailer_tells_in_the_films_order_and_holds_its_end_back(seconds: float) -> None:
    facts = a_talk()
    cut = trailer(whole(facts), lambda _: facts, RATE, seconds=seconds, title="It")
    shown = spans(cut.parts)
    assert sum(last - first for first, last in shown) + 25 * sum(card.seconds for card in cut.cards) == seconds * 25
    starts = [first for first, _ in shown[:-1]]
    assert starts == sorted(starts) and shown[0][0] < 0.3 * 1000, "it begins with the beginning"
    assert all(last <= 850 for _, last in shown), "the end stays untold"
    lengths = [last - first for first, last in shown[1:-1]]
    assert sum(lengths[: len(lengths) // 2]) / (len(lengths) // 2) >= sum(lengths[-2:]) / 2, "it rises"


@pytest.mark.parametrize("seconds", [12.0, 15.0, 20.0])
def test_what_is_said_in_a_trailer_is_whole_and_no_answer_comes_before_its_question(seconds: float) -> None:
    facts = a_talk()
    cut = trailer(whole(facts), lambda _: facts, RATE, seconds=seconds, title="It")
    told: list[int] = []
    for first, last in spans(cut.parts):
        for number, (start, end) in enumerate(LINES):
            heard = min(last / 25, end) - max(first / 25, start)
            if heard > 0.05:
                told.append(number)
                assert heard >= end - start - 0.05, (number, first / 25, last / 25)
    assert told and told == sorted(told), told


def test_a_trailer_begins_with_a_face_or_a_place() -> None:
    face = Figure(kind="face", box=(0.4, 0.3, 0.6, 0.6))
    facts = facts_of([3.0] * 14, lambda at: 0.5 if at < 3.0 else 0.4)
    shots = [
        shot.model_copy(update={"composition": Composition(scale="CU", figures=(face,)) if shot.index == 3
                                else Composition()})
        for shot in facts.record.shots
    ]  # fmt: skip
    facts = Facts(1, "f", facts.record.model_copy(update={"shots": tuple(shots)}))
    first, last = spans(trailer(whole(facts), lambda _: facts, RATE, seconds=12.0, title="It").parts)[0]
    assert 150 <= first < last <= 225


def test_a_film_of_quick_shots_has_a_trailer_too() -> None:
    facts = facts_of([0.5] * 60)
    cut = trailer(whole(facts), lambda _: facts, RATE, seconds=10.0, title="It")
    assert sum(last - first for first, last in spans(cut.parts)) + 25 * sum(card.seconds for card in cut.cards) == 250


@pytest.mark.parametrize(
    ("keep", "outward", "frames"),
    [
        ([(0.0, 1.0), (2.0, 3.0)], True, [(0, 25), (50, 75)]),
        ([(0.01, 0.99)], True, [(0, 25)]),
        ([(0.01, 0.99)], False, [(0, 25)]),
        ([(0.03, 0.97)], False, [(1, 24)]),
        ([(0.0, 1.01), (1.03, 2.0)], True, [(0, 50)]),
        ([(0.5, 0.5)], False, []),
        ([(3.5, 9.0)], True, [(87, 100)]),
        ([(5.0, 9.0)], True, []),
    ],
)
def test_kept_spans_are_whole_frames_that_follow_each_other(
    keep: list[tuple[float, float]], outward: bool, frames: list[tuple[int, int]]
) -> None:
    """Of a part of four seconds, at 25 a second."""
    (part,) = whole(facts_of([4.0]))
    made = kept_frames(part, keep, RATE, lambda span: f"{span[0]}", outward=outward)
    assert [(piece.first, piece.last) for piece in made] == frames


def test_where_lines_are_not_known_nothing_that_is_heard_after_the_button_comes_before_it() -> None:
    """A voice that is taken for another sound may be the answer to what the button asks."""
    sound = Sound(seconds=40.0, segments=(SoundSegment(start=0.0, end=40.0, label="noise", confidence=1.0),))
    facts = facts_of([2.5] * 16, lambda at: 0.9 if 21.0 < at < 23.0 or 27.0 < at < 30.0 else 0.3, sound)
    shown = spans(trailer(whole(facts), lambda _: facts, RATE, seconds=12.0, title="It").parts)
    assert shown == sorted(shown), shown


def test_kept_spans_lie_in_the_part_that_is_looked_at() -> None:
    (part,) = whole(facts_of([4.0]))
    made = kept_frames(replace(part, begin=Fraction(1), end=Fraction(3)), [(0.2, 1.5), (2.5, 3.9)], RATE, str)
    assert [(piece.first, piece.last) for piece in made] == [(25, 38), (62, 75)]
    assert made[0].why == "(1.0, 1.5)"


@pytest.mark.parametrize(
    ("shots", "turns"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, 1, 2], [1, 2, 1]),
        ([1, 1, 1, 2, 2, 3], [1, 2, 1, 2, 1, 3]),
        ([1, 2, 2, 2], [2, 1, 2, 2]),
        ([1, 1], [1, 1]),
    ],
)
def test_two_shots_take_turns(shots: list[int], turns: list[int]) -> None:
    assert taking_turns(shots) == turns


def test_quick_cuts_change_the_shot_where_they_can() -> None:
    facts = facts_of([3.0, 2.5, 3.5, 2.0, 3.0, 2.5])
    beats = tuple(0.6 * n for n in range(1, 40))
    sound = Sound(seconds=24.0, beats=beats, bpm=100.0)
    made = to_beat(whole(facts), lambda _: facts, RATE, Music("song", sound), quick=True)
    shown = spans(made.parts)
    assert [last - first for first, last in shown] == [15] * len(shown)
    edges = [0, 75, 138, 225, 275, 350, 412]
    shots = [next(n for n, edge in enumerate(edges) if first < edge) for first, _ in shown]
    again = sum(one == other for one, other in pairwise(shots))
    assert again <= 1, shots
    # No frame is shown twice, and each shot goes on in its own order.
    for shot in set(shots):
        own = [span for span, at in zip(shown, shots, strict=True) if at == shot]
        assert all(one[1] <= other[0] for one, other in pairwise(own))
