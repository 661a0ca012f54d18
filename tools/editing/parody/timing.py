"""How long each beat lasts and which frames of film it shows, so that the whole is exact to the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tools.editing.parody.beats import SLOWEST_PLAY, Beat, Piece
from tools.editing.parody.recipes import ParodyPresets

END_FADE = 0.35
"""Seconds over which the film's last picture goes dark and what still sounds dies away; no text is shown in them."""
SLOWEST, FASTEST_REVERSE = 0.3, 6.0
LEAST_SPEED = 0.4
"""Where it saves running backwards, film is played a little slower still."""
LEAST_MOVING = 10
"""Fewer frames than these are not played to and fro, but held."""
SLIVER = 0.7
"""Seconds that a shot is seen at least, where a window reaches over a cut of the clip."""
AGAIN_LEAD = 0.35
"""Share of each repetition that comes before its moment."""


def limits(beat: Beat, presets: ParodyPresets) -> tuple[float, float, float]:
    """Shortest, natural and longest seconds of a beat, with its line and its text in."""
    low, natural, high = beat.slot.seconds
    need = 0.0
    if beat.line and beat.spoken:
        # The line is read as a subtitle too, and some voices are quicker than readers.
        tail = presets.voice.breath if beat.last else presets.voice.tail
        need = presets.line_delay(beat.slot) + max(beat.spoken + tail, presets.needed(beat.line))
    elif beat.line:
        need = presets.needed(beat.line)
    if beat.text:
        late = beat.slot.lead if beat.slot.at == "moment" else 0.0
        need = max(need, late + presets.needed(beat.text))
    if beat.last and beat.slot.show != "card":
        need += END_FADE
    high = max(need, min(high, beat.most))
    return max(min(low, high), need), max(min(natural, high), need), high


def allot(beats: Sequence[Beat], frames: int, fps: float, presets: ParodyPresets) -> list[Beat] | None:
    """The beats with lengths that add up to `frames`; None when they cannot, being too long or too short.

    All beats give way together: from their natural length towards the shortest or the longest, by the same share.
    """
    spans = [tuple(round(value * fps) for value in limits(beat, presets)) for beat in beats]
    low, natural, high = (sum(column) for column in zip(*spans, strict=True))
    if not low <= frames <= high:
        return None
    if frames <= natural:
        share = (frames - low) / max(1, natural - low)
        exact = [a + share * (b - a) for a, b, _ in spans]
    else:
        share = (frames - natural) / max(1, high - natural)
        exact = [b + share * (c - b) for _, b, c in spans]
    whole = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))
    for index in order[: frames - sum(whole)]:
        whole[index] += 1
    start, made = 0, []
    for beat, count in zip(beats, whole, strict=True):
        made.append(replace(beat, start=start, frames=count))
        start += count
    return made


def lay_out(beats: Sequence[Beat], seconds: float, fps: float, cuts: Sequence[float] = ()) -> list[Beat]:
    """Which frames of a clip of `seconds` each beat shows.

    Beats in a row that end at the same moment continue each other; the pieces of a beat last exactly as long as it.
    cuts: seconds of the clip's own cuts; where that can be helped, no shot is only seen for a moment beside them.
    """
    made: list[Beat] = list(beats)
    view = _View(seconds, fps, cuts)
    for index in range(len(made) - 1, -1, -1):
        beat, after = made[index], made[index + 1] if index + 1 < len(made) else None
        if beat.slot.show in ("play", "slow") and beat.slot.lands == "end" and beat.moment is not None:
            end = beat.moment.at
            if after is not None and _continues(beat, after):
                # What comes next may begin before the moment: then this one hands over there.
                end = min(end, _first(after if after.pieces else view.show(after, (), {})))
            made[index] = view.before(beat, end)
    ends: dict[tuple[int, str], float] = {}
    for index, beat in enumerate(made):
        if not beat.pieces:
            made[index] = view.show(beat, made[:index], ends)
        if made[index].slot.show != "card":
            ends[(beat.round, beat.slot.id)] = _last(made[index], fps)
    return made


def _continues(beat: Beat, after: Beat) -> bool:
    same = after.moment == beat.moment and after.round == beat.round
    return same and after.slot.show in ("play", "slow")


def _first(beat: Beat) -> float:
    return min(piece.source_in for piece in beat.pieces)


def _last(beat: Beat, fps: float) -> float:
    """The last frame of film that a beat shows, in seconds."""
    piece = beat.pieces[-1]
    if piece.frozen or piece.backwards:
        return piece.source_in
    return piece.source_in + max(0, piece.frames - 1) / fps * piece.speed


class _View:
    """A clip as a row of frames."""

    def __init__(self, seconds: float, fps: float, cuts: Sequence[float]) -> None:
        self.fps, self.cuts = fps, cuts
        self.frames = max(1, round(seconds * fps))
        self.seconds = self.frames / fps

    def snap(self, at: float) -> float:
        return min(max(0, round(at * self.fps)), self.frames - 1) / self.fps

    def whole_shots(self, start: float, eaten: float, at: float, low: float, high: float) -> float:
        """Where a window begins so that no cut lies right behind its beginning or right before its end.

        at: what must stay in it; low, high: how far it may be moved.
        """
        late = [cut for cut in self.cuts if start < cut < start + SLIVER]
        early = [cut for cut in self.cuts if start + eaten - SLIVER < cut < start + eaten]
        for moved in (*late[-1:], *(cut - eaten for cut in early[:1])):
            # A frame is seen for as long as it lasts: the last one must be before the cut.
            first = self.snap(moved)
            if low - 1e-6 <= first <= at <= first + eaten <= high + 1e-6:
                return first
        return start

    def before(self, beat: Beat, end: float) -> Beat:
        """Film that runs up to `end`; where the clip begins too late, slower, and then there and back again."""
        length, end = beat.frames / self.fps, self.snap(end)
        if beat.slot.show == "slow":
            eaten = min(end, max(min(beat.slot.window, length), SLOWEST * length))
        else:
            eaten = min(end, length * beat.slot.speed)
        starts = [cut for cut in self.cuts if end - eaten < cut < end - eaten + SLIVER]
        if starts and (end - starts[-1]) / length >= LEAST_SPEED and beat.slot.show == "play":
            # Rather a little slower than with a glimpse of the shot before.
            eaten = end - starts[-1]
        speed = eaten / length
        if beat.slot.show == "play" and speed < SLOWEST_PLAY:
            speed = speed if speed >= LEAST_SPEED else SLOWEST_PLAY
        moving = min(beat.frames, int(eaten / speed * self.fps + 1e-6)) if eaten else 0
        facts = {**beat.facts, "slow": f"{100 * speed:.0f}"}
        if moving < LEAST_MOVING:
            return replace(
                beat, pieces=(Piece(beat.frames, end, frozen=True),), hits=self._seen_at(beat, end, length), facts=facts
            )
        start = self.snap(end - moving / self.fps * speed)
        pieces = [Piece(moving, start, speed)]
        left, backwards = beat.frames - moving, True
        while left > 0:
            count = min(moving, left)
            # A first piece that is cut short keeps its end, which meets the next one's beginning.
            begin = start if backwards else self.snap(start + (moving - count) / self.fps * speed)
            pieces.insert(0, Piece(count, begin, speed, backwards=backwards))
            left, backwards = left - count, not backwards
        return replace(beat, pieces=tuple(pieces), hits=self._seen_at(beat, end, length), facts=facts)

    def _seen_at(self, beat: Beat, end: float, length: float) -> tuple[float, ...]:
        """A beat that ends at its moment shows it with its last frame; one that hands over earlier does not."""
        on_it = beat.moment is not None and abs(end - self.snap(beat.moment.at)) < 0.5 / self.fps
        return (length,) if on_it else ()

    def show(self, beat: Beat, earlier: Sequence[Beat], ends: dict[tuple[int, str], float]) -> Beat:
        show, slot = beat.slot.show, beat.slot
        if show == "card" or beat.moment is None:
            return replace(beat, pieces=(Piece(beat.frames, card=True),), hits=(0.0,))
        at = self.snap(beat.moment.at)
        if slot.moment.endswith("_end"):
            at = self.snap(ends[(beat.round, slot.moment.removesuffix("_end"))])
        if show == "freeze":
            return replace(beat, pieces=(Piece(beat.frames, at, frozen=True),), hits=(0.0,))
        if show == "again":
            return self._again(beat, at)
        if show == "reverse":
            return self._reverse(beat, at, earlier)
        return self._slow(beat, at) if show == "slow" else self._play(beat, at, ends.get((beat.round, "turn"), 0.0))

    def _play(self, beat: Beat, at: float, shown: float) -> Beat:
        """shown: the last frame of film that the turn showed, seconds."""
        length, slot = beat.frames / self.fps, beat.slot
        turn = self.snap(beat.turn.at)
        # A set-up does not show what it leads up to, and what comes after does not show it again.
        low = min(max(turn, shown), at) if slot.place == "after" else 0.0
        high = turn if slot.place == "before" and slot.role == "setup" else self.seconds
        if slot.lands == "start":
            start = low = at
        else:
            lead = slot.lead or length / 2
            start = self.snap(min(max(low, at - lead * slot.speed), max(low, high - length * slot.speed)))
            if not slot.lead:
                start = self.whole_shots(start, length * slot.speed, at, low, high)
        if high < self.seconds and high - start < length * slot.speed - 1e-6:
            made = self.before(beat, high)
            return replace(made, hits=(max(0.0, length - (high - at) / made.pieces[-1].speed),))
        left = high - start
        speed = slot.speed if left >= length * slot.speed - 1e-6 else left / length
        speed = speed if speed >= LEAST_SPEED else SLOWEST_PLAY
        moving = min(beat.frames, max(1, int(left / speed * self.fps + 1e-6)))
        pieces, rest, backwards = [Piece(moving, start, speed)], beat.frames - moving, True
        while rest > 0:
            if moving < LEAST_MOVING:
                pieces.append(Piece(rest, self.snap(self.seconds), frozen=True))
                break
            count = min(moving, rest)
            begin = self.snap(start + (moving - count) / self.fps * speed) if backwards else start
            pieces.append(Piece(count, begin, speed, backwards=backwards))
            rest, backwards = rest - count, not backwards
        return replace(beat, pieces=tuple(pieces), hits=((at - start) / speed,))

    def _slow(self, beat: Beat, at: float) -> Beat:
        length = beat.frames / self.fps
        eaten = min(self.seconds, length, max(beat.slot.window, SLOWEST * length))
        start = self.snap(min(max(0.0, at - eaten / 2), self.seconds - eaten))
        speed = eaten / length
        facts = {**beat.facts, "slow": f"{100 * speed:.0f}"}
        return replace(beat, pieces=(Piece(beat.frames, start, speed),), hits=((at - start) / speed,), facts=facts)

    def _again(self, beat: Beat, at: float) -> Beat:
        times = beat.slot.times
        counts = [beat.frames // times + (1 if index < beat.frames % times else 0) for index in range(times)]
        start = self.snap(min(max(0.0, at - AGAIN_LEAD * counts[0] / self.fps), self.seconds - counts[0] / self.fps))
        begins = [sum(counts[:index]) / self.fps for index in range(times)]
        return replace(
            beat,
            pieces=tuple(Piece(count, start) for count in counts),
            hits=tuple(begin + at - start for begin in begins),
        )

    def _reverse(self, beat: Beat, at: float, earlier: Sequence[Beat]) -> Beat:
        """From the moment back to where the film was first shown on the way to it, not faster than the eye follows."""
        length = beat.frames / self.fps
        shown = [_first(one) for one in earlier if one.moment == beat.moment and one.slot.lands == "end" and one.pieces]
        begin = min([start for start in shown if start < at - 0.2] or [max(0.0, at - length)])
        begin = self.snap(max(begin, at - FASTEST_REVERSE * length))
        eaten = max(2 / self.fps, at - begin)
        facts = {**beat.facts, "earlier": f"{at - begin:.1f}"}
        piece = Piece(beat.frames, begin, eaten / length, backwards=True)
        return replace(beat, pieces=(piece,), hits=(0.0,), facts=facts)
