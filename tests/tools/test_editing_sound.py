"""The sound of rendered timelines: placed, levelled, ducked, folded down, and the same to the bit each time."""

from __future__ import annotations

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, build, clip, render
from media_fixtures import make_wav

from backends.media.audio import read_samples
from backends.media.ffmpeg import encode_args, ffmpeg_path
from backends.media.guard import sniff
from backends.media.probe import probe
from backends.sound.pcm import write_pcm
from backends.voice.measures.true_peak import true_peak_dbtp
from memory.records import Asset
from tools.editing import backwards
from tools.editing.cut import Source
from tools.editing.level import finished_sound
from tools.editing.mix import audible
from tools.editing.presets import editing_presets
from tools.editing.program import read_program
from tools.editing.timeline import save_timeline


def test_sound_lies_where_it_should_and_is_levelled(studio: EditingStudio, counting: Asset, tmp_path: Path) -> None:
    tone = studio.attach(make_wav(tmp_path / "tone.wav", 1.0, level=0.05))
    film, facts = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 1)], {"dialogue": [clip(tone, 1, 1)]}))
    heard = np.abs(read_samples(film, 48_000)).max(axis=1)
    assert len(heard) == pytest.approx(96_000, abs=1100)
    assert heard[:47_000].max() < 0.01
    assert heard[50_000:90_000].max() > 0.1
    assert facts["loudness_lufs"] == pytest.approx(studio.settings.film.loudness_lufs, abs=1.0)


def test_coding_does_not_push_peaks_over_the_ceiling(studio: EditingStudio, counting: Asset, tmp_path: Path) -> None:
    """Clicks are what AAC overshoots with."""
    clicks = np.where(np.arange(96_000) % 4800 < 3, 0.99, 0.0)
    loud = studio.attach(write_pcm(tmp_path / "clicks.wav", np.stack([clicks, clicks], axis=1)))
    film, facts = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 1)], {"music": [clip(loud, 0, 2)]}))
    ceiling = editing_presets().mix.peak_db
    assert facts["true_peak_db"] <= ceiling
    assert 20 * np.log10(np.abs(read_samples(film, 48_000)).max()) <= ceiling + 0.01


def test_peaks_between_the_samples_are_held_too(studio: EditingStudio, counting: Asset, tmp_path: Path) -> None:
    """A tone at a quarter of the rate whose samples all lie 3 dB under its crests."""
    quarter = 0.9 * np.sin(np.pi / 2 * np.arange(48_000) + np.pi / 4) / np.sin(np.pi / 4)
    tone = np.where(np.arange(48_000) % 24_000 < 4800, quarter, 0.0)
    loud = studio.attach(write_pcm(tmp_path / "quarter.wav", np.stack([tone, tone], axis=1)))
    film, facts = render(studio, build([clip(counting, 0, 1)], {"music": [clip(loud, 0, 1)]}))
    heard = read_samples(film, 48_000)
    measured = max(true_peak_dbtp(heard[:, side].astype(np.float32)) for side in (0, 1))
    assert facts["true_peak_db"] == pytest.approx(measured, abs=0.3)
    assert measured <= editing_presets().mix.peak_db + 0.15
    assert 20 * np.log10(np.abs(heard).max()) < measured - 0.5, "or the samples alone would have shown it"


@pytest.mark.parametrize(("first", "last"), [(0.5, 2.0), (2.0, 0.5)])
def test_sound_keeps_time_under_a_speed_ramp(
    studio: EditingStudio, counting: Asset, tmp_path: Path, first: float, last: float
) -> None:
    """Beeps of a source are heard when a ramp comes to them, to half a frame."""
    length, clock = 3.0, np.arange(5 * 48_000) / 48_000
    beeps = sum(np.where((clock >= at) & (clock < at + 0.06), 0.5, 0.0) for at in np.arange(0.5, 4.5, 0.5))
    tone = beeps * np.sin(2 * np.pi * 800 * clock)
    sound = studio.attach(write_pcm(tmp_path / "beeps.wav", np.stack([tone, tone], axis=1)))
    ramp = clip(sound, 0, length, effects=({"name": "ramp", "factor": first, "factor_end": last},))
    film, _ = render(studio, build([clip(counting, n, 1) for n in range(3)], {"music": [ramp]}))
    heard = read_samples(film, 48_000)[:, 0].astype(float) ** 2
    # s(t) = first t + (last - first) t^2 / 2D, turned round for the middle of each beep.
    middles = np.arange(0.53, 3.6, 0.5)
    slope = (last - first) / (2 * length)
    for at in (np.sqrt(first**2 + 4 * slope * middles) - first) / (2 * slope):
        if not 0.15 < at < length - 0.15:
            continue
        low = int((at - 0.12) * 48_000)
        around = heard[low : low + 11_520]
        middle = (low + (around * np.arange(len(around))).sum() / around.sum()) / 48_000
        assert abs(middle - at) < 0.021, f"{1000 * (middle - at):.0f} ms late at {at:.2f} s"


def test_music_steps_back_while_somebody_speaks(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    music = studio.attach(make_wav(tmp_path / "music.wav", 3.0, frequency=200, level=0.2))
    voice = studio.attach(make_wav(tmp_path / "voice.wav", 1.0, frequency=3000, level=0.4))
    video = [clip(counting, number, 1) for number in range(3)]
    film, _ = render(studio, build(video, {"music": [clip(music, 0, 3)], "dialogue": [clip(voice, 1, 1)]}))
    sound = read_samples(film, 48_000)[:, 0]

    def music_level(second: float) -> float:
        part = sound[int(second * 48_000) : int((second + 0.25) * 48_000)]
        return float(np.abs(np.fft.rfft(part))[50])  # 200 Hz in steps of 4 Hz

    assert music_level(1.5) < 0.6 * music_level(0.5)
    assert music_level(2.7) > 0.8 * music_level(0.5)


def test_speed_and_gain_reach_the_sound(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    rising = np.concatenate([np.zeros(24_000), 0.5 * np.sin(2 * np.pi * 500 * np.arange(24_000) / 48_000)])
    tone = studio.attach(make_wav(tmp_path / "rising.wav", samples=rising))
    fast = clip(tone, 0, 0.5, effects=({"name": "speed", "factor": 2.0},))
    back = clip(tone, 0.5, 1, effects=({"name": "reverse"},), gain_db=-20)
    timeline = build([clip(counting, 0, 1), clip(counting, 1, 0.5)], {"effects": [fast, back]})
    timeline.metadata["studio"]["loudness"] = "keep"
    film, _ = render(studio, timeline)
    loud = [float(np.abs(part).max()) for part in np.array_split(read_samples(film, 48_000)[:72_000], 6)]
    assert loud[0] < 0.02 and loud[1] > 0.3, "twice as fast: silent for a quarter second"
    assert 0.01 < loud[2] < 0.08 and 0.01 < loud[3] < 0.08 and loud[5] < 0.02, "backwards and 20 dB down"


def test_surround_sound_is_folded_down(studio: EditingStudio, tmp_path: Path) -> None:
    path = tmp_path / "surround.mp4"
    command = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "color=gray:s=160x90:d=1:r=24", "-f", "lavfi", "-i"]
    command += ["aevalsrc=0|0|0.5*sin(880*PI*t)|0|0|0:c=5.1:d=1:s=48000", *encode_args(), "-ac", "6", str(path)]
    subprocess.run(command, check=True)
    asset = studio.attach(path)
    film, _ = render(studio, build([clip(asset, 0, 1)], {"dialogue": [clip(asset, 0, 1)]}))
    assert probe(film).channels == 2
    assert np.abs(read_samples(film, 48_000)).max(axis=0).min() > 0.1, "the centre is heard left and right"


def test_no_sound_makes_a_silent_file(studio: EditingStudio, counting: Asset) -> None:
    film, facts = render(studio, build([clip(counting, 0, 0.5)]))
    assert not probe(film).has_audio
    assert "loudness_lufs" not in facts


def test_a_mix_is_the_same_whatever_else_runs(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    """What is left in the compressor when one of its inputs ends depends on how ffmpeg's threads happen to run."""
    music = studio.attach(make_wav(tmp_path / "music.wav", seconds=3.0, frequency=110))
    voice = studio.attach(make_wav(tmp_path / "voice.wav", seconds=0.5, frequency=700))
    sound = {"music": [clip(music, 0, 3)], "ambience": [clip(music, 0, 3)], "dialogue": [clip(voice, 1, 0.5)]}
    video = [clip(counting, 0, 1), clip(counting, 1, 1), clip(counting, 2, 1)]
    assets = {asset.id: asset for asset in (counting, music, voice)}

    def find(asset_id: str, url: str) -> Source:
        path = studio.path(assets[asset_id])
        return Source(path, assets[asset_id].sha256, asset_id, sniff(path), probe(path))

    program = read_program(build(video, sound), find)
    cuts = audible(program)

    def mixed(number: int) -> str:
        folder = tmp_path / str(number)
        return hashlib.sha256(finished_sound(program, cuts, -16.0, folder, lambda: None).file.read_bytes()).hexdigest()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(mixed, range(18)))) == 1


def test_a_film_whose_sound_is_silent_is_told_as_such(studio: EditingStudio, counting: Asset, tmp_path: Path) -> None:
    still = studio.attach(make_wav(tmp_path / "still.wav", level=0.0))
    timeline = build([clip(counting, 0, 0.5)], {"music": [clip(still, 0, 0.5)]})
    _, outcome = studio.make("render_timeline", timeline=save_timeline(timeline, studio.workspace.home / "s.otio").name)
    assert outcome.result is not None and "24 fps, silent" in outcome.result.summary


@pytest.mark.parametrize(("begin", "seconds", "speed"), [(0.25, 1.5, 1.0), (0.1, 2.4, 2.0), (1.0, 1.3, 1.0)])
def test_long_sound_is_turned_round_in_parts(
    studio: EditingStudio,
    counting: Asset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: float,
    seconds: float,
    speed: float,
) -> None:
    """A falling tone of 44.1 kHz, backwards in parts of a third of a second and whole; also beyond its end."""
    at = np.arange(2 * 44_100) / 44_100
    tone = 0.3 * np.sin(2 * np.pi * (900 * at - 150 * at**2))
    asset = studio.attach(make_wav(tmp_path / "tone.wav", rate=44_100, samples=tone))
    effects = ({"name": "speed", "factor": speed}, {"name": "reverse"})
    spec = clip(asset, 0, seconds / speed, begin, effects=effects)

    def find(asset_id: str, url: str) -> Source:
        path = studio.path(counting if asset_id == counting.id else asset)
        return Source(path, asset_id, asset_id, sniff(path), probe(path))

    program = read_program(build([clip(counting, 0, 1), clip(counting, 1, 1)], {"effects": [spec]}), find)
    heard = []
    for part in (60, Fraction(1, 3)):
        monkeypatch.setattr(backwards, "PART_SECONDS", part)
        made = finished_sound(program, audible(program), None, tmp_path / str(part).replace("/", "-"), lambda: None)
        heard.append(read_samples(made.file, 48_000))
    assert np.abs(heard[0]).max() > 0.2, "as loud as a mono tone is in stereo"
    assert np.abs(heard[0] - heard[1]).max() < 0.02
