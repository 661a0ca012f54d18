"""Known transitions in real footage: pieces of a film's shots, joined anew by cuts, dissolves, fades and wipes.

Pieces are taken well inside of shots: borders are whatever any of several detectors, set to be nervous, calls one,
5 frames are trimmed on each side, and neighbours come from different shots that do not look the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.media.frames import read_frames
from backends.media.probe import probe
from backends.vision.frame import Frame
from backends.vision.watch import watch
from configs.errors import UsageError
from evals.footage.transitions import Joined, Known, pick_transition
from evals.footage.world import Rgb

TRIM = 5
"""Frames left out on each side of a found border."""
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 4.0
"""Of a piece."""
ALONE_SECONDS = 0.3
"""Every piece is seen alone for so long at least."""
SHORTEST_FRAMES = {"cut": 0, "dissolve": 6, "fade": 10, "wipe": 8}
"""Where less room is left, the join becomes a cut."""
UNLIKE = 12.0
"""Mean difference of two small pictures, 0-255, above which a cut between them can be seen."""


@dataclass(frozen=True)
class Piece:
    """Part of one shot: its frames and their times."""

    shot: int
    start: float
    end: float
    frames: int
    first: NDArray[np.uint8]
    """Its first picture, very small."""
    last: NDArray[np.uint8]


@dataclass
class _Reader:
    """`at(k)`: frame k of a piece; read in order, one frame in memory."""

    path: Path
    piece: Piece
    width: int
    _open: Generator[tuple[float, Rgb], None, None] | None = None
    _at: int = -1
    _frame: Rgb = field(default_factory=lambda: np.zeros((2, 2, 3), np.uint8))

    def at(self, k: int) -> Rgb:
        if k < self._at or self._open is None:
            self._open = _generator(self.path, self.piece, self.width)
            self._at = -1
        while self._at < min(k, self.piece.frames - 1):
            with suppress(StopIteration):
                self._frame = next(self._open)[1]
            self._at += 1
        if self._at == self.piece.frames - 1:
            self._open.close()
        return self._frame


def _generator(path: Path, piece: Piece, width: int) -> Generator[tuple[float, Rgb], None, None]:
    yield from read_frames(path, start=piece.start, end=piece.end, width=width)


class _Nervous:
    """Every frame where any detector at its most sensitive sees a border, and very small pictures of the film."""

    def __init__(self, fps: float) -> None:
        from scenedetect.common import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector, ContentDetector, ThresholdDetector

        self._timecode: Callable[[int], Any] = lambda index: FrameTimecode(index, fps=fps)
        self._detectors: tuple[Any, ...] = (
            AdaptiveDetector(adaptive_threshold=1.8, min_scene_len=1, min_content_val=8, window_width=2),
            ContentDetector(threshold=16, min_scene_len=1),
            ThresholdDetector(threshold=16, min_scene_len=1),
        )
        self.borders: set[int] = set()
        self.times: list[float] = []
        self.small: list[NDArray[np.uint8]] = []

    def see(self, frame: Frame) -> None:
        import cv2

        self.times.append(frame.seconds)
        self.small.append(np.asarray(cv2.resize(frame.rgb, (16, 9), interpolation=cv2.INTER_AREA), np.uint8))
        bgr = np.ascontiguousarray(frame.rgb[..., ::-1])
        for detector in self._detectors:
            self.borders |= {cut.frame_num for cut in detector.process_frame(self._timecode(frame.index), bgr)}


def pieces_of(film: Path, part: tuple[float, float] = (0.0, 1.0)) -> list[Piece]:
    """Pieces of 1 to 4 s that lie inside of one shot each. part: the share of the film that is used."""
    from backends.vision.shots import CutSink

    info = probe(film)
    own, nervous = CutSink(info, sensitivity=1.0), _Nervous(info.fps or 25)
    watch(film, [own, nervous], info=info)
    count = len(nervous.times)
    touched = set(nervous.borders)
    for shot in own.shots():
        touched |= {shot.first_frame, shot.clean_first, shot.clean_first + shot.clean_frames}
    borders = sorted({0, count, *touched})
    shortest, longest = (round(s * (info.fps or 25)) for s in (SHORTEST_SECONDS, LONGEST_SECONDS))
    pieces = []
    for shot_index, (border, after) in enumerate(pairwise(borders)):
        first, stop = border + TRIM, after - TRIM
        if not part[0] * count <= border or after > part[1] * count:
            continue
        for at in range(first, stop - shortest + 1, longest):
            end = min(stop, at + longest)
            if end - at < shortest:
                continue
            finish = nervous.times[end] if end < count else nervous.times[-1] + 1
            small = nervous.small
            pieces.append(Piece(shot_index, nervous.times[at], finish, end - at, small[at], small[end - 1]))
    return pieces


def respliced(film: Path, seed: int, part: tuple[float, float] = (0.0, 1.0), pieces: int = 80) -> Joined:
    """Pieces of the film in a new order with known transitions between them.

    part: the share of the film that is used; pieces: how many are joined; a short film's come again in another order.
    Raises UsageError when the film has too few shots.
    """
    info = probe(film)
    fps, width = info.fps or 25.0, min(640, info.width // 2 * 2)
    pick = np.random.default_rng((13, seed))
    chain = _ordered(pieces_of(film, part), pick, pieces)
    if len(chain) < 2:
        raise UsageError(
            f"'{film.name}' cannot be re-spliced",
            "fewer than two shots of 2 s in it look different",
            "Take a longer film",
        )
    truth, begins = _planned(chain, pick, fps)
    readers = tuple(_Reader(film, piece, width).at for piece in chain)
    return Joined(f"{film.stem} {seed}", fps, 18, tuple(truth), readers, begins + chain[-1].frames)


def _planned(chain: Sequence[Piece], pick: np.random.Generator, fps: float) -> tuple[list[Known], int]:
    """The transitions, and the film's frame where the last piece begins. Both pieces run on during a transition."""
    truth: list[Known] = []
    alone = round(ALONE_SECONDS * fps)
    begins = taken = 0
    for old, new in pairwise(chain):
        known = pick_transition(pick, 0, fps)
        # Half of the new piece is left for the transition at its other end.
        room = min(old.frames - taken - alone, (new.frames - alone) // 2)
        if known.frames > room:
            known = replace(known, frames=room) if room >= SHORTEST_FRAMES[known.kind] else Known("cut", 0, 0)
        begins += old.frames - known.frames
        truth.append(replace(known, first_frame=begins))
        taken = known.frames
    return truth, begins


def _ordered(pieces: list[Piece], pick: np.random.Generator, count: int) -> list[Piece]:
    """`count` pieces in a random order in which no neighbours come from one shot or look alike at their join.

    None comes again before all others that fit have come.
    """
    chain: list[Piece] = []
    left: list[Piece] = []
    while len(chain) < count:
        last = chain[-1] if chain else None
        fit = next((p for p in left if last is None or (p.shot != last.shot and _unlike(last, p))), None)
        if fit is not None:
            chain.append(fit)
            left.remove(fit)
        elif len(left) < len(pieces):
            left += [pieces[i] for i in pick.permutation(len(pieces))]
        else:
            break
    return chain


def _unlike(old: Piece, new: Piece) -> bool:
    return float(np.abs(old.last.astype(int) - new.first.astype(int)).mean()) > UNLIKE
