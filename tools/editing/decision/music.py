"""Cuts on the beats of music: an attached piece, or what a clip itself plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from configs.errors import UsageError
from tools.editing.arrangement import Part
from tools.editing.decision.intercut import taking_turns
from tools.editing.decision.pieces import FactsOf, Piece, shots_of
from tools.editing.decision.select import window

if TYPE_CHECKING:
    from backends.sound.result import Sound

USUAL_SHOT, QUICK_SHOT = 1.5, 0.7
"""Seconds between cuts, about; a whole number of beats is taken."""
FOOTAGE_SHARE = 0.75
"""No more of the footage than this is used, so that there is something to choose between two cuts."""
FEWEST_BEATS = 4
BAR = 4
"""Beats; four to a bar in nearly all music that films are cut to."""
SKIP_S = 0.4
"""So much of a shot is left out between two pieces of it, so that a cut is seen to be one."""
SLIVER_S = 0.3
"""Less of a shot than this beside another one in the same piece only flashes up."""
ENDING_S = 1.0
"""Fade of picture and music at the end when the music goes on."""


@dataclass(frozen=True)
class Music:
    """What a cut follows."""

    name: str
    sound: Sound
    own: bool = False
    """Whether it is the sound of one of the clips."""

    def beats(self) -> list[float]:
        """Seconds of its beats. Raises UsageError when no steady beat is heard."""
        if len(self.sound.beats) < FEWEST_BEATS:
            sure = f"{self.sound.bpm_confidence:.0%} sure of one" if self.sound.bpm_confidence else "none was found"
            raise UsageError(
                f"No steady beat is heard in '{self.name}'",
                sure,
                "Attach music with a clear beat, or ask for the best moments instead",
            )
        return list(self.sound.beats)


@dataclass(frozen=True)
class OnBeats:
    """A cut that follows music."""

    parts: tuple[Part, ...]
    seconds: float
    cuts: tuple[float, ...]
    """Seconds of the beats that it cuts on."""
    note: str


def to_beat(
    parts: Sequence[Part],
    facts_of: FactsOf,
    rate: Fraction,
    music: Music,
    *,
    seconds: float = 0.0,
    quick: bool = False,
    shots: dict[str, float] | None = None,
) -> OnBeats:
    """Pieces of the parts, in their order, that change on beats; the film begins where the music does.

    seconds: about how long, 0 = as the footage and the music allow (it ends on a beat in any case).
    """
    beats = music.beats()
    period = float(np.median(np.diff(beats)))
    step = _step(period, QUICK_SHOT if quick else USUAL_SHOT)
    there = _footage(parts, facts_of, rate, shots)
    longest = min(music.sound.seconds, there * (1.0 if seconds else FOOTAGE_SHARE), seconds or there)
    marks = _marks(beats, longest, step)
    note = (
        f"{len(marks) - 1} pieces, a cut every {step} beats ({step * period:.2f} s) of '{music.name}' at "
        f"{60 / period:.1f} bpm"
    )
    return _filled(parts, facts_of, rate, marks, period, note, shots)


def match_music(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, music: Music) -> OnBeats:
    """As long as the music (or as the footage lasts), cut at its tempo: each half of it is cut the faster the louder.

    Ends with the music, or on the last bar that the footage fills.
    """
    beats = music.beats()
    period = float(np.median(np.diff(beats)))
    there = _footage(parts, facts_of, rate, None)
    longest = min(music.sound.seconds, there)
    whole = longest >= music.sound.seconds - 1e-6
    levels = np.asarray(music.sound.curve_dbfs, float)
    middle = float(np.median(levels)) if len(levels) else 0.0
    marks, at = [0.0], 0
    while True:
        now = int(beats[min(at, len(beats) - 1)] / max(music.sound.curve_step, 1e-6))
        loud = len(levels) > 0 and float(levels[now : now + 20].mean() if now < len(levels) else middle) > middle
        at += BAR // 2 if loud and period * BAR / 2 >= 0.6 else BAR
        if at >= len(beats) or beats[at] > longest - period:
            break
        marks.append(beats[at])
    last = [beat for beat in beats if beat <= longest and beat > marks[-1] + period / 2]
    marks.append(music.sound.seconds if whole else last[-1] if last else longest)
    note = (
        f"as long as '{music.name}' ({music.sound.seconds:.2f} s)" if whole
        else f"'{music.name}' lasts {music.sound.seconds:.2f} s, the footage only {there:.2f} s: it ends on a beat"
    ) + f", {60 / period:.1f} bpm, {len(marks) - 1} pieces cut on its bars and half bars"  # fmt: skip
    return _filled(parts, facts_of, rate, marks, period, note, None)


def _step(period: float, wanted: float) -> int:
    """Beats between cuts: 1, 2, 4 or 8, whichever comes nearest to `wanted` seconds."""
    return min((1, 2, 4, 8), key=lambda beats: abs(np.log(beats * period / wanted)))


def _marks(beats: Sequence[float], longest: float, step: int) -> list[float]:
    """0, every so many beats, and the last beat that fits."""
    strong = [beat for beat in beats[::step] if 0.15 < beat <= longest + 1e-6]
    if not strong:
        raise UsageError(
            "The footage is too short to be cut to the beat", f"there are {longest:.2f} s, the first beats come later"
        )
    last = [beat for beat in beats if strong[-1] + 1e-6 < beat <= longest + 1e-6]
    return [0.0, *strong, *last[-1:]] if last and last[-1] - strong[-1] > 0.3 else [0.0, *strong]


def _footage(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, shots: dict[str, float] | None) -> float:
    """Seconds that there are to choose from."""
    return float(sum(last - first for _, first, last, _ in _line(parts, facts_of, rate, shots)) / rate)


def _filled(
    parts: Sequence[Part],
    facts_of: FactsOf,
    rate: Fraction,
    marks: list[float],
    period: float,
    note: str,
    shots: dict[str, float] | None,
) -> OnBeats:
    """A piece of the footage for each stretch between two marks: going through it from begin to end, each from its
    share of the footage, inside one shot where that can be, where most happens."""
    frames = [round(Fraction(mark).limit_denominator(100_000) * rate) for mark in marks]
    slots = [last - first for first, last in pairwise(frames)]
    line = _line(parts, facts_of, rate, shots)
    whole, cursor, wanted, done = sum(last - first for _, first, last, _ in line), 0, sum(slots), 0
    runs: list[_Run] = []
    for length in slots:
        done += length
        # What the slots still to come need stays for them.
        latest = whole - (wanted - done)
        share = max(cursor + length, min(latest, round(whole * done / wanted)))
        run, cursor = _next(line, facts_of, rate, cursor, min(share, latest), latest, length)
        runs.append(run)
    made: list[Part] = []
    for number, run in enumerate(_intercut(runs, line, facts_of, rate)):
        why = f"{run.why}; cut on the beat at {marks[number]:.2f} s" if number else f"{run.why}; opens the film"
        made += [Piece(p.part, p.first, p.frames, why).made(rate) for p in _split(run, line)]
    return OnBeats(tuple(made), float(frames[-1] / rate), tuple(marks[1:-1]), note)


Line = list[tuple[Part, int, int, str]]


def _line(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, shots: dict[str, float] | None) -> Line:
    """The footage shot by shot, without the frames of its own dissolves and fades: half of one flashes up at a cut."""
    line: Line = []
    for part in parts:
        facts = facts_of(part)
        names = {shot.index: facts.shot_id(shot) for shot in facts.record.shots}
        # Where shots are nothing but transitions they are taken as they are.
        found = shots_of(part, facts, rate, clean=True) or shots_of(part, facts, rate)
        line += [(part, first, last, names[at]) for at, first, last in found if shots is None or names[at] in shots]
    return line


@dataclass(frozen=True)
class _Run:
    """A piece that may run over the end of a shot: where on the line and how far into it, its frames, its reason."""

    at: int
    inside: int
    frames: int
    why: str


def _next(
    line: Line, facts_of: FactsOf, rate: Fraction, cursor: int, until: int, latest: int, length: int
) -> tuple[_Run, int]:
    """The best piece of `length` frames of the line from `cursor` on, and where it ends.

    It ends by `until` where a shot of that stretch is long enough, else as soon after it as one is, by `latest`; it
    does not go on where the piece before it ended, where that can be helped, as that would be no cut.
    """
    bases = _bases(line)
    ends = [base + last - first for base, (_, first, last, _) in zip(bases, line, strict=True)]
    for skip in (round(SKIP_S * rate) if cursor else 0, 0):
        soonest = (max(base, cursor + skip * (base < cursor)) + length for base in bases)
        fits = sorted(limit for limit, end in zip(soonest, ends, strict=True) if limit <= end)
        for limit in (until, *(one for one in fits if until < one <= latest)):
            found = _within(line, facts_of, rate, (cursor, limit, skip), length)
            if found is not None:
                return found
    # No shot is long enough: the piece runs on over a cut that is there already.
    start = _unsplintered(ends, (cursor, max(cursor, latest - length)), length, round(SLIVER_S * rate))
    for at, base in enumerate(bases):
        if start < ends[at]:
            name = line[at][3]
            return _Run(at, start - base, length, f"{name}: the footage runs on over its own cut"), start + length
    raise UsageError("The footage is too short for the music", "it ran out before the last beat")


def _within(
    line: Line, facts_of: FactsOf, rate: Fraction, stretch: tuple[int, int, int], length: int
) -> tuple[_Run, int] | None:
    """The liveliest piece inside one shot. stretch: where it may begin and must have ended on the line, and what the
    shot that was shown last is asked to leave out before it goes on."""
    cursor, until, skip = stretch
    best, score, why = None, -9.0, ""
    for at, (base, (part, first, last, name)) in enumerate(zip(_bases(line), line, strict=True)):
        low, high = max(cursor - base, 0), min(until - base, last - first)
        low += skip if base < cursor < base + last - first else 0
        if high - low < length:
            continue
        facts = facts_of(part)
        start, interest = window((part, first + low, first + high), length, facts, rate)
        value = interest / facts.mean_interest
        if value > score:
            best, score = (_Run(at, start - first, length, ""), base + start - first + length), value
            why = f"{name}: {value:.1f} times as lively as the clip is on the whole"
    return None if best is None else (replace(best[0], why=why), best[1])


def _intercut(runs: list[_Run], line: Line, facts_of: FactsOf, rate: Fraction) -> list[_Run]:
    """The runs with shots that would be shown twice in a row taking turns with their neighbours, each going on in its
    own order; as they were where a shot has not enough frames for its new places, or runs over its end."""
    if any(run.inside + run.frames > line[run.at][2] - line[run.at][1] for run in runs):
        return runs
    order = taking_turns([run.at for run in runs])
    if order == [run.at for run in runs]:
        return runs
    lengths = [run.frames for run in runs]
    made: dict[int, _Run] = {}
    for at in set(order):
        places = [number for number, shot in enumerate(order) if shot == at]
        part, first, last, name = line[at]
        facts, left = facts_of(part), sum(lengths[number] for number in places)
        spare = last - first - left
        if spare < 0:
            return runs
        cursor = first
        for count, number in enumerate(places):
            length = lengths[number]
            left -= length
            until = min(last - left, cursor + length + spare // (len(places) - count))
            start, interest = window((part, cursor, until), length, facts, rate)
            spare -= start - cursor
            why = f"{name}: {interest / facts.mean_interest:.1f} times as lively as the clip is on the whole"
            made[number] = _Run(at, start - first, length, why)
            cursor = start + length
    return [made[number] for number in range(len(runs))]


def _bases(line: Line) -> list[int]:
    """Frame of the line that each shot begins on."""
    return list(accumulate((last - first for _, first, last, _ in line[:-1]), initial=0))


def _unsplintered(ends: list[int], starts: tuple[int, int], length: int, sliver: int) -> int:
    """The first start at which no shot is seen for less than `sliver` frames; the earliest when there is none."""
    for start in range(starts[0], starts[1] + 1):
        inside = [end for end in ends if start < end < start + length]
        edges = [start, *inside, start + length]
        if all(min(sliver, length) <= later - earlier for earlier, later in pairwise(edges)):
            return start
    return starts[0]


def _split(run: _Run, line: Line) -> list[Piece]:
    made: list[Piece] = []
    at, inside, left = run.at, run.inside, run.frames
    while left > 0 and at < len(line):
        part, first, last, _ = line[at]
        frames = min(left, last - first - inside)
        if made and made[-1].part is part and made[-1].last == first + inside:
            made[-1] = Piece(part, made[-1].first, made[-1].frames + frames)
        elif frames > 0:
            made.append(Piece(part, first + inside, frames))
        at, inside, left = at + 1, 0, left - frames
    return made
