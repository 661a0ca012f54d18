"""What is measured on a finished render: its frames, its length, its loudness, black and frozen picture."""

from __future__ import annotations

from pathlib import Path

from backends.media.guard import film_stream, open_container
from memory.records import Score
from tools.editing.level import loudness
from tools.editing.presets import editing_presets
from tools.editing.program import Program


def measure(film: Path, program: Program, lufs: float | None, *, sound: bool) -> tuple[Score, ...]:
    """Scores of a render against its program; `lufs` is the loudness asked for, None when it was left alone."""
    frames, seconds = count_frames(film)
    gates = editing_presets().gates
    scores = [
        Score("frames", frames, "measured", "PyAV", program.frames, frames == program.frames),
        Score(
            "seconds",
            round(seconds, 3),
            "measured",
            "PyAV",
            round(program.seconds, 3),
            abs(seconds - program.seconds) < float(1 / program.fps),
        ),
    ]
    if sound:
        level = loudness(film)
        gate = lufs is not None and level is not None
        scores.append(
            Score(
                "loudness_lufs",
                None if level is None else round(level, 2),
                "not measured" if level is None else "measured",
                "ITU-R BS.1770",
                lufs,
                abs(level - lufs) <= gates.loudness_tolerance
                if gate and level is not None and lufs is not None
                else None,
            )
        )
    return tuple(scores)


def count_frames(film: Path) -> tuple[int, float]:
    """Frames in the file and the seconds that its picture lasts."""
    with open_container(film, "mov") as container:
        stream = film_stream(container)
        if stream is None:
            return 0, 0.0
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    return frames, seconds
