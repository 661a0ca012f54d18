"""Looks at every frame of a film once for what does not hold together over time, and sums it up per shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.media.probe import MediaInfo
from backends.vision.coherence.cells import FrameCells, Pair, blocks_of
from backends.vision.coherence.dominant import Dominant, bending, dominant_motion
from backends.vision.coherence.drift import DriftWatch, Step
from backends.vision.coherence.identity import Drift, IdentityTrack, IdentityWatch
from backends.vision.coherence.jump import JumpWatch
from backends.vision.coherence.likeness import structure
from backends.vision.coherence.numbers import Numbers, Part
from backends.vision.coherence.redrawn import BoilWatch, light_of_regions
from backends.vision.coherence.result import Coherence, FaultKind
from backends.vision.coherence.verdict import judged, measured
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame
from backends.vision.thresholds import thresholds

_MOST_PER_SECOND = 31.0
"""Of a film with more frames a second every second (third...) one is measured, against the one measured before it."""
_UNIT_SECONDS = 1 / 24
_SMALLEST = 16
"""Pixels of the shorter side that flow needs."""
_LEAST_SEEN = 0.02
"""Share of the cells from which the mean over followed ones says anything."""


class CoherenceSink:
    """A `ShotMeasure[Coherence]`."""

    def __init__(
        self, info: MediaInfo, identity: IdentityTrack | None = None, identity_mark: float | None = None
    ) -> None:
        """info: of the film that will be seen; identity: asked about twice a second who is there.

        identity_mark: 1 - cosine from which a look is another, as `identity`'s encoder was calibrated; None:
        `coherence.marks.identity_drift` of `configs/vision.yaml`, which suits the colour encoder.
        """
        self._every = max(1, round(info.fps / 30)) if info.fps > _MOST_PER_SECOND else 1
        self._numbers = Numbers()
        self._steps: list[Step] = []
        self._drift = DriftWatch()
        self._boil = BoilWatch()
        self._jump = JumpWatch()
        self._identity = IdentityWatch(identity) if identity is not None else None
        self._identity_mark = identity_mark or thresholds().coherence.marks["identity_drift"]
        self._last: FrameCells | None = None
        self._dominant: Dominant | None = None
        self._changed_at = 0.0
        self._too_small = False
        self._still = thresholds().frozen.block_change
        self._least_texture = thresholds().coherence.block_texture

    def join(self, identity: IdentityWatch) -> None:
        """Tell in the report what another sink saw of who is who."""
        self._identity = identity

    def see(self, frame: Frame) -> None:
        """Look at the next frame."""
        if self._identity is not None:
            self._identity.see(frame)
        self._too_small = min(frame.rgb.shape[:2]) < _SMALLEST
        if self._too_small or frame.index % self._every:
            return
        cells = FrameCells(frame)
        pair = Pair(self._last, cells) if self._last is not None else None
        self._last = cells
        values = {"luma": float(frame.grey.mean())}
        light = None
        if pair is not None and pair.largest_change < self._still:
            # The same drawing, shown again: it tells nothing of how drawings follow each other.
            values["repeated"], pair = 1.0, None
        if pair is not None:
            light = light_of_regions(pair)
            values |= self._measured(pair)
            self._changed_at = frame.seconds
        self._numbers.add(frame.index, frame.seconds, values, light)
        if (step := self._drift.see(cells, pair)) is not None:
            self._steps.append(step)

    def report(self, shots: Sequence[ShotSpan]) -> Sequence[Coherence]:
        """One verdict per shot, from its clean frames."""
        return [self._of(shot) for shot in shots]

    def measures(self, shot: ShotSpan) -> dict[FaultKind, float]:
        """Each measure of a shot in the unit of its mark, those that nothing can be said of left out."""
        part, steps, drifts = self._within(shot)
        found: dict[FaultKind, float] = {kind: shown.value for kind, shown in measured(part, steps).items()}
        if drifts:
            found["identity_drift"] = max(drift.value for drift in drifts.values())
        return found

    def _of(self, shot: ShotSpan) -> Coherence:
        if self._too_small:
            return Coherence(reason=f"its pictures are smaller than {_SMALLEST} pixels")
        return judged(*self._within(shot), shot.clean_frames, self._identity_mark)

    def _within(self, shot: ShotSpan) -> tuple[Part, list[Step], dict[str, Drift]]:
        clean = shot.clean
        steps = [step for step in self._steps if clean.start <= step.first_frame and step.last_frame < clean.stop]
        drifts = self._identity.drifts(clean) if self._identity is not None else {}
        return self._numbers.part(clean), steps, drifts

    def _measured(self, pair: Pair) -> dict[str, float]:
        seen = pair.seen
        count = float(seen.sum())
        ssim, texture = structure(pair)
        squares = np.repeat(np.repeat(blocks_of(seen) > 0.5, 2, axis=0), 2, axis=1)
        dominant = dominant_motion(pair, texture, self._least_texture)
        apart = (pair.after.frame.seconds - self._changed_at) / _UNIT_SECONDS
        new, leap = self._jump.see(pair, dominant, apart)
        known = count > _LEAST_SEEN * seen.size
        values = {
            "unseen": float(((1 - seen) * (pair.absolute_cells > _NOTICED)).mean()),
            "warp": float((pair.absolute_cells * seen).sum() / count) if known else 0.0,
            "worst_block": float(blocks_of(pair.absolute_cells).max()),
            "ssim": float(ssim[squares].mean()) if squares.any() else 1.0,
            "boil": self._boil.see(pair),
            "new": new,
            "leap": 100 * leap.distance * min(1.0, leap.cells / _FULL_CELLS) if leap is not None else 0.0,
            "unfit": 1.0,
        }
        if dominant is not None and self._dominant is not None:
            bends = bending(dominant, self._dominant)
            if bends is not None:
                values |= {"bending": bends * 1000 / pair.after.frame.grey.shape[1], "unfit": 0.0}
        self._dominant = dominant
        return values


_NOTICED = 3.0
"""Levels: where the flow disagrees and nothing else is wrong the picture is flat, not covered."""
_FULL_CELLS = 5
"""A leap of a smaller thing counts less."""
