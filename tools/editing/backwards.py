"""Long sound that plays backwards, turned round a minute at a time: the filter holds all that it turns in memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import SniffedFile
from tools.editing.cut import Cut, Source

RATE = 48_000
PART_SECONDS = 60
"""Of stereo in floats, 23 MB."""
AHEAD = Fraction(1, 10)
"""Seconds that are read before a part and dropped: a decoder and a resampler need some to settle."""
AU_FLOAT, UNKNOWN = 6, 0xFFFFFFFF
"""Sun's .au: big-endian floats; a length that is not said, so that there is no limit of 4 GiB."""
FRAME_BYTES = 8


def turned_apart(cut: Cut, fps: Fraction, target: Callable[[], Path], check: Callable[[], None]) -> Cut:
    """The cut with its sound as a file that plays forwards, when it is longer than a part; else the cut as it is.

    target: gives the file to write (.au, 48 kHz stereo floats). Raises what `check` and ffmpeg raise.
    """
    source = cut.source
    whole = cut.clock(fps).passed(cut.frames / fps)
    if source is None or not cut.backwards or whole <= PART_SECONDS:
        return cut
    path = target()
    with path.open("wb") as file:
        file.write(struct.pack(">4s5I", b".snd", 24, UNKNOWN, AU_FLOAT, RATE, 2))
    end = cut.source_in + whole
    while end > max(Fraction(0), cut.source_in):
        begin = max(Fraction(0), cut.source_in, end - PART_SECONDS)
        count = round(end * RATE) - round(begin * RATE)
        if begin >= Fraction(source.info.seconds):
            _append_silence(path, count)
        else:
            _append(source, begin, count, path, check)
        end = begin
    forwards = replace(source, path=path, sniffed=SniffedFile("audio", "au", "audio/basic"), sound_zero=Fraction(0))
    steps = tuple(effect for effect in cut.effects if effect["name"] != "reverse")
    return replace(cut, source=forwards, source_in=Fraction(0), effects=steps)


def _append(source: Source, begin: Fraction, count: int, path: Path, check: Callable[[], None]) -> None:
    """Write a part at the end of the file, its last sample first."""
    ahead = min(begin, AHEAD)
    part = path.with_suffix(".part")
    dropped = round(ahead * RATE)
    chain = (
        f"aresample={RATE}:async=1:first_pts=0,aformat=sample_fmts=flt:channel_layouts=stereo"
        f",apad=whole_len={dropped + count},atrim=start_sample={dropped}:end_sample={dropped + count},areverse"
    )
    start, length = float(begin - ahead + source.sound_zero), float(ahead + Fraction(count, RATE)) + 0.25
    args = [*input_args(source.path, source.sniffed, start, length), "-map", "0:a:0", "-af", chain]
    try:
        run_ffmpeg([*args, "-c:a", "pcm_f32be", "-f", "f32be", str(part)], cancel=check, timeout_s=1800)
        with path.open("ab") as file, part.open("rb") as made:
            while block := made.read(2**20):
                file.write(block)
    finally:
        part.unlink(missing_ok=True)


def _append_silence(path: Path, count: int) -> None:
    with path.open("ab") as file:
        file.write(bytes(FRAME_BYTES * count))
