"""What can be asked of a cut beyond times and looks: wishes that are decided by what is measured in the clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.editing.specs import Direction, TransitionName


@dataclass(frozen=True)
class Operation:
    """Base of all operations; `span` None means all of the clip."""

    rationale: str
    """What in the instruction asked for it."""


@dataclass(frozen=True)
class Best(Operation):
    """Several of the liveliest moments, in their order; `seconds` 0 = as long as fits the clip."""

    seconds: float = 0.0
    quick: bool = False
    """Short pieces."""


@dataclass(frozen=True)
class Target(Operation):
    """Cut down to a length: the shots that tell least go, the others are shortened; 0 = a third."""

    seconds: float = 0.0
    share: float = 0.0
    """Of the clip's own length, instead of seconds."""
    less: float = 0.0
    """Seconds that go, instead of the length."""


@dataclass(frozen=True)
class Pace(Operation):
    """Played at the one speed at which all of it lasts so long."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Tighten(Operation):
    """Dead air, black, frozen and blurred picture out; with `boring` also where next to nothing happens."""

    boring: bool = False


@dataclass(frozen=True)
class DropSilences(Operation):
    pass


@dataclass(frozen=True)
class ToBeat(Operation):
    """Cuts on the beats of the music."""

    quick: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class MatchMusic(Operation):
    """As long as the music and at its tempo."""


@dataclass(frozen=True)
class MatchCuts(Operation):
    """Shots ordered so that neighbours look alike where they meet."""


@dataclass(frozen=True)
class Trailer(Operation):
    """Hook, build-up, titles, button; `text` is the title, '' = the clip's name."""

    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Montage(Operation):
    """Short pieces of the shots that fit a theme ('' = of all)."""

    theme: str = ""
    seconds: float = 0.0
    quick: bool = False


@dataclass(frozen=True)
class BestTakes(Operation):
    """Of several takes of a shot the best one."""


@dataclass(frozen=True)
class Reframe(Operation):
    """Another shape, cut around the subject."""

    wide: int = 9
    high: int = 16


@dataclass(frozen=True)
class Shots(Operation):
    """Shots or scenes by number (1 the first, -1 the last)."""

    action: Literal["keep", "drop", "from", "until", "repeat"] = "keep"
    which: tuple[int, ...] = (1,)
    unit: Literal["shot", "scene"] = "shot"


OrderHow = Literal["reverse", "swap", "last_first", "first_last", "lively", "front", "back", "before", "after"]


@dataclass(frozen=True)
class Order(Operation):
    how: OrderHow = "reverse"
    which: tuple[int, ...] = ()
    """The shots that are swapped; or the one that moves and, with 'before' and 'after', the one that it goes to."""
    unit: Literal["shot", "scene"] = "shot"


@dataclass(frozen=True)
class ClipOrder(Operation):
    """Which of several clips comes first: `first` before `second`, by their names, letters or numbers."""

    first: str = ""
    second: str = ""


@dataclass(frozen=True)
class Dark(Operation):
    """Dark shots out, or only those."""

    keep: bool = False


@dataclass(frozen=True)
class Matching(Operation):
    """Shots that fit words: kept, or taken out."""

    theme: str = ""
    keep: bool = True


@dataclass(frozen=True)
class Transitions(Operation):
    """Between all pieces, or between two neighbours."""

    kind: TransitionName = "dissolve"
    seconds: float = 0.0
    """0 = the usual length of that kind."""
    direction: Direction = "left"
    """Of the movement: 'left' comes in from the right."""
    between: tuple[int, ...] = ()
    """Numbers of two neighbours (1 the first); () = everywhere."""
    shots: bool = False
    """Between the shots of each clip too, not only between the clips."""


@dataclass(frozen=True)
class TitleCard(Operation):
    text: str = ""
    place: Literal["start", "end"] = "start"
    seconds: float = 2.0


@dataclass(frozen=True)
class Still(Operation):
    """A frame held: the first, the last, at a time, or where most moves."""

    where: Literal["start", "end", "time", "peak"] = "end"
    at: float = 0.0
    seconds: float = 2.0


@dataclass(frozen=True)
class Zoom(Operation):
    """Slowly closer to the subject, or away from it."""

    out: bool = False


@dataclass(frozen=True)
class Rotate(Operation):
    """Clockwise."""

    degrees: int = 90


@dataclass(frozen=True)
class Mirror(Operation):
    axis: Literal["horizontal", "vertical"] = "horizontal"


@dataclass(frozen=True)
class Seamless(Operation):
    """The end flows into the beginning, for a loop without a jump."""


@dataclass(frozen=True)
class LoopUntil(Operation):
    """Again and again until it lasts so long, to the frame."""

    seconds: float = 0.0


@dataclass(frozen=True)
class ShotLength(Operation):
    """One shot made shorter (`seconds` below 0) or longer at its end."""

    which: int = 1
    seconds: float = 0.0


@dataclass(frozen=True)
class Level(Operation):
    """One kind of sound louder or softer: 'music', 'ambience' or 'voices'."""

    role: str = "music"
    db: float = 0.0


@dataclass(frozen=True)
class Ducked(Operation):
    """A sound steps back while somebody speaks; `db` 0 = as usual."""

    role: str = "music"
    db: float = 0.0


@dataclass(frozen=True)
class UnderMusic(Operation):
    """The music that was given lies under it; it does so in any case, this one says that it was asked for."""


def wish_in_words(operation: Operation) -> str:
    """The wish as a person would say it."""
    match operation:
        case Best(seconds=seconds, quick=quick):
            said = f"the best moments{_long(seconds)}" + (", quick cuts" if quick else "")
        case Target(seconds=seconds):
            said = f"cut down to {seconds:g} s" if seconds else "cut down to a third"
            said = f"cut down to {operation.share:.0%} of it" if operation.share else said
            said = f"made {operation.less:g} s shorter" if operation.less else said
        case Pace(seconds=seconds):
            said = f"played at the speed that makes it {seconds:g} s"
        case Tighten(boring=boring):
            said = "take out what is boring" if boring else "take out dead air"
        case DropSilences():
            said = "take out silences"
        case ToBeat(quick=quick, seconds=seconds):
            said = f"cut to the beat{_long(seconds)}" + (", quick cuts" if quick else "")
        case MatchMusic():
            said = "match the music"
        case MatchCuts():
            said = "match cuts"
        case Trailer(seconds=seconds):
            said = f"a trailer{_long(seconds)}"
        case Montage(theme=theme, seconds=seconds):
            said = "a montage" + (f" of '{theme}'" if theme else "") + _long(seconds)
        case BestTakes():
            said = "the best takes"
        case Reframe(wide=wide, high=high):
            said = f"reframe to {wide}:{high}"
        case Shots(action=action, which=which, unit=unit):
            said = _shots(action, which, unit)
        case Order(how=how, which=which, unit=unit):
            said = _order(how, which, unit)
        case ClipOrder(first=first, second=second):
            said = f"{first} before {second}"
        case Dark(keep=keep):
            said = "only the dark shots" if keep else "take out dark shots"
        case Matching(theme=theme, keep=keep):
            said = f"{'keep' if keep else 'take out'} the shots with '{theme}'"
        case Transitions(kind=kind, seconds=seconds):
            where = f"{operation.between[0]} and {operation.between[1]}" if operation.between else "the pieces"
            said = f"{kind.replace('_', ' ')} between {where}{_long(seconds)}"
        case TitleCard(text=text, place=place):
            said = f"title card '{text[:60]}' at the {place}"
        case Still(where=where, at=at, seconds=seconds):
            said = {"start": "first frame", "end": "last frame", "peak": "liveliest frame"}.get(
                where, f"frame at {at:g} s"
            )
            said = f"freeze the {said} for {seconds:g} s"
        case Zoom(out=out):
            said = f"zoom {'out' if out else 'in'}"
        case Rotate(degrees=degrees):
            said = f"turn by {degrees} degrees"
        case Mirror(axis=axis):
            said = f"mirror {'left and right' if axis == 'horizontal' else 'top and bottom'}"
        case Seamless():
            said = "a loop without a jump"
        case LoopUntil(seconds=seconds):
            said = f"repeated until it lasts {seconds:g} s"
        case ShotLength(which=number, seconds=seconds):
            said = f"the {_ordinal(number)} shot {abs(seconds):g} s {'shorter' if seconds < 0 else 'longer'}"
        case Level(role=role, db=db):
            said = f"{role} {db:+g} dB"
        case Ducked(role=role):
            said = f"{role} softer under speech"
        case UnderMusic():
            said = "music under it"
        case _:
            said = type(operation).__name__
    return said


def _long(seconds: float) -> str:
    return f" of {seconds:g} s" if seconds else ""


def _order(how: str, which: tuple[int, ...], unit: str) -> str:
    if how == "swap":
        return f"swap the {' and the '.join(_ordinal(number) for number in which)} {unit}"
    if how in ("front", "back"):
        return f"the {_ordinal(which[0])} {unit} {'first' if how == 'front' else 'last'}"
    if how in ("before", "after"):
        return f"the {_ordinal(which[0])} {unit} {how} the {_ordinal(which[1])}"
    ways = {"reverse": f"{unit}s last to first", "last_first": f"last {unit} first", "first_last": f"first {unit} last"}
    return ways.get(how, f"liveliest {unit}s first")


def _shots(action: str, which: tuple[int, ...], unit: str) -> str:
    said = " and ".join(_ordinal(number) for number in which)
    verbs = {
        "keep": "keep the {} {}",
        "drop": "take out the {} {}",
        "from": "begin with the {} {}",
        "until": "end with the {} {}",
        "repeat": "the {} {} twice",
    }
    return verbs[action].format(said, unit)


def _ordinal(number: int) -> str:
    if number < 0:
        return "last" if number == -1 else f"{_ordinal(-number)} last"
    from num2words import num2words

    names = {1: "first", 2: "second", 3: "third"}
    return names.get(number) or str(num2words(number, to="ordinal_num"))
