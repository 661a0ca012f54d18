"""Shots that belong together: grouped by their look, by the sound that goes on, and by how one gives way to the next.

Time-constrained clustering with overlapping links (Yeung and Yeo, ICPR 1996; Hanjalic et al., IEEE CSVT 9(4), 1999):
two shots of one set-up within a window of time hold everything between them together, so that a conversation in shot
and reverse shot stays one scene. Where no set-up returns, kinship of colours between the shots before and after, the
ambience, and the kind of transition decide.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.sound.result import Sound
from backends.vision.cuts.result import Transition
from backends.vision.record import Scene, Shot
from backends.vision.thresholds import thresholds
from tools.analysis.cutting import joins_by_shot
from tools.analysis.scenes_look import Looks

Rgb = NDArray[np.uint8]
_AMBIENCE_SECONDS = 4.0
_AMBIENCE_SHARE = 15
"""Percentile of the level that is taken for the ambience: speech has pauses."""
_STEP_DB, _MOST_STEPS = 6.0, 2.0
_MUSIC_OVER, _SPEECH_OVER = 1.0, 0.3
"""Seconds on both sides of a border that sound must last to go on over it."""
_KIN_SHOTS, _KIN_SHARE = 3, 3
"""Shots on each side that are compared; the best third of the pairs tells their kinship."""


def group_scenes(
    shots: Sequence[Shot],
    keyframes: Sequence[Rgb],
    *,
    transitions: Sequence[Transition] = (),
    sound: Sound | None = None,
) -> list[Scene]:
    """The scenes of a film, in order; together they cover all shots.

    Args:
        shots: in order; only their times are looked at.
        keyframes: one picture per shot, (H, W, 3) uint8 RGB, all of one size.
        transitions: how the shots give way to each other; cuts need not be named.
        sound: the whole track, when it was measured.

    Raises ValueError when there are not as many pictures as shots.
    """
    if len(shots) != len(keyframes):
        raise ValueError(f"{len(keyframes)} pictures for {len(shots)} shots")
    if not shots:
        return []
    odds = border_odds(shots, keyframes, transitions=transitions, sound=sound)
    kinds = _kinds(shots, transitions)
    heads = _without_lone_shots(shots, odds, [0, *(at for at in range(1, len(shots)) if odds[at] > 0)], kinds)
    ends = [*heads[1:], len(shots)]
    return [
        Scene(
            index=number, first_shot=shots[head].index, shots=end - head, start=shots[head].start,
            end=shots[end - 1].end,
        )
        for number, (head, end) in enumerate(zip(heads, ends, strict=True), 1)
    ]  # fmt: skip


def with_scenes(shots: Sequence[Shot], scenes: Sequence[Scene]) -> list[Shot]:
    """The shots with the index of their scene; scene 1 where `scenes` is empty."""
    heads = [scene.first_shot for scene in scenes]
    numbered = [scene.index for scene in scenes]
    return [
        shot.model_copy(update={"scene": numbered[max(0, bisect_left(heads, shot.index + 1) - 1)] if heads else 1})
        for shot in shots
    ]


def border_odds(
    shots: Sequence[Shot],
    keyframes: Sequence[Rgb],
    *,
    transitions: Sequence[Transition] = (),
    sound: Sound | None = None,
) -> list[float]:
    """For every shot the evidence that a scene begins with it, as the natural logarithm of the odds; 0.0 for the first.

    The weights are those of `scenes` in `configs/vision.yaml`.
    """
    table = thresholds().scenes
    looks = Looks(keyframes, table)
    kinds = _kinds(shots, transitions)
    of_kind = {"fade": table.fade, "dissolve": table.dissolve, "wipe": table.wipe}
    odds = [0.0]
    for at in range(1, len(shots)):
        evidence = table.border + of_kind.get(kinds.get(at, ""), 0.0)
        returning = _returning(shots, looks, at)
        evidence += table.twin * returning + table.closed * _closed(looks, at) * (1 - returning)
        evidence += table.kinship * _kinship(looks, at) + table.neighbours * looks.kin(at - 1, at)
        if sound is not None:
            evidence += _sound_evidence(sound, shots[at].start)
        odds.append(evidence)
    return odds


def _returning(shots: Sequence[Shot], looks: Looks, at: int) -> float:
    """How surely a set-up from before the border comes back behind it, 0-1: the best overlapping link."""
    table = thresholds().scenes
    best = 0.0
    for before in range(max(0, at - table.window_shots), at):
        for after in range(at, min(len(shots), before + table.window_shots + 1)):
            if shots[after].start - shots[before].end > table.window_seconds:
                break
            farther = max(0, after - before - table.near_shots) / max(1, table.window_shots - table.near_shots)
            best = max(best, looks.twin(before, after) * (1 - 0.5 * farther))
    return best


def _closed(looks: Looks, at: int) -> float:
    """How surely the nearest shots on both sides have a twin on their own side, 0-1, the mean: two conversations."""
    window, count = thresholds().scenes.window_shots, len(looks)
    sides = (range(max(0, at - window), at), range(at, min(count, at + window)))
    near = [*sides[0][-_KIN_SHOTS:], *sides[1][:_KIN_SHOTS]]
    best = [
        max((looks.twin(shot, other) for other in sides[shot >= at] if other != shot), default=0.0) for shot in near
    ]
    halves = [best[: len(sides[0][-_KIN_SHOTS:])], best[len(sides[0][-_KIN_SHOTS:]) :]]
    return float(np.mean([np.mean(half) for half in halves]))


def _kinship(looks: Looks, at: int) -> float:
    """How alike the nearest shots on both sides are in colour, at most 1: the mean of the best pairs."""
    pairs = sorted(
        (
            looks.kin(before, after)
            for before in range(max(0, at - _KIN_SHOTS), at)
            for after in range(at, min(len(looks), at + _KIN_SHOTS))
        ),
        reverse=True,
    )
    return float(np.mean(pairs[: max(1, len(pairs) // _KIN_SHARE)]))


def _sound_evidence(sound: Sound, at: float) -> float:
    """For a border at a time: ambience that jumps; against it: music or speech that goes on."""
    table = thresholds().scenes

    def goes_on(what: str, margin: float) -> bool:
        return any(
            what in part.label and part.start < at - margin and part.end > at + margin for part in sound.segments
        )

    steps = min(_MOST_STEPS, _ambience_jump(sound, at) / _STEP_DB)
    evidence = table.jump * steps
    if goes_on("music", _MUSIC_OVER):
        evidence += table.music
    if goes_on("speech", _SPEECH_OVER):
        evidence += table.speech
    return evidence


def _ambience_jump(sound: Sound, at: float) -> float:
    """dB between the quiet moments before and after; 0 where there is too little to tell."""
    step = sound.curve_step
    reach, middle = round(_AMBIENCE_SECONDS / step), round(at / step)
    before = sound.curve_dbfs[max(0, middle - reach) : max(0, middle)]
    after = sound.curve_dbfs[middle + 1 : middle + 1 + reach]
    if min(len(before), len(after)) * step < 0.5:
        return 0.0
    floors = [
        np.percentile(np.maximum(np.asarray(part, np.float64), -60.0), _AMBIENCE_SHARE) for part in (before, after)
    ]
    return float(abs(floors[0] - floors[1]))


def _kinds(shots: Sequence[Shot], transitions: Sequence[Transition]) -> dict[int, str]:
    """The kind of transition into each shot, by its place in `shots`: as named, else as the shot says of itself."""
    named = {at: change.kind for at, change in joins_by_shot(shots, transitions).items()}
    return {at: named.get(at, shot.opening) for at, shot in enumerate(shots) if at}


def _without_lone_shots(
    shots: Sequence[Shot], odds: Sequence[float], heads: Sequence[int], kinds: dict[int, str]
) -> list[int]:
    """A short shot between two borders is an insert: it goes with the side that it is less apart from."""
    kept = list(heads)
    for head in heads:
        place = kept.index(head) if head in kept else -1
        if place < 0:
            continue
        after = kept[place + 1] if place + 1 < len(kept) else len(shots)
        lone = after - head == 1 and shots[head].seconds < thresholds().scenes.shortest_scene
        apart = kinds.get(head) == "fade" and (after == len(shots) or kinds.get(after) == "fade")
        if not lone or apart or len(kept) == 1:
            continue
        weaker = [at for at in (head, after) if 0 < at < len(shots)]
        if weaker:
            kept.remove(min(weaker, key=lambda at: odds[at]))
    return kept
