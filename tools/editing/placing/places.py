"""Where a wish goes: measured moments of the film, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from configs.errors import UsageError
from tools.editing.moments import Box, Moment, MomentKind, moments, shot_at
from tools.editing.placing.wishes import Wish
from tools.editing.placing.words import effect_words, entries

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord
    from tools.analysis.aspects import Aspect

MOST = 400
"""Of one effect in one film."""
APART = {"flash": 1 / 3, "zoom_punch": 0.2, "shake": 0.4, "glitch": 0.3, "stutter": 1.0, "freeze": 1.0, "reverse": 2.0}
"""Seconds between two of an effect. More than three flashes in a second can cause seizures (WCAG 2.3.1)."""
ELBOW = 2.0
"""Seconds that effects which change the film's time keep from each other, where they can."""
STIRS = 0.01
"""Widths per second below which nothing moves."""
AFTER_LOUD = 1.2
"""A silence this soon after a bang is a comic pause."""
NEEDS: dict[str, tuple[Aspect, ...]] = {
    "beat": ("sound",),
    "onset": ("sound",),
    "loud": ("sound",),
    "silence": ("sound",),
    "motion_peak": ("shots",),
    "stillness": ("shots",),
    "cut": ("shots",),
    "face": ("shots", "composition"),
    "reaction": ("shots", "composition", "sound"),
    "funny": ("shots", "composition", "sound"),
    "repetition": ("shots", "composition"),
    "word": ("shots", "sound", "content"),
}
"""What must be measured of a film for a place."""
INSIDE, EDGE = {"speed_ramp", "reverse", "stutter", "freeze", "explosion"}, 0.3
"""Effects that need something before and after them: not within so many seconds of the film's ends."""
WHOLE, LONGEST = "all of it", "the longest shot"
"""Places that are no moments."""
MOVES = {"slow_zoom", "pull_back"}
"""Effects that belong to one shot and last to its end: without a place they go to the longest one."""
LEAST_MOVE, GOOD_MOVE = 2.0, 3.5
"""Seconds: where less is left of a shot, a slow move begins earlier, so long before its end."""
AIMED = MOVES | {"zoom_punch", "freeze", "speech_bubble", "hearts", "explosion"}
"""Effects that fly to somebody, or to what stands out where nobody is known."""
AROUND = 0.06
"""Half the width and height of what stands out, shares of the picture: only its middle is measured."""
WAITING = {"freeze", "zoom_punch", "deep_fry"}
WAIT, MOST_WAIT = 0.35, 0.6
"""Share of a shot, and seconds at most, after which these come."""
SPOKEN = {"motion_peak": "the strongest motion", "cut": "a cut", "funny": "the funniest moment"}


@dataclass(frozen=True)
class Spot:
    """Where an effect happens, in seconds of the film."""

    at: float
    seconds: float
    """0 = at the effect's own length, or to the end for what lasts."""
    why: str
    where: Box | None = None
    """A face, or what stands out there."""
    shot: int = 0
    face: bool = True
    """Whether `where` is a face."""
    until: float = 0.0
    """To where it stays as it has become; 0 = it ends when it is over."""


CALLED = {"loud": "bang", "motion_peak": "strong movement", "stillness": "still moment", "silence": "pause",
          "funny": "reaction, pause after a bang or burst of motion"}  # fmt: skip
"""What kinds of moments are called where one is missing."""


def needs(wishes: Sequence[Wish]) -> tuple[Aspect, ...]:
    """What must be measured for these wishes; () when their places are known without."""
    found: set[Aspect] = set()
    for wish in wishes:
        if wish.effect in AIMED:
            found |= {"shots", "composition"}
        if wish.times:
            continue
        for place in (wish.place,) if wish.place else entries()[wish.effect].auto:
            found |= set(NEEDS.get(place, ()))
    return tuple(sorted(found))


def spots(wish: Wish, record: FilmRecord | None, seconds: float, taken: Sequence[float] = ()) -> list[Spot]:
    """Where the effect goes in a film of `seconds`, in order of time.

    record: None when nothing had to be measured. taken: moments near which it goes only when there are no others.
    Raises UsageError when a time lies outside the film, or the film has
    no moment of the kind that was asked for.
    """
    entry = entries()[wish.effect]
    length = wish.seconds or entry.seconds
    if wish.times:
        given = [_given(wish, at, length, seconds, record) for at in sorted(wish.times)]
        return [_moving(wish, spot, record, seconds) for spot in _thinned(wish, given)]
    tried: list[str] = []
    auto = ("face", *entry.auto) if whom(record, wish) and wish.effect in AIMED else entry.auto
    for place in (wish.place,) if wish.place else auto:
        found = list(_of(place, wish, record, length, seconds, taken))
        if found:
            return [_moving(wish, spot, record, seconds) for spot in _thinned(wish, found)]
        tried.append(place)
    raise UsageError(
        f"The film has no place for '{wish.effect}'",
        f"no {' and no '.join(CALLED.get(name, name.replace('_', ' ')) for name in tried)} was found in it"
        + (f" ('{wish.word}' is not said where words were found)" if wish.word else ""),
        "Say a time, such as 'at 2.5 seconds'",
    )


def funny(record: FilmRecord) -> list[Moment]:
    """Moments in order of how funny they promise to be: a reaction, a pause after a bang, a burst of motion."""
    table = effect_words().funny
    loud = moments(record, "loud")
    found: list[tuple[float, Moment]] = []
    for moment in moments(record, "reaction", "motion_peak", "loud", "repetition", "stillness"):
        found.append((table.get(moment.kind, 0.0) * (0.4 + 0.6 * moment.strength), moment))
    for pause in moments(record, "silence", "stillness"):
        before = [bang for bang in loud if 0 <= pause.at - bang.at <= AFTER_LOUD]
        if before:
            found.append((table["after_loud"] * (0.4 + 0.6 * before[-1].strength), pause))
    return [moment for _, moment in sorted(found, key=lambda one: (-one[0], one[1].at))]


def _given(wish: Wish, at: float, length: float, seconds: float, record: FilmRecord | None) -> Spot:
    if not 0 <= at < seconds:
        raise UsageError(f"{at:g} s lies outside the film", f"it lasts {seconds:.2f} s", "Give an earlier time")
    shot = shot_at(record, at) if record is not None else 0
    return _aimed(Spot(at, length, "as asked", None, shot), record, wish)


def _moving(wish: Wish, spot: Spot, record: FilmRecord | None, seconds: float) -> Spot:
    """A slow move begins so early that it is slow, and stays where it got to until the shot ends: a picture that
    jumps back in the middle of a shot is a fault."""
    if wish.effect not in MOVES or spot.why in (WHOLE, LONGEST):
        return spot
    shots = record.shots if record is not None else ()
    begin, end = next(((one.start, one.end) for one in shots if one.start - 1e-6 <= spot.at < one.end), (0.0, seconds))
    if wish.seconds:
        return replace(spot, until=end) if spot.at + wish.seconds < end - 1e-6 else spot
    at = spot.at if end - spot.at >= LEAST_MOVE else max(begin, end - GOOD_MOVE)
    return replace(spot, at=at, seconds=end - at)


def _of(
    place: str, wish: Wish, record: FilmRecord | None, length: float, seconds: float, taken: Sequence[float]
) -> Iterator[Spot]:
    if place == "whole":
        whole = Spot(0.0, wish.seconds, LONGEST if wish.effect in MOVES and not wish.seconds else WHOLE)
        if whole.why == LONGEST and record is not None and record.shots:
            shot = max(record.shots, key=lambda one: (one.seconds, -one.start))
            why = f"the longest shot, {shot.seconds:.1f} s"
            whole = _aimed(Spot(shot.start, shot.seconds, why, None, shot.index), record, wish)
        yield whole
        return
    if place == "start":
        yield _aimed(Spot(0.0, length, "the start", None, 1 if record is not None else 0), record, wish)
        return
    if place == "end":
        span = length or 1.0
        last = record.shots[-1].index if record is not None and record.shots else 0
        yield _aimed(Spot(max(0.0, seconds - span), span, "the end", None, last), record, wish)
        return
    if record is None:
        return
    found = funny(record) if place == "funny" else moments(record, cast("MomentKind", place))
    if not found and place in ("funny", "motion_peak"):
        found = _most_motion(record)
    if place == "word" and wish.word:
        wanted = {_plain(word) for word in wish.word.split()}
        found = [moment for moment in found if _plain(moment.note) in wanted]
    else:
        found = [moment for moment in found if moment.at < seconds - 0.05]
    named = whom(record, wish)
    if place == "face" and named:
        found = [moment for moment in found if moment.who in named]
    free = [moment for moment in found if all(abs(moment.at - other) > ELBOW for other in taken)]
    if wish.effect in INSIDE:
        free = [moment for moment in free if EDGE < moment.at < seconds - EDGE] or free
    for moment in _chosen(place, wish, free or found, bool(named)):
        yield _aimed(_spot(place, moment, length, wish.effect in WAITING), record, wish)


def _most_motion(record: FilmRecord) -> list[Moment]:
    """In a calm film in which nothing stands out: where most moves, if anything does."""
    curve = record.curves
    pairs = [(moved, at) for moved, at in zip(curve.motion, curve.seconds, strict=False) if moved > STIRS]
    if not pairs:
        return []
    moved, at = max(pairs)
    note = f"nothing stands out, most motion is {moved:.2f} widths/s"
    return [Moment("motion_peak", at, 0.0, 0.5, shot_at(record, at), note=note)]


def _chosen(place: str, wish: Wish, found: list[Moment], named: bool) -> list[Moment]:
    most = entries()[wish.effect].most
    if wish.every or most == "each":
        return found
    count = 1 if wish.place or named else most
    if place in ("cut", "word", "beat"):
        # They are equals: spread over the film rather than the first ones.
        step = max(1, len(found) // count)
        return found[::step][:count] if not wish.place or count > 1 else found[:1]
    best = found if place == "funny" else sorted(found, key=lambda moment: -moment.strength)
    return sorted(best[:count], key=lambda moment: moment.at)


def _spot(place: str, moment: Moment, length: float, waits: bool) -> Spot:
    """A moment as a place; what lasts (a face, a stillness) gives its own length."""
    lasting = moment.seconds if moment.kind in ("face", "stillness", "silence", "reaction") else 0.0
    span = length or (lasting if place in ("face", "stillness", "silence") else 0.0)
    if place == "face" and lasting:
        span = min(span, lasting)
    # The first picture of a new shot is rarely its face: a reaction is held when it has begun.
    later = min(MOST_WAIT, WAIT * moment.seconds) if moment.kind in ("reaction", "repetition", "face") else 0.0
    name = SPOKEN.get(place, place.replace("_", " "))
    why = f"{name}: {moment.note}" if place != "word" else f"the word '{moment.note.strip('.,;:!?')}'"
    return Spot(moment.at + (later if waits else 0.0), span, why, moment.where, moment.shot)


def _thinned(wish: Wish, found: list[Spot]) -> list[Spot]:
    """In order of time, none too close to the one before."""
    apart = APART.get(wish.effect, 0.0)
    kept: list[Spot] = []
    for spot in sorted(found, key=lambda one: one.at):
        if not kept or spot.at - kept[-1].at >= apart - 1e-6:
            kept.append(spot)
    return kept[:MOST]


def _aimed(spot: Spot, record: FilmRecord | None, wish: Wish) -> Spot:
    """With the face of its shot: of whom the wish names, else the largest; else with what draws the eye there."""
    if record is None or (spot.where is not None and not whom(record, wish)):
        return spot
    faces = [one for one in moments(record, "face") if one.shot == spot.shot and one.where]
    faces = [one for one in faces if one.who in whom(record, wish)] or faces
    if faces:
        return replace(spot, where=max(faces, key=lambda one: one.strength).where)
    looks = [shot.composition for shot in record.shots if shot.index == spot.shot]
    if spot.where is not None or not looks or looks[0] is None:
        return spot
    x, y = looks[0].subject
    return replace(spot, where=(x - AROUND, y - AROUND, x + AROUND, y + AROUND), face=False)


def whom(record: FilmRecord | None, wish: Wish) -> set[str]:
    """Characters of the film whom the wish names."""
    faces = moments(record, "face") if record is not None and wish.said else []
    words = set(re.findall(r"\w+", wish.said))
    return {one.who for one in faces if one.who and set(re.findall(r"\w+", one.who.lower())) <= words}


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
