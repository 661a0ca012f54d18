"""A piece of a clip, fitted to the film: inputs and the filter chain of its frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from backends.media.ffmpeg import filter_value, input_args
from backends.media.seeking import BLIND, entry_before
from tools.editing.cut import Clock, Cut, Source
from tools.editing.drawing.colours import colour_options, film_format
from tools.editing.drawing.curve import curve
from tools.editing.drawing.parts import TAGS, Files, Frame, Piece, Text, shifted
from tools.editing.effects import Canvas, picture_filters
from tools.editing.effects.reading import Effects
from tools.editing.effects.turning import turn_filters, turned_first

SEEK_AHEAD = Fraction(5, 4)
"""Seek so many source frames early: the frame that is still shown at a moment may have begun before it, and a decimal
time may fall just behind the frame it means."""
SLACK = Fraction(1, 2000)
"""Seconds by which a decimal time or a container's clock may be off."""
EVEN_CLOCK = "settb=1/1000000"
"""Some containers count in whole frames: shares of a frame would be cut off."""
TIE = "0.00002"
"""Seconds: what comes half a frame early belongs to the next frame of the film, also when its time was cut off."""
SCALER = "flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
DECODER_THREADS = ["-threads", "1"]
"""Several encoders run at once: more threads only hold more frames."""
Fit = Callable[[str, tuple[float, float]], list[str]]
"""Filters that fit a source to its place, from the clip's own time as an expression of `t`, and what of it is drawn."""


def piece_chain(piece: Piece, frames: int, frame: Frame, files: Files, text: Text | None) -> tuple[list[str], str]:
    """Input arguments and the filter chain that give exactly `frames` frames of a piece at the common size.

    text: a title's.
    """
    cut = piece.cut
    effects: Effects = cut.effects
    if cut.title is not None or cut.source is None:
        opened, steps = _ground(cut, frames, frame, text, files)
    else:
        source = cut.source
        opened, steps = source_frames(piece, source, frames, frame, lambda *at: conform(cut, source, frame, files, *at))
        effects = [each for each in effects if each not in turned_first(effects)]
    shown = (piece.first, piece.first + frames)
    canvas = Canvas(frame.width, frame.height, frame.fps, cut.frames, files.tables, shown)
    drawn = picture_filters(effects, canvas)
    if drawn:
        steps += shifted(["format=yuv420p", *drawn], piece.first, frame)
    return opened, ",".join([*steps, "format=yuv420p", TAGS, f"settb={frame.fps.denominator}/{frame.fps.numerator}"])


def captions_filter(script: Path, fonts: Path) -> str:
    return f"ass=filename={filter_value(script)}:fontsdir={filter_value(fonts)}"


def title_steps(text: Text | None, files: Files, frame: Frame, options: str = "") -> list[str]:
    """Filters that write a title."""
    if text is None:
        return []
    script, path = text
    return shifted([captions_filter(path, files.fonts) + options], script.ahead, frame)


def _ground(cut: Cut, frames: int, frame: Frame, text: Text | None, files: Files) -> tuple[list[str], list[str]]:
    """A gap's black, or a title on its ground."""
    colour = f"0x{cut.title.ground[1:]}" if cut.title is not None else "black"
    plain = f"color=c={colour}:s={frame.width}x{frame.height}:r={frame.rate}:d={frame.seconds(frames + 1)}"
    opened = ["-f", "lavfi", "-i", f"{plain},format=rgb24"]
    steps = [f"trim=end_frame={frames}", "setsar=1", "scale=out_color_matrix=bt709:out_range=tv", "format=yuv420p"]
    steps += title_steps(text, files, frame)
    return opened, steps


def source_frames(piece: Piece, source: Source, frames: int, frame: Frame, fit: Fit) -> tuple[list[str], list[str]]:
    """Input arguments and the steps that give `frames` frames of a piece's source, at its speed and fitted."""
    if piece.cut.frozen or source.info.kind == "image":
        return _still(piece, source, frames, frame, fit)
    return _moving(piece, source, frames, frame, fit)


def _still(piece: Piece, source: Source, frames: int, frame: Frame, fit: Fit) -> tuple[list[str], list[str]]:
    """One picture, read and fitted once, and held; fitted frame by frame only where its framing moves."""
    opened, steps = input_args(source.path, source.sniffed), []
    if source.info.kind != "image":
        steps += whole_frames(source)
        # Of the frames around a moment, the one that a film at the common rate would show.
        near = 1 / (2 * frame.fps)
        entered = open_source(source, max(Fraction(0), piece.cut.source_in), 1 / frame.fps, near)
        opened = entered.args
        steps += [EVEN_CLOCK, f"trim=start={float(entered.shown):.6f}"]
    held = [
        f"tpad=stop_mode=clone:stop_duration={frame.seconds(frames + 2)}",
        f"fps={frame.rate}:start_time=0",
        f"trim=end_frame={frames}",
    ]
    steps += ["trim=end_frame=1", "setpts=0"]
    if all(len(effect.get("keys", ())) <= 1 for effect in piece.cut.effects if effect["name"] == "reframe"):
        return opened, [*steps, *fit("0", (0.0, 0.0)), *held]
    begin = float(piece.first / frame.fps)
    fitted = fit(f"({begin:.6f}+t)", (begin, begin + float(frames / frame.fps)))
    return opened, [*steps, *held, *fitted]


def _moving(piece: Piece, source: Source, frames: int, frame: Frame, fit: Fit) -> tuple[list[str], list[str]]:
    cut, fps = piece.cut, frame.fps
    clock = cut.clock(fps)
    first = piece.first
    if cut.backwards:
        # Read forwards from the piece's end, then turned round.
        clock, first = clock.turned(), cut.frames - piece.first - frames
    at = first / fps
    begin = cut.source_in + clock.passed(at)
    # Before the source begins there is only its first picture to show, after its end only its last.
    lead = 0
    while begin < 0 and lead < frames:
        lead += max(1, math.ceil(-begin * fps / max(clock.first, clock.last)))
        begin = cut.source_in + clock.passed(at + lead / fps)
    lead = min(lead, frames)
    at += lead / fps
    eaten = clock.passed((first + frames) / fps) - clock.passed(at)
    entered = open_source(source, begin, eaten)
    steps = [
        *whole_frames(source),
        *_going_on(source),
        EVEN_CLOCK,
        *_paced(clock, at, entered.shift),
        f"fps={frame.rate}:start_time=0",
    ]
    if lead:
        steps.append(f"tpad=start_mode=clone:start={lead}")
    steps += [f"tpad=stop_mode=clone:stop={frames}", f"trim=end_frame={frames}"]
    span = (float(piece.first / fps), float((piece.first + frames) / fps))
    now = f"({span[0]:.6f}+t)" if not cut.backwards else f"({span[1] - float(1 / fps):.6f}-t)"
    steps += fit(now, span)
    if cut.backwards:
        steps.append("reverse")
    return entered.args, steps


def whole_frames(source: Source) -> list[str]:
    """What makes one moment of the two that an interlaced picture shows in turn."""
    return ["bwdif=mode=send_frame:deint=interlaced"] if source.interlaced else []


def _going_on(source: Source) -> list[str]:
    """What holds the last frame for as long as it is asked for, where it may have begun long before a piece does."""
    sparse = source.info.fps and (source.info.vfr or source.sniffed.format in BLIND)
    return ["tpad=stop_mode=clone:stop=-1"] if sparse else []


def _paced(clock: Clock, at: Fraction, shift: Fraction) -> Iterator[str]:
    """Source times turned into the piece's; the wanted frame lies `shift` behind the first that is read."""
    if clock.steady:
        yield f"setpts=(PTS-{float(shift):.6f}/TB)/{float(clock.first):.6f}+{TIE}/TB"
        return
    # The clip's time t at which u seconds of its source have passed: the root of first*t + (last-first)/(2*D)*t^2 = u.
    first, last, length = float(clock.first), float(clock.last), float(clock.seconds)
    whole = float(clock.passed(clock.seconds))
    passed = f"(T-{float(shift):.6f}+({float(clock.passed(at)):.9f}))"
    root = f"2*{passed}/({first:.9f}+sqrt(max(0,{first**2:.9f}+({2 * (last - first) / length:.9f})*{passed})))"
    after = f"{length:.9f}+({passed}-{whole:.9f})/{last:.9f}"
    now = f"if(lt({passed},0),{passed}/{first:.9f},if(gt({passed},{whole:.9f}),{after},{root}))"
    yield f"setpts='({now}-({float(at):.9f}))/TB'"


@dataclass(frozen=True)
class Entered:
    """A source opened at a moment; times in seconds from where it is entered."""

    args: list[str]
    """Input arguments."""
    shift: Fraction
    """When the moment itself comes."""
    shown: Fraction
    """No later than the frame that is on screen then, and later than the one before it."""


def open_source(source: Source, begin: Fraction, seconds: Fraction, near: Fraction = Fraction(0)) -> Entered:
    """Enter a film before the frame that is shown at `begin` (seconds from its first picture), to read `seconds`.

    near: a frame that begins so soon after is taken for the one that is shown.
    """
    info = source.info
    each = frame_seconds(source)
    length = info.frames * each if info.frames else Fraction(info.seconds)
    begin = max(Fraction(0), min(begin, length - each)) + source.picture_zero
    if info.vfr or source.sniffed.format in BLIND:
        # Nobody knows how long the frame has been on screen, or where decoding can begin: the file is asked.
        entry = entry_before(source.path, source.sniffed.format, begin + near)
        seek, shown = entry.seek, entry.shown - entry.seek
    else:
        seek = max(Fraction(0), begin - each * SEEK_AHEAD)
        shown = max(Fraction(0), begin - seek + near - each + SLACK)
    shift = begin - seek
    # Ogg tells times by the page: a limit would end the reading whole pages too early.
    most = None if source.sniffed.format == "ogg" else float(seconds + max(Fraction(0), shift) + 4 * each)
    opened = input_args(source.path, source.sniffed, float(seek), most)
    return Entered([*DECODER_THREADS, *opened], shift, shown)


def frame_seconds(source: Source) -> Fraction:
    """How long one frame of a film is seen."""
    return 1 / (Fraction(source.info.fps).limit_denominator(1001) if source.info.fps else Fraction(25))


def conform(cut: Cut, source: Source, frame: Frame, files: Files, now: str, span: tuple[float, float]) -> list[str]:
    """Fit into the frame with square pixels, BT.709 and video range; bars where the shapes differ.

    now: the clip's own time in seconds as an expression of `t`; span: which of it is drawn.
    """
    wide, high = frame.width, frame.height
    colours = colour_options(source)
    turning, across = turn_filters(turned_first(cut.effects))
    # What is cut out before a quarter turn has the film's shape after it.
    before = Frame(high, wide, frame.fps) if across else frame
    cropped, fills = framing(cut, before, now, span)
    steps = [*squared(source), *cropped, *turning]
    width, height = (source.info.height, source.info.width) if across else (source.info.width, source.info.height)
    same = (width, height) == (wide, high) and not source.stretched and not cropped
    if same or fills:
        return [*steps, f"scale={wide}:{high}:{SCALER}:{colours}", "setsar=1", *film_format(source, files.tables)]
    shape = f"{wide}:{high}:force_original_aspect_ratio=decrease:force_divisible_by=2"
    if height * wide < 2 * width:
        shape = f"{wide}:2"  # a ribbon so flat that the scaler would leave nothing of it
    elif width * high < 2 * height:
        shape = f"2:{high}"
    fit = f"scale={shape}:{SCALER}:{colours}"
    return [*steps, fit, *film_format(source, files.tables), f"pad={wide}:{high}:(ow-iw)/2:(oh-ih)/2:black", "setsar=1"]


def squared(source: Source) -> list[str]:
    """Square pixels, where a source has others."""
    return ["scale=w='max(2,trunc(iw*sar/2)*2)':h=ih:" + SCALER, "setsar=1"] if source.stretched else []


def framing(cut: Cut, frame: Frame, now: str, span: tuple[float, float]) -> tuple[list[str], bool]:
    """Filters that cut out the part of the picture that is shown, and whether it has the film's shape then."""
    steps: list[str] = []
    fills = False
    for effect in cut.effects:
        if effect["name"] == "crop":
            steps.append(cropped(effect))
            # The part fills the frame: what does not fit its shape is cut off evenly.
            steps.append(window(frame, "0.5", "0.5"))
            fills = True
        elif effect["name"] == "reframe":
            steps.append(followed(effect, frame, now, span))
            fills = True
    return steps, fills


def followed(effect: dict[str, Any], frame: Frame, now: str, span: tuple[float, float]) -> str:
    """The filter of a reframe to a frame's shape."""
    keys: list[list[Any]] = effect.get("keys") or [[0.0, 0.5, 0.5]]
    x = curve([(at, x) for at, x, _ in keys], now, span)
    y = curve([(at, y) for at, _, y in keys], now, span)
    return window(frame, x, y)


def cropped(effect: dict[str, Any]) -> str:
    """The filter of a crop."""
    x, y, w, h = (f"{float(effect[key]):.6f}" for key in ("x", "y", "width", "height"))
    return f"crop=w='max(2,iw*{w})':h='max(2,ih*{h})':x='iw*{x}':y='ih*{y}':exact=1"


def window(frame: Frame, x: str, y: str) -> str:
    """The filter that cuts out the largest part of the film's shape, around a middle in shares of the picture."""
    shape = f"{frame.width}/{frame.height}"
    return (
        f"crop=w='max(2,min(iw,ih*{shape}))':h='max(2,min(ih,iw/({shape})))'"
        f":x='clip(iw*({x})-ow/2,0,iw-ow)':y='clip(ih*({y})-oh/2,0,ih-oh)':exact=1"
    )
