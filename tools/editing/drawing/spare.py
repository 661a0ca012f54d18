"""Frames that one call reads for the next: a transition's old picture, handed over by the clip's body before it.

A transition at a clip's end would have to be reached by decoding from the last key frame again, a hundred frames and
more. The call that draws the body has just been there: it decodes on and writes the frames down as they are.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tools.editing.drawing.parts import TAGS, Frame, Segment

MOST_BYTES = 512 * 2**20
"""Longer transitions are read from their source: 170 frames at 1080p."""
MIDDLE = Fraction(1, 50)
"""So near to the middle between two frames, rounding may choose another one than a call of its own would."""


def hands_over(body: Segment, blend: Segment, frame: Frame) -> bool:
    """Whether the first call can write what the second one reads, frame by frame the same as from the source.

    Only for clips at their own speed and the film's frame rate, without effects.
    """
    if body.blend or not blend.blend or len(body.pieces) != 1:
        return False
    one, two = body.pieces[0], blend.pieces[0]
    cut, source = one.cut, one.cut.source
    if source is None or two.cut is not cut or two.first != one.first + body.frames:
        return False
    if cut.frozen or cut.title is not None or cut.effects or source.info.kind != "video" or source.info.vfr:
        return False
    if abs(Fraction(source.info.fps).limit_denominator(1001) - frame.fps) > Fraction(1, 1000):
        return False
    at = cut.source_in * frame.fps
    inside = at + one.first >= 0 and at + two.first + blend.frames + 1 <= source.info.frames
    return inside and abs(at % 1 - Fraction(1, 2)) > MIDDLE and spare_bytes(blend, frame) <= MOST_BYTES


def spare_bytes(blend: Segment, frame: Frame) -> int:
    """Size of the file."""
    return blend.frames * frame.width * frame.height * 3 // 2


def whole_spare(file: Path | None, blend: Segment, frame: Frame) -> Path | None:
    """The file, when all its frames are in it."""
    if file is None or not file.exists() or file.stat().st_size != spare_bytes(blend, frame):
        return None
    return file


def spare_chains(frames: int) -> list[str]:
    """Chains from a body's piece with more frames than its own [long] to the piece [p0] and the rest [spare]."""
    return [
        "[long]split[kept][more]",
        f"[kept]trim=end_frame={frames}[p0]",
        f"[more]trim=start_frame={frames},setpts=PTS-STARTPTS[spare]",
    ]


def spare_args(count: int, target: Path) -> list[str]:
    """The output of a body's call that holds the rest."""
    return ["-map", "[spare]", "-fps_mode", "passthrough", "-frames:v", str(count), "-f", "rawvideo", str(target)]


def given_piece(file: Path, frame: Frame) -> tuple[list[str], str]:
    """Input arguments and the filter chain of a piece that was written down."""
    raw = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{frame.width}x{frame.height}"]
    opened = ["-protocol_whitelist", "file", *raw, "-framerate", frame.rate, "-i", str(file.absolute())]
    return opened, f"setsar=1,{TAGS},settb={frame.fps.denominator}/{frame.fps.numerator}"
