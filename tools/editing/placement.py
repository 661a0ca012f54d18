"""Clips in whole frames: rounding, room for transitions, and tracks for what overlaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from configs.errors import UsageError
from tools.editing.specs import CaptionSpec, ClipSpec, TitleSpec

EDGE_FRAMES = 1
"""Clips that overlap by no more than this do so by rounding, and are moved apart."""


@dataclass
class Placed:
    """A clip in whole frames; the transition into it reaches `before` frames back and `after` frames on."""

    spec: ClipSpec
    start: int
    end: int
    source: int
    before: int = 0
    after: int = 0
    title: TitleSpec | None = None
    """Set for cards, whose `spec` names no file."""

    @property
    def label(self) -> str:
        return self.spec.name or self.spec.asset_id


def place(clip: ClipSpec | TitleSpec, rate: Fraction, *, whole: bool = False) -> Placed:
    """Round to frames; `whole` rounds the end up, so that no sound loses its last syllable."""
    if isinstance(clip, TitleSpec):
        card = ClipSpec("", Path(), clip.start, clip.seconds, name=" ".join(clip.text.split())[:40] or "title",
                        transition=clip.transition, transition_seconds=clip.transition_seconds)  # fmt: skip
        placed = place(card, rate)
        placed.title = clip
        return placed
    figures = (clip.start, clip.seconds, clip.source_in, clip.transition_seconds)
    if not all(math.isfinite(figure) and figure >= 0 for figure in figures) or not math.isfinite(clip.gain_db):
        raise UsageError(f"The clip '{clip.name or clip.asset_id}' has a negative or infinite time")
    start = round(clip.start * rate)
    end = (clip.start + clip.seconds) * float(rate)
    frames = (math.ceil(end - 1e-3) if whole else round(end)) - start
    if frames < 1:
        raise UsageError(f"The clip '{clip.name or clip.asset_id}' is shorter than one frame")
    return Placed(clip, start, start + frames, round(clip.source_in * rate))


def meet(clips: list[Placed], rate: Fraction) -> None:
    """Give every transition its frames, and leave no two clips overlapping."""
    spans: list[int] = []
    for last, clip in pairwise(clips):
        wanted = 0 if clip.spec.transition == "cut" else round(clip.spec.transition_seconds * rate)
        overlap = last.end - clip.start
        if overlap > EDGE_FRAMES and not wanted:
            raise UsageError(
                f"The clips '{last.label}' and '{clip.label}' overlap",
                f"by {float(overlap / rate):.2f} s, with a cut between them",
                "Let one end where the next begins, or mix them with a dissolve",
            )
        if overlap > 0:
            ahead = overlap // 2 if overlap > EDGE_FRAMES else overlap
            clip.source += round(ahead * _speed(clip.spec))
            clip.start += ahead
            last.end = clip.start
        if clip.end <= clip.start or last.end <= last.start:
            raise UsageError(f"The transition into '{clip.label}' is longer than the clips that it joins")
        # Out of nothing there is nothing to mix: the timeline writes such a transition as the clip's own fade-in.
        spans.append(0 if overlap < 0 else overlap if overlap > EDGE_FRAMES else wanted)
    for (last, clip), span in zip(pairwise(clips), spans, strict=True):
        # A transition may not reach past the middle of its neighbours: two would meet inside one clip.
        clip.before = min(span // 2, (last.end - last.start) // 2)
        clip.after = min(span - span // 2, (clip.end - clip.start) // 2)


def _speed(clip: ClipSpec) -> float:
    """At the clip's beginning."""
    timed = (effect for effect in clip.effects if effect.get("name") in ("speed", "ramp"))
    return math.prod(float(effect.get("factor", 1)) for effect in timed)


def lanes(clips: Sequence[Placed]) -> list[list[Placed]]:
    """Spread overlapping clips over as few tracks as possible, in order of time."""
    found: list[list[Placed]] = []
    for clip in clips:
        lane = next((lane for lane in found if lane[-1].end <= clip.start), None)
        if lane is None:
            found.append(lane := [])
        lane.append(clip)
    return found


def caption_lanes(captions: Sequence[CaptionSpec], rate: Fraction) -> list[list[tuple[int, int, CaptionSpec]]]:
    """The same for captions, as (first frame, end frame, caption). Raises UsageError for one without time."""
    found: list[list[tuple[int, int, CaptionSpec]]] = []
    for caption in sorted(captions, key=lambda caption: caption.start):
        start, end = round(caption.start * rate), round(caption.end * rate)
        if start < 0 or end <= start:
            raise UsageError(f"The caption '{caption.text[:40]}' has no time to be seen")
        lane = next((lane for lane in found if lane[-1][1] <= start), None)
        if lane is None:
            found.append(lane := [])
        lane.append((start, end, caption))
    return found
