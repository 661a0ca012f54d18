"""Loudness, its range, peaks and clipping of tracks that are heard piece by piece."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from backends.sound.levels import LevelMeter
from backends.sound.loudness import RATE, LoudnessMeter


def _tone(seconds: float, dbfs: float, hertz: float = 1000.0) -> NDArray[np.float32]:
    """The same sine on both sides, (n, 2), whose peak is at `dbfs`, as EBU's test signals are."""
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def _loudness(stereo: NDArray[np.float32], block: int = 30_011) -> LoudnessMeter:
    meter = LoudnessMeter()
    for at in range(0, len(stereo), block):
        meter.hear(stereo[at : at + block])
    return meter


def _levels(native: NDArray[np.float32], block: int = 4_801) -> LevelMeter:
    """Hears (n, 1) or (n, 2) samples as the pass would deliver them."""
    meter = LevelMeter()
    stereo = np.repeat(native * np.float32(0.5**0.5), 2, axis=1) if native.shape[1] == 1 else native
    for at in range(0, len(native), block):
        meter.hear(stereo[at : at + block], RATE, native[at : at + block], RATE)
    return meter


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(20, -23)], -23.0),
        ([(20, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),
    ],
)
def test_loudness_of_the_ebu_signals(parts: list[tuple[float, float]], lufs: float) -> None:
    """EBU Tech 3341, cases 1 to 5."""
    meter = _loudness(np.concatenate([_tone(*part) for part in parts]))
    assert meter.integrated() == pytest.approx(lufs, abs=0.1)


@pytest.mark.parametrize(
    ("parts", "range_lu"),
    [
        ([(20, -20), (20, -30)], 10),
        ([(20, -20), (20, -15)], 5),
        ([(20, -40), (20, -20)], 20),
        ([(20, -50), (20, -35), (20, -20), (20, -35), (20, -50)], 15),
    ],
)
def test_loudness_range_of_the_ebu_signals(parts: list[tuple[float, float]], range_lu: float) -> None:
    """EBU Tech 3342, cases 1 to 4."""
    meter = _loudness(np.concatenate([_tone(*part) for part in parts]))
    assert meter.range() == pytest.approx(range_lu, abs=1.0)


def test_loudness_is_that_of_pyloudnorm() -> None:
    pick = np.random.default_rng(5)
    envelope = np.repeat(pick.uniform(0.001, 0.4, 60), RATE // 4)[:, None]
    stereo = (pick.normal(0, 1, (len(envelope), 2)) * envelope * (1.0, 0.5)).clip(-1, 1).astype(np.float32)
    expected = pyloudnorm.Meter(RATE).integrated_loudness(stereo.astype(np.float64))
    assert _loudness(stereo).integrated() == pytest.approx(expected, abs=0.1)
    assert _loudness(stereo, block=777).integrated() == pytest.approx(_loudness(stereo).integrated(), abs=1e-4)


def test_loudness_of_a_part() -> None:
    meter = _loudness(np.concatenate([_tone(5, -20), _tone(5, -40)]))
    assert meter.integrated(0.0, 5.0) == pytest.approx(-20, abs=0.1)
    assert meter.integrated(6.0, 10.0) == pytest.approx(-40, abs=0.1)
    assert meter.integrated(20.0, 30.0) is None


def test_silence_and_too_short_have_no_loudness() -> None:
    assert _loudness(np.zeros((5 * RATE, 2), np.float32)).integrated() is None
    assert _loudness(_tone(0.3, -20)).integrated() is None
    assert _loudness(_tone(2, -20)).range() is None
    assert LoudnessMeter().integrated() is None and LoudnessMeter().range() is None


def test_one_channel_keeps_its_level_and_peak() -> None:
    wave = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    for native in (wave[:, None], np.repeat(wave[:, None], 2, axis=1)):
        meter = _levels(native)
        assert meter.peak_dbfs == pytest.approx(-6.02, abs=0.01)
        assert float(np.median(meter.levels())) == pytest.approx(-9.03, abs=0.05)
        assert meter.seconds == pytest.approx(2.0)
        assert meter.channels == native.shape[1]


def test_a_single_full_sample_is_no_clipping() -> None:
    wave = np.zeros((RATE, 1), np.float32)
    wave[[100, 101, 5000]] = 1.0
    meter = _levels(wave)
    assert meter.clipped_share == 0.0 and meter.peak_dbfs == pytest.approx(0.0)


@pytest.mark.parametrize("block", [1, 3, 7, 4_801])
def test_clipped_runs_are_counted_across_blocks(block: int) -> None:
    wave = np.zeros((3_000, 2), np.float32)
    wave[10:14, 0] = 1.0
    wave[1_000:1_010, 1] = -1.0
    wave[2_999, 0] = 1.0
    wave[2_000:2_002, 1] = 1.0
    assert _levels(wave, block).clipped_share == pytest.approx(14 / wave.size)


def test_the_curve_stays_short() -> None:
    meter = LevelMeter()
    second = np.full((RATE, 2), 0.1, np.float32)
    for _ in range(620):
        meter.hear(second, RATE, None, 0)
    step, curve = meter.curve()
    assert step == pytest.approx(0.2) and len(curve) == 3_100
    assert curve == pytest.approx(np.full(len(curve), -20.0), abs=0.01)
    assert _levels(np.full((RATE, 1), 0.1, np.float32)).curve()[0] == pytest.approx(0.1)
