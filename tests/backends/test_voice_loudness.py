"""Loudness, trimming and sound files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from backends.voice.measures.loudness import (
    integrated_lufs,
    limit,
    normalise,
    peak_dbfs,
    rms_dbfs,
    silence_share,
    speech_span,
    trim,
)
from backends.voice.wav import read_wav, resample, write_wav
from configs.errors import StudioError, UsageError

RATE = 48000


def _tone(seconds: float, amplitude: float = 0.1, hertz: float = 997.0, rate: int = RATE) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def test_the_reference_tone_of_bs_1770() -> None:
    """A 997 Hz sine at 0 dBFS in one channel is -3.01 LUFS (ITU-R BS.1770-4, annex 1)."""
    assert integrated_lufs(_tone(3, 1.0), RATE) == pytest.approx(-3.01, abs=0.05)
    assert integrated_lufs(_tone(3, 0.1), RATE) == pytest.approx(-23.01, abs=0.05)


def test_stereo_is_measured_too() -> None:
    both = np.stack([_tone(2), _tone(2)], axis=1)
    assert integrated_lufs(both, RATE) == pytest.approx(-20.0, abs=0.05)
    assert integrated_lufs(both[: RATE // 4], RATE) == pytest.approx(-20.0, abs=0.3)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.5])
def test_short_clips_have_a_loudness(seconds: float) -> None:
    assert integrated_lufs(_tone(seconds), RATE) == pytest.approx(-23.0, abs=0.6)


def test_silence_has_none() -> None:
    assert integrated_lufs(np.zeros(RATE, np.float32), RATE) == -120
    assert integrated_lufs(np.zeros(0, np.float32), RATE) == -120
    assert peak_dbfs(np.zeros(0, np.float32)) == rms_dbfs(np.zeros(9, np.float32)) == -120
    assert silence_share(np.zeros(RATE, np.float32), RATE) == 1.0
    assert speech_span(np.zeros(RATE, np.float32), RATE) == (0.0, 0.0)
    quiet = np.zeros(RATE, np.float32)
    assert np.array_equal(normalise(quiet, RATE, -18), quiet)


@pytest.mark.parametrize("target", [-30.0, -18.0, -14.0])
def test_a_target_is_reached_without_clipping(target: float) -> None:
    generator = np.random.default_rng(1)
    speechlike = generator.laplace(0, 0.05, RATE * 2).astype(np.float32) * np.repeat(
        generator.uniform(0.1, 1, 40), RATE // 20
    )
    out = normalise(speechlike.astype(np.float32), RATE, target)
    assert integrated_lufs(out, RATE) == pytest.approx(target, abs=0.5)
    assert peak_dbfs(out) <= -1.0 + 1e-4


def test_the_limiter_touches_only_what_is_too_loud() -> None:
    sound = _tone(1.0, 0.2)
    assert np.array_equal(limit(sound, RATE), sound)
    sound[20000:20400] *= 1 + 9 * np.hanning(400).astype(np.float32)
    out = limit(sound, RATE, -6.0)
    assert peak_dbfs(out) <= -6.0 + 1e-6
    assert np.array_equal(out[:19000], sound[:19000]) and np.array_equal(out[21000:], sound[21000:])
    # No hard steps: the gain moves over milliseconds.
    gain = (out / np.where(np.abs(sound) < 1e-3, 1, sound))[np.abs(sound) > 1e-3]
    assert np.max(np.abs(np.diff(gain))) < 0.03


def test_trimming_keeps_fifty_milliseconds() -> None:
    sound = np.concatenate([np.zeros(RATE), _tone(1.0), np.zeros(2 * RATE)]).astype(np.float32)
    out, cut = trim(sound, RATE)
    assert cut == pytest.approx(0.95, abs=0.021)
    assert len(out) / RATE == pytest.approx(1.1, abs=0.045)
    assert out[0] == out[-1] == 0
    assert silence_share(sound, RATE) == pytest.approx(0.75, abs=0.02)


def test_files_come_back_as_written(tmp_path: Path) -> None:
    sound = _tone(0.5, 0.5)
    write_wav(tmp_path / "new" / "a.wav", sound, RATE)
    info = soundfile.info(str(tmp_path / "new" / "a.wav"))
    assert (info.subtype, info.channels, info.samplerate, info.format) == ("PCM_16", 1, RATE, "WAV")
    again, rate = read_wav(tmp_path / "new" / "a.wav")
    assert rate == RATE and again.dtype == np.float32
    assert np.max(np.abs(again - sound)) < 1 / 30000
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.wav"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.wav"
    write_wav(target, _tone(0.2), RATE)
    before = target.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full_disk)
    with pytest.raises(StudioError, match="No space left"):
        write_wav(target, _tone(0.4), RATE)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_stereo_becomes_mono(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.flac", np.stack([_tone(0.2, 0.4), np.zeros(9600)], axis=1), RATE)
    samples, _ = read_wav(tmp_path / "s.flac")
    assert samples.shape == (9600,)
    assert np.max(samples) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("content", [b"", b"not a sound", b"RIFF\x24\x00\x00\x00WAVEfmt "])
def test_bad_files_are_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.wav"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"x\.wav"):
        read_wav(file)
    with pytest.raises(UsageError, match=r"gone\.wav"):
        read_wav(tmp_path / "gone.wav")


@pytest.mark.parametrize("wanted", [16000, 22050, 44100, 48000])
def test_resampling_keeps_length_and_pitch(wanted: int) -> None:
    out = resample(_tone(1.0, 0.3, 440.0), RATE, wanted)
    assert len(out) == wanted and out.dtype == np.float32
    assert np.argmax(np.abs(np.fft.rfft(out))) == 440
