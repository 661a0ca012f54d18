"""What a test has found, before the tests' findings are made to agree."""

from __future__ import annotations

from dataclasses import dataclass

from backends.vision.cuts.result import TransitionKind


@dataclass(frozen=True)
class Found:
    """One transition as one test sees it."""

    kind: TransitionKind
    first: int
    """The first frame that is not purely the old shot; of a cut the new shot's first."""
    stop: int
    """The new shot's first pure frame; the same as `first` for a cut."""
    score: float
    """0..1: how sure the test is."""
    by: str
    detail: str = ""

    @property
    def frames(self) -> int:
        return self.stop - self.first

    def touches(self, other: Found, margin: int = 0) -> bool:
        """Whether both have a frame in common, or are at most `margin` frames apart."""
        return self.first <= other.stop + margin and other.first <= self.stop + margin
