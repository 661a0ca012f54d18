"""The verdict on one shot: which measures are over their marks, or why nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backends.vision.coherence.drift import Step
from backends.vision.coherence.identity import Drift
from backends.vision.coherence.measures import Shown, boil, colour_drift, flicker, jump, wobble
from backends.vision.coherence.numbers import Part
from backends.vision.coherence.result import Coherence, Fault, FaultKind
from backends.vision.thresholds import Coherent, thresholds

_MOST_UNFIT = 0.6
"""Share of the pairs of frames of which too little could be followed."""
_LEAST_ERROR = 2.0
"""Levels: the worst block of a calm picture counts as this at least, or noise would make peaks."""


def judged(
    part: Part, steps: Sequence[Step], drifts: Mapping[str, Drift], clean_frames: int, identity_mark: float
) -> Coherence:
    """part: the shot's clean frames that were measured; steps, drifts: within them; clean_frames: also those that
    were not measured because there are more than thirty a second; identity_mark: 1 - cosine of another look."""
    table = thresholds().coherence
    if clean_frames < table.least_frames or len(part) < table.least_frames // 2:
        return Coherence(reason=f"it has only {clean_frames} clean frames, and {table.least_frames} are needed")
    changed = _changed(part)
    shown = measured(part, steps)
    faults = [
        Fault(kind=kind, strength=round(found.value / table.marks[kind], 2), seconds=found.seconds)
        for kind, found in shown.items()
        if found.value > table.marks[kind]
    ]
    far = {name: drift for name, drift in drifts.items() if drift.value > identity_mark}
    if far:
        worst = max(far.values(), key=lambda drift: drift.value)
        strength = round(worst.value / identity_mark, 2)
        faults.append(Fault(kind="identity_drift", strength=strength, seconds=worst.seconds))
    faults.sort(key=lambda fault: -fault.strength)
    why = "" if faults else _why_unknown(part, changed, table)
    drift = shown.get("colour_drift")
    return Coherence(
        **_figures(part, changed),
        lab_drift=round(drift.value, 3) if drift is not None else None,
        identity_drift={name: round(found.value, 4) for name, found in drifts.items()},
        verdict="faulty" if faults else "unknown" if why else "coherent",
        faults=tuple(faults),
        reason=why,
    )


def measured(part: Part, steps: Sequence[Step]) -> dict[FaultKind, Shown]:
    """Each measure of which anything can be said, in the units of `configs/vision.yaml` under coherence."""
    changed = _changed(part)
    table = thresholds().coherence
    if len(changed) < table.least_frames // 2:
        return {}
    boils = boil(changed)
    found: dict[FaultKind, Shown] = {"boil": boils, "flicker": flicker(changed)}
    if _followed(changed):
        found["wobble"] = wobble(changed, boils.value, table.boil_in_wobble)
    if float(np.median(changed["unseen"])) < table.fastest:
        found["jump"] = jump(changed)
    first = int(part.frames[0])
    drift = colour_drift(steps, lambda frame: float(part.seconds[np.searchsorted(part.frames, max(frame, first))]))
    if drift is not None:
        found["colour_drift"] = drift
    return found


def _changed(part: Part) -> Part:
    """Frames that show another picture than the one before, both of the shot: drawings, not their repetitions."""
    return part.only((np.arange(len(part)) > 0) & (part["repeated"] < 0.5))


def _followed(changed: Part) -> bool:
    return float(changed["unfit"].mean()) <= _MOST_UNFIT


def _figures(part: Part, changed: Part) -> dict[str, float]:
    if not len(changed):
        return {
            "warp_mean": 0.0, "warp_peak_ratio": 1.0, "luma_flicker": 0.0, "ssim_warped_min": 1.0,
            "occluded_fraction": 0.0,
        }  # fmt: skip
    worst = changed["worst_block"]
    peak = float(worst.max()) / max(float(np.median(worst)), _LEAST_ERROR)
    luma = np.concatenate([part["luma"][:1], changed["luma"]])
    second = np.abs(np.diff(luma, 2))
    return {
        "warp_mean": round(float(changed["warp"].mean()), 3),
        "warp_peak_ratio": round(max(peak, 1.0), 3),
        "luma_flicker": round(float(second.mean()), 3) if len(second) else 0.0,
        "ssim_warped_min": round(float(changed["ssim"].min()), 4),
        "occluded_fraction": round(float(changed["unseen"].mean()), 4),
    }


def _why_unknown(part: Part, changed: Part, table: Coherent) -> str:
    if float(part["luma"].mean()) < table.darkest:
        return "it is too dark"
    if not len(changed):
        return ""
    if float(np.median(changed["unseen"])) > table.fastest:
        return "it moves too fast to be followed"
    if not _followed(changed):
        return "it has too little texture to be followed"
    return ""
