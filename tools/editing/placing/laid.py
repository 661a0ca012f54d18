"""Drawn overlays laid on a timeline: particles that come and go softly, hearts that pop up, explosions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tools.editing.drawn.hearts import heart
from tools.editing.drawn.keep import LOOP_SECONDS, blast, particles, picture
from tools.editing.placing.places import Spot
from tools.editing.placing.wishes import Wish

if TYPE_CHECKING:
    from tools.editing.decision.known import Face
    from tools.editing.placing.doing import Doer

FADE_SECONDS = 0.25
"""Of insets and bubbles."""
COMES, GOES = 0.3, 0.6
"""Seconds in which particles come and go where the film goes on without them."""
POP_SECONDS = 0.55
"""How long one heart is seen."""
POPS = frozenset({"beat", "onset", "loud", "word", "cut"})
"""Moments of no length: hearts that are wanted on each of them come one by one."""
MOST_CARRIED = 0.2
"""Shares of the picture that a bubble moves at most with who speaks."""
CARRIED_STEP = 6
"""Known frames from one key of a bubble that is carried to the next."""
BLAST_HEIGHT = 1.25
"""Heights of the frame that an explosion's square has at half strength."""


def lay_particles(doer: Doer, wish: Wish, spot: Spot) -> float:
    """A loop for as long as the spot lasts; its length."""
    board, (width, height) = doer.board, doer.size
    made = particles(wish.effect, width / height, board.fps, doer.strength(wish), doer.request.seed, doer.ctx)
    begin, length = doer.span(spot)
    whole = board.find(made.id).seconds or LOOP_SECONDS
    end, film, done = begin + length, board.seconds, 0.0
    comes = min(COMES, length / 4) if begin > 0.5 / board.fps else 0.0
    goes = min(GOES, length / 3) if end < film - 0.5 / board.fps else 0.0
    while length - done > 0.5 / board.fps:
        part = min(whole, length - done)
        board.overlay(made.id, begin + done, part, _light(part, done, length, comes, goes), doer.why(wish, spot))
        done += part
    return length


def _light(part: float, done: float, length: float, comes: float, goes: float) -> list[dict[str, float]]:
    """Keys over the whole frame for the part of a stretch that begins after `done` seconds."""
    marks = [(0.0, 0.0 if comes else 1.0), (comes, 1.0), (length - goes, 1.0), (length, 0.0 if goes else 1.0)]
    at, light = [mark for mark, _ in marks], [value for _, value in marks]
    inside = sorted({done, done + part, *(mark for mark in at if done < mark < done + part)})
    fixed = {"x": 0.5, "y": 0.5, "width": 1.0, "height": 1.0}
    if not comes and not goes:
        return [{**fixed, "at": 0.0}]
    return [{**fixed, "at": mark - done, "opacity": float(np.interp(mark, at, light))} for mark in inside]


def lay_heart(doer: Doer, wish: Wish, spot: Spot, number: int) -> float:
    """One heart that jumps up beside the head, to its left and right in turn, and floats away; how long it is seen."""
    width, height = doer.size
    begin, length = doer.span(Spot(spot.at, POP_SECONDS, spot.why))
    made = picture(heart(), "heart.png", {"heart": 1}, doer.ctx)
    high = (0.10 + 0.16 * doer.strength(wish)) * (1.0 if number % 2 else 0.82)
    wide = high * min(width, height) / width
    side = 1 if number % 2 else -1
    x, y = 0.5 + 0.16 * side, 0.3
    if spot.where is not None:
        x0, y0, x1, y1 = spot.where
        x, y = (x0 + x1) / 2 + side * (0.5 * (x1 - x0) + 0.6 * wide), y0 - 0.1 * (y1 - y0)
    x, y = min(max(x, 0.6 * wide), 1 - 0.6 * wide), min(max(y, 0.14), 0.86)
    marks = ((0.0, 0.3, 0.0, 0.0), (0.09, 1.2, 1.0, 0.0), (0.17, 1.0, 1.0, 0.005), (0.34, 1.0, 1.0, 0.03),
             (POP_SECONDS, 0.9, 0.0, 0.07))  # fmt: skip
    keys = [
        {"at": at, "x": x, "y": y - up, "width": wide * size, "opacity": light, "degrees": 9.0 * side}
        for at, size, light, up in marks
    ]
    doer.board.overlay(made.id, begin, length, keys, doer.why(wish, spot))
    return length


def lay_explosion(doer: Doer, wish: Wish, spot: Spot) -> float:
    """Fire and smoke where somebody is, with a flash and a shake of the camera; how long it is seen."""
    board, strength, seed = doer.board, doer.strength(wish), doer.request.seed
    width, height = doer.size
    made = blast(board.fps, strength, seed, doer.ctx)
    begin, length = doer.span(Spot(spot.at, board.find(made.id).seconds, spot.why))
    x0, y0, x1, y1 = spot.where or (0.5, 0.55, 0.5, 0.55)
    wide = BLAST_HEIGHT * (0.6 + 0.8 * strength) * min(width, height) / width
    key = {"at": 0.0, "x": min(max((x0 + x1) / 2, 0.0), 1.0), "y": min(max((y0 + y1) / 2, 0.0), 1.0), "width": wide}
    why = doer.why(wish, spot)
    board.overlay(made.id, begin, length, [key], why)
    board.effect({"name": "flash", "strength": 0.25 + 0.5 * strength, "seconds": 0.25}, spot.at, 0.0, why)
    hit = {"name": "shake", "strength": 0.2 + 0.8 * strength, "seconds": min(0.9, length), "seed": seed}
    board.effect(hit, spot.at, 0.0, why)
    return length


def faded(at: dict[str, float], length: float) -> list[dict[str, float]]:
    """Keys that come and go softly at one place."""
    soft = min(FADE_SECONDS, length / 3)
    steps = ((0.0, 0.0), (soft, 1.0), (max(soft, length - soft), 1.0), (length, 0.0))
    return [{**at, "at": moment, "opacity": light} for moment, light in steps]


def carried(
    keys: list[dict[str, float]], known: Sequence[tuple[float, Face]], begin: float, tall: float
) -> list[dict[str, float]]:
    """The same, moving with the mouth that it points to, within the frame; in place when that goes far.

    tall: height of what is carried, a share of the frame's.
    """
    middle = known[len(known) // 2][1].mouth
    ways = [(at - begin, one.mouth[0] - middle[0], one.mouth[1] - middle[1]) for at, one in known]
    if max(max(abs(x), abs(y)) for _, x, y in ways) > MOST_CARRIED:
        return keys
    times = [at for at, _, _ in ways]
    wanted = sorted({*(key["at"] for key in keys), *(at for at in times[::CARRIED_STEP] if at > 0)})
    light = ([key["at"] for key in keys], [key["opacity"] for key in keys])
    return [
        {**keys[0], "at": at, "opacity": float(np.interp(at, *light)),
         "x": _within(keys[0]["x"] + float(np.interp(at, times, [x for _, x, _ in ways])), keys[0]["width"]),
         "y": _within(keys[0]["y"] + float(np.interp(at, times, [y for _, _, y in ways])), tall)}
        for at in wanted if at <= keys[-1]["at"]
    ]  # fmt: skip


def _within(middle: float, size: float) -> float:
    return min(max(middle, size / 2), 1 - size / 2) if size < 1 else 0.5
