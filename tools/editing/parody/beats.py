"""From a recipe to beats: which measured moment each slot of it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from configs.errors import UsageError
from tools.editing.moments import Moment, named
from tools.editing.parody.material import Material
from tools.editing.parody.recipes import Recipe, Slot

EDGE_SECONDS = 0.3
"""A turn nearer to the clip's ends has nothing before it to turn from, or nothing after."""
SLOWEST_PLAY = 0.5
"""A play slot that the clip cannot fill is slowed down to this, then played to and fro."""
APART_SECONDS = 0.6
"""Moments nearer to each other show the same."""
OTHERS = 0.25
"""What a turn counts for in a shot without whom it is about."""
LATER_KIND = 0.6
"""Each later kind in a slot's list counts so much less than the one before."""


@dataclass(frozen=True)
class Piece:
    """A stretch of the picture: frames of film at a speed, one frame held, or a card."""

    frames: int
    source_in: float = 0.0
    """Seconds; for a reversed piece where it begins in the film, though it is seen last."""
    speed: float = 1.0
    frozen: bool = False
    backwards: bool = False
    card: bool = False


@dataclass(frozen=True)
class Beat:
    """A slot with its moment, and all that is decided about it by and by."""

    slot: Slot
    moment: Moment | None
    turn: Moment
    """The one that its round turns on."""
    why: str
    """Which figure the beat stands on."""
    round: int = 0
    number: int = 0
    """Among the beats of a repeated slot."""
    most: float = 999.0
    """Seconds that the film around its moment can fill, played at half its speed."""
    line: str = ""
    text: str = ""
    spoken: float = 0.0
    """Seconds of the spoken line."""
    start: int = 0
    """First frame on the timeline."""
    frames: int = 0
    pieces: tuple[Piece, ...] = ()
    hits: tuple[float, ...] = ()
    """When the moment is seen, seconds from the beat's start."""
    facts: dict[str, str] = field(default_factory=dict, compare=False)
    thread: str = ""
    """The mark in the library that its words keep to."""
    last: bool = False
    """Whether the film ends with it."""

    @property
    def name(self) -> str:
        number = f"-{self.number + 1}" if self.slot.repeats > 1 else ""
        return f"{self.slot.id}{number}{f' (round {self.round + 1})' if self.round else ''}"


def find_beats(recipe: Recipe, found: Material, *, star: str = "", rounds: int = 1, repeats: int = 99) -> list[Beat]:
    """The recipe's slots with their moments, in the order in which they are seen.

    star: who it is about, where that is somebody whom the record knows: shots with others come second.
    rounds: how often set-up, turn and pay-off are run through, each time with another turn; the call-back comes
    once, at the end. repeats: how many moments a repeated slot takes at most.

    Raises UsageError when the clip has fewer turns than rounds.
    """
    turns = _turns(recipe, found, star)
    if len(turns) < rounds:
        raise UsageError(
            f"The clip has {len(turns)} moments that a parody can turn on, {rounds} are needed for this length",
            fix="Ask for fewer seconds",
        )
    beats: list[Beat] = []
    total = found.seconds
    for number, found_turn in enumerate(sorted(turns[:rounds], key=lambda moment: moment.at)):
        last = number == rounds - 1
        turn = _held(found_turn, found) if recipe.turn.show == "freeze" else found_turn
        slots = [slot for slot in recipe.slots if last or slot.role != "callback"]
        slots = [slot for slot in slots if number == 0 or not (slot.show == "card" and slot.role == "setup")]
        beats += _round(recipe, slots, turn, _Clip(found, star), number, repeats)
    made = [replace(beat, most=_most(beat, total)) for beat in beats]
    return [*made[:-1], replace(made[-1], last=True)]


def _most(beat: Beat, total: float) -> float:
    """How long a played slot can be without showing the same film twice."""
    slot, moment = beat.slot, beat.moment
    if slot.show != "play" or moment is None or slot.moment.endswith("_end"):
        return 999.0
    if slot.lands == "end":
        return moment.at / SLOWEST_PLAY
    if slot.lands == "start":
        return (total - moment.at) / SLOWEST_PLAY
    if slot.place == "before" and slot.role == "setup":
        return beat.turn.at / SLOWEST_PLAY
    return ((total - beat.turn.at) if slot.place == "after" else total) / SLOWEST_PLAY


@dataclass(frozen=True)
class _Clip:
    """What is looked through, and for whom."""

    found: Material
    star: str

    def has(self, at: float) -> bool:
        return any(start <= at <= end for start, end in self.found.shots_of(self.star))

    def quietest(self, low: float, high: float) -> Moment:
        """The stillest place between two times, in shots of the star where there are any."""
        spans = [(max(low, start), min(high, end)) for start, end in self.found.shots_of(self.star)]
        spans = [(start, end) for start, end in spans if end - start > EDGE_SECONDS] or [(low, high)]
        # A little inside of its shot, so that no neighbour is seen.
        return self.found.quietest(*max(spans, key=lambda span: (round(span[1] - span[0], 3), -span[0])))


def most_rounds(recipe: Recipe, found: Material, star: str = "") -> int:
    """How many different turns the clip has."""
    return len(_turns(recipe, found, star))


def _turns(recipe: Recipe, found: Material, star: str) -> list[Moment]:
    """Moments that can be the turn, the best first, no two of them near each other."""
    slot, total = recipe.turn, found.seconds
    wanted = min(total / 2, sum(s.seconds[1] for s in recipe.slots if s.moment == "turn" and s.lands == "end") or 1.0)
    scored: list[tuple[float, Moment]] = []
    weight, clip = 1.0, _Clip(found, star)
    for kind in slot.takes:
        for moment in found.of(kind):
            if EDGE_SECONDS <= moment.at <= total - EDGE_SECONDS:
                led, left = min(1.0, moment.at / wanted), min(1.0, total - moment.at)
                own = 1.0 if clip.has(moment.at) else OTHERS
                scored.append((own * weight * (0.3 + 0.7 * moment.strength) * led**0.5 * left**0.5, moment))
        weight *= LATER_KIND
    chosen: list[Moment] = []
    for _, moment in sorted(scored, key=lambda pair: (-pair[0], pair[1].at)):
        # Two turns of a long parody need room for what leads up to each.
        if all(abs(moment.at - other.at) > max(2 * APART_SECONDS, wanted) for other in chosen):
            chosen.append(moment)
    if not chosen and "any" in slot.takes:
        chosen = [found.liveliest(min(EDGE_SECONDS, total / 3), total - min(EDGE_SECONDS, total / 3))]
    if not chosen:
        raise UsageError("The clip has no moment that the joke could turn on", f"it has no {', '.join(slot.takes)}")
    return chosen


def _round(
    recipe: Recipe, slots: Sequence[Slot], turn: Moment, clip: _Clip, number: int, repeats: int
) -> Iterator[Beat]:
    found = clip.found
    seen: dict[str, Moment] = {"turn": turn}
    used: list[Moment] = [turn]
    shows = {slot.id: slot.show for slot in recipe.slots}
    for slot in slots:
        if slot.show == "card":
            yield Beat(slot, None, turn, f"a card: {recipe.about}" if slot.role == "setup" else "a card", number)
        elif slot.role == "turn":
            yield Beat(slot, turn, turn, _reason(turn), number)
        elif slot.moment:
            base = slot.moment.removesuffix("_end")
            moment = seen[base]
            if slot.show == "freeze" and shows[base] != "freeze" and not slot.moment.endswith("_end"):
                moment = _held(moment, found)
            how = "the frame where it ended" if slot.moment.endswith("_end") else "the same moment"
            yield Beat(slot, moment, turn, f"{how} as '{base}': {_reason(moment)}", number)
            seen[slot.id] = moment
        else:
            picked = _own(slot, turn, clip, used, min(slot.repeats, repeats))
            for index, own in enumerate(picked):
                moment = _held(own, found) if slot.show == "freeze" else own
                yield Beat(slot, moment, turn, _reason(moment), number, index)
                seen.setdefault(slot.id, moment)
                used.append(moment)


def _held(moment: Moment, found: Material) -> Moment:
    """The moment with the picture near it that can be looked at for seconds."""
    at = found.still(moment.at, moment.shot)
    if abs(at - moment.at) < 1e-3:
        return moment
    return replace(moment, at=at, note=f"{moment.note}; held at {at:.2f} s, the best picture near".lstrip("; "))


def _own(slot: Slot, turn: Moment, clip: _Clip, used: Sequence[Moment], count: int) -> list[Moment]:
    """Moments for a slot that finds its own, in order of time; one that is alone shows whom it is about."""
    found = clip.found
    low = turn.at + EDGE_SECONDS if slot.place == "after" else 0.0
    high = turn.at - EDGE_SECONDS / 2 if slot.place == "before" else found.seconds
    picked: list[Moment] = []
    for kind in slot.takes:
        if kind == "any":
            continue
        fitting = sorted(found.of(kind), key=lambda moment: (-moment.strength, moment.at))
        for moment in fitting:
            centred = replace(moment, at=min(moment.at + moment.seconds / 2, found.seconds))
            near = any(abs(centred.at - other.at) < APART_SECONDS for other in (*used, *picked))
            near |= count == 1 and not clip.has(centred.at)
            if low <= centred.at <= high and not near and len(picked) < count:
                picked.append(centred)
        if picked and count == 1:
            break
    if not picked and "any" in slot.takes:
        picked = [clip.quietest(max(0.0, low), max(0.1, high))]
    return sorted(picked, key=lambda moment: moment.at)


def _reason(moment: Moment) -> str:
    return f"{named(moment.kind)} at {moment.at:.2f} s" + (f" ({moment.note})" if moment.note else "")
