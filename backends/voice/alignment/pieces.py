"""A long recording and its text, cut at pauses into pieces that belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import FRAME_S, frame_levels
from backends.voice.texts.reading import Token

SHORTEST = 0.3
"""Of a piece, share of the longest."""
CUT_PAUSE_S = 0.12
QUIET_DB, OVER_FLOOR_DB = 30.0, 8.0
"""A frame is quiet this far below the loud frames, or this near to the sound's own noise floor."""
_CLAUSE = frozenset(".!?;:,…")


@dataclass(frozen=True)
class Piece:
    """A stretch of the recording and the words in it."""

    start: float
    end: float
    """Seconds."""
    tokens: tuple[int, ...]


def quiet_runs(samples: NDArray[np.float32], rate: int, shortest: float) -> list[tuple[float, float]]:
    """(start, end) seconds of every stretch of at least `shortest` seconds that is quiet."""
    levels = frame_levels(samples, rate)
    if not len(levels):
        return []
    loud, floor = float(np.percentile(levels, 95)), float(np.percentile(levels, 3))
    quiet = levels < max(loud - QUIET_DB, min(floor + OVER_FLOOR_DB, loud - 20.0))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    seconds = len(samples) / rate
    runs = [(a * FRAME_S, min(b * FRAME_S, seconds)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(float(a), float(b)) for a, b in runs if b - a >= shortest - 1e-9]


def cut_pieces(
    samples: NDArray[np.float32],
    rate: int,
    tokens: Sequence[Token],
    spans: Sequence[tuple[float, float, str]],
    heard: Callable[[float], float],
    longest: float,
) -> list[Piece]:
    """Pieces of at most `longest` seconds, where the sound allows.

    Args:
        spans: (start, end, word) of eSpeak's reading of the tokens' spoken words.
        heard: from seconds of that reading to seconds of the recording.
    """
    seconds = len(samples) / rate
    everything = Piece(0.0, seconds, tuple(range(len(tokens))))
    if seconds <= longest or len(tokens) < 2:
        return [everything]
    borders = _borders(tokens, spans, heard)
    if not borders:
        return [everything]
    pauses = [(a, b) for a, b in quiet_runs(samples, rate, CUT_PAUSE_S) if b < seconds]
    pieces: list[Piece] = []
    start, first = 0.0, 0
    while seconds - start > longest:
        best = _best_cut(start, first, longest, tokens, borders, pauses)
        if best is None:
            break
        cut, token = best
        pieces.append(Piece(start, cut, tuple(range(first, token))))
        start, first = cut, token
    pieces.append(Piece(start, seconds, tuple(range(first, len(tokens)))))
    return [piece for piece in pieces if piece.tokens]


def _borders(
    tokens: Sequence[Token], spans: Sequence[tuple[float, float, str]], heard: Callable[[float], float]
) -> dict[int, float]:
    """First token after the border -> seconds of the recording where the border is heard."""
    counts = np.cumsum([len(token.spoken.split()) for token in tokens])
    if not len(counts) or counts[-1] != len(spans):
        # eSpeak left words out or joined them: borders by letters instead
        letters = np.cumsum([len(token.spoken) for token in tokens], dtype=np.float64)
        whole = spans[-1][1] - spans[0][0] if spans else 0.0
        return {
            number: heard(spans[0][0] + whole * float(letters[number - 1] / letters[-1]))
            for number in range(1, len(tokens))
            if spans
        }
    return {
        number: heard((spans[counts[number - 1] - 1][1] + spans[counts[number - 1]][0]) / 2)
        for number in range(1, len(tokens))
    }


def _best_cut(
    start: float,
    first: int,
    longest: float,
    tokens: Sequence[Token],
    borders: dict[int, float],
    pauses: Sequence[tuple[float, float]],
) -> tuple[float, int] | None:
    """Where to end the piece that begins at `start`: the pause and the border that lie nearest to each other."""
    best: tuple[float, float, int] | None = None
    shortest = SHORTEST * longest
    for number, at in borders.items():
        if number <= first or not start + shortest <= at <= start + longest:
            continue
        clause = tokens[number - 1].spoken[-1:] in _CLAUSE
        worth = (0.0 if clause else 0.6) + 0.6 * abs(at - start - 0.65 * longest) / longest
        near = [
            (max(a - at, at - b, 0.0), a, b)
            for a, b in pauses
            if a > start + shortest / 2 and abs((a + b) / 2 - at) < 2
        ]
        if near:
            away, a, b = min(near)
            cut, cost = (a + b) / 2, worth + 1.5 * away - min(0.8, b - a)
        else:
            cut, cost = at, worth + 2.0
        if best is None or cost < best[0]:
            best = cost, cut, number
    return None if best is None else (best[1], best[2])
