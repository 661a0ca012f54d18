"""Sound effects: the same each time, as loud as promised, with the accent where the table says."""

from __future__ import annotations

import numpy as np
import pytest

from backends.sound.beds import BEDS, make_bed
from backends.sound.foley import RATE, SOUNDS, accent, make_sound, natural_seconds
from backends.voice.measures.loudness import integrated_lufs, peak_dbfs
from configs.errors import UsageError


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_whole_level_and_repeatable(name: str) -> None:
    sound = make_sound(name, seed=3)
    assert sound.dtype == np.float32
    assert sound.shape == (round(SOUNDS[name].seconds * RATE), 2)
    assert np.array_equal(sound, make_sound(name, seed=3))
    assert peak_dbfs(sound.ravel()) <= -1.4
    assert integrated_lufs(sound, RATE) == pytest.approx(SOUNDS[name].lufs, abs=1.0)
    assert abs(float(sound.mean())) < 0.01
    # Nothing that clicks at its ends.
    assert np.abs(sound[0]).max() < 0.02
    assert np.abs(sound[-1]).max() < 0.02


@pytest.mark.parametrize("name", [name for name, sound in SOUNDS.items() if sound.accent == 0 and name != "crickets"])
def test_what_strikes_strikes_at_once(name: str) -> None:
    """A quarter of its loudest within the first frame (42 ms): put on a frame, it is not heard late."""
    loud = np.abs(make_sound(name).mean(axis=1))
    assert np.argmax(loud > loud.max() / 4) < 0.042 * RATE


@pytest.mark.parametrize(("name", "share"), [("riser", 1.0), ("drum_roll", 1.0), ("whoosh", 0.5)])
def test_the_accent_is_where_it_is_loudest(name: str, share: float) -> None:
    power = make_sound(name).mean(axis=1) ** 2
    smooth = np.convolve(power, np.ones(4800) / 4800, "same")
    assert accent(name) == pytest.approx(share * natural_seconds(name))
    assert smooth.argmax() / RATE == pytest.approx(accent(name), abs=0.25)


def test_pitches_are_those_of_the_sounds() -> None:
    """The bell rings at 1568 Hz, the trombone goes down from B flat to G, the riser climbs."""
    assert _pitch(make_sound("ding"), 0.1, 0.4, 1000) == pytest.approx(1568, rel=0.01)
    trombone = make_sound("sad_trombone")
    first, last = _pitch(trombone, 0.1, 0.3, 150), _pitch(trombone, 1.5, 1.8, 150)
    assert first == pytest.approx(233, rel=0.03)
    assert last == pytest.approx(196, rel=0.05)
    riser = make_sound("riser").mean(axis=1)
    assert _centre(riser[-RATE // 2 :]) > 3 * _centre(riser[: RATE // 2])


def test_lengths() -> None:
    assert len(make_sound("heartbeat", 5.0)) == 5 * RATE
    assert len(make_sound("ding", 5.0)) == round(natural_seconds("ding") * RATE)
    short = make_sound("boom", 0.5)
    assert len(short) == RATE // 2
    assert np.abs(short[-100:]).max() < 0.05
    assert accent("riser", 1.0) == pytest.approx(1.0)
    assert not np.array_equal(make_sound("crickets", seed=1), make_sound("crickets", seed=2))


@pytest.mark.parametrize(("name", "seconds"), [("kazoo", 1.0), ("ding", 31.0), ("ding", -1.0)])
def test_wrong_sounds_are_refused(name: str, seconds: float) -> None:
    with pytest.raises(UsageError):
        make_sound(name, seconds)


@pytest.mark.parametrize("name", BEDS)
def test_a_bed_is_as_long_and_loud_as_asked(name: str) -> None:
    bed = make_bed(name, 6.5, seed=1)
    assert bed.shape == (round(6.5 * RATE), 2)
    assert peak_dbfs(bed.ravel()) <= -1.4
    assert -23 < integrated_lufs(bed, RATE) < -19
    assert np.abs(bed[-200:]).max() < 0.01
    # It plays throughout: no second of it is empty.
    levels = [float(np.abs(bed[at : at + RATE]).max()) for at in range(0, 6 * RATE, RATE)]
    assert min(levels) > 0.01


def test_beds_are_repeatable_and_refuse_nonsense() -> None:
    assert np.array_equal(make_bed("lounge", 3.0, 5), make_bed("lounge", 3.0, 5))
    for name, seconds in (("polka", 3.0), ("pad", 0.1), ("pad", 1e6)):
        with pytest.raises(UsageError):
            make_bed(name, seconds)


def _pitch(sound: np.ndarray, start: float, end: float, least: float) -> float:
    part = sound[round(start * RATE) : round(end * RATE)].mean(axis=1)
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17))
    hertz = np.fft.rfftfreq(1 << 17, 1 / RATE)
    inside = (hertz > least) & (hertz < 4 * least)
    return float(hertz[inside][power[inside].argmax()])


def _centre(part: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(part))
    return float((power * np.fft.rfftfreq(len(part), 1 / RATE)).sum() / power.sum())
