"""What is measured on a finished render: its frames, its length, its loudness, black and frozen picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backends.media.guard import film_stream, open_container
from memory.records import Score
from tools.editing.presets import editing_presets
from tools.editing.program import Program

VISION = "backends.vision.quality"
LOUDNESS = "ITU-R BS.1770"


def measure(
    film: Path, program: Program, lufs: float | None, *, sound: bool, check: Callable[[], None]
) -> tuple[Score, ...]:
    """Scores of a render against its program; `lufs` is the loudness asked for, None when it was left alone."""
    from backends.vision.quality import measure_video

    frames, seconds = count_frames(film)
    length = round(program.seconds, 4)
    scores = [
        Score("frames", frames, "measured", "PyAV", program.frames, frames == program.frames),
        Score("seconds", round(seconds, 4), "measured", "PyAV", length, abs(seconds - length) < float(1 / program.fps)),
    ]
    seen = measure_video(film, cancel=check)
    if sound:
        scores.append(_loudness(seen["loudness_lufs"], lufs))
    gates = editing_presets().gates
    still, empty = _planned(program)
    # A user's own clip may be black or still, and so may a planned gap or picture: then there is nothing to fail.
    free = program.keep_loudness
    scores.append(_share("black_share", seen["black_share"], gates.black_share, free or empty >= gates.black_share))
    scores.append(_share("frozen_share", seen["frozen_share"], gates.frozen_share, free or still >= gates.frozen_share))
    return tuple(scores)


def _loudness(level: float | None, lufs: float | None) -> Score:
    if level is None:
        return Score("loudness_lufs", None, "not measured", LOUDNESS, lufs, None, "silent, too short or too long")
    near = None if lufs is None else abs(level - lufs) <= editing_presets().gates.loudness_tolerance
    return Score("loudness_lufs", round(level, 2), "measured", LOUDNESS, lufs, near)


def _share(name: str, value: float, most: float, free: bool) -> Score:
    passed = True if value <= most else None if free else False
    note = "as in the source or the plan" if passed is None else ""
    return Score(name, round(value, 3), "measured", VISION, most, passed, note)


def _planned(program: Program) -> tuple[float, float]:
    """Shares of the program that are pictures or gaps, and that are gaps."""
    still = empty = 0
    for cut in program.video:
        if cut.source is None:
            empty += cut.frames
        elif cut.source.info.kind == "image":
            still += cut.frames
    return (still + empty) / program.frames, empty / program.frames


def count_frames(film: Path) -> tuple[int, float]:
    """Frames in the file and the seconds that its picture lasts."""
    with open_container(film, "mov") as container:
        stream = film_stream(container)
        if stream is None:
            return 0, 0.0
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    return frames, seconds
