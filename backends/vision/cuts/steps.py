"""Hard cuts: what PySceneDetect takes for one, and a second look at it once the next frames are known.

A cut is one step between two steady stretches, to a picture of another scene. A lamp, a flash, a strobe and a lurch of
the camera make the same jump for the detector, but the scene stays, or comes back within a few frames.
"""

from __future__ import annotations

from bisect import insort
from collections import deque

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import OUTLINED, SHOT, likeness, outlined_alike, textured
from backends.vision.cuts.thumb import Thumb
from backends.vision.cuts.window import Floats, Window
from backends.vision.frame import Frames
from backends.vision.thresholds import thresholds

CONTEXT = 4
"""Frames on each side that should be steady."""
WAIT = 24
_BLINK = 6
"""A picture that is gone again within so many frames was no shot."""
_BACK = 0.35
"""Of a jump: how near the later picture must be to the one before it to be the same."""
_ALIKE = 0.6
_UNSTEADY = 0.1
"""How much less a step may explain, since much moves around it, where it leads to quite another picture."""
_PEAK = 0.15
"""How much less a step one frame away must explain: of a fast change it does nearly as much."""
_STEADY, _BLURRED, _AROUND = 0.8, 0.45, 10
"""A step that explains so much is a cut, blurred or not; share of the detail within so many frames that blur leaves."""
_OTHER_COLOURS = 0.25
"""Mean change of chromaticity that no light makes."""
_RICH = 0.4
"""Share of textured blocks from which a scene is known by its shapes alone."""
_LIT = 60.0
"""Sum of the channels, 0-765, below which a pixel has no colour to speak of."""
_CARD, _CALM = 3.0, 0.05
"""Levels by which lines of text on black change a frame, where neighbours change by so small a share of it at most."""
_TINTED = 0.08
"""Mean change of chromaticity from which the light has another colour."""
_PAINTED, _NO_LAMP, _BURNT = 0.15, 0.9, 250.0
_IN_A_FIGHT = 0.3
"""What a step must explain at least, and more than those beside it, where shots last a few frames."""
_UNLIKE, _MOVED, _NEXT = 0.4, 0.5, 0.8
"""How well outlines agree across a cut at most and from frame to frame at least; or how alike those frames are."""
_FLASH = 4
"""Frames from which a picture that comes and goes is a shot, where it shows quite other things."""
_NO_CHANGE = 1e-5
"""AdaptiveDetector's mean change of the surroundings that counts as none."""


class StepTest:
    """Takes PySceneDetect's cuts and looks again; `found` grows."""

    def __init__(self, ratio: float) -> None:
        """ratio: how much a frame's change must exceed its surroundings' (AdaptiveDetector's threshold)."""
        self._table = thresholds().cuts
        self._detector = _Adaptive(ratio)
        self._pending: list[int] = []
        self.found: list[Found] = []

    def look(self, frames: Frames) -> None:
        """Show the detector the next frames."""
        for cut in self._detector.cuts(frames.hsv):
            if cut not in self._pending:
                insort(self._pending, cut)

    def see(self, window: Window) -> None:
        if self._pending:
            for _ in window.replay():
                self._judge(window, WAIT)

    def finish(self, window: Window) -> None:
        self._judge(window, 0)

    def _judge(self, window: Window, wait: int) -> None:
        while self._pending and window.stop - self._pending[0] >= wait:
            cut = self._pending.pop(0)
            if not window.start < cut < window.stop:
                continue
            share = step_share(window, cut)
            beside = max(step_share(window, cut - 1), step_share(window, cut + 1))
            step = share >= self._table.cut_step - _UNSTEADY and share - beside >= _PEAK
            if (step and self._another_scene(window, cut, share)) or (
                share >= max(_IN_A_FIGHT, beside) and self._between_short_shots(window, cut)
            ):
                self.found.append(Found("cut", cut, cut, share, "adaptive"))

    def _another_scene(self, window: Window, cut: int, share: float) -> bool:
        alike = likeness(window.thumb(cut - 1), window.thumb(cut), near=True)
        if share < self._table.cut_step and (alike >= _ALIKE or not _both_show_something(window, cut)):
            return False
        if (alike >= self._table.cut_likeness or _relit(window, cut)) and not _other_colours(window, cut):
            return False
        if share < _STEADY and _blurred(window, cut):
            return False
        return not _comes_back(window, cut, WAIT if alike >= _ALIKE else _BLINK)

    def _between_short_shots(self, window: Window, cut: int) -> bool:
        """Whether nothing of the old picture is in the new one, while each is like the next of its own shot.

        In a fight no stretch is steady, and shots last a few frames. A camera that is thrown round leaves no two
        pictures alike on its way, and light leaves the outlines.
        """
        old, new = window.thumb(cut - 1), window.thumb(cut)
        if min(textured(old), textured(new)) < SHOT or outlined_alike(old, new) >= _UNLIKE:
            return False
        if likeness(old, new, near=True, enough=_ALIKE) >= _ALIKE:
            return False
        if cut - 2 < window.start or cut + 1 >= window.stop:
            return False
        pairs = ((window.thumb(cut - 2), old), (new, window.thumb(cut + 1)))
        return all(_one_shot(*pair) for pair in pairs) and not _comes_back(window, cut, _FLASH)


def _comes_back(window: Window, cut: int, reach: int) -> bool:
    """Whether the picture before the cut is back, or that after it was there, within so many frames."""
    jump = _BACK * window.distance(cut - 1, cut)
    later = range(cut + 1, min(window.stop, cut + reach))
    earlier = range(max(window.start, cut - reach), cut - 1)
    return any(window.distance(cut - 1, k) < jump for k in later) or any(
        window.distance(k, cut) < jump for k in earlier
    )


def _one_shot(one: Thumb, next_: Thumb) -> bool:
    return outlined_alike(one, next_) >= _MOVED or likeness(one, next_, near=True, enough=_NEXT) >= _NEXT


def _blurred(window: Window, cut: int) -> bool:
    """Whether a side is far less sharp at the cut than around it: where a camera is thrown round, not cut."""
    first, stop = max(window.start, cut - _AROUND), min(window.stop, cut + _AROUND)
    shown = window.details(range(first, stop)).sum(axis=1)
    before, after = shown[: cut - first], shown[cut - first :]
    return bool(min(before[-1], after[0]) < _BLURRED * min(before.max(), after.max()))


def _both_show_something(window: Window, cut: int) -> bool:
    return min(textured(window.thumb(cut - 1)), textured(window.thumb(cut))) >= SHOT


def _other_colours(window: Window, cut: int) -> bool:
    """Whether the few shapes of a plain picture got other colours, from card to card; in a rich one the light did."""
    old, new = window.colours(cut - 1, cut + 1)
    changed = recoloured(old, new) >= _OTHER_COLOURS
    return changed and textured(window.thumb(cut - 1)) < _RICH and unlit(old, new) >= _PAINTED


def _relit(window: Window, cut: int) -> bool:
    """Whether all outlines stay while the colours change: then only the light did. A jump cut keeps its colours, and
    no lamp turns one picture into another that is laid out in the same panels."""
    old, new = window.colours(cut - 1, cut + 1)
    if recoloured(old, new) < _TINTED or unlit(old, new) >= _NO_LAMP:
        return False
    return outlined_alike(window.thumb(cut - 1), window.thumb(cut)) >= OUTLINED


def step_share(window: Window, cut: int) -> float:
    """0..1: the share of the variance of the frames around `cut` that one step at it explains."""
    first, stop = max(window.start, cut - CONTEXT), min(window.stop, cut + CONTEXT)
    before, after = cut - first, stop - cut
    if not before or not after:
        return 0.0
    products = window.products(first, stop)
    size = len(products)
    step = np.concatenate([np.full(before, -1 / before), np.full(after, 1 / after)])
    whole = float(np.trace(products) - products.sum() / size)
    return float(step @ products @ step) / float(step @ step) / max(whole, 1e-3)


def recoloured(old: Floats, new: Floats) -> float:
    """Mean change of chromaticity between two thumbnails (18, 32, 3) of RGB minus 128, where both are lit; 0..1.4.

    A lamp switched on, or dusk, stays below 0.2; the same shapes in other colours are another picture.
    """
    one, other = old + 128, new + 128
    sums, others = one.sum(axis=-1), other.sum(axis=-1)
    lit = (sums > _LIT) & (others > _LIT)
    if not lit.any():
        return 0.0
    change = one[lit] / sums[lit][:, None] - other[lit] / others[lit][:, None]
    return float(np.linalg.norm(change, axis=1).mean())


def unlit(old: Floats, new: Floats) -> float:
    """0..1: the share of the variance of `new` that no lamp explains: one gain of each channel over the whole of `old`.

    Thumbnails (18, 32, 3) of RGB minus 128. What is burnt out in the new one tells nothing.
    """
    one, other = (part.reshape(-1, 3) + 128 for part in (old, new))
    fits, whole = 0.0, 0.0
    for channel in range(3):
        tells = other[:, channel] < _BURNT
        if not tells.any():
            continue
        before, after = one[tells, channel], other[tells, channel]
        gain = float(before @ after) / max(float(before @ before), 1e-3)
        fits += float(np.square(after - gain * before).sum())
        whole += float(np.square(after - after.mean()).sum())
    return min(1.0, fits / max(whole, 1e-3))


class _Adaptive:
    """PySceneDetect's AdaptiveDetector (its `min_scene_len` 1) on HSV pictures that others use too.

    Its rule in a few lines: the detector's own bookkeeping of one frame costs more than all measures of it.
    """

    def __init__(self, ratio: float) -> None:
        self._table = table = thresholds().cuts
        self._ratio, self._reach = ratio, table.window_frames
        self._before: NDArray[np.uint8] | None = None
        self.scores: deque[float] = deque(maxlen=2 * self._reach + 1)
        """Mean change of hue, saturation and value of the last frames, levels."""
        self._seen = 0

    def cuts(self, hsv: NDArray[np.uint8]) -> list[int]:
        """The film's frames that may be cuts: what the detector says, a few frames late, and every large change.

        Where a lot moves, a cut need not stand out from its surroundings. hsv: (n, H, W, 3) uint8, the next frames.
        """
        found = []
        for picture in hsv:
            self.scores.append(score := self._score(picture))
            if self._stands_out():
                found.append(self._seen - self._reach)
            if score >= self._table.large_content:
                found.append(self._seen)
            self._seen += 1
        self._before = hsv[-1].copy()  # else all of them would stay alive
        return found

    def _stands_out(self) -> bool:
        """Whether the frame in the middle of the last scores changed much more than its surroundings."""
        if len(self.scores) < 2 * self._reach + 1:
            return False
        score = self.scores[self._reach]
        around = (sum(self.scores) - score) / (2 * self._reach)
        if score < self._table.min_content:
            return score >= _CARD and around <= _CALM * score
        return around < _NO_CHANGE or score >= self._ratio * around

    def _score(self, hsv: NDArray[np.uint8]) -> float:
        import cv2

        before, self._before = self._before, hsv
        if before is None:
            return 0.0
        if before.shape != hsv.shape:
            before = np.asarray(cv2.resize(before, hsv.shape[1::-1]), np.uint8)
        return float(cv2.norm(before, hsv, cv2.NORM_L1)) / hsv.size
