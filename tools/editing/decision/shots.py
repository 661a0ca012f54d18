"""Whole shots and scenes: taken out, kept, put in another order, or matched at their cuts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Literal

from configs.errors import UsageError
from tools.editing.arrangement import Part
from tools.editing.decision.closer import RATE as LOOKS
from tools.editing.decision.facts import Facts
from tools.editing.decision.pieces import FactsOf, Piece, room, shots_of
from tools.editing.wishes import OrderHow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backends.vision.composition.result import Colour
    from backends.vision.record import Shot

Unit = Literal["shot", "scene"]
ORDER = 7
"""So many shots are ordered by trying every way; more are ordered by always taking the nearest next one."""
UNLIKE = 25.0
"""Distance of two pictures place by place (CIE76) that counts as much as a subject a whole picture away: scenes that
have nothing in common are 30 to 60 apart."""
SCALES = ("ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS")


@dataclass(frozen=True)
class Unitary:
    """A shot or a scene of the cut as it is: its pieces, and what it is called."""

    name: str
    pieces: tuple[Piece, ...]
    shot: Shot | None
    facts: Facts

    def made(self, rate: Fraction, why: str = "") -> list[Part]:
        return [Piece(p.part, p.first, p.frames, why or p.why).made(rate) for p in self.pieces]


def units(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, unit: Unit) -> list[Unitary]:
    """The shots (or scenes) that the parts show, in order. A clip whose scenes cannot be told apart has its shots."""
    found: list[Unitary] = []
    for part in parts:
        facts = facts_of(part)
        first, last = room(part, rate)
        inside = shots_of(part, facts, rate)
        edges = [first, *(begin for _, begin, _ in inside[1:]), last]
        scenes = {shot.index: shot.scene for shot in facts.record.shots}
        shots = {shot.index: shot for shot in facts.record.shots}
        by_scene = unit == "scene" and len({scenes[index] for index, _, _ in inside}) > 1
        for (index, _, _), (begin, end) in zip(inside, pairwise(edges), strict=True):
            piece = Piece(part, begin, end - begin)
            same = found[-1] if found and by_scene else None
            if (
                same is not None
                and same.pieces[-1].part is part
                and same.name == f"c{facts.number} scene {scenes[index]}"
            ):
                whole = Piece(part, same.pieces[0].first, same.pieces[0].frames + piece.frames)
                found[-1] = Unitary(same.name, (whole,), None, facts)
                continue
            name = f"c{facts.number} scene {scenes[index]}" if by_scene else facts.shot_id(shots[index])
            found.append(Unitary(name, (piece,), shots[index], facts))
    return found


def shortened(found: list[Unitary], which: int, seconds: float, rate: Fraction) -> tuple[list[Part], str]:
    """One shot shorter at its end by `seconds` (below 0). Raises UsageError when it is not there, or cannot be."""
    at = which - 1 if which > 0 else len(found) + which
    if not 0 <= at < len(found):
        raise UsageError(f"There is no shot {abs(which)}", f"{len(found)} can be told apart", "Nothing was changed")
    one = found[at]
    frames, there = round(Fraction(seconds).limit_denominator(10_000) * rate), sum(p.frames for p in one.pieces)
    if frames > 0:
        raise UsageError(
            f"{one.name} cannot be made {seconds:g} s longer",
            "the film holds no more of it",
            "Slow it down, or freeze its last frame",
        )
    if there + frames < 1:
        raise UsageError(
            f"{one.name} cannot be made {-seconds:g} s shorter", f"it lasts {float(there / rate):.2f} s", "Ask for less"
        )
    gone, kept = -frames, list(one.pieces)
    while gone:
        piece = kept.pop()
        if piece.frames > gone:
            kept.append(replace(piece, frames=piece.frames - gone))
        gone -= min(gone, piece.frames)
    cut = replace(one, pieces=tuple(kept))
    note = f"{one.name} lasts {float((there + frames) / rate):.2f} s instead of {float(there / rate):.2f} s"
    return [part for unit in [*found[:at], cut, *found[at + 1 :]] for part in unit.made(rate, unit.name)], note


def choose_units(
    found: list[Unitary],
    which: Sequence[int],
    unit: Unit,
    action: Literal["keep", "drop", "from", "until", "repeat"],
    rate: Fraction,
) -> tuple[list[Part], str]:
    """Keep or drop the units of these numbers (1 the first, -1 the last), or all before or behind one.

    Raises UsageError when there is no such unit, or nothing would be left.
    """
    plural = "shot" if len(found) == 1 else f"{unit}s"
    numbers = []
    for number in which:
        at = number - 1 if number > 0 else len(found) + number
        if not 0 <= at < len(found):
            raise UsageError(
                f"There is no {unit} {abs(number)}", f"{len(found)} {plural} can be told apart", "Nothing was changed"
            )
        numbers.append(at)
    if action == "from":
        kept = list(range(numbers[0], len(found)))
    elif action == "until":
        kept = list(range(numbers[0] + 1))
    elif action == "keep":
        kept = numbers
    elif action == "repeat":
        kept = sorted([*range(len(found)), *numbers])
    else:
        kept = [at for at in range(len(found)) if at not in numbers]
    if not kept:
        raise UsageError(
            "Nothing would be left of the clip", f"it has only {len(found)} {plural}", "Nothing was changed"
        )
    gone = [one.name for at, one in enumerate(found) if at not in kept]
    note = f"{len(kept)} of {len(found)} {unit}s kept" + (f", without {', '.join(gone[:6])}" if gone else "")
    if action == "repeat":
        note = f"{', '.join(found[at].name for at in numbers[:6])} played twice"
    return [part for at in kept for part in found[at].made(rate, f"{found[at].name} as asked")], note


def reorder(
    found: list[Unitary],
    how: OrderHow,
    which: Sequence[int],
    rate: Fraction,
) -> tuple[list[Part], str]:
    """The units in another order. Raises UsageError when there are fewer than two, or not those that are named."""
    if len(found) < 2:
        raise UsageError(
            "There is only one shot to put in order", "no cut was found in the clip", "Nothing was changed"
        )
    order = list(range(len(found)))
    if how == "reverse":
        order.reverse()
    elif how == "last_first":
        order = [order[-1], *order[:-1]]
    elif how == "first_last":
        order = [*order[1:], order[0]]
    elif how == "lively":
        values = [_interest(one, rate) for one in found]
        order.sort(key=lambda at: (-values[at], at))
    else:
        places = [number - 1 if number > 0 else len(found) + number for number in which[:2]]
        for at in places:
            if not 0 <= at < len(found):
                raise UsageError(
                    f"There is no shot {at + 1} to {'swap' if how == 'swap' else 'move'}",
                    f"{len(found)} were found",
                    "Nothing was changed",
                )
        order = _moved(order, how, places)
    note = "in the order " + ", ".join(found[at].name for at in order[:12]) + (" ..." if len(order) > 12 else "")
    why = {at: f"{found[at].name}, was at place {at + 1}" for at in order}
    return [part for at in order for part in found[at].made(rate, why[at])], note


def _moved(order: list[int], how: str, places: list[int]) -> list[int]:
    one, other = places[0], places[-1]
    if how == "swap":
        order[one], order[other] = order[other], order[one]
        return order
    if one == other and how in ("before", "after"):
        raise UsageError("A shot cannot be moved beside itself", fix="Name two shots; nothing was changed")
    rest = [at for at in order if at != one]
    to = {"front": 0, "back": len(rest)}.get(how, 0)
    if how in ("before", "after"):
        to = rest.index(other) + (how == "after")
    return [*rest[:to], one, *rest[to:]]


def _interest(one: Unitary, rate: Fraction) -> float:
    piece = one.pieces[0]
    return one.facts.interest(*piece.seconds(rate))


def drop_dark(found: list[Unitary], rate: Fraction, *, keep: bool = False) -> tuple[list[Part], str]:
    """Without the shots that are too dark to be seen well (or only those). Raises UsageError when there are none."""
    dark = {(id(one.facts), shot.index) for one in found for shot in one.facts.dark}
    is_dark = [one.shot is not None and (id(one.facts), one.shot.index) in dark for one in found]
    if not any(is_dark):
        lowest = min(
            (one.shot.luma for one in found if one.shot is not None and one.shot.luma is not None), default=0.0
        )
        raise UsageError(
            "None of its shots is dark",
            f"the darkest has a mean brightness of {lowest:.0f} of 255",
            "Nothing was changed",
        )
    kept = [one for one, flag in zip(found, is_dark, strict=True) if flag == keep]
    if not kept:
        raise UsageError("Nothing would be left of the clip", "all of its shots are dark", "Nothing was changed")
    said = ", ".join(
        f"{one.name} ({one.shot.luma:.0f} of 255)"
        for one, flag in zip(found, is_dark, strict=True)
        if flag and one.shot is not None and one.shot.luma is not None
    )
    why = [f"{one.name}: brightness {one.shot.luma or 0:.0f} of 255" if one.shot else one.name for one in kept]
    note = f"{'only dark shots kept' if keep else 'dark shots taken out'}: {said[:200]}"
    return [part for one, reason in zip(kept, why, strict=True) for part in one.made(rate, reason)], note


def match_cuts(found: list[Unitary], rate: Fraction) -> tuple[list[Part], str]:
    """Every shot once, the first one first, so ordered that neighbours look alike where they meet.

    Compared are both pictures as they are seen from afar, the subject's place at the cut, the shot scale, the colours
    and the direction of the camera.
    Raises UsageError when there are fewer than three shots.
    """
    if len(found) < 3:
        raise UsageError(
            "Match cuts need at least three shots to choose from", f"{len(found)} can be told apart", "Name more clips"
        )
    count = len(found)
    ends = [_subject(one, rate, end=True) for one in found]
    begins = [_subject(one, rate, end=False) for one in found]
    palettes = [one.shot.composition.colours if one.shot and one.shot.composition else () for one in found]
    means = [_mean_lab(palette) if palette else None for palette in palettes]

    def apart(a: int, b: int) -> tuple[float, str]:
        colours = _distance(means[a], means[b])
        return _apart(found[a], found[b], ends[a], begins[b], colours, _unlike(found[a], found[b], rate))

    cost = [[apart(a, b)[0] if a != b else 0.0 for b in range(count)] for a in range(count)]
    before = sum(cost[a][a + 1] for a in range(count - 1))
    if count <= ORDER:
        rest = min(permutations(range(1, count)), key=lambda way: _length((0, *way), cost))
        order = [0, *rest]
    else:
        order = _improved(_nearest(cost), cost)
    after = _length(order, cost)
    made: list[Part] = []
    for place, at in enumerate(order):
        why = (
            "opens, as in the clip"
            if place == 0
            else f"matches {found[order[place - 1]].name}: " + apart(order[place - 1], at)[1]
        )
        made += found[at].made(rate, f"{found[at].name} {why}")
    figures = f"mean difference {after / (count - 1):.2f}, before {before / (count - 1):.2f}"
    note = f"shots ordered so that neighbours match: {figures}"
    return made, note


def _length(order: Sequence[int], cost: list[list[float]]) -> float:
    return sum(cost[one][other] for one, other in pairwise(order))


def _nearest(cost: list[list[float]]) -> list[int]:
    order, left = [0], set(range(1, len(cost)))
    while left:
        following = min(left, key=lambda at: (cost[order[-1]][at], at))
        order.append(following)
        left.remove(following)
    return order


def _improved(order: list[int], cost: list[list[float]]) -> list[int]:
    """Stretches turned round while that makes the whole shorter (2-opt, Croes 1958); the first stays first.

    The cost is not the same both ways, so the whole is summed anew.
    """
    best = _length(order, cost)
    for _ in range(4):
        gained = False
        for first in range(1, len(order) - 1):
            for last in range(first + 1, min(len(order), first + 40)):
                way = [*order[:first], *reversed(order[first : last + 1]), *order[last + 1 :]]
                length = _length(way, cost)
                if length < best - 1e-9:
                    order, best, gained = way, length, True
        if not gained:
            break
    return order


def edges(found: Sequence[Unitary], rate: Fraction) -> dict[str, list[float]]:
    """Per clip (asset id) the seconds at which `match_cuts` asks where the subject is."""
    made: dict[str, list[float]] = {}
    for one in found:
        for end in (False, True):
            piece = one.pieces[-1] if end else one.pieces[0]
            made.setdefault(piece.part.source.asset_id, []).append(edge(one, rate, end=end))
    return made


def _apart(
    one: Unitary,
    other: Unitary,
    here: tuple[float, float],
    there: tuple[float, float],
    colours: float,
    unlike: float | None,
) -> tuple[float, str]:
    """How different the end of one shot and the beginning of another look, 0 alike to about 3, and in words.

    here, there: where their subjects are; colours: how far apart theirs are (CIE76: 2 is hardly
    seen, 50 is another colour). unlike: the same of the two pictures, place by place; None where they were not seen.
    """
    moved = ((here[0] - there[0]) ** 2 + (here[1] - there[1]) ** 2) ** 0.5
    total, said = moved, [f"subject at ({here[0]:.2f}, {here[1]:.2f}) and ({there[0]:.2f}, {there[1]:.2f})"]
    if unlike is not None:
        total += unlike / UNLIKE
        said.insert(0, f"pictures {unlike:.0f} apart place by place")
    if one.shot is not None and other.shot is not None:
        first, second = one.shot.composition, other.shot.composition
        if first is not None and second is not None:
            total += colours / 120
            said.append(f"colours {colours:.0f} apart (CIE76)")
            if first.scale in SCALES and second.scale in SCALES:
                total += 0.15 * abs(SCALES.index(first.scale) - SCALES.index(second.scale))
                said.append(f"{first.scale} to {second.scale}")
        if one.shot.camera is not None and other.shot.camera is not None:
            same = (one.shot.camera.move, one.shot.camera.direction) == (
                other.shot.camera.move,
                other.shot.camera.direction,
            )
            total += 0.0 if same else 0.3
            if same and one.shot.camera.move not in ("static", "unknown"):
                said.append(f"both {one.shot.camera.move} {one.shot.camera.direction}".rstrip())
    return total, ", ".join(said)


def _subject(one: Unitary, rate: Fraction, *, end: bool) -> tuple[float, float]:
    if one.facts.closer is not None:
        return one.facts.closer.subject_at(edge(one, rate, end=end))
    return one.shot.composition.subject if one.shot is not None and one.shot.composition is not None else (0.5, 0.5)


def _unlike(one: Unitary, other: Unitary, rate: Fraction) -> float | None:
    """Mean distance (CIE76) of the last picture of one shot and the first of another, place by place."""
    import numpy as np

    if one.facts.closer is None or other.facts.closer is None:
        return None
    here = one.facts.closer.picture_at(edge(one, rate, end=True))
    there = other.facts.closer.picture_at(edge(other, rate, end=False))
    return None if here is None or there is None else float(np.sqrt(((here - there) ** 2).sum(axis=-1)).mean())


def edge(one: Unitary, rate: Fraction, *, end: bool) -> float:
    """Seconds of the clip just inside a shot's end or beginning, at which it is looked at: never in the shot beside."""
    begin, last = (one.pieces[-1] if end else one.pieces[0]).seconds(rate)
    first, latest = math.ceil(begin * LOOKS - 1e-3), math.ceil(last * LOOKS - 1e-3) - 1
    return (max(first, latest) if end else min(first, max(latest, 0))) / LOOKS


def _distance(one: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> float:
    """Distance of two palettes' means in CIELAB (CIE76), 0 when one was not measured."""
    return 0.0 if one is None or other is None else float(((one - other) ** 2).sum() ** 0.5)


def _mean_lab(palette: Sequence[Colour]) -> NDArray[np.float64]:
    import numpy as np
    from skimage.color import rgb2lab

    codes = [colour.hex.lstrip("#") for colour in palette]
    rgb = np.array([[int(code[at : at + 2], 16) for at in (0, 2, 4)] for code in codes], np.float64)
    share = np.array([colour.share for colour in palette], np.float64)
    lab = np.asarray(rgb2lab(rgb[None] / 255)[0], np.float64)
    return np.asarray((lab * share[:, None]).sum(axis=0) / max(float(share.sum()), 1e-9), np.float64)
