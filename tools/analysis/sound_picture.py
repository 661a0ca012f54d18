"""A picture of a sound track: its wave coloured by what is heard, loudness below it, beats and onsets as ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.media.font import FontWeight, font_file
from backends.sound.result import Hearing, Sound, SoundSegment
from tools.analysis.sound_words import clock

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

Rgb = NDArray[np.uint8]
WIDTH, SIDE = 1600, 64
TOP, WAVE, LEVEL, TICKS, AXIS, LEGEND = 92, 300, 170, 56, 40, 50
GAP = 18
SCALE_DB = (-72.0, 0.0)
_PAPER, _INK, _DIM, _LINE = (250, 249, 246), (30, 31, 36), (112, 114, 124), (222, 220, 212)
COLOURS: dict[Hearing, tuple[int, int, int]] = {
    "speech": (47, 111, 181),
    "music": (163, 69, 135),
    "speech+music": (106, 84, 176),
    "noise": (150, 146, 136),
    "silence": (205, 203, 196),
}
_NAMES: dict[Hearing, str] = {
    "speech": "speech", "music": "music", "speech+music": "speech over music", "noise": "other sounds",
    "silence": "silence",
}  # fmt: skip
_BEAT, _ONSET, _CURVE, _TARGET = (196, 92, 20), (176, 172, 160), (61, 138, 95), (190, 60, 50)
MOST_TICKS = 500
"""More ticks than this would be one bar of colour."""


def draw_sound(sound: Sound, title: str, about: str) -> Rgb:
    """(H, WIDTH, 3) uint8. title and about: one line each, cut to fit."""
    from PIL import Image, ImageDraw

    height = TOP + WAVE + LEVEL + TICKS + AXIS + LEGEND + 4 * GAP
    image = Image.new("RGB", (WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(image)
    _title(pen, title, about)
    wave_top = TOP
    level_top = wave_top + WAVE + GAP
    ticks_top = level_top + LEVEL + GAP
    _wave(pen, sound, wave_top)
    _levels(pen, sound, level_top)
    _ticks(pen, sound, ticks_top)
    _axis(pen, sound, ticks_top + TICKS + 6)
    _legend(pen, sound, height - LEGEND)
    return np.asarray(image)


def _font(size: int, weight: FontWeight = "Regular") -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(font_file(weight)), size)


def _title(pen: ImageDraw, title: str, about: str) -> None:
    for text, top, font, colour in ((title, 18, _font(26, "SemiBold"), _INK), (about, 54, _font(18), _DIM)):
        pen.text((SIDE, top), _fitting(text, font), fill=colour, font=font)


def _fitting(text: str, font: FreeTypeFont) -> str:
    text = " ".join(text.split())
    while text and font.getlength(text) > WIDTH - 2 * SIDE:
        text = text[:-2].rstrip("…") + "…"
    return text


def _across(sound: Sound, seconds: float) -> float:
    return SIDE + (WIDTH - 2 * SIDE) * min(1.0, max(0.0, seconds / max(sound.seconds, 1e-9)))


def _columns(sound: Sound) -> NDArray[np.float64]:
    """Level of each column of pixels, dBFS."""
    count = WIDTH - 2 * SIDE
    if not sound.curve_dbfs:
        return np.full(count, SCALE_DB[0])
    curve = np.asarray(sound.curve_dbfs)
    if len(curve) < count:
        places = (np.arange(count) + 0.5) / count * max(sound.seconds, 1e-9) / sound.curve_step - 0.5
        return np.asarray(np.interp(places, np.arange(len(curve)), curve))
    starts = np.linspace(0, len(curve), count, endpoint=False).astype(int)
    return np.asarray(np.maximum.reduceat(curve, starts))


def _wave(pen: ImageDraw, sound: Sound, top: int) -> None:
    """Bars about the middle: RMS, on a root scale so that quiet parts show."""
    middle, half = top + WAVE / 2, WAVE / 2 - 6
    for part in sound.segments:
        pale = tuple(int(0.86 * 255 + 0.14 * value) for value in COLOURS[part.label])
        pen.rectangle((_across(sound, part.start), top, _across(sound, part.end), top + WAVE), fill=pale)
    levels = _columns(sound)
    loudest = max(float(levels.max(initial=-120)), -60.0)
    sizes = np.sqrt(10 ** ((levels - loudest) / 20)) * half
    ends = np.asarray([part.end for part in sound.segments])
    for column, size in enumerate(sizes):
        at = (column + 0.5) / len(sizes) * sound.seconds
        place = min(int(np.searchsorted(ends, at, side="right")), len(ends) - 1)
        colour = COLOURS[sound.segments[place].label] if len(ends) else COLOURS["noise"]
        pen.line((SIDE + column, middle - size, SIDE + column, middle + size), fill=colour)
    pen.line((SIDE, middle, WIDTH - SIDE, middle), fill=_LINE)
    _names(pen, sound, top)


def _names(pen: ImageDraw, sound: Sound, top: int) -> None:
    font = _font(15, "SemiBold")
    for part in sound.segments:
        name = _name(part)
        left, right = _across(sound, part.start), _across(sound, part.end)
        if part.label != "silence" and font.getlength(name) + 12 < right - left:
            pen.text((left + 6, top + 4), name, fill=COLOURS[part.label], font=font)


def _name(part: SoundSegment) -> str:
    return f"{_NAMES[part.label]}, {part.bpm:.0f} bpm" if part.bpm else _NAMES[part.label]


def _levels(pen: ImageDraw, sound: Sound, top: int) -> None:
    """RMS along time in dBFS, with the integrated loudness as a line."""
    font = _font(14)

    def down(level: float) -> float:
        low, high = SCALE_DB
        return top + LEVEL * (1 - (min(high, max(low, level)) - low) / (high - low))

    for level in range(-60, 1, 12):
        pen.line((SIDE, down(level), WIDTH - SIDE, down(level)), fill=_LINE)
        pen.text((SIDE - 8, down(level)), f"{level}", fill=_DIM, font=font, anchor="rm")
    points = [(SIDE + column, down(level)) for column, level in enumerate(_columns(sound))]
    if len(points) > 1:
        pen.line(points, fill=_CURVE, width=2)
    if sound.loudness_lufs is not None:
        at = down(sound.loudness_lufs)
        for left in range(SIDE, WIDTH - SIDE, 12):
            pen.line((left, at, left + 6, at), fill=_TARGET, width=2)
        words, label = f"{sound.loudness_lufs:.1f} LUFS", _font(15, "SemiBold")
        box = pen.textbbox((WIDTH - SIDE - 4, at - 4), words, font=label, anchor="rb")
        pen.rectangle((box[0] - 4, box[1] - 2, box[2] + 4, box[3] + 2), fill=_PAPER)
        pen.text((WIDTH - SIDE - 4, at - 4), words, fill=_TARGET, font=label, anchor="rb")
    pen.text((SIDE - 8, top - 15), "dBFS", fill=_DIM, font=font, anchor="rm")


def _ticks(pen: ImageDraw, sound: Sound, top: int) -> None:
    font, middle = _font(14), top + TICKS / 2
    for name, at in (("beats", top + TICKS / 4), ("onsets", top + 3 * TICKS / 4)):
        pen.text((SIDE - 8, at), name, fill=_DIM, font=font, anchor="rm")
    for times, colour, first, last, width in (
        (sound.beats, _BEAT, top, middle - 3, 2),
        (sound.onsets, _ONSET, middle + 3, top + TICKS, 1),
    ):
        if len(times) > MOST_TICKS:
            pen.text((SIDE + 4, (first + last) / 2), f"{len(times)}", fill=colour, font=font, anchor="lm")
            continue
        for at in times:
            pen.line((_across(sound, at), first, _across(sound, at), last), fill=colour, width=width)


def _axis(pen: ImageDraw, sound: Sound, top: int) -> None:
    font = _font(15)
    pen.line((SIDE, top, WIDTH - SIDE, top), fill=_DIM)
    for at in axis_times(sound.seconds):
        across = _across(sound, at)
        pen.line((across, top, across, top + 6), fill=_DIM)
        pen.text((across, top + 9), clock(at), fill=_DIM, font=font, anchor="ma")


def axis_times(seconds: float) -> list[float]:
    """Round times from 0 on, at most thirteen, that divide a track well."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200):
        if seconds / step <= 12:
            return [index * step for index in range(int(seconds / step + 1e-6) + 1)]
    return [index * seconds / 12 for index in range(13)]


def _legend(pen: ImageDraw, sound: Sound, top: int) -> None:
    font, left = _font(16), float(SIDE)
    shares: dict[Hearing, float] = {}
    for part in sound.segments:
        shares[part.label] = shares.get(part.label, 0.0) + part.end - part.start
    for label, colour in COLOURS.items():
        if label not in shares:
            continue
        name = f"{_NAMES[label]} {shares[label] / max(sound.seconds, 1e-9):.0%}"
        pen.rounded_rectangle((left, top + 3, left + 18, top + 21), 4, fill=colour)
        pen.text((left + 26, top), name, fill=_INK, font=font)
        left += 26 + font.getlength(name) + 30
