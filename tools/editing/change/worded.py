"""Wishes about shots and sounds of a film that the studio has a timeline of, made to that timeline.

A rendered film is one picture and one mix: a shot moved in it takes its piece of the music along. On the timeline the
music plays on, voices are apart from it, and a shot is what was laid out as one, also where no cut can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from memory.records import Asset
from tools.editing import wishes as w
from tools.editing.change.apply import apply
from tools.editing.change.assets import facts_finder
from tools.editing.change.desk import BEDS, Desk
from tools.editing.change.model import AnyChange, AudioGain, Duck, Move, RippleDelete, SetTransition, Trim
from tools.editing.change.slots import Slot
from tools.editing.change.uncut import base_of
from tools.editing.decision.facts import Span, union, without
from tools.editing.decision.joining import TRANSITION_S
from tools.editing.decision.silence import HANDLE, SHORTEST_HOLE
from tools.editing.operations import in_words
from tools.editing.outline import plain, studio_data
from tools.editing.program import read_program
from tools.editing.render import render
from tools.editing.sources import SourceFinder, cut_of
from tools.editing.versions import save_version, version_of
from tools.spec import SUMMARY_LIMIT, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

ON_SHOTS = (w.Order, w.Shots, w.ShotLength, w.Transitions)
ON_SOUNDS = (w.Level, w.Ducked)
ON_VOICES = (w.DropSilences,)
"""Where lines lie apart from the music: no music is heard into them."""
USUAL_DUCK_DB, DUCK_MORE_DB, MOST_DUCK_DB = 15.0, 6.0, 40.0
"""How far music steps back under speech where nothing is said of it, and how much further when that is asked for."""
SLIVER_S, CLEAR_S = 0.4, 0.04
"""Seconds of a shot that are seen as one; seconds before and after a line in which a cut does not touch it."""
VOICES = ("dialogue", "voice", "narration")


def worded(operations: Sequence[w.Operation], film: Asset, ctx: ToolContext) -> ToolResult | None:
    """The film's own timeline with the wishes done to it, as its next version, rendered; None where they are for the
    rendered film: others are among them, or its timeline says nothing of its shots.

    Raises UsageError when a wish does not fit; nothing has been written then.
    """
    if not operations or not all(isinstance(one, (*ON_SHOTS, *ON_SOUNDS, *ON_VOICES)) for one in operations):
        return None
    if cut_of(film, ctx) is None:
        return None
    base = base_of(film, ctx)
    finder = SourceFinder(ctx)
    timeline, said, changes = base.timeline, list[str](), list[AnyChange]()
    for one in operations:
        made = _changes(one, timeline)
        if made is None:
            return None
        applied = apply(timeline, made, facts_finder(ctx, finder))
        timeline = applied.timeline
        said += applied.said
        changes += made
    read_program(timeline, finder.find)
    rendered = render(timeline, ctx)
    saved = save_version(ctx, base.recorded(ctx), timeline, said, changes, sources=list(finder.assets))
    number = version_of(saved).number
    steps = [{"operation": in_words(one), "rationale": one.rationale} for one in operations]
    facts: dict[str, Any] = {"operations": steps, "said": said, "version": number, "decided_by": "words"}
    made_film = rendered.save(ctx, f"{Path(saved.name).stem}.mp4", parents=(saved.id, film.id), params=facts)
    text = (
        f"Changed {film.name} on its own timeline: {'; '.join(str(step['operation']) for step in steps)}. "
        f"{'. '.join(one.rstrip('.') for one in said[:6])}. Version {number} of '{saved.name}', "
        f"{rendered.program.seconds:.2f} s, {rendered.width}x{rendered.height}"
    )
    text = text.encode()[: SUMMARY_LIMIT - 1].decode(errors="ignore") + "."
    return ToolResult(text, (made_film, saved), rendered.measurements, data=facts)


def _changes(wish: w.Operation, timeline: otio.schema.Timeline) -> list[AnyChange] | None:
    """A wish as changes of a timeline; None where its clips are not the film's shots."""
    desk = Desk(timeline)
    if isinstance(wish, ON_SOUNDS):
        return _sounds(wish, desk)
    if isinstance(wish, ON_VOICES):
        return _pauses(wish, desk)
    shots = [slot for slot in desk.main.slots if slot.media]
    if len({slot.media for slot in shots}) < 2:
        return None
    makers: dict[type[w.Operation], Callable[[Any, list[Slot], Desk], list[AnyChange]]] = {
        w.Order: _order,
        w.Shots: _shots,
        w.ShotLength: _length,
        w.Transitions: _transitions,
    }
    if getattr(wish, "unit", "shot") != "shot" or getattr(wish, "action", "") == "repeat":
        return None
    if isinstance(wish, w.Order) and wish.how == "lively":
        return None
    return makers[type(wish)](wish, shots, desk)


def _sounds(wish: w.Operation, desk: Desk) -> list[AnyChange]:
    assert isinstance(wish, ON_SOUNDS)
    roles = VOICES if wish.role == "voices" else (wish.role,)
    here = [slot for lane in desk.lanes if lane.is_sound and lane.role in roles for slot in lane.slots]
    if not here:
        raise UsageError(
            f"The film's timeline has no {wish.role} of its own",
            f"its sound is {', '.join(sorted({lane.role for lane in desk.lanes if lane.is_sound})) or 'none at all'}",
            "Ask for all of its sound, for example 'make it quieter'; nothing was changed",
        )
    if isinstance(wish, w.Ducked):
        if not any(lane.slots for lane in desk.lanes if lane.is_sound and lane.role in VOICES):
            raise UsageError("Nobody speaks in the film", f"so the {wish.role} has nothing to step back under")
        noted = plain(studio_data(desk.timeline).get("ducking"))
        now = noted.get(wish.role, USUAL_DUCK_DB) if isinstance(noted, dict) else USUAL_DUCK_DB
        depth = wish.db or min(MOST_DUCK_DB, float(now) + DUCK_MORE_DB)
        return [Duck(track=wish.role, db=depth, rationale=wish.rationale)]
    return [AudioGain(clip=slot.id, db=wish.db, rationale=wish.rationale) for slot in here]


def _pauses(wish: w.Operation, desk: Desk) -> list[AnyChange] | None:
    """The stretches of half a second and more in which nobody speaks, the last one first; None without voices of their
    own or without a bed that hides its pauses."""
    lanes = [lane for lane in desk.lanes if lane.is_sound and lane.slots]
    if not any(lane.role in BEDS for lane in lanes):
        return None
    said = union(
        (float(slot.start / desk.rate), float(slot.end / desk.rate))
        for lane in lanes
        if lane.role in VOICES
        for slot in lane.slots
    )
    if not said:
        return None
    whole = float(desk.length / desk.rate)
    quiet = without([(0.0, whole)], [(start - HANDLE, end + HANDLE) for start, end in said])
    cuts = [float(slot.start / desk.rate) for slot in desk.main.slots[1:]]
    gone = [span for span in (_unsplintered(span, cuts, said) for span in quiet) if span[1] - span[0] >= SHORTEST_HOLE]
    if not gone:
        raise UsageError("Nobody is silent for half a second or more", "so there is nothing to remove")
    return [RippleDelete(start=start, end=end, rationale=wish.rationale) for start, end in reversed(gone)]


def _unsplintered(hole: Span, cuts: Sequence[float], said: Sequence[Span]) -> Span:
    """The hole up to a cut that is near, so that no shot only flashes up beside it; where a line begins or ends at the
    cut, so much of the shot stays that it can be seen."""
    start, end = hole
    for cut in cuts:
        if 0 < cut - end < SLIVER_S:
            free = not any(first < cut + CLEAR_S and end < last for first, last in said)
            end = cut if free else cut - SLIVER_S
        if 0 < start - cut < SLIVER_S:
            free = not any(last > cut - CLEAR_S and first < start for first, last in said)
            start = cut if free else cut + SLIVER_S
    return start, end


def _at(number: int, shots: Sequence[Slot]) -> Slot:
    at = number - 1 if number > 0 else len(shots) + number
    if not 0 <= at < len(shots):
        raise UsageError(f"There is no shot {abs(number)}", f"the film has {len(shots)}", "Nothing was changed")
    return shots[at]


def _order(wish: w.Order, shots: list[Slot], desk: Desk) -> list[AnyChange]:
    why = wish.rationale
    if wish.how == "reverse":
        return [Move(clip=slot.id, before=last.id, rationale=why) for last, slot in pairwise(shots)]
    if wish.how == "last_first":
        return [Move(clip=shots[-1].id, before=shots[0].id, rationale=why)]
    if wish.how == "first_last":
        return [Move(clip=shots[0].id, after=shots[-1].id, rationale=why)]
    one = _at(wish.which[0], shots)
    if wish.how in ("front", "back"):
        end = shots[0] if wish.how == "front" else shots[-1]
        if end is one:
            raise UsageError(f"{one.label} is there already", fix="Name another shot; nothing was changed")
        beside = {"before": end.id} if wish.how == "front" else {"after": end.id}
        return [Move(clip=one.id, rationale=why, **beside)]
    other = _at(wish.which[1], shots)
    if one is other:
        raise UsageError("A shot cannot be moved beside itself", fix="Name two shots; nothing was changed")
    if wish.how in ("before", "after"):
        return [Move(clip=one.id, rationale=why, **{wish.how: other.id})]
    first, second = sorted((shots.index(one), shots.index(other)))
    made: list[AnyChange] = [Move(clip=shots[second].id, before=shots[first].id, rationale=why)]
    if second - first > 1:
        made.append(Move(clip=shots[first].id, after=shots[second - 1].id, rationale=why))
    return made


def _shots(wish: w.Shots, shots: list[Slot], desk: Desk) -> list[AnyChange]:
    named = [_at(number, shots) for number in wish.which]
    gone = {
        "drop": [slot for slot in shots if slot in named],
        "keep": [slot for slot in shots if slot not in named],
        "from": shots[: shots.index(named[0])],
        "until": shots[shots.index(named[0]) + 1 :],
    }[wish.action]
    if len(gone) == len(shots):
        raise UsageError("Nothing would be left of the film", f"it has {len(shots)} shots", "Nothing was changed")
    if not gone:
        raise UsageError("Nothing would be taken out", "those are all of its shots", "Nothing was changed")
    return [RippleDelete(clip=slot.id, rationale=wish.rationale) for slot in gone]


def _length(wish: w.ShotLength, shots: list[Slot], desk: Desk) -> list[AnyChange]:
    return [Trim(clip=_at(wish.which, shots).id, tail=-wish.seconds, rationale=wish.rationale)]


def _transitions(wish: w.Transitions, shots: list[Slot], desk: Desk) -> list[AnyChange]:
    """Each with as much taken off both shots as it shows beyond the cut: so no picture stands still for it."""
    seconds = wish.seconds or TRANSITION_S.get(wish.kind, 0.5)
    pairs = list(pairwise(shots))
    if wish.between:
        one, other = sorted((_at(number, shots) for number in wish.between[:2]), key=lambda slot: slot.start)
        pairs = [(one, other)]
        if shots.index(other) != shots.index(one) + 1:
            raise UsageError(
                f"{one.label} and {other.label} do not meet",
                "a transition stands between two neighbours",
                "Move one of them first",
            )
    made: list[AnyChange] = []
    for one, other in pairs:
        if one.end != other.start:
            continue  # a title card stands between them
        before, after = _lacking(one, desk, seconds, end=True), _lacking(other, desk, seconds, end=False)
        if before > 0:
            made.append(Trim(clip=one.id, tail=before, rationale=wish.rationale))
        if after > 0:
            made.append(Trim(clip=other.id, head=after, rationale=wish.rationale))
        made.append(
            SetTransition(
                clip=other.id, kind=wish.kind, seconds=seconds, direction=wish.direction, rationale=wish.rationale
            )
        )
    if not made:
        raise UsageError("There is nothing to put a transition between", "its shots do not meet")
    return made


def _lacking(slot: Slot, desk: Desk, seconds: float, *, end: bool) -> float:
    """Seconds that a transition's half needs beyond the shot's end or beginning and its source does not hold."""
    half = desk.frames(seconds / 2)
    whole = slot.clip.media_reference.available_range if slot.clip.media_reference is not None else None
    if whole is None:
        return 0.0  # a picture stands as long as it is asked to
    speed = slot.speeds()[0]
    first = whole.start_time.rescaled_to(float(desk.rate)).value
    last = first + whole.duration.rescaled_to(float(desk.rate)).value
    spare = (last - slot.source - slot.frames * speed) if end else slot.source - first
    lack = half - int(max(0, spare) / speed)
    return float(max(0, lack) / desk.rate)
