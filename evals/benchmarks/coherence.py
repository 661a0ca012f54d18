"""How well each defect of temporal coherence is told from clean footage, and from the other defects.

Clean shots of every kind (pans, zooms, handheld, drawn on twos, talking, dark, grain, coded at crf 30, ...) and the
same kinds with one defect, seeds that nothing was tuned on. Reported: the AUC of each defect's own measure against all
clean shots, verdicts on clean shots, which fault is named first, how far the moments shown are from where the defect
is, and milliseconds per frame on one core. About five minutes on two idle cores.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.threads import one_thread
from backends.vision.coherence.result import Coherence, FaultKind
from backends.vision.coherence.sink import CoherenceSink
from backends.vision.frame import Frame, Frames
from backends.vision.watch import AT_ONCE
from evals.footage.defects import DEFECTS, Clip, clean, faulty
from evals.footage.defects_scenes import CLEAN

SEEDS = (1000, 1001)
STRENGTHS = (1.0, 0.5)
OWN: dict[str, FaultKind] = {
    "boil": "boil", "wobble": "wobble", "flicker": "flicker", "regional_flicker": "flicker", "jump": "jump",
    "teleport": "jump", "colour_drift": "colour_drift", "identity": "identity_drift",
}  # fmt: skip
"""Defect -> the fault that should be named."""
PEOPLE = ("walking", "tracking", "talking")


@dataclass(frozen=True)
class Case:
    """One shot that was looked at."""

    clip: Clip
    found: Coherence
    measures: dict[FaultKind, float]
    milliseconds: tuple[float, float]
    """Per frame: the shared flow both ways, and what coherence adds."""


@one_thread()
def run(seeds: tuple[int, ...] = SEEDS, kinds: tuple[str, ...] = CLEAN) -> dict[str, Any]:
    """Clean: every kind with every seed. Strength 1: every kind with the first seed; 0.5: every other kind."""
    spotless = [watched(clean(kind, seed), identity=kind in PEOPLE) for seed in seeds for kind in kinds]
    by_defect = {
        (defect, strength): [watched(clip, identity=defect == "identity") for clip in clips]
        for defect, strength, clips in _faulty_clips(seeds, kinds)
    }
    cost = np.array([case.milliseconds for case in spotless])
    return {
        "seeds": list(seeds),
        "clean_shots": len(spotless),
        "faulty_shots": sum(map(len, by_defect.values())),
        "clean_verdicts": dict(Counter(case.found.verdict for case in spotless)),
        "clean_called_faulty": [
            {"kind": case.clip.kind, "faults": [fault.kind for fault in case.found.faults]}
            for case in spotless
            if case.found.verdict == "faulty"
        ],
        "defects": [_figures(defect, strength, cases, spotless) for (defect, strength), cases in by_defect.items()],
        "ms_per_frame": {"flow_both_ways": _round(cost[:, 0].mean()), "coherence": _round(cost[:, 1].mean())},
    }


def _faulty_clips(seeds: tuple[int, ...], kinds: tuple[str, ...]) -> Iterator[tuple[str, float, Iterator[Clip]]]:
    for number, defect in enumerate(DEFECTS):
        for strength in STRENGTHS:
            chosen = kinds if strength == 1 else kinds[number % 2 :: 2]
            yield defect, strength, (faulty(kind, seeds[0] + number, defect, strength) for kind in chosen)


def watched(clip: Clip, *, identity: bool = False) -> Case:
    """Show a clip to the sink as a pass would; identity: with the colour encoder on the clip's own masks."""
    from backends.vision.cuts.result import ShotSpan

    track = MaskedColours(clip) if identity else None
    sink = CoherenceSink(MediaInfo("video", "mp4", fps=clip.fps), track)
    pictures = clip.small()
    count = len(pictures)
    before: Frame | None = None
    flow = own = 0.0
    for first in range(0, count, AT_ONCE):
        taken: list[Frame] = []
        for index, rgb in enumerate(pictures[first : first + AT_ONCE], start=first):
            taken.append(before := Frame(index, index / clip.fps, rgb, None if taken else before))
        frames = Frames(taken)
        start = time.process_time()
        _ = frames.flow_cells, frames.flow_back_cells
        middle = time.process_time()
        sink.see_all(frames)
        flow, own = flow + middle - start, own + time.process_time() - middle
        frames.release()
    shot = ShotSpan(
        index=1, start=0, end=count / clip.fps, first_frame=0, frames=count, clean_first=0, clean_frames=count,
        opening="start",
    )  # fmt: skip
    found, measures = sink.report([shot])[0], dict(sink.measures(shot))
    return Case(clip, found, measures, (1000 * flow / count, 1000 * own / count))


class MaskedColours:
    """An `IdentityTrack` of the real colour encoder, told by the clip's truth where its actor is."""

    def __init__(self, clip: Clip) -> None:
        from backends.vision.identity.colour import ColourEncoder

        self._clip, self._encoder = clip, ColourEncoder()

    def vectors(self, frame: Frame) -> Mapping[str, NDArray[np.float32]]:
        """Of everybody whose mask is known."""
        import cv2

        found = {}
        for name, mask in self._clip.masks[frame.index].items():
            size = frame.rgb.shape[1::-1]
            small = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
            vector = self._encoder.encode(frame.rgb, mask=np.asarray(small)).vector
            if vector is not None:
                found[name] = vector
        return found


def _figures(defect: str, strength: float, cases: list[Case], spotless: list[Case]) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    own = OWN[defect]
    good = np.array([case.measures[own] for case in spotless if own in case.measures])
    bad = np.array([case.measures[own] for case in cases if own in case.measures])
    named = [next((fault.kind for fault in case.found.faults), case.found.verdict) for case in cases]
    return {
        "defect": defect,
        "strength": strength,
        "shots": len(cases),
        "measured": len(bad),
        "auc": _round(roc_auc_score(np.r_[np.zeros(len(good)), np.ones(len(bad))], np.r_[good, bad])),
        "found": _round(np.mean([any(fault.kind == own for fault in case.found.faults) for case in cases])),
        "named_first": dict(Counter(named)),
        "seconds_off": _round(np.median(off)) if (off := _off(cases, own)) else None,
    }


def _off(cases: list[Case], own: FaultKind) -> list[float]:
    """How far the worst moment shown is outside of where the defect is, seconds."""
    off = []
    for case in cases:
        shown = next((fault.seconds for fault in case.found.faults if fault.kind == own and fault.seconds), None)
        if shown and case.clip.spans:
            off.append(min(max(start - shown[0], shown[0] - end, 0.0) for start, end in case.clip.spans))
    return off


def _round(value: Any) -> float:
    return round(float(value), 4)
