"""Sound in the one pass: in its place from the film's time 0 on, whatever the file's time stamps say."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_sinks import Listener, Looker, make, moving, tone
from media_fixtures import make_png, make_video, make_wav
from numpy.typing import NDArray

from backends.media.audio import read_samples
from backends.media.sound_track import SoundTrack
from backends.vision.frame import MONO_RATE, STEREO_RATE
from backends.vision.watch import listen, watch
from configs.errors import UsageError

RATE = 48_000


def placed_film(path: Path, pieces: list[tuple[float, NDArray[np.float32]]], seconds: float = 2.0) -> Path:
    """A grey film with pieces of mono sound (N,) that begin at the given times, as 16-bit PCM."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for _ in range(round(seconds * 25)):
            grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            container.mux(picture.encode(grey))
        container.mux(picture.encode(None))
        for start, samples in pieces:
            for at in range(0, len(samples), 1024):
                part = (samples[at : at + 1024] * 32767).astype(np.int16)[None]
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, round(start * RATE) + at
                frame.time_base = Fraction(1, RATE)
                container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def loud(seconds: float) -> NDArray[np.float32]:
    return np.full(round(seconds * RATE), 0.5, np.float32)


def spans(mono: NDArray[np.float32], rate: int = MONO_RATE) -> list[tuple[float, float]]:
    """Where it sounds, in seconds."""
    on = np.flatnonzero(np.diff(np.concatenate([[0], np.abs(mono) > 0.2, [0]]).astype(int)))
    return [(start / rate, end / rate) for start, end in on.reshape(-1, 2)]


def heard(path: Path) -> tuple[Listener, tuple[str, ...]]:
    listener = Listener()
    seen = watch(path, [], [listener])
    return listener, seen.warnings


def test_blocks_follow_each_other_without_gaps(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 3 * 44_100)
    wav = make_wav(tmp_path / "noise.wav", rate=44_100, channels=2, samples=noise)
    listener = Listener()
    assert listen(wav, [listener]).seconds == pytest.approx(3.0)
    assert len(listener.blocks) >= 5
    starts = np.cumsum([0, *(len(block.stereo) for block in listener.blocks)]) / STEREO_RATE
    assert [block.seconds for block in listener.blocks] == pytest.approx(list(starts[:-1]))
    assert len(listener.stereo) == pytest.approx(3 * STEREO_RATE, abs=2)
    assert len(listener.mono) == pytest.approx(3 * MONO_RATE, abs=2)
    assert {block.stereo.dtype for block in listener.blocks} == {np.dtype(np.float32)}
    assert np.abs(listener.stereo - read_samples(wav, STEREO_RATE)[: len(listener.stereo)]).max() < 2e-3


def test_samples_as_decoded_are_untouched(tmp_path: Path) -> None:
    pick = np.random.default_rng(2).integers(-32768, 32767, 20_000)
    wav = make_wav(tmp_path / "bits.wav", rate=22_050, channels=2, samples=pick / 32767)
    listener = Listener()
    listen(wav, [listener])
    assert {block.native_rate for block in listener.blocks} == {22_050}
    assert np.array_equal((listener.native * 32768).round(), np.repeat(np.clip(pick, -32767, 32767)[:, None], 2, 1))


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_f32le", "pcm_f64le"])
def test_odd_rates_and_sample_formats(tmp_path: Path, codec: str) -> None:
    path = make(tmp_path / "odd.mkv", *tone(1.0, 11_025), "-c:a", codec)
    listener = Listener()
    listen(path, [listener])
    spectrum = np.abs(np.fft.rfft(listener.mono[:MONO_RATE]))
    assert np.argmax(spectrum) == 440
    assert np.abs(listener.native).max() == pytest.approx(1 / 8, abs=0.01), "ffmpeg's sine"
    assert np.abs(listener.mono).max() == pytest.approx(1 / 8, abs=0.01), "one channel stays as loud as it is"
    assert np.abs(listener.stereo).max() == pytest.approx(1 / 8 * 0.5**0.5, abs=0.01)


def test_surround_is_mixed_and_kept_as_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "six.mkv", *moving(1.0), *tone(1.0), "-af", "aformat=channel_layouts=5.1", "-c:a", "flac")
    listener, warnings = heard(path)
    assert listener.native.shape == (RATE, 6) and listener.stereo.shape == (RATE, 2) and warnings == ()
    assert np.abs(listener.stereo).max() > 0.05 and np.argmax(np.abs(np.fft.rfft(listener.mono))) == 440


def test_picture_and_sound_are_in_step(tmp_path: Path) -> None:
    """A flash and a click at the same moment."""
    click = np.zeros(2 * RATE)
    click[RATE] = 0.9
    path = make_video(
        tmp_path / "clap.mp4",
        2.0,
        fps=25,
        frame=lambda at: np.full((180, 320, 3), 230 if abs(at - 1.0) < 0.01 else 20, np.uint8),
        samples=click,
    )
    looker, listener = Looker(), Listener()
    watch(path, [looker], [listener])
    flash = looker.seconds[int(np.argmax([picture.mean() for picture in looker.pictures]))]
    assert flash == 1.0
    assert np.argmax(np.abs(listener.stereo[:, 0])) / STEREO_RATE == pytest.approx(flash, abs=0.002)
    assert np.argmax(np.abs(listener.mono)) / MONO_RATE == pytest.approx(flash, abs=0.002)


def test_gaps_become_silence(tmp_path: Path) -> None:
    listener, warnings = heard(placed_film(tmp_path / "gap.mkv", [(0.0, loud(0.5)), (1.25, loud(0.75))]))
    assert np.asarray(spans(listener.mono)) == pytest.approx(np.array([(0, 0.5), (1.25, 2.0)]), abs=0.002)
    assert warnings == ("The sound track has gaps of 0.75 s together: silence fills them.",)


def test_a_late_track_begins_with_silence(tmp_path: Path) -> None:
    listener, warnings = heard(placed_film(tmp_path / "late.mkv", [(0.8, loud(1.2))]))
    assert np.asarray(spans(listener.mono)) == pytest.approx(np.array([(0.8, 2.0)]), abs=0.002)
    assert warnings == ("The sound begins 0.80 s after the picture: silence comes before it.",)


def test_what_overlaps_is_left_out() -> None:
    """No muxer writes such files, recorders do."""

    def piece(start: float, level: float) -> av.AudioFrame:
        frame = av.AudioFrame.from_ndarray(np.full((1, RATE // 10), level, np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, round(start * RATE), Fraction(1, RATE)
        return frame

    track = SoundTrack(piece(0, 0), Fraction(0), 3600)
    pieces = [piece(0.0, 0.1), piece(0.1, 0.2), piece(0.14, 0.3), piece(0.12, 0.4), piece(0.24, 0.5)]
    given = [heard for one in pieces for heard in track.take(one)] + list(track.finish())
    native = np.concatenate([heard.native for heard in given])[:, 0]
    lengths = {level: int(np.isclose(native, level).sum()) / RATE for level in (0.1, 0.2, 0.3, 0.4, 0.5)}
    assert lengths == pytest.approx({0.1: 0.1, 0.2: 0.1, 0.3: 0.04, 0.4: 0.0, 0.5: 0.1}, abs=0.001)
    assert track.overlaps == pytest.approx(0.16, abs=0.001) and track.gaps == 0


def test_rounded_times_are_no_gaps(tmp_path: Path) -> None:
    """Matroska stores milliseconds, a block of 1024 samples lasts 21.33 of them."""
    listener, warnings = heard(placed_film(tmp_path / "whole.mkv", [(0.0, loud(2.0))]))
    assert len(listener.native) == 2 * RATE and warnings == ()
    assert np.all(listener.native > 0.49)


def test_sound_before_the_picture_is_not_heard(tmp_path: Path) -> None:
    path = make(tmp_path / "early.mkv", "-itsoffset", "1", *moving(1.0), *tone(2.0), "-c:a", "flac")
    listener, warnings = heard(path)
    assert len(listener.mono) == pytest.approx(MONO_RATE, abs=64)
    assert warnings == ("The sound begins 1.00 s before the picture: that part was not heard.",)


def test_sound_that_ends_before_or_after_the_picture(tmp_path: Path) -> None:
    for seconds, side in ((0.7, "1.30 s before"), (3.5, "1.50 s after")):
        listener, warnings = heard(placed_film(tmp_path / "length.mkv", [(0.0, loud(seconds))]))
        assert len(listener.mono) == pytest.approx(seconds * MONO_RATE, abs=2)
        assert warnings == (f"The sound ends {side} the picture.",)


def test_a_clock_that_begins_anew_goes_on(tmp_path: Path) -> None:
    """Two recordings joined byte by byte."""
    part = make(tmp_path / "part.ts", *moving(2.0), *tone(2.0), "-c:a", "aac")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    looker, listener = Looker(), Listener()
    seen = watch(joined, [looker], [listener])
    assert seen.frames == 96 and seen.seconds == pytest.approx(4.0, abs=0.05)
    assert np.diff(looker.seconds) == pytest.approx(np.full(95, 1 / 24), abs=0.005)
    assert len(listener.mono) == pytest.approx(4 * MONO_RATE, abs=1_500)
    assert len(seen.warnings) == 1 and "run backwards at 1.96 s" in seen.warnings[0]


def test_listening_to_a_film_hears_the_same_as_watching_it(tmp_path: Path) -> None:
    path = make(tmp_path / "film.mkv", "-itsoffset", "0.75", *moving(1.0), *tone(2.0), "-c:a", "flac")
    watched, _ = heard(path)
    alone = Listener()
    assert listen(path, [alone]).seconds == pytest.approx(1.25, abs=0.002)
    assert np.array_equal(watched.stereo, alone.stereo)


def test_rate_and_channels_that_change_on_the_way(tmp_path: Path) -> None:
    one = make(tmp_path / "one.ts", *tone(1.0, 48_000), "-ac", "2", "-c:a", "mp2", "-b:a", "128k")
    other = make(tmp_path / "other.ts", *tone(1.0, 32_000), "-ac", "1", "-c:a", "mp2", "-output_ts_offset", "1")
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() + other.read_bytes())
    listener = Listener()
    listen(both, [listener])
    assert len(listener.mono) == pytest.approx(2 * MONO_RATE, abs=1_600)
    for half in (listener.mono[2_000:14_000], listener.mono[20_000:30_000]):
        peak = np.argmax(np.abs(np.fft.rfft(half))) * MONO_RATE / len(half)
        assert peak == pytest.approx(440, abs=3)


def test_damaged_sound_is_told_as_sound(tmp_path: Path) -> None:
    data = bytearray(
        make(tmp_path / "whole.mkv", *moving(2.0), *tone(2.0), "-c:v", "ffv1", "-c:a", "flac").read_bytes()
    )
    heads = Counter(bytes(data[at : at + 4]) for at in range(len(data)) if data[at : at + 2] == b"\xff\xf8")
    ((head, _),) = heads.most_common(1)  # of a piece of FLAC: other places begin like it by chance
    middle = data.index(head, len(data) // 2)
    data[middle : middle + 40] = bytes(40)
    (tmp_path / "hurt.mkv").write_bytes(data)
    seen = watch(tmp_path / "hurt.mkv", [Looker()], [Listener()])
    told = " ".join(seen.warnings)
    assert "of the sound could not be read, the first at " in told and "of the picture" not in told


def test_no_sound_is_one_sentence(tmp_path: Path) -> None:
    silent = make_video(tmp_path / "silent.mp4", 0.5, sound=False)
    with pytest.raises(UsageError, match=r"'silent.mp4' has no sound"):
        listen(silent, [Listener()])
    with pytest.raises(UsageError, match=r"has no sound: it is a picture"):
        listen(make_png(tmp_path / "p.png"), [Listener()])
    listener = Listener()
    assert watch(silent, [], [listener]).warnings == () and listener.blocks == []
