"""The last look at a finished film: is it as long as promised, and is every line heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memory.records import Score
from tools.film.assemble import MadeFilm
from tools.film.lexicon import lexicon
from tools.film.production import Voice
from tools.film.shot import Storyboard
from tools.spec import ToolContext

_RATE = 16_000


def film_scores(made: MadeFilm, board: Storyboard, voices: Sequence[Voice], ctx: ToolContext) -> tuple[Score, ...]:
    """Length against the plan, shots, and lines heard; the render itself measures loudness, black and frozen frames."""
    from backends.media.probe import probe

    marks = lexicon("gates")["film"]
    film = ctx.settings.film
    info = probe(ctx.path(made.film))
    planned = sum(shot.seconds for shot in board.shots)
    off = abs(float(info.seconds) - planned)
    allowed = max(float(marks["seconds"]), 1.0 / film.fps)
    scores = [Score("length difference", round(off, 4), "measured", "PyAV", round(allowed, 4), off <= allowed)]
    if voices:
        heard = _lines_heard(made, ctx)
        share = sum(heard) / len(heard)
        scores.append(
            Score("lines heard", round(share, 3), "measured", f"RMS above {marks['line_db']} dBFS", 1.0, share >= 1.0)
        )
    return tuple(scores)


def _lines_heard(made: MadeFilm, ctx: ToolContext) -> list[bool]:
    from backends.media.audio import read_audio

    sound = read_audio(ctx.path(made.film), _RATE)
    least = float(lexicon("gates")["film"]["line_db"])
    out = []
    for start, end in made.line_spans:
        piece = sound[round(start * _RATE) : round(end * _RATE)]
        level = 20 * np.log10(max(float(np.sqrt(np.mean(np.square(piece)))), 1e-9)) if len(piece) else -180.0
        out.append(bool(level >= least))
    return out
