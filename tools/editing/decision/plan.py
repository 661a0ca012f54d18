"""Wishes that need measuring, done to an arrangement: each planner's choice with its reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.arrangement import Arrangement, Card, Hold, Part, Shape, between
from tools.editing.decision import music, select, shots, silence, takes, theme, trailer
from tools.editing.decision.facts import Facts
from tools.editing.decision.joining import joined
from tools.editing.decision.pieces import plain
from tools.editing.decision.reframe import follow
from tools.editing.presets import editing_presets

if TYPE_CHECKING:
    from tools.editing.decision.looking import Looking

HIGHLIGHT_S = 10.0
MONTAGE_S = 20.0
SHARE = 1 / 3
"""Of the footage that an excerpt without a length is made of, at most."""
QUICK_PIECE = 1.0
MOST_LOOPS = 400
ZOOM = 0.4
"""Strength of a slow zoom when none is said."""
MADE = re.compile(r"(?:(?<=\w)-(?:edit|captions|effects))+$")
"""What the studio's own tools add to the name of a film."""
WISHES = (
    w.Best, w.Target, w.Tighten, w.DropSilences, w.ToBeat, w.MatchMusic, w.MatchCuts, w.Trailer, w.Montage,
    w.BestTakes, w.Pace, w.Reframe, w.Shots, w.Order, w.ClipOrder, w.Dark, w.Matching, w.Transitions, w.TitleCard,
    w.Still, w.Zoom, w.Rotate, w.Mirror, w.Seamless, w.LoopUntil, w.ShotLength, w.UnderMusic, w.Level,
    w.Ducked,
)  # fmt: skip
MEASURED = (
    w.Best, w.Target, w.Tighten, w.DropSilences, w.ToBeat, w.MatchMusic, w.MatchCuts, w.Trailer, w.Montage,
    w.BestTakes, w.Shots, w.Order, w.Dark, w.Matching, w.ShotLength,
)  # fmt: skip
"""Wishes that choose from footage as it was filmed: a piece already retimed or turned round cannot be measured."""


def fulfil(made: Arrangement, wish: w.Operation, known: Looking, tables: dict[str, Any]) -> Arrangement:
    """The arrangement after a wish. Raises UsageError when it cannot be fulfilled; nothing has been written then."""
    if isinstance(wish, MEASURED) and not plain(made.parts):
        raise UsageError("Parts are chosen before they are retimed or reversed", "the wishes contradict each other")
    match wish:
        case w.Transitions():
            return joined(made, wish, known)
        case w.LoopUntil(seconds=seconds):
            return _looped(made, seconds)
        case w.Level(role=role) | w.Ducked(role=role):
            raise UsageError(
                f"The {role} of '{made.parts[0].name}' cannot be told from the rest of its sound",
                "it is one mix",
                "Ask for all of it, for example 'make it quieter', or give the music as a file of its own",
            )
        case w.UnderMusic():
            known.bed()  # that it is there
            return made
        case w.ClipOrder(first=first, second=second):
            return _clip_order(made, first, second)
        case w.TitleCard(text=text, place=place, seconds=seconds):
            at = Fraction(0) if place == "start" else made.seconds
            return replace(made, cards=(*made.cards, Card(at, seconds, text, "asked for")))
        case w.Pace(seconds=seconds):
            return _paced(made, seconds)
        case w.Still():
            return _still(made, wish, known)
        case w.Reframe(wide=wide, high=high):
            return _reshaped(made, wide, high, known)
        case w.Zoom(out=out):
            return _each(made, lambda part: _zoom(part, known.close(part), out=out))
        case w.Rotate(degrees=degrees):
            turned = _each(made, lambda _: {"name": "turn", "degrees": degrees})
            return turned if degrees == 180 else replace(turned, width=made.height, height=made.width)
        case w.Mirror(axis=axis):
            return _each(made, lambda _: {"name": "flip", "axis": axis})
        case w.Seamless():
            return _seamless(made)
    parts, note, more = _chosen(made, wish, known, tables)
    if not parts:
        raise UsageError("Nothing would be left of the clip", "everything is cut out", "Nothing was changed")
    return replace(made, parts=tuple(parts), notes=(*made.notes, *([note] if note else [])), **more)


Chosen = tuple[list[Part], str, dict[str, Any]]


def _chosen(made: Arrangement, wish: w.Operation, known: Looking, tables: dict[str, Any]) -> Chosen:
    parts, rate, facts = made.parts, made.rate, known.facts
    there = float(made.seconds)
    match wish:
        case w.Best(seconds=seconds, quick=quick):
            wanted = seconds or min(HIGHLIGHT_S, SHARE * there)
            length = QUICK_PIECE if quick else select.MOMENT
            found = select.best_moments(parts, facts, rate, wanted, length=length)
            many = "best moment" if len(found) == 1 else f"{len(found)} best moments"
            return found, f"the {many}" + ("" if seconds else f", {wanted:g} s"), {}
        case w.Target(seconds=seconds):
            wanted = seconds or (there - wish.less if wish.less else (wish.share or SHARE) * there)
            found = select.cut_down(parts, facts, rate, wanted)
            return found, f"cut down from {there:.2f} s to {float(sum(p.seconds for p in found)):.2f} s", {}
        case w.Tighten(boring=boring):
            return *silence.tighten(parts, known.close, rate, boring=boring), {}
        case w.DropSilences():
            return *silence.drop_silences(parts, facts, rate), {}
        case w.ToBeat() | w.MatchMusic():
            return _musical(made, wish, known)
        case w.Montage():
            return _montage(made, wish, known, tables)
        case w.MatchCuts():
            near = shots.edges(shots.units(parts, facts, rate, "shot"), rate)
            looked = {(key := part.source.asset_id): known.near(part, near[key]) for part in parts}
            met = shots.units(parts, lambda part: looked[part.source.asset_id], rate, "shot")
            return *shots.match_cuts(met, rate), {}
        case w.Trailer(seconds=seconds, text=text):
            cut = trailer.trailer(parts, facts, rate, seconds=seconds, title=text or titled(parts[0].name))
            return list(cut.parts), cut.note, {"cards": (*made.cards, *cut.cards)}
        case w.BestTakes():
            return *takes.best_takes(parts, known.close, rate), {}
        case w.Shots(action=action, which=which, unit=unit):
            return *shots.choose_units(shots.units(parts, facts, rate, unit), which, unit, action, rate), {}
        case w.ShotLength(which=number, seconds=seconds):
            return *shots.shortened(shots.units(parts, facts, rate, "shot"), number, seconds, rate), {}
        case w.Order(how=how, which=which, unit=unit):
            return *shots.reorder(shots.units(parts, facts, rate, unit), how, which, rate), {}
        case w.Dark(keep=keep):
            return *shots.drop_dark(shots.units(parts, facts, rate, "shot"), rate, keep=keep), {}
        case w.Matching(theme=wanted_theme, keep=keep):
            return _matching(made, wanted_theme, known, tables, keep=keep)
    raise UsageError(f"There is no edit '{type(wish).__name__}'")


def _musical(made: Arrangement, wish: w.ToBeat | w.MatchMusic, known: Looking) -> Chosen:
    piece, bed = known.music(made.parts)
    if isinstance(wish, w.MatchMusic):
        cut = music.match_music(made.parts, known.facts, made.rate, piece)
    else:
        cut = music.to_beat(made.parts, known.facts, made.rate, piece, seconds=wish.seconds, quick=wish.quick)
    return list(cut.parts), cut.note, {"bed": bed, "fade_out": _faded(made, cut, piece)}


def _faded(made: Arrangement, cut: music.OnBeats, piece: music.Music) -> float:
    """Seconds of the fade at the end: music that goes on beyond the cut does not just stop."""
    return made.fade_out or (music.ENDING_S if cut.seconds < piece.sound.seconds - 0.1 and cut.seconds > 4 else 0.0)


def _montage(made: Arrangement, wish: w.Montage, known: Looking, tables: dict[str, Any]) -> Chosen:
    """Of the shots that fit the theme; on the beats when music is attached."""
    chosen = theme.fitting(wish.theme, _all(made, known.described), tables) if wish.theme else None
    wanted = wish.seconds or min(MONTAGE_S, max(SHARE * float(made.seconds), 3.0))
    if known.has_music:
        piece, bed = known.music(made.parts)
        cut = music.to_beat(
            made.parts, known.facts, made.rate, piece, seconds=wish.seconds, quick=wish.quick, shots=chosen
        )
        note = cut.note + _themed(chosen, wish.theme)
        return list(cut.parts), note, {"bed": bed, "fade_out": _faded(made, cut, piece)}
    if chosen is not None and not wish.seconds:
        wanted = min(wanted, 0.9 * _long(made, chosen, known))
    length = QUICK_PIECE if wish.quick else 1.6
    wanted = min(wanted, float(made.seconds))
    found = select.best_moments(made.parts, known.facts, made.rate, wanted, length=length, shots=chosen)
    return found, f"{len(found)} pieces, {wanted:.2f} s" + _themed(chosen, wish.theme), {}


def _themed(chosen: dict[str, float] | None, wanted: str) -> str:
    if chosen is None:
        return ""
    return f" from {len(chosen)} {'shot that fits' if len(chosen) == 1 else 'shots that fit'} '{wanted[:60]}'"


def _matching(made: Arrangement, words: str, known: Looking, tables: dict[str, Any], *, keep: bool) -> Chosen:
    chosen = theme.fitting(words, _all(made, known.described), tables)
    found = shots.units(made.parts, known.facts, made.rate, "shot")
    kept = [one for one in found if (one.name in chosen) == keep]
    if not kept:
        raise UsageError("Nothing would be left of the clip", f"every shot fits '{words[:60]}'", "Nothing was changed")
    note = f"{len(kept)} of {len(found)} shots: {', '.join(one.name for one in kept[:8])}"
    reasons = {one.name: f"{one.name} fits '{words[:60]}' ({chosen.get(one.name, 0):.0%})" for one in kept}
    return [part for one in kept for part in one.made(made.rate, reasons[one.name] if keep else one.name)], note, {}


def _all(made: Arrangement, facts_of: Callable[[Part], Facts]) -> list[Facts]:
    return list({part.source.asset_id: facts_of(part) for part in made.parts}.values())


def _long(made: Arrangement, chosen: dict[str, float], known: Looking) -> float:
    found = shots.units(made.parts, known.facts, made.rate, "shot")
    return float(sum(piece.frames for one in found if one.name in chosen for piece in one.pieces) / made.rate)


def _looped(made: Arrangement, seconds: float) -> Arrangement:
    """Again and again until it lasts so long. Raises UsageError when it does already."""
    wanted = round(Fraction(seconds).limit_denominator(10_000) * made.rate) / made.rate
    if wanted <= made.seconds:
        raise UsageError(
            f"It need not be repeated to last {seconds:g} s",
            f"it lasts {float(made.seconds):.2f} s",
            f"Ask for more than that, or 'cut it to {seconds:g} seconds'",
        )
    times = math.ceil(wanted / made.seconds)
    if times > MOST_LOOPS:
        raise UsageError(
            f"It would be repeated {times} times to last {seconds:g} s", f"{MOST_LOOPS} times can be", "Ask for less"
        )
    parts = tuple(between(made.parts * times, Fraction(0), wanted))
    note = f"{float(made.seconds):.2f} s repeated {float(wanted / made.seconds):.3g} times"
    return replace(made, parts=parts, notes=(*made.notes, note))


def _paced(made: Arrangement, seconds: float) -> Arrangement:
    """All of it at one speed. Raises UsageError beyond the speeds at which film is played."""
    limits = editing_presets().speed
    factor = made.seconds / Fraction(seconds).limit_denominator(10_000)
    if not limits.slowest <= factor <= limits.fastest:
        raise UsageError(
            f"{float(made.seconds):.2f} s cannot be played in {seconds:g} s",
            f"that is {float(factor):.2g} times its speed, and {limits.slowest:g} to {limits.fastest:g} can be made",
            "Ask for another length; nothing was changed",
        )
    factor = factor.limit_denominator(10_000)
    note = f"played at {float(factor):.2f} times its speed, all {float(made.seconds):.2f} s in {seconds:g} s"
    parts = tuple(replace(part, speed=part.speed * factor) for part in made.parts)
    return replace(made, parts=parts, notes=(*made.notes, note))


def _clip_order(made: Arrangement, first: str, second: str) -> Arrangement:
    """The clip called `first` right before the one called `second`."""
    names = list(dict.fromkeys(part.source.asset_id for part in made.parts))
    titles = {part.source.asset_id: part.name.lower() for part in made.parts}

    def find(said: str) -> str:
        plain_name = said.lower().rsplit(".", 1)[0] if "." in said else said.lower()
        named = [key for key in names if titles[key] == plain_name]
        number = {"first": 1, "second": 2, "third": 3, "prima": 1, "primo": 1, "seconda": 2, "secondo": 2}.get(
            plain_name, 0
        )
        if not named and len(plain_name) == 1 and (plain_name.isdigit() or plain_name.isalpha()):
            number = int(plain_name) if plain_name.isdigit() else ord(plain_name) - ord("a") + 1
        if not named and 1 <= number <= len(names):
            return names[number - 1]
        if len(named) != 1:
            raise UsageError(f"No clip is called '{said}'", f"there are {', '.join(titles.values())[:160]}")
        return named[0]

    one, other = find(first), find(second)
    if one == other:
        raise UsageError(f"'{first}' and '{second}' are the same clip", fix="Name two clips; nothing was changed")
    names.remove(one)
    names.insert(names.index(other), one)
    return replace(made, parts=tuple(part for key in names for part in made.parts if part.source.asset_id == key))


def _still(made: Arrangement, wish: w.Still, known: Looking) -> Arrangement:
    at, why = Fraction(0), "asked for"
    if wish.where == "end":
        at = made.seconds  # after the last frame, which is then held
    elif wish.where == "time":
        at = Fraction(round(Fraction(wish.at).limit_denominator(10_000) * made.rate)) / made.rate
        if not 0 <= at < made.seconds:
            raise UsageError(f"There is no frame at {wish.at:g} s", f"the cut lasts {float(made.seconds):.2f} s")
    elif wish.where == "peak":
        best = -1.0
        for part, start in zip(made.parts, made.starts(), strict=True):
            facts = known.facts(part)
            for second in range(int(part.begin * 10), int(part.end * 10)):
                value = facts.interest(second / 10, second / 10 + 0.1)
                inside = (Fraction(second, 10) - part.begin) / part.speed
                if value > best and not part.backwards and 0 <= inside < part.seconds:
                    best, at = value, start + inside
        at = Fraction(round(at * made.rate)) / made.rate
        why = f"the liveliest moment, {best:.2f} of 1"
    return replace(made, holds=(*made.holds, Hold(at, wish.seconds, why)))


def _reshaped(made: Arrangement, wide: int, high: int, known: Looking) -> Arrangement:
    """The largest frame of that shape that the picture holds."""
    scale = min(Fraction(made.width, wide), Fraction(made.height, high))
    width, height = max(2, int(wide * scale) // 2 * 2), max(2, int(high * scale) // 2 * 2)
    if (width, height) == (made.width, made.height):
        raise UsageError(f"The clip is {wide}:{high} already", f"{made.width}x{made.height}", "Nothing was changed")
    crop = (width / made.width, height / made.height)
    moving = sum(len(follow(part, known.close(part), crop)) > 2 for part in made.parts)
    note = f"cut to {wide}:{high} around the subject, which moves in {moving} of {len(made.parts)} pieces"
    shape = Shape(width, height, lambda part: follow(part, known.close(part), crop))
    return replace(made, shape=shape, notes=(*made.notes, note))


def _each(made: Arrangement, effect: Callable[[Part], dict[str, Any]]) -> Arrangement:
    return replace(made, parts=tuple(replace(part, more=(*part.more, effect(part))) for part in made.parts))


def _zoom(part: Part, facts: Facts, *, out: bool) -> dict[str, Any]:
    middle = float(part.begin + part.end) / 2
    x, y = facts.closer.subject_at(middle) if facts.closer is not None else (0.5, 0.5)
    return {"name": "pull_back" if out else "slow_zoom", "focus": [round(x, 3), round(y, 3)], "strength": ZOOM}


def _seamless(made: Arrangement) -> Arrangement:
    """The end dissolves into the beginning: what is played first is a dissolve's length into the clip."""
    length = min(Fraction(1), made.seconds / 4)
    length = round(length * made.rate) / made.rate
    if length < 2 / made.rate:
        raise UsageError("The clip is too short to flow into itself", f"it lasts {float(made.seconds):.2f} s")
    # A transition reaches to the middle of its neighbours at most: the opening is twice as long.
    body, opening = between(made.parts, 2 * length, made.seconds), between(made.parts, Fraction(0), 2 * length)
    opening[0] = replace(opening[0], transition="dissolve", transition_seconds=float(length))
    note = f"the end dissolves into the beginning over {float(length):.2f} s, so that it can be looped"
    return replace(made, parts=(*body, *opening), notes=(*made.notes, note))


def titled(name: str) -> str:
    """A file's name as a title: 'holiday_2024-final' is 'Holiday 2024 final', 'Fox-edit-captions' is 'Fox'."""
    words = " ".join(MADE.sub("", name).replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:60]
