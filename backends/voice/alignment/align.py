"""When each sound of a text is heard in a recording: forced alignment without weights, for sounds of any length.

eSpeak reads the text and time warping lays its reading over the recording (measured against Praat's aligner in
docs/decisions/028). Long recordings are first laid over their text coarsely and cut at pauses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.voice.alignment.pauses import condense
from backends.voice.alignment.pieces import Piece, cut_pieces, quiet_runs
from backends.voice.alignment.readers import Reader
from backends.voice.alignment.stretch import RATE, Timed, align_stretch, likeness_of, roughly
from backends.voice.engines.protocol import Phoneme
from backends.voice.measures.loudness import FLOOR_DB, FRAME_S, peak_dbfs, speech_span
from backends.voice.texts.reading import Token, read_tokens
from backends.voice.wav import resample
from configs.errors import UsageError

FIT_MARK, SHORT_FIT_MARK = 0.035, 0.01
"""Likeness under which a text is doubted, and the same for sounds under FIT_SHORT_S: measured on people, of whose
right texts one in a hundred lies lower (docs/lip-sync.md)."""
FIT_SHORT_S = 3.5
OWN_FIT_MARK = 0.1
"""For one of the studio's built-in voices: right texts have 0.17 and more but for one in a hundred, others 0.09 at
most."""
FIT_SHORTEST_S = 2.5
"""Shorter sounds are too alike to be told apart by likeness."""
LETTERS_PER_SECOND = (3.0, 32.0)
"""Outside this, no person reads the text in the time."""
MAX_SECONDS = 3600.0
STRETCH_S = 60.0
"""Longer recordings are first laid over their text coarsely and cut at pauses into stretches of this length."""
_PAUSE_S = 0.2
"""Quiet for this long inside a phoneme is a pause that the aligner did not see."""
_ONSET_S = 0.02
"""One frame: the warp wants something quiet to begin with."""
_LEAST_S = 0.005
_LETTERS_FROM = 4
"""Shorter texts say nothing about the pace."""

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Aligned:
    """Times in seconds of the recording."""

    phonemes: tuple[Phoneme, ...]
    words: tuple[tuple[float, float, str], ...]
    """(start, end, word as written)."""
    fit: float | None = None
    """How much nearer the sound lies to this text than to the same sounds in another order: 1 the same voice and
    words, about 0 another text; None for sounds too short to say."""
    letters_per_second: float = 0.0
    mark: float = FIT_MARK
    """Likeness under which the text is doubted."""

    @property
    def fits(self) -> bool:
        """False when the text is hardly what is said."""
        slow, fast = LETTERS_PER_SECOND
        return slow <= self.letters_per_second <= fast and (self.fit is None or self.fit >= self.mark)


def align(
    samples: NDArray[np.float32],
    rate: int,
    text: str,
    language: str = "en",
    *,
    own_voice: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> Aligned:
    """Phonemes and words of `text` in a recording of it.

    Args:
        samples: (N,) mono, -1..1.
        rate: Hz.
        language: BCP 47 tag; what eSpeak speaks can be aligned.
        own_voice: one of the studio's built-in voices speaks alone in it: wrong texts are told with more certainty.
        on_progress: called with seconds done and in all; raising in it stops the work.

    Raises:
        UsageError for silence, no words or over an hour of sound; EngineError when eSpeak is missing or cannot read it.
    """
    tag = language.split("-", maxsplit=1)[0].lower()
    tokens = read_tokens(text, tag)
    if not tokens:
        raise UsageError("The text holds no words to align", fix="Give the words that are said in the sound")
    if len(samples) > MAX_SECONDS * rate:
        raise UsageError("The sound is too long to align", "it has more than an hour", "Cut it into scenes first")
    if not len(samples) or peak_dbfs(samples) <= FLOOR_DB + 20:
        raise UsageError("The sound is silent", "nothing can be aligned in it", "Give a sound with speech")
    mono = resample(np.asarray(samples, np.float32), rate, RATE)
    start, end = _spoken_span(mono)
    mono = mono[round(start * RATE) : max(round(end * RATE), round(start * RATE) + RATE // 20)]
    dense = condense(mono, RATE)
    fit, reader = likeness_of(dense.samples, tokens, tag)
    scale = (end - start) / max(len(dense.samples) / RATE, 1e-3)
    timed = _stretches(dense.samples, tokens, tag, reader, lambda done, total: on_progress(scale * done, scale * total))
    quiet = _united([*quiet_runs(mono, RATE, _PAUSE_S), *dense.pauses])

    def place(first: float, last: float) -> tuple[float, float]:
        begun, done = _out_of_pauses((dense.original(first), dense.original(last, end=True)), quiet)
        return begun + start, done + start

    phonemes = (Phoneme(*place(p.start, p.end), p.ipa) for p in timed.phonemes)
    letters = sum(char.isalnum() for token in tokens for char in token.spoken)
    voiced = end - start - sum(last - first for first, last in quiet)
    return Aligned(
        tuple(p for p in phonemes if p.end - p.start > _LEAST_S),
        tuple((*place(first, last), tokens[index].written) for first, last, index in timed.words),
        fit if end - start >= FIT_SHORTEST_S else None,
        letters / max(voiced, 0.05) if letters >= _LETTERS_FROM else sum(LETTERS_PER_SECOND) / 2,
        OWN_FIT_MARK if own_voice else SHORT_FIT_MARK if end - start < FIT_SHORT_S else FIT_MARK,
    )


def _spoken_span(mono: NDArray[np.float32]) -> tuple[float, float]:
    """Where speech begins and ends, in seconds; noise before the first word holds none of it, however loud it is."""
    start, end = speech_span(mono, RATE, 38.0)
    runs = quiet_runs(mono[round(start * RATE) : round(end * RATE)], RATE, _PAUSE_S)
    if not runs or runs[0][1] - runs[0][0] >= end - start - _PAUSE_S:
        return start, end
    length = end - start
    first = runs[0][1] - _ONSET_S if runs[0][0] <= 0 else 0.0
    last = runs[-1][0] + _ONSET_S if runs[-1][1] >= length - FRAME_S else length
    return start + first, start + last


def _united(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """In order, those that touch as one."""
    made: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((start, end))
    return made


def _stretches(
    mono: NDArray[np.float32], tokens: Sequence[Token], tag: str, reader: Reader, on_progress: Progress
) -> Timed:
    """The whole recording, in stretches when it is long."""
    seconds = len(mono) / RATE
    pieces = [Piece(0.0, seconds, tuple(range(len(tokens))))]
    if seconds > 1.5 * STRETCH_S:
        said = reader.read(tokens, tag)
        pieces = cut_pieces(mono, RATE, tokens, said.words, roughly(mono, said), STRETCH_S)
    whole = Timed()
    for piece in pieces:
        on_progress(piece.start, seconds)
        part = mono[round(piece.start * RATE) : round(piece.end * RATE)]
        made = align_stretch(part, [tokens[i] for i in piece.tokens], tag, reader)
        whole = whole.then(made, piece.start, piece.tokens[0])
    on_progress(seconds, seconds)
    return whole


def _out_of_pauses(span: tuple[float, float], quiet: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A sound or a word without the pauses that it was stretched over: the longer part stays."""
    start, end = span
    for first, last in quiet[max(0, bisect_right(quiet, (start, end)) - 1) :]:
        if first >= end:
            break
        if last <= start:
            continue
        if first - start >= end - last:
            end = max(start, first)
        else:
            start = min(end, last)
    return start, end
