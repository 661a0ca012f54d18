"""A program's picture cut into segments that are encoded one by one, kept by content, and joined without loss.

A clip's body, each transition and each gap are segments of their own; long ones are split. Two programs that share
a piece share its file, so a changed caption or a trimmed shot costs only its own frames.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from backends.media.ffmpeg import filter_value, input_args
from configs.errors import UsageError
from tools.editing.effects import fades, grade_filters
from tools.editing.presets import editing_presets
from tools.editing.program import Cut, Program, Source, Words

RECIPE = 1
"""Raised when the same segment would be drawn differently: older cached pieces are then left alone."""
SEEK_AHEAD = Fraction(1, 4)
"""Seek this share of a source frame early: a decimal time may fall just behind the frame it means."""
MIX = {"dissolve": "fade", "fade": "fadeblack"}
"""xfade's names."""
SCALER = "flags=bicubic+accurate_rnd+full_chroma_int+bitexact"


@dataclass(frozen=True)
class Piece:
    """`frames` frames of a clip from its own frame `first` on (negative or past its end inside a transition)."""

    cut: Cut
    first: int


@dataclass(frozen=True)
class Segment:
    """What one ffmpeg call draws: one piece, or two that are mixed."""

    start: int
    frames: int
    pieces: tuple[Piece, ...]
    blend: str = ""
    words: tuple[Words, ...] = ()
    """Captions in frames of the segment."""


@dataclass(frozen=True)
class Frame:
    """What all segments of one render have in common."""

    width: int
    height: int
    fps: Fraction


def plan(program: Program) -> list[Segment]:
    """Segments that cover every frame of the program once, in order. Raises UsageError when transitions overlap."""
    made: list[Segment] = []
    cuts = program.video
    for index, cut in enumerate(cuts):
        if cut.blend and index and (cut.before or cut.after):
            last = cuts[index - 1]
            before, after = min(cut.before, last.frames), min(cut.after, cut.frames)
            pieces = (Piece(last, last.frames - before), Piece(cut, -before))
            made.append(Segment(cut.start - before, before + after, pieces, cut.blend))
    edges = {(segment.start, segment.start + segment.frames) for segment in made}
    for cut in cuts:
        begin = max([end for start, end in edges if start <= cut.start < end], default=cut.start)
        finish = min([start for start, end in edges if start < cut.end <= end], default=cut.end)
        made.extend(_body(cut, begin, finish, program))
    made.sort(key=lambda segment: segment.start)
    if sum(segment.frames for segment in made) != program.frames or any(
        one.start + one.frames != two.start for one, two in pairwise(made)
    ):
        raise UsageError(
            f"The transitions of '{program.name}' overlap", "two of them meet inside one clip", "Shorten them"
        )
    return [_with_words(segment, program.words) for segment in made]


def _body(cut: Cut, begin: int, finish: int, program: Program) -> Iterator[Segment]:
    presets = editing_presets().encode
    size = max(1, round(presets.chunk_seconds * program.fps))
    if cut.backwards:
        # The reverse filter holds all its frames, 1.5 bytes per pixel.
        size = max(1, min(size, presets.reverse_mib * 2**20 * 2 // (3 * program.width * program.height)))
    count = math.ceil((finish - begin) / size) if finish > begin else 0
    bounds = [begin + (finish - begin) * n // count for n in range(count + 1)] if count else []
    for start, end in pairwise(bounds):
        yield Segment(start, end - start, (Piece(cut, start - cut.start),))


def _with_words(segment: Segment, words: tuple[Words, ...]) -> Segment:
    end = segment.start + segment.frames
    inside = tuple(
        Words(
            max(word.start, segment.start) - segment.start,
            min(word.end, end) - segment.start,
            word.text,
            word.style,
            word.position,
        )
        for word in words
        if word.start < end and word.end > segment.start
    )
    return Segment(segment.start, segment.frames, segment.pieces, segment.blend, inside)


def segment_key(segment: Segment, frame: Frame, encoder: list[str]) -> str:
    """Equal for segments with equal pixels: sources by content, ranges, effects, captions, encoder."""
    presets = editing_presets()
    facts = {
        "recipe": RECIPE,
        "frame": [frame.width, frame.height, str(frame.fps)],
        "encoder": encoder,
        "frames": segment.frames,
        "blend": segment.blend,
        "pieces": [
            {
                "source": piece.cut.source.sha256 if piece.cut.source else "",
                "in": str(piece.cut.source_in),
                "first": piece.first,
                "clip": piece.cut.frames if piece.cut.effects else 0,
                "effects": piece.cut.effects,
                "grades": [presets.grades[e["look"]] for e in piece.cut.effects if e["name"] == "grade"],
            }
            for piece in segment.pieces
        ],
        "words": [[word.start, word.end, word.text, word.style, word.position] for word in segment.words],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def segment_args(segment: Segment, frame: Frame, captions: tuple[Path, Path] | None) -> list[str]:
    """ffmpeg's inputs and filter graph for a segment; the picture comes out as [v].

    captions: the ASS script of the segment and the folder of its fonts.
    """
    inputs: list[str] = []
    chains: list[str] = []
    for number, piece in enumerate(segment.pieces):
        opened, chain = _piece(piece, segment.frames, frame)
        inputs += opened
        chains.append(f"[{number}:v:0]{chain}[p{number}]")
    tail = "[p0]"
    if segment.blend:
        seconds = f"{float(segment.frames / frame.fps):.6f}"
        tail = f"[p0][p1]xfade=transition={MIX[segment.blend]}:duration={seconds}:offset=0,"
    if captions is not None:
        script, fonts = captions
        tail += f"ass=filename={filter_value(script)}:fontsdir={filter_value(fonts)},"
    chains.append(f"{tail}trim=end_frame={segment.frames},format=yuv420p[v]")
    return [*inputs, "-filter_complex", ";".join(chains), "-map", "[v]", "-frames:v", str(segment.frames)]


def _piece(piece: Piece, frames: int, frame: Frame) -> tuple[list[str], str]:
    """Input arguments and the filter chain that give exactly `frames` frames of a piece at the common size."""
    cut, fps = piece.cut, frame.fps
    rate = f"{fps.numerator}/{fps.denominator}"
    if cut.source is None:
        seconds = f"{float((frames + 1) / fps):.6f}"
        black = f"color=c=black:s={frame.width}x{frame.height}:r={rate}:d={seconds}"
        return ["-f", "lavfi", "-i", black], f"trim=end_frame={frames},setsar=1,format=yuv420p,{_tagged()}"
    first = cut.frames - piece.first - frames if cut.backwards else piece.first
    begin = cut.source_in + first * cut.speed / fps
    # Before the source begins there is only its first picture to show, after its end only its last.
    lead = max(0, math.ceil(-begin * fps / cut.speed))
    begin += lead * cut.speed / fps
    opened, shift = _open(cut.source, begin, (frames - lead) * cut.speed / fps)
    steps = [f"setpts=(PTS-{float(shift):.6f}/TB)/{float(cut.speed):.6f}", f"fps={rate}:start_time=0"]
    if lead:
        steps.append(f"tpad=start_mode=clone:start={min(lead, frames)}")
    steps += [f"tpad=stop_mode=clone:stop={frames}", f"trim=end_frame={frames}", *_conform(cut.source, frame)]
    if cut.backwards:
        steps += ["format=yuv420p", "reverse"]
    steps += [*grade_filters(cut.effects), *_fade_steps(piece, frames, fps)]
    return opened, ",".join([*steps, "format=yuv420p", _tagged(), f"settb={fps.denominator}/{fps.numerator}"])


def _open(source: Source, begin: Fraction, seconds: Fraction) -> tuple[list[str], Fraction]:
    """Input arguments, and how far behind the seek point the wanted frame lies."""
    info = source.info
    if info.kind == "image":
        return input_args(source.path, source.sniffed, duration=float(seconds) + 0.5, loop=True), Fraction(0)
    each = 1 / (Fraction(info.fps).limit_denominator(1001) if info.fps else Fraction(25))
    length = info.frames * each if info.frames else Fraction(info.seconds)
    begin = max(Fraction(0), min(begin, length - each))
    seek = max(Fraction(0), begin - each * SEEK_AHEAD)
    return input_args(source.path, source.sniffed, float(seek), float(seconds + 4 * each)), begin - seek


def _conform(source: Source, frame: Frame) -> list[str]:
    """Fit into the frame with square pixels, BT.709 and video range; bars where the shapes differ."""
    wide, high = frame.width, frame.height
    colours = "out_range=tv"
    if source.matrix:
        colours += f":in_color_matrix={source.matrix}:out_color_matrix=bt709"
    elif source.info.kind == "image":
        colours += ":out_color_matrix=bt709"
    steps = ["scale=w='max(2,trunc(iw*sar/2)*2)':h=ih:" + SCALER, "setsar=1"] if source.stretched else []
    if (source.info.width, source.info.height) == (wide, high) and not source.stretched:
        return [*steps, f"scale={wide}:{high}:{SCALER}:{colours}", "setsar=1"]
    fit = f"scale={wide}:{high}:force_original_aspect_ratio=decrease:force_divisible_by=2:{SCALER}:{colours}"
    return [*steps, fit, "format=yuv420p", f"pad={wide}:{high}:(ow-iw)/2:(oh-ih)/2:black", "setsar=1"]


def _fade_steps(piece: Piece, frames: int, fps: Fraction) -> list[str]:
    """Fades drawn on the clip's own clock, whichever piece of the clip this is."""
    wanted = fades(piece.cut.effects, float(piece.cut.frames / fps))
    begin, end = float(piece.first / fps), float((piece.first + frames) / fps)
    drawn = [
        f"fade=t={kind}:st={start:.6f}:d={length:.6f}"
        for kind, start, length in wanted
        if begin < start + length and end > start
    ]
    if not drawn:
        return []
    shift = f"{begin:.6f}"
    return ["format=yuv420p", f"setpts=PTS+({shift})/TB", *drawn, f"setpts=PTS-({shift})/TB"]


def _tagged() -> str:
    return "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
