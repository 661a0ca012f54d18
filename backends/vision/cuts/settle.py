"""From what the tests found to one list of transitions, and the shots between them."""

from __future__ import annotations

from collections.abc import Sequence

from backends.vision.cuts.found import Found
from backends.vision.cuts.result import Opening, ShotSpan, Transition

_CLEAR_BLEND = 0.9
"""A blend that explains so much is no wipe, and a cut inside of it is a part of it."""
_MARGIN = 2
_SURE_CUT = 0.85
"""A cut that explains so much, a few frames beside a gradual transition, is no part of it: one of both is wrong, and a
tilt down to the horizon looks like a wipe more often than motion looks like such a cut."""
NETWORK = "transnetv2"
"""It knows no kinds and no exact borders: it fills what the others leave open."""
_RANK = {"fade": 3, "wipe": 2, "cut": 1, "dissolve": 0}


def settled(found: Sequence[Found], shortest: int) -> list[Found]:
    """Of findings that share frames, or leave a shot of less than `shortest` frames, the better; in order.

    A cut inside of a plain gradual transition is that transition; beside a less plain one a sure cut stands.
    """
    kept: list[Found] = []
    cuts = [item for item in found if item.kind == "cut" and item.by != NETWORK and item.score >= _SURE_CUT]
    fitting = [item for item in found if not any(_shows_doubt(item, cut, shortest) for cut in cuts)]
    for item in sorted(fitting, key=_weight, reverse=True):
        if all(_apart(item, other, shortest) for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda item: item.first)


def _weight(item: Found) -> tuple[float, float]:
    if item.by == NETWORK:
        return -1.0, item.score
    rank = float(_RANK[item.kind])
    if item.kind == "dissolve" and item.score >= _CLEAR_BLEND:
        rank = _RANK["wipe"] + 0.5
    return rank, item.score


def _shows_doubt(item: Found, cut: Found, shortest: int) -> bool:
    """Whether a sure cut lies so near to a wipe or dissolve that only one of both can be."""
    if item.kind not in ("wipe", "dissolve") or _weight(item)[0] > _RANK["wipe"]:
        return False
    return not item.touches(cut, _MARGIN) and not _apart(item, cut, shortest)


def _apart(one: Found, other: Found, shortest: int) -> bool:
    if not one.touches(other, _MARGIN):
        gap = max(one.first, other.first) - min(one.stop, other.stop)
        return gap >= (2 * shortest // 3 if one.kind == other.kind == "cut" else shortest)
    return False


def transitions_of(found: Sequence[Found], times: Sequence[float], end: float) -> list[Transition]:
    """As they are recorded. times: (n,) seconds of all frames; end: of the film, seconds."""
    return [
        Transition(
            kind=item.kind,
            first_frame=item.first,
            frames=item.frames,
            start=times[item.first],
            end=times[item.stop] if item.stop < len(times) else end,
            confidence=round(min(1.0, max(0.0, item.score)), 3),
            detail=item.detail,
            by=item.by,
        )
        for item in found
    ]


def shots_between(found: Sequence[Found], times: Sequence[float], end: float) -> list[ShotSpan]:
    """The shots, with borders in the middle of gradual transitions; a fade at either end of the film makes none."""
    count = len(times)
    inner = [item for item in found if item.first > 0 and (item.stop < count or item.kind != "fade")]
    openings: list[tuple[int, Opening]] = [(0, "start")]
    openings += [(item.first + item.frames // 2, item.kind) for item in inner]
    clean = [max((item.stop for item in found if item.first == 0), default=0), *(item.stop for item in inner)]
    last = min((item.first for item in found if item not in inner and item.first > 0), default=count)
    ends = [*(item.first for item in inner), last]
    stops = [*(border for border, _ in openings[1:]), count]
    shots = []
    for index, ((first, opening), stop) in enumerate(zip(openings, stops, strict=True)):
        begin = min(clean[index], stop - 1)
        shots.append(
            ShotSpan(
                index=index + 1,
                start=times[first],
                end=times[stop] if stop < count else end,
                first_frame=first,
                frames=stop - first,
                clean_first=begin,
                clean_frames=max(1, ends[index] - begin),
                opening=opening,
            )
        )
    return shots
