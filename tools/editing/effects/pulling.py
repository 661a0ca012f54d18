"""A slow zoom out: the counterpart of the push in."""

from __future__ import annotations

from tools.editing.effects.base import Canvas, effect
from tools.editing.effects.camera import Focused, eased


@effect
class PullBack(Focused):
    """Begins close and moves away slowly and evenly."""

    name = "pull_back"
    about = "a slow pull back from something, for endings and reveals"

    def motions(self, canvas: Canvas) -> list[tuple[str, str, str]]:
        begin, end = self.window(canvas)
        size, length = 0.05 + 0.35 * self.strength, max(end - begin, 1e-3)
        way = eased(f"(t-{begin:.4f})/{length:.4f}")
        return self.flight(f"({size:.4f}*between(t,{begin:.4f},{end:.4f})*(1-{way}))")

    @property
    def slow(self) -> bool:
        return True
