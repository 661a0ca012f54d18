"""Whether two frames show the same scene, whatever the light and however the camera moved a little."""

from __future__ import annotations

import numpy as np

from backends.vision.cuts.thumb import FLAT, GREY_SIZE, Floats, Thumb, without_bars

_PATCHES = (
    np.s_[16:38, 29:67], np.s_[2:18, 6:44], np.s_[2:18, 52:90], np.s_[36:52, 6:44], np.s_[36:52, 52:90]
)  # fmt: skip
"""The middle, and both halves of strips along the top and bottom, where titles seldom are."""
_SCALES = (1.0, 0.87, 1.15)
_STILL = 0.8
OUTLINED = 0.6
"""How well outlines agree in one scene, in any light."""
_SEARCH = (6, 8)
"""Rows and columns that outlines are looked for away from their place."""
_NO_OUTLINES = 0.1
_ZOOMS = (1.3, 1.6, 2.0, 2.6)
_BORDER = 8
_AS_LIGHT = 18.0
"""Levels by which lines that lie side by side in one view differ at most, in the mean."""
_TOO_FLAT = 1.0
"""Levels squared of a line that shows nothing."""
SHOT = 0.15
"""Share of textured blocks of a shot: something dark that covers everything has hardly any."""


def likeness(old: Thumb, new: Thumb, *, near: bool = False, enough: float = 1.0) -> float:
    """0..1: the best normalised correlation of any of five patches of `old` anywhere in `new`.

    Also at 0.87 and 1.15 of its size. Different scenes seldom pass 0.6, frames of one shot a second apart seldom
    stay below 0.75. near: look only within a sixth of the picture: between neighbouring frames nothing gets further.
    enough: stop looking for a better one from there on.
    """
    import cv2

    before, after = without_bars(old, new)
    one, other = before.structure, after.structure
    best = 0.0
    patches = [place for place in _PATCHES if float(one[place].std()) > FLAT / 2]
    for scale in _SCALES:
        sized = other if scale == 1 else cv2.resize(other, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for place in patches:
            part = sized[_around(place, scale)] if near else sized
            best = max(best, float(cv2.matchTemplate(part, one[place], cv2.TM_CCOEFF_NORMED).max()))
            if best >= enough:
                return best
    return best


def _around(place: tuple[slice, slice], scale: float) -> tuple[slice, slice]:
    """The patch's place in a picture of that scale, with a sixth of the picture on each side."""
    spans = []
    for part, size in zip(place, GREY_SIZE, strict=True):
        centre, half = (part.start + part.stop) / 2 * scale, (part.stop - part.start) / 2
        low = max(0, round(centre - half - size / 6))
        spans.append(slice(low, max(low + part.stop - part.start, round(centre + half + size / 6))))
    return spans[0], spans[1]


def outlined_alike(old: Thumb, new: Thumb) -> float:
    """-1..1: how well the outlines of both agree, up to a tenth of the picture apart.

    Coloured light turns light shapes on dark into dark ones on light, so that `likeness` falls, but outlines stay: of
    made worlds under a lamp that changes its colour it is at least 0.69, across cuts 0.31 at most.
    """
    import cv2

    before, after = without_bars(old, new)
    inner = before.outlines[_SEARCH[0] : -_SEARCH[0], _SEARCH[1] : -_SEARCH[1]]
    if float(inner.std()) < _NO_OUTLINES:
        return 0.0
    return float(cv2.matchTemplate(after.outlines, inner, cv2.TM_CCOEFF_NORMED).max())


def zoomed(old: Thumb, new: Thumb) -> float:
    """0..1: the best normalised correlation of the middle of one with the other when that is made 1.3 to 2.6 times as
    small: a zoom goes so far within a few frames."""
    import cv2

    one, other = (thumb.structure for thumb in without_bars(old, new))
    best = 0.0
    for wide, near in ((one, other), (other, one)):
        for scale in _ZOOMS:
            small = cv2.resize(near, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
            if float(small.std()) > FLAT / 2:
                best = max(best, float(cv2.matchTemplate(wide, small, cv2.TM_CCOEFF_NORMED).max()))
    return best


def continues(old: Thumb, new: Thumb, *, rows: bool, lower: bool) -> float:
    """-1..1: how well the border of `new` goes on where `old` ends: two views of one place side by side.

    rows: one above the other; lower: the picture moves left (up), so that the right (lower) border of `old` counts.
    """
    pictures = [(thumb.structure, thumb.grey.astype(np.float32)) for thumb in without_bars(old, new)]
    found = []
    for one, other in zip(*pictures, strict=True):
        before, after = (one.T, other.T) if rows else (one, other)
        if not lower:
            before, after = before[:, ::-1], after[:, ::-1]
        ends, begins = before[:, : -_BORDER - 1 : -1].T, after[:, :_BORDER].T
        found.append([(ends[:1], begins), (ends, begins[:1])])
    shapes, greys = found
    alike = np.concatenate([_correlated(a, b) for a, b in shapes])
    apart = np.concatenate([np.abs(a - b).mean(axis=1) for a, b in greys])
    return float(np.where(apart <= _AS_LIGHT, alike, 0).max())


def _correlated(some: Floats, others: Floats) -> Floats:
    """(n,) of lines (n, P), one of both may be (1, P)."""
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (some, others))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(norms, _TOO_FLAT * a.shape[1]), np.float32)


def unmoved(old: Thumb, new: Thumb) -> float:
    """0..1: the share of the textured blocks of `old` that `new` shows in the same place, in any light."""
    one, other = without_bars(old, new)
    there = one.textured
    if np.count_nonzero(there) < 4:
        return 0.0
    match = np.einsum("bp,bp->b", one.blocks, other.blocks) / np.maximum(one.lengths * other.lengths, 1e-6)
    return float(np.count_nonzero(match[there] > _STILL)) / np.count_nonzero(there)


def textured(thumb: Thumb) -> float:
    """0..1: the share of the blocks of a frame that show anything by which they could be known again."""
    return float(np.count_nonzero(thumb.textured)) / len(thumb.textured)
