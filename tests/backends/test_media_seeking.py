"""Films without an index, without a length, with a late beginning: the right frame, and how long they are."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_fixtures import make_video

from backends.media.ffmpeg import ffmpeg_path, input_args, run_ffmpeg
from backends.media.frames import frames_at
from backends.media.guard import MediaLimits, sniff
from backends.media.probe import probe
from backends.media.seeking import beginnings, entry_before
from configs.errors import UsageError


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds in which frame k is the grey 20 + 3 k."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    grey = lambda at: np.full((48, 64, 3), 20 + 3 * round(at * 24), np.uint8)  # noqa: E731
    return make_video(path, 3.0, width=64, height=48, frame=grey)


def convert(film: Path, name: str, *args: str) -> Path:
    made = film.with_name(name)
    run_ffmpeg([*input_args(film, sniff(film)), *args, str(made)])
    return made


def piped(film: Path, name: str, *args: str) -> Path:
    """Written into a pipe, where nothing can be noted at the beginning afterwards."""
    command = [ffmpeg_path(), "-loglevel", "error", "-i", str(film), *args, "pipe:1"]
    made = film.with_name(name)
    made.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    return made


@pytest.mark.parametrize("ending", ["ts", "ogv"])
def test_the_frame_on_screen_is_found_without_an_index(film: Path, ending: str) -> None:
    codec = {"ts": ("libx264",), "ogv": ("libtheora", "-q:v", "9")}[ending]
    made = convert(film, f"far.{ending}", "-c:v", *codec, "-g", "60", "-an")
    wanted = [5, 30, 57, 71]
    shown = [float(rgb.mean()) for rgb in frames_at(made, [number / 24 for number in wanted])]
    alone = [float(next(frames_at(made, [number / 24])).mean()) for number in wanted]
    assert alone == pytest.approx(shown, abs=0.01)
    assert shown == pytest.approx([20 + 3 * number for number in wanted], abs=1.5)


def test_how_long_a_frame_has_been_on_screen_is_looked_up(film: Path) -> None:
    still = convert(film, "still.mp4", "-vf", "select='lt(n,3)+gt(n,60)'", "-fps_mode", "vfr", "-an")
    entry = entry_before(still, "mov", Fraction(2))
    assert float(entry.shown) == pytest.approx(2 / 24, abs=0.001) and entry.seek == entry.shown
    far = convert(film, "entry.ts", "-c:v", "libx264", "-g", "48", "-an")
    entry = entry_before(far, "mpegts", Fraction(3, 2))
    assert float(entry.seek) == 0 and float(entry.shown) == pytest.approx(1.5, abs=0.001)


def test_a_film_begins_with_its_first_picture(film: Path) -> None:
    late = convert(film, "late.mkv", "-vf", "trim=start=0.5", "-fps_mode", "passthrough")
    assert beginnings(late, "matroska", 500) == (Fraction(1, 2), Fraction(1, 2))
    assert beginnings(film, "mov", 0) == (0, 0)


@pytest.mark.parametrize(
    ("name", "args", "seconds", "frames"),
    [
        ("live.webm", ("-c:v", "libvpx", "-c:a", "libopus", "-live", "1", "-f", "webm"), 3.0, 72),
        ("late.mkv", ("-c", "copy", "-output_ts_offset", "10", "-f", "matroska"), 3.0, 72),
        ("changing.aac", ("-vn", "-c:a", "aac", "-b:a", "200k", "-f", "adts"), 3.0, 0),
        ("piped.flac", ("-vn", "-f", "flac"), 3.0, 0),
    ],
)
def test_lengths_that_files_do_not_tell_are_counted(
    film: Path, name: str, args: tuple[str, ...], seconds: float, frames: int
) -> None:
    made = probe(piped(film, name, *args))
    assert made.seconds == pytest.approx(seconds, abs=0.05) and abs(made.frames - frames) <= 1


def test_an_endless_recording_without_a_length_is_refused(film: Path) -> None:
    live = piped(film, "long.webm", "-c:v", "libvpx", "-an", "-live", "1", "-f", "webm")
    with pytest.raises(UsageError, match="too long"):
        probe(live, MediaLimits(max_seconds=2))
