"""From a speaker's turns to pieces of three to ten seconds: cut at pauses, and at the borders of known lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backends.sound.result import Words
from backends.voice.speakers.activity import FRAME_S
from backends.voice.speakers.diarise import Diarisation
from backends.voice.speakers.track import VoiceTrack
from configs.voice_dataset import Cutting

_LEAST_LINE_SHARE = 0.6
"""Of the speech in a line that must be the character's."""
_SNAP_S = 0.4
"""Lines of subtitles begin and end about this near to the speech."""
_SNIPPET_S = 0.3
_AROUND_S = 0.25
"""The edges of an overlap are found no nearer than this."""
_PAUSE_FRAMES = 8
"""A quarter second of pauses tells how loud the noise is."""
Span = tuple[float, float]


@dataclass(frozen=True)
class Piece:
    """A stretch of the character's speech that may become a clip; seconds of its source."""

    start: float
    end: float
    text: str = ""
    text_by: str = ""

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Scene:
    """One source's track, who speaks in it, and which of them is wanted."""

    track: VoiceTrack
    who: Diarisation
    speaker: int

    def mine(self) -> list[Span]:
        """Speech of the wanted one, without pauses."""
        turns = [(turn.start, turn.end) for turn in self.who.turns if turn.speaker == self.speaker]
        return _common(self.track.spans, turns)

    def others(self) -> list[Span]:
        """Turns of everybody else."""
        return [(turn.start, turn.end) for turn in self.who.turns if turn.speaker != self.speaker]


def cut_pieces(scene: Scene, limits: Cutting, words: Sequence[Words] = (), both_s: float = math.inf) -> list[Piece]:
    """The character's speech in pieces, in order.

    With words, pieces hold whole lines, and speech that no line tells stays without a text. Pieces may be shorter or
    longer than the limits where no pause allows better: the gates say so.

    both_s: where two seem to speak at once for longer, speech without words is cut away around it, so that what
    comes before and after can be kept; a line with words stays whole.
    """
    mine, others = scene.mine(), scene.others()
    blurred = [(a - _AROUND_S, b + _AROUND_S) for a, b in scene.who.overlaps if b - a > both_s]
    if words:
        lines = _lines_of(words, mine, others, scene.track)
        pieces = _merged(lines, others, limits)
        told = [(piece.start, piece.end) for piece in pieces]
        rest = [span for span in _without(mine, [*told, *blurred]) if span[1] - span[0] >= _SNIPPET_S]
        pieces += [Piece(a, b) for a, b in _runs(rest, [*others, *told, *blurred], limits, scene.track)]
    else:
        pieces = [Piece(a, b) for a, b in _runs(_without(mine, blurred), [*others, *blurred], limits, scene.track)]
    pieces.sort(key=lambda piece: piece.start)
    return _with_edges(pieces, others, scene.track.seconds, limits.edge_s)


def _lines_of(words: Sequence[Words], mine: list[Span], others: list[Span], track: VoiceTrack) -> list[Piece]:
    """The lines that the character says, with their borders moved to where the speech begins and ends."""
    made: list[Piece] = []
    for line in words:
        own = overlap(mine, line.start, line.end)
        spoken = own + overlap(others, line.start, line.end)
        if own < _SNIPPET_S or own < _LEAST_LINE_SHARE * spoken:
            continue
        inside = [span for span in mine if span[1] > line.start + 0.1 and span[0] < line.end - 0.1]
        start, end = inside[0][0], inside[-1][1]
        if start < line.start - _SNAP_S:
            start = _quiet_near(track, line.start)
        if end > line.end + _SNAP_S:
            end = _quiet_near(track, line.end)
        start = max(start, made[-1].end) if made else start
        if end - start >= _SNIPPET_S:
            made.append(Piece(start, end, line.text, line.by))
    return made


def _merged(lines: list[Piece], others: list[Span], limits: Cutting) -> list[Piece]:
    """Neighbouring lines together, as long as nobody else speaks between them and the whole is short enough."""
    made: list[Piece] = []
    for line in lines:
        last = made[-1] if made else None
        if (
            last is not None
            and line.start - last.end <= limits.joined_pause_s
            and line.end - last.start <= limits.longest_s - 2 * limits.edge_s
            and (last.seconds < limits.shortest_s or line.seconds < limits.shortest_s)
            and not overlap(others, last.end, line.start)
        ):
            made[-1] = replace(last, end=line.end, text=f"{last.text} {line.text}")
        else:
            made.append(line)
    return made


def _runs(spans: list[Span], others: list[Span], limits: Cutting, track: VoiceTrack) -> list[Span]:
    """Spans joined over short pauses, then cut to length at the best pauses."""
    groups: list[list[Span]] = []
    for span in spans:
        last = groups[-1][-1] if groups else None
        near = last is not None and span[0] - last[1] <= limits.joined_pause_s
        if near and last is not None and not overlap(others, last[1], span[0]):
            groups[-1].append(span)
        else:
            groups.append([span])
    return [piece for group in groups for piece in _split(group, limits, track)]


def _split(group: list[Span], limits: Cutting, track: VoiceTrack) -> list[Span]:
    """One run in pieces: long pauses near the middle are the best places to cut."""
    start, end = group[0][0], group[-1][1]
    longest = limits.longest_s - 2 * limits.edge_s
    if end - start <= longest:
        return [(start, end)]
    best, value = 0, float("-inf")
    for index in range(1, len(group)):
        left, right = group[index - 1][1] - start, end - group[index][0]
        pause = group[index][0] - group[index - 1][1]
        worth = pause - 0.02 * abs(left - right) - 2.0 * (left < limits.shortest_s) - 2.0 * (right < limits.shortest_s)
        if worth > value:
            best, value = index, worth
    if best:
        return [*_split(group[:best], limits, track), *_split(group[best:], limits, track)]
    # one stretch without a pause: at its quietest moment
    cut = _quiet_near(track, (start + end) / 2, (end - start) / 2 - limits.shortest_s)
    return [*_split([(start, cut)], limits, track), *_split([(cut, end)], limits, track)]


def _quiet_near(track: VoiceTrack, at: float, within: float = _SNAP_S) -> float:
    first = max(0, round((at - within) / FRAME_S))
    level = track.level_db[first : round((at + within) / FRAME_S) + 1]
    return (first + int(level.argmin()) + 0.5) * FRAME_S if len(level) else at


def _with_edges(pieces: list[Piece], others: list[Span], seconds: float, edge: float) -> list[Piece]:
    """A little of what is heard before and after, but nobody else's speech and half of what lies between pieces."""
    made: list[Piece] = []
    for index, piece in enumerate(pieces):
        start, end = max(0.0, piece.start - edge), min(seconds, piece.end + edge)
        if index:
            start = max(start, (pieces[index - 1].end + piece.start) / 2)
        if index + 1 < len(pieces):
            end = min(end, (piece.end + pieces[index + 1].start) / 2)
        start = max([start, *(b for a, b in others if a < piece.start and b > start and b <= piece.start)])
        end = min([end, *(a for a, b in others if b > piece.end and a < end and a >= piece.end)])
        made.append(replace(piece, start=start, end=end))
    return made


def overlap(spans: Sequence[Span], start: float, end: float) -> float:
    """Seconds of `spans` (which do not overlap each other) between `start` and `end`."""
    return sum(max(0.0, min(b, end) - max(a, start)) for a, b in spans)


def _common(spans: Sequence[Span], turns: Sequence[Span]) -> list[Span]:
    """Where both are; both in order."""
    made: list[Span] = []
    at = 0
    for start, end in turns:
        while at > 0 and spans[at - 1][1] > start:
            at -= 1
        while at < len(spans) and spans[at][0] < end:
            first, last = max(start, spans[at][0]), min(end, spans[at][1])
            if last - first > 0.05:
                made.append((first, last))
            at += 1
    return made


def _without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """`spans` less `holes`."""
    made: list[Span] = []
    for start, end in spans:
        parts = [(start, end)]
        for a, b in holes:
            parts = [piece for x, y in parts for piece in ((x, min(y, a)), (max(x, b), y)) if piece[1] - piece[0] > 0]
        made += parts
    return made


def snr_db(track: VoiceTrack, piece: Piece, reach: float = 4.0) -> float | None:
    """Power of the speech over the usual power of the pauses inside the piece, or beside it, dB, 60 at most.

    The pauses' median is taken: breath and fading sounds in them are the speaker's own and are no noise (their mean
    put one reader's readings 11 dB too low, by noise of known level). Pauses beside the piece may be another's, with
    another microphone, and count only where the piece has none. None when there are none near enough either.
    """
    middle = (np.arange(len(track.level_db)) + 0.5) * FRAME_S
    inside = (middle >= piece.start) & (middle < piece.end)
    near = (middle >= piece.start - reach) & (middle < piece.end + reach)
    power = 10 ** (track.level_db.astype(np.float64) / 10)
    quiet = track.probability < 0.1
    # the frame after speech still rings
    quiet[1:] &= track.probability[:-1] < 0.3
    speech, pauses = power[inside & (track.probability >= 0.5)], power[inside & quiet]
    if len(pauses) < _PAUSE_FRAMES:
        pauses = power[near & quiet]
    if len(speech) < 10 or len(pauses) < 5:
        return None
    noise = float(np.median(pauses))
    voice = max(float(speech.mean()) - noise, 1e-12)
    return float(min(60.0, 10 * np.log10(voice / max(noise, 1e-12))))
