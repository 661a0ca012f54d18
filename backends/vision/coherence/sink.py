"""Looks at every frame of a film once for what does not hold together over time, and sums it up per shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.coherence.cells import Last, Looked
from backends.vision.coherence.dominant import Dominant, bending, dominant_motion
from backends.vision.coherence.drift import DriftWatch, Motion, Step
from backends.vision.coherence.identity import Drift, IdentityTrack, IdentityWatch
from backends.vision.coherence.jump import JumpWatch, Leap
from backends.vision.coherence.likeness import structure
from backends.vision.coherence.numbers import Numbers, Part
from backends.vision.coherence.pairs import Pairs
from backends.vision.coherence.redrawn import BoilWatch, light_of_regions
from backends.vision.coherence.result import Coherence, FaultKind
from backends.vision.coherence.stacks import halved
from backends.vision.coherence.verdict import judged, measured
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames
from backends.vision.thresholds import thresholds

_AT_ONCE = 32
"""Frames that are measured in one step at most."""
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
        self._last: Last | None = None
        self._before: Dominant | None = None
        """Of the last pair of frames."""
        self._changed_at = 0.0
        self._too_small = False
        self._still = thresholds().frozen.block_change
        self._least_texture = thresholds().coherence.block_texture

    def join(self, identity: IdentityWatch) -> None:
        """Tell in the report what another sink saw of who is who."""
        self._identity = identity

    def see(self, frame: Frame) -> None:
        """Look at the next frame."""
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        """Look at the next frames."""
        if len(frames) > _AT_ONCE:
            for first in range(0, len(frames), _AT_ONCE):
                self.see_all(Frames(frames[first : first + _AT_ONCE]))
            return
        if self._identity is not None:
            for frame in frames:
                self._identity.see(frame)
        self._too_small = min(frames[0].rgb.shape[:2]) < _SMALLEST
        chosen = [at for at, frame in enumerate(frames) if frame.index % self._every == 0]
        if self._too_small or not chosen:
            return
        looked = Looked(frames, chosen)
        if self._last is not None and self._last.grey.shape != looked.grey.shape[1:]:
            self._last = self._before = None  # nothing of the frame before can be compared with these
            self._boil, self._drift = BoilWatch(), DriftWatch()
        self._look(looked, frames)
        self._last = looked.last()

    def _look(self, looked: Looked, frames: Frames) -> None:
        # The same drawing, shown again, tells nothing of how drawings follow each other.
        still = looked.still(self._last, self._still)
        first = int(self._last is None)
        drawn = [at for at in range(first, len(looked.frames)) if not still[at]]
        rows = [{"luma": luma} for luma in looked.luma.tolist()]
        lights: dict[int, NDArray[np.float32]] = {}
        motions: dict[int, Motion] = {}
        for at in range(first, len(looked.frames)):
            rows[at]["repeated"] = float(still[at])
        if drawn:
            pairs = Pairs(self._last, looked, drawn, frames)
            lights = dict(zip(drawn, light_of_regions(pairs), strict=True))
            motions = dict(zip(drawn, zip(*pairs.there, pairs.seen, strict=True), strict=True))
            for at, values in zip(drawn, self._measured(pairs), strict=True):
                rows[at] |= values
        for at, (frame, rgb) in enumerate(zip(looked.frames, looked.rgb, strict=True)):
            self._numbers.add(frame.index, frame.seconds, rows[at], lights.get(at))
            if (step := self._drift.see(frame.index, frame.seconds, rgb, motions.get(at))) is not None:
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

    def _measured(self, pairs: Pairs) -> list[dict[str, float]]:
        """Per pair: what of `numbers.PAIR` can be told from it."""
        ssim, texture = structure(pairs)
        now = dominant_motion(pairs, texture, self._least_texture)
        before = now.after(self._before)
        self._before = now.last()
        bends = bending(now, before) * (1000 / pairs.grid.longest)
        leaps = self._jump.see(pairs, now, before, self._apart(pairs))
        found = {
            "unseen": ((1 - pairs.seen) * (pairs.absolute > _NOTICED)).mean(axis=(1, 2)),
            "warp": _warp(pairs),
            "worst_block": pairs.blocks.absolute.max(axis=(1, 2)),
            "ssim": _likeness(pairs, ssim),
            "boil": self._boil.see(pairs),
            "new": np.array([new for new, _ in leaps]),
            "leap": np.array([_weight(leap) for _, leap in leaps]),
            "bending": np.nan_to_num(bends),
            "unfit": np.isnan(bends),
        }
        columns = {name: values.astype(np.float64).tolist() for name, values in found.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _apart(self, pairs: Pairs) -> NDArray[np.float64]:
        """(N,) since the drawing before was first shown, 1/24 s."""
        shown = [self._changed_at, *(frame.seconds for frame in pairs.after)]
        self._changed_at = shown[-1]
        return np.diff(shown) / _UNIT_SECONDS


def _warp(pairs: Pairs) -> NDArray[np.float64]:
    """(N,) mean error of the cells that are followed, 0 where those are too few."""
    count = pairs.seen.sum(axis=(1, 2))
    known = count > _LEAST_SEEN * pairs.seen[0].size
    return np.where(known, (pairs.absolute * pairs.seen).sum(axis=(1, 2)) / np.maximum(count, 1), 0.0)


def _likeness(pairs: Pairs, ssim: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) mean SSIM of the blocks that are followed, 1 where none is."""
    followed = pairs.blocks.seen > 0.5
    count = followed.sum(axis=(1, 2))
    return np.where(count > 0, (halved(ssim) * followed).sum(axis=(1, 2)) / np.maximum(count, 1), 1.0)


def _weight(leap: Leap | None) -> float:
    return 100 * leap.distance * min(1.0, leap.cells / _FULL_CELLS) if leap is not None else 0.0


_NOTICED = 3.0
"""Levels: where the flow disagrees and nothing else is wrong the picture is flat, not covered."""
_FULL_CELLS = 5
"""A leap of a smaller thing counts less."""
