"""Moments found in measured curves: every one where it was put, and none where nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
from made_record import made_record, made_shot

from backends.sound.result import Words
from backends.vision.composition.result import Colour, Composition, Figure
from backends.vision.record import Curves, FilmRecord
from tools.editing.moments import Moment, MomentKind, moments, named

STEP = 0.12


def test_motion_peaks_stand_where_the_motion_is_and_cuts_are_none() -> None:
    motion = noisy(0.1, 10)
    motion[at(3.0)] = motion[at(3.0) + 1] = 0.9
    motion[at(7.0)] = 0.6
    motion[at(4.08)] = 2.0  # measured across the cut at 4 s
    found = moments(with_motion(motion), "motion_peak")
    assert [round(moment.at, 1) for moment in found] == [3.0, 7.0]
    assert found[0].strength > found[1].strength and found[0].shot == 2
    assert "widths/s" in found[0].note


def test_an_even_curve_has_no_peaks() -> None:
    assert moments(with_motion(noisy(0.1, 10)), "motion_peak") == []
    assert moments(with_motion(np.zeros(at(10))), "motion_peak") == []


def test_stillness_lies_within_one_shot() -> None:
    motion = noisy(0.2, 10)
    motion[at(2.4) : at(3.8)] = 0.002
    found = moments(with_motion(motion), "stillness")
    assert len(found) == 1 and found[0].shot == 2
    assert abs(found[0].at - 2.4) < 0.3 and abs(found[0].seconds - 1.4) < 0.4


def test_loud_and_silent_moments() -> None:
    levels = np.full(100, -24.0)
    levels[30:33] = -8.0
    levels[60:70] = -75.0
    record = with_sound(curve_dbfs=tuple(levels), noise_dbfs=-75.0)
    (loud,) = moments(record, "loud")
    assert abs(loud.at - 3.1) < 0.15 and "14 dB above" in loud.note
    (silence,) = moments(record, "silence")
    assert (silence.at, silence.seconds) == (6.0, 1.0)


def test_pauses_over_a_noise_floor_are_silences() -> None:
    rng = np.random.default_rng(1)
    levels = -38 + rng.normal(0, 0.6, 100)
    levels[10:40] = levels[55:90] = -15
    found = moments(with_sound(curve_dbfs=tuple(levels), noise_dbfs=-38.5), "silence")
    assert any(abs(moment.at - 4.0) < 0.15 and abs(moment.seconds - 1.5) < 0.2 for moment in found)
    assert all(not 1.0 < moment.at < 3.9 and not 5.5 < moment.at < 8.9 for moment in found)


def test_steady_music_has_no_silence() -> None:
    rng = np.random.default_rng(2)
    assert moments(with_sound(curve_dbfs=tuple(-20 + rng.normal(0, 2, 100)), noise_dbfs=-24.0), "silence") == []


def test_beats_cuts_and_words_are_where_the_record_has_them() -> None:
    record = made_record()
    assert [moment.at for moment in moments(record, "beat")] == list(record.sound.beats) if record.sound else False
    assert [moment.at for moment in moments(record, "cut")] == [change.start for change in record.transitions]
    line = Words(start=1.0, end=2.0, text="wait for it", by="subtitles")
    words = moments(with_sound(words=(line,)), "word")
    assert [word.note for word in words] == ["wait", "for", "it"]
    assert words[0].at == 1.0 and words[-1].at + words[-1].seconds < 2.0 < words[-1].at + 0.5


def test_kinds_of_moments_are_told_as_nouns() -> None:
    assert (named("loud"), named("motion_peak")) == ("loud moment", "motion peak")


def test_a_reaction_is_a_closer_face_right_after_something_happened() -> None:
    motion = noisy(0.1, 10)
    motion[at(3.5)] = 0.9
    motion[at(7.0)] = 0.8
    shots = [look(n, face=0.5 if n == 2 else 0.0) for n in range(5)]
    found = moments(with_motion(motion, shots), "reaction")
    assert [moment.shot for moment in found] == [3]
    assert found[0].where is not None and "motion peak" in found[0].note


def test_a_larger_face_reacts_and_an_equal_one_does_not() -> None:
    motion = noisy(0.1, 10)
    motion[at(1.6)] = motion[at(3.6)] = 0.9
    shots = [look(0, face=0.2), look(1, face=0.4), look(2, face=0.4), look(3), look(4)]
    assert [moment.shot for moment in moments(with_motion(motion, shots), "reaction")] == [2]


def test_a_shot_that_looks_like_an_earlier_one_repeats_it() -> None:
    hues = ("#203040", "#c04030", "#40a060", "#d0c020", "#203141")
    found = moments(with_motion(noisy(0.1, 10), [look(n, hue=hue) for n, hue in enumerate(hues)]), "repetition")
    assert [(moment.shot, "shot 1 " in moment.note) for moment in found] == [(5, True)]


def test_what_was_not_measured_gives_no_moments() -> None:
    empty = made_record().model_copy(update={"sound": None, "curves": Curves(), "transitions": (), "shots": ()})
    assert moments(empty) == []


def test_all_kinds_come_in_order_of_time_and_are_the_same_each_time() -> None:
    record = with_motion(noisy(0.1, 10))
    found = moments(record)
    assert [moment.at for moment in found] == sorted(moment.at for moment in found)
    kinds: set[MomentKind] = {"beat", "cut", "word"}
    assert kinds <= {moment.kind for moment in found} and found == moments(record)
    assert all(isinstance(moment, Moment) and 0 <= moment.strength <= 1 for moment in found)


def at(seconds: float) -> int:
    return round(seconds / STEP)


def noisy(level: float, seconds: float) -> Any:
    return level * (1 + 0.1 * np.random.default_rng(7).normal(size=at(seconds)))


def with_motion(motion: Any, shots: Any = None) -> FilmRecord:
    times = tuple(float(step) * STEP for step in range(len(motion)))
    curves = Curves(seconds=times, motion=tuple(float(m) for m in motion), luma=(90.0,) * len(times))
    changed: dict[str, Any] = {"curves": curves}
    if shots:
        changed["shots"] = tuple(shots)
    return made_record().model_copy(update=changed)


def with_sound(**changes: Any) -> FilmRecord:
    record = made_record()
    assert record.sound is not None
    return record.model_copy(update={"sound": record.sound.model_copy(update=changes)})


def look(number: int, *, face: float = 0.0, hue: str = "") -> Any:
    """A shot whose face, if any, is `face` high and wide."""
    figures = (Figure(kind="face", box=(0.3, 0.2, 0.3 + face, 0.2 + face), by="test"),) if face else ()
    colours = (Colour(name="x", hex=hue or f"#{40 * number + 20:02x}60{200 - 40 * number:02x}", share=1.0),)
    return made_shot(number, composition=Composition(luma=80.0, contrast=40.0, colours=colours, figures=figures))


def test_who_speaks_is_no_word_that_is_said() -> None:
    lines = (Words(start=1.0, end=2.0, text="Ruby: Come in"), Words(start=3.0, end=4.0, text="at 5:30 we go"))
    found = moments(with_sound(words=lines), "word")
    assert [word.note for word in found] == ["Come", "in", "at", "5:30", "we", "go"]
    assert found[0].at == 1.0
