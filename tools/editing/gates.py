"""What is measured on a finished render: its frames, its cuts, its sound, black and frozen picture, its captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.media.guard import film_stream, open_container
from configs.errors import StudioError
from memory.records import Score
from tools.editing.cut import Program
from tools.editing.in_frame import CaptionsSeen, captions_in_frame
from tools.editing.inspection import Inspection, inspect
from tools.editing.level import Heard, Sound
from tools.editing.material import SLOW
from tools.editing.presets import editing_presets
from tools.editing.segments import Frame, Segment
from tools.editing.sheet import contact_sheet

VISION = "backends.vision.quality"
CUTS = "backends.vision.cuts"
LOUDNESS = "ITU-R BS.1770"
NEAR_CEILING_DB = 1.0


@dataclass(frozen=True)
class Looks:
    """What is seen without the finished film, while that is being joined."""

    pieces: Inspection
    captions: CaptionsSeen | None
    """None without captions."""


@dataclass(frozen=True)
class Render:
    """A film as it was put together."""

    film: Path
    program: Program
    frame: Frame
    segments: Sequence[Segment]
    pieces: Sequence[Path]
    """The files of the segments."""
    sound: Sound | None
    lufs: float | None
    """The loudness asked for; None when it was left alone."""
    cache: Path
    """The workspace's cache folder."""
    looks: Looks
    """What the pieces and captions look like."""


@dataclass(frozen=True)
class Verdict:
    """What the checks say of a render."""

    scores: tuple[Score, ...]
    broken: tuple[int, ...] = ()
    """Numbers of segments whose pieces are not what was drawn: they have to be made again."""
    sheet: Path | None = None
    """Contact sheet, a PNG in the workspace's cache."""

    @property
    def exact(self) -> bool:
        return self.scores[0].passed is True and not self.broken


def look(
    program: Program,
    frame: Frame,
    segments: Sequence[Segment],
    pieces: Sequence[Path],
    cache: Path,
    check: Callable[[], None],
) -> Looks:
    """Look at the pieces of a program and at its captions."""
    captions = captions_in_frame(program.words, frame, cache, check) if program.words else None
    return Looks(inspect(segments, pieces, frame, program, check), captions)


def measure(made: Render, check: Callable[[], None]) -> Verdict:
    """Scores of a render against its program."""
    program, gates = made.program, editing_presets().gates
    frames, seconds = count_frames(made.film)
    length = round(program.seconds, 4)
    scores = [
        Score("frames", frames, "measured", "PyAV", program.frames, frames == program.frames),
        Score("seconds", round(seconds, 4), "measured", "PyAV", length, abs(seconds - length) < float(1 / program.fps)),
    ]
    if made.sound is not None:
        heard = made.sound.heard
        scores += [_loudness(heard, made.lufs), _peak(heard.peak_db)]
    seen = made.looks.pieces
    still, empty = _planned(program)
    # A user's own clip may be black or still, and so may a planned gap or picture: then there is nothing to fail.
    free = program.keep_loudness
    scores.append(_share("black_share", seen.black_share, gates.black_share, free or empty >= gates.black_share))
    scores.append(_share("frozen_share", seen.frozen_share, gates.frozen_share, free or still >= gates.frozen_share))
    if (found := _cuts(seen)) is not None:
        scores += [found, _strays(seen)]
    if made.looks.captions is not None:
        scores.append(_captions(made.looks.captions))
    sheet, wrong = contact_sheet(made.film, made.frame, made.segments, made.pieces, made.cache / "sheets", check)
    broken = tuple(sorted({*seen.broken, *wrong}))
    right = round(1 - len(broken) / len(made.pieces), 3)
    scores.append(Score("pieces_as_drawn", right, "measured", "contact sheet", 1.0, not broken))
    return Verdict(tuple(scores), broken, sheet)


def _loudness(heard: Heard, lufs: float | None) -> Score:
    if heard.lufs is None:
        return Score("loudness_lufs", None, "not measured", LOUDNESS, lufs, None, "silent")
    gates = editing_presets().gates
    near = None if lufs is None else abs(heard.lufs - lufs) <= gates.loudness_tolerance
    note = ""
    if near is False and lufs is not None and heard.lufs < lufs:
        full = heard.peak_db is not None and heard.peak_db > gates.peak_dbtp - NEAR_CEILING_DB
        note = "levelled twice; short peaks stand at the ceiling, and louder they would be cut off" if full else ""
        note = note or "levelled twice; it is too quiet to be raised so far without its noise"
    return Score("loudness_lufs", round(heard.lufs, 2), "measured", LOUDNESS, lufs, near, note)


def _peak(peak: float | None) -> Score:
    most = editing_presets().gates.peak_dbtp
    if peak is None:
        return Score("true_peak_db", None, "not measured", LOUDNESS, most, None, "silent")
    return Score("true_peak_db", round(peak, 2), "measured", LOUDNESS, most, peak <= most)


def _cuts(seen: Inspection) -> Score | None:
    """How many of the planned cuts the studio's own detector finds at their place; None where there are none.

    Cuts within one scene are not counted: nobody can tell them from a movement.
    """
    if not seen.looked:
        return None
    least = editing_presets().gates.cuts_found
    hidden = seen.looked - seen.planned
    within = "within one scene, where a cut cannot be told from a movement"
    inside = f"{hidden} more lie{'s' * (hidden == 1)} {within}" if hidden else ""
    if not seen.planned:
        said = f"the only cut lies {within}" if hidden == 1 else f"all {hidden} cuts lie {within}"
        return Score("cuts_found", None, "not measured", CUTS, least, None, said)
    share = round(seen.found / seen.planned, 3)
    missed = ", ".join(f"{at:.2f} s" for at in seen.missed[:6])
    said = f"{seen.found} of {seen.planned} cuts are seen where they were planned"
    said += f", not the one{'s' * (len(seen.missed) > 1)} at {missed}" if missed else ""
    passed = share >= least
    return Score("cuts_found", share, "measured", CUTS, least, passed, f"{said}; {inside}" if inside else said)


def _strays(seen: Inspection) -> Score:
    """How many cuts have a few frames of another shot beside them, which flash up and are gone."""
    places = [f"{one.frames} frame{'s' * (one.frames > 1)} at frame {one.at}" for one in seen.strays]
    note = f"of another shot: {', '.join(places[:4])}" if places else ""
    return Score("stray_frames", len(seen.strays), "measured", CUTS, 0, not seen.strays, note)


def _captions(seen: CaptionsSeen) -> Score:
    share = round(seen.good / seen.looked, 3) if seen.looked else 1.0
    note = f"not whole in the frame: {'; '.join(seen.bad[:3])}" if seen.bad else ""
    return Score("captions_in_frame", share, "measured", "libass", 1.0, share == 1.0, note)


def _share(name: str, value: float, most: float, free: bool) -> Score:
    passed = True if value <= most else None if free else False
    note = "as in the source or the plan" if passed is None else ""
    return Score(name, round(value, 3), "measured", VISION, most, passed, note)


def _planned(program: Program) -> tuple[float, float]:
    """Shares of the program that are still pictures, very slow or gaps, and that are gaps."""
    still = empty = 0
    for cut in program.video:
        if cut.title is not None or cut.frozen or cut.speed < SLOW:
            still += cut.frames
        elif cut.source is None:
            empty += cut.frames
        elif cut.source.info.kind == "image":
            still += cut.frames
    return (still + empty) / program.frames, empty / program.frames


def readable(piece: Path, frames: int) -> bool:
    """Whether a piece is a film of so many frames."""
    try:
        return count_frames(piece)[0] == frames
    except StudioError:
        return False


def count_frames(film: Path) -> tuple[int, float]:
    """Frames in the file and the seconds that its picture lasts."""
    with open_container(film, "mov", quick=True) as container:
        stream = film_stream(container)
        if stream is None:
            return 0, 0.0
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    return frames, seconds
