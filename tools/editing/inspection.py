"""A render looked at through the small pictures of its pieces: black, frozen, and its cuts where they were planned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from backends.vision.thresholds import thresholds
from tools.editing.cut import Program
from tools.editing.seams import Stray, cut_there, mixed, strays
from tools.editing.seeing import EDGE, read_seen
from tools.editing.segments import Frame, Segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCKS = (32, 18)
"""Blocks that a picture is divided into to see whether anything in it moves."""
LEAST_CONTEXT = 5
"""Frames on both sides of a cut without which nobody could say that it is one."""
PLAIN = 24.0
"""Mean change of levels between two sides of a cut that anybody sees; less is a jump within a scene."""
COLOURS_ALIKE = 0.75
"""Share of their colours that two pictures have in common when they show one scene, whatever moved in it."""
FRAMED_ALIKE = 0.75
"""Correlation of two pictures' lightness when they show one scene, though it is graded otherwise. Measured: 0.79 to 1.0
within a scene, -0.3 to 0.7 between two."""
LEAP = 60.0
"""Levels by which the mean changes when anybody sees it, whatever is shown: into black, a flash, lights that go on."""
NEAR = 2
"""Frames by which a found cut may lie beside the planned one."""
LOOKS = 4
"""Raised when the same pictures would be judged otherwise."""
MOST_LOOKS = 60
"""Cuts that are looked at, evenly chosen: of a film of 500 clips, the others were drawn by the same code."""
BINS, BIN = 8, 32
"""Steps of each colour channel, and levels in a step."""
ANSWERS: dict[str, bool | None] = {"found": True, "missed": False, "alike": None}


@dataclass(frozen=True)
class Inspection:
    """What was seen."""

    black_share: float
    frozen_share: float
    black: tuple[tuple[int, int], ...]
    """Frames (first, behind the last) of the black stretches that count."""
    frozen: tuple[tuple[int, int], ...]
    looked: int
    """Cuts and transitions that were looked at."""
    planned: int
    """Those of them between pictures that differ plainly: a cut within one scene nobody can tell from a movement."""
    found: int
    missed: tuple[float, ...]
    """Seconds of those that were not found."""
    broken: tuple[int, ...]
    """Numbers of segments whose pictures are not all there."""
    unseen: tuple[int, ...]
    """Numbers of the segments beside the cuts that were not found."""
    strays: tuple[Stray, ...]
    """Frames of another shot beside a cut."""


def inspect(
    segments: Sequence[Segment], pieces: Sequence[Path], frame: Frame, program: Program, check: Callable[[], None]
) -> Inspection:
    """Look at all pieces in order, holding the pictures of three of them at most."""
    walk = _Walk(frame)
    for number, (segment, piece) in enumerate(zip(segments, pieces, strict=True)):
        check()
        walk.look(number, segment, piece)
    changes = _changes(segments)
    step = max(1, -(-len(changes) // MOST_LOOKS))
    planned, missed = 0, []
    unseen: set[int] = set()
    lost: list[Stray] = []
    for first, last in changes[::step]:
        check()
        seen = _kept_found(segments, pieces, first, last, frame)
        if last == first + 1:
            old, new = (read_seen(pieces[n], segments[n], frame)[1] for n in (first, last))
            lost += strays(segments[first], old[-EDGE:], segments[last], new[:EDGE])
        if seen is not None:
            planned += 1
            if not seen:
                missed.append(round(float((segments[last].start) / frame.fps), 3))
                unseen.update(range(first, last + 1))
    black, frozen = walk.stretches(walk.black), walk.stretches(walk.frozen)
    return Inspection(
        walk.share(black),
        walk.share(frozen),
        tuple(black),
        tuple(frozen),
        len(changes[::step]),
        planned,
        planned - len(missed),
        tuple(missed),
        tuple(walk.broken),
        tuple(sorted(unseen)),
        tuple(lost),
    )


class _Walk:
    """Black and frozen stretches, from pictures that are up to some frames apart."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._last: tuple[int, NDArray[np.uint8]] | None = None
        self._frames = 0
        self.black: list[tuple[int, int, bool]] = []
        self.frozen: list[tuple[int, int, bool]] = []
        self.broken: list[int] = []

    def look(self, number: int, segment: Segment, piece: Path) -> None:
        import cv2

        from tools.editing.seeing import seen_numbers

        table = thresholds()
        numbers, pictures = read_seen(piece, segment, self._frame)
        if len(numbers) < len(seen_numbers(segment)):
            self.broken.append(number)
        for inside, rgb in zip(numbers, pictures, strict=True):
            at, grey = segment.start + inside, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
            before = self._last[0] if self._last is not None else at - 1
            dark = cv2.countNonZero(cv2.compare(grey, table.black.luma, cv2.CMP_LE)) / grey.size
            self.black.append((before, at, dark >= table.black.frame_share))
            if self._last is not None:
                moved = cv2.resize(cv2.absdiff(self._last[1], grey), BLOCKS, interpolation=cv2.INTER_AREA)
                self.frozen.append((before, at, float(moved.max()) < table.frozen.block_change))
            self._last = (at, grey)
        self._frames = segment.start + segment.frames

    def stretches(self, spans: Sequence[tuple[int, int, bool]]) -> list[tuple[int, int]]:
        """Frames (first, behind the last) of the stretches that are long enough to count."""
        shortest = thresholds().black.span_seconds if spans is self.black else thresholds().frozen.span_seconds
        found: list[tuple[int, int]] = []
        run: tuple[int, int] | None = None
        for begin, end, flag in [*spans, (0, 0, False)]:
            if flag:
                run = (begin if run is None else run[0], end)
            elif run is not None:
                if (run[1] - run[0]) / self._frame.fps >= shortest:
                    found.append((run[0] + 1, run[1] + 1))
                run = None
        return found

    def share(self, stretches: Sequence[tuple[int, int]]) -> float:
        """Share of the film that lies in them."""
        return min(1.0, sum(end - begin for begin, end in stretches) / self._frames) if self._frames else 0.0


def _changes(segments: Sequence[Segment]) -> list[tuple[int, int]]:
    """Pairs of segments (the last of the old picture, the first of the new one) that meet or have one between them."""
    found = []
    for number, (one, two) in enumerate(pairwise(segments)):
        if two.blend and number + 2 < len(segments) and not segments[number + 2].blend:
            found.append((number, number + 2))
        elif not one.blend and not two.blend and one.pieces[0].cut is not two.pieces[0].cut:
            found.append((number, number + 1))
    return found


def _kept_found(
    segments: Sequence[Segment], pieces: Sequence[Path], first: int, last: int, frame: Frame
) -> bool | None:
    """`_found`, remembered beside the pieces: what did not change needs no second look."""
    names = "\0".join(pieces[number].stem for number in range(first, last + 1))
    note = pieces[first].with_name(f"{hashlib.sha256(f'{LOOKS} {names}'.encode()).hexdigest()[:32]}.look")
    try:
        return ANSWERS[note.read_text(encoding="utf-8")]
    except (OSError, KeyError):
        seen = _found(segments, pieces, first, last, frame)
    note.write_text(next(word for word, answer in ANSWERS.items() if answer is seen), encoding="utf-8")
    return seen


def shared_colours(old: NDArray[np.uint8], new: NDArray[np.uint8]) -> float:
    """Share of the colours of (N, H, W, 3) pictures that the others have too, 0 to 1; where they lie is no matter."""
    import numpy as np

    shares = []
    for pictures in (old, new):
        steps = (pictures.reshape(-1, 3) // BIN).astype(np.int64)
        index = (steps[:, 0] * BINS + steps[:, 1]) * BINS + steps[:, 2]
        shares.append(np.bincount(index, minlength=BINS**3) / len(index))
    return float(np.minimum(*shares).sum())


def framed_alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of the lightness of two (H, W, 3) pictures, -1 to 1; how light or coloured they are is no matter."""
    import cv2
    import numpy as np

    flat = []
    for rgb in (one, other):
        grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
        flat.append(np.asarray(grey - grey.mean(), np.float64))
    size = float(np.sqrt((flat[0] ** 2).sum() * (flat[1] ** 2).sum()))
    return float((flat[0] * flat[1]).sum()) / size if size > 1e-6 else 0.0


def _found(segments: Sequence[Segment], pieces: Sequence[Path], first: int, last: int, frame: Frame) -> bool | None:
    """Whether the detector sees the change between two segments; None where nobody could tell."""
    import numpy as np

    from backends.media.probe import MediaInfo
    from backends.vision.cuts.sink import CutSink
    from backends.vision.frame import Frame as Picture

    _, old = read_seen(pieces[first], segments[first], frame)
    _, new = read_seen(pieces[last], segments[last], frame)
    old, new = old[-EDGE:], new[:EDGE]
    if min(len(old), len(new)) < LEAST_CONTEXT:
        return None
    middle = [read_seen(pieces[n], segments[n], frame)[1] for n in range(first + 1, last)]
    between = np.concatenate(middle) if middle else old[:0]
    if abs(float(old[-1].mean()) - float(new[0].mean())) > LEAP:
        return True
    if not middle and cut_there(old, new):
        return True
    if middle and segments[first + 1].blend == "dissolve" and mixed(old, between, new):
        return True
    if float(np.abs(old[-1].astype(np.int16) - new[0]).mean()) < PLAIN or shared_colours(old, new) > COLOURS_ALIKE:
        return None
    if framed_alike(old[-1], new[0]) > FRAMED_ALIKE:
        return None
    shown = np.concatenate([old, between, new])
    fps = float(frame.fps)
    info = MediaInfo("video", "mov", seconds=len(shown) / fps, fps=fps, width=frame.width, height=frame.height)
    sink = CutSink(info, network="own")
    before: Picture | None = None
    for index, rgb in enumerate(shown):
        before = Picture(index, index / fps, np.ascontiguousarray(rgb), before)
        sink.see(before)
    begin, end = len(old) - NEAR, len(shown) - len(new) + NEAR
    return any(one.first_frame <= end and one.first_frame + one.frames >= begin for one in sink.transitions())
