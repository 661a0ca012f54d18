"""Pictures of a whole film: a contact sheet of its shots, a strip of its frames, its colours along time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.frames import frames_at
from backends.vision.composition.result import Colour
from backends.vision.record import FilmRecord, Shot
from configs.errors import UsageError
from tools.analysis.timecode import clock

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8."""
PICTURE_WIDTH = 320
STRIP_PICTURES = 48
SHEET_PICTURES = 60
"""Pictures on a contact sheet at most; of longer films every n-th shot is shown."""
BAR_SIZE = (96, 1280)
"""Height and width of a colour bar, pixels."""
_UNKNOWN = (128, 128, 128)


def keyframe_sheet(record: FilmRecord, keyframes: Sequence[Rgb], columns: int | None = None) -> Rgb:
    """A contact sheet, (H, W, 3) uint8: a picture per shot with its number and times.

    keyframes: one per shot, in order. columns: by the number of pictures when None.
    """
    from backends.media.images import contact_sheet

    if len(keyframes) != len(record.shots):
        raise ValueError(f"{len(keyframes)} pictures for {len(record.shots)} shots")
    step = max(1, -(-len(keyframes) // SHEET_PICTURES))
    shown = list(zip(record.shots, keyframes, strict=True))[::step]
    captions = [f"{shot.index}  ·  {_times(shot, record.film.fps)}" for shot, _ in shown]
    if columns is None:
        columns = 4 if len(shown) <= 16 else 6
    return contact_sheet([picture for _, picture in shown], captions, columns, 384 if len(shown) <= 16 else 256)


def _times(shot: Shot, fps: float) -> str:
    return f"{clock(shot.start)}–{clock(shot.end)}"


def colour_bar(record: FilmRecord, size: tuple[int, int] = BAR_SIZE) -> Rgb:
    """The film's colours from left to right along time, (H, W, 3) uint8: of each shot its main colours by their share.

    Shots whose colours were not measured are grey. size: height and width in pixels.
    """
    height, width = size
    bar = np.full((height, width, 3), _UNKNOWN, np.uint8)
    end = record.shots[-1].end if record.shots else 0.0
    for shot in record.shots:
        left, right = (round(at / end * width) for at in (shot.start, shot.end))
        for colour, top, bottom in stacked(shot.composition.colours if shot.composition else ()):
            bar[round(top * height) : round(bottom * height), left:right] = rgb_of(colour.hex)
    return bar


def stacked(colours: Sequence[Colour]) -> list[tuple[Colour, float, float]]:
    """Colours one below the other, each with the shares of the height where it begins and ends; together they fill."""
    whole = sum(max(0.0, colour.share) for colour in colours)
    if whole <= 0:
        return []
    rows, top = [], 0.0
    for colour in colours:
        bottom = top + max(0.0, colour.share) / whole
        rows.append((colour, top, bottom))
        top = bottom
    return rows


def rgb_of(code: str) -> tuple[int, int, int]:
    """'#rrggbb' as three levels; grey for anything else."""
    try:
        if len(code) == 7 and code[0] == "#":
            return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
    except ValueError:
        pass
    return _UNKNOWN


def shot_pictures(record: FilmRecord, film: Path, width: int = PICTURE_WIDTH) -> list[Rgb]:
    """The frame that shows each shot best, read from the film: one (H, W, 3) uint8 per shot.

    Raises UsageError when the file is no film.
    """
    return pictures_at(film, [shot.keyframe or (shot.start + shot.end) / 2 for shot in record.shots], width)


def film_strip(
    record: FilmRecord, film: Path, count: int = STRIP_PICTURES, width: int = PICTURE_WIDTH // 2
) -> list[Rgb]:
    """Frames evenly spaced over the film, (H, W, 3) uint8 each."""
    end = record.shots[-1].end if record.shots else record.film.seconds
    return pictures_at(film, [(at + 0.5) / count * end for at in range(count)], width)


def pictures_at(film: Path, times: Sequence[float], width: int) -> list[Rgb]:
    """The frames on screen at some times, in their order; a time past the end gives the last frame that was asked for.

    Raises UsageError when the file is no film or has no picture at the first of the times.
    """
    order = sorted(range(len(times)), key=lambda index: times[index])
    found: dict[int, Rgb] = {}
    last: Rgb | None = None
    frames = frames_at(film, [max(0.0, times[index]) for index in order], width=width)
    for index in order:
        try:
            last = next(frames)
        except (UsageError, StopIteration):
            if last is None:
                raise
        found[index] = last
    return [found[index] for index in range(len(times))]
