"""Where in a picture something is: exact masks from the layout it was drawn after, else places and the foreground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.film.lexicon import lexicon, word_index
from tools.film.words import find_phrase

if TYPE_CHECKING:
    from backends.image.layout.frame import LayoutFrame

Mask = NDArray[np.uint8]
"""(H, W) uint8: 255 = belongs to it."""
_SEEN = 24
"""Pixels; less of a thing cannot be changed."""
_CUT_SIDE = 480
"""Pixels of the longer side that the foreground is looked for at."""


@dataclass(frozen=True)
class Region:
    name: str
    """In words, for the user."""
    mask: Mask
    exact: bool
    """True: known from the layout; False: a place, or found by colour."""


def find_region(
    text: str, size: tuple[int, int], *, frame: LayoutFrame | None = None, rgb: NDArray[np.uint8] | None = None
) -> Region | None:
    """The part of the picture that `text` names, None when it names none that can be found.

    Args:
        size: width and height of the picture.
        frame: the layout that it was drawn after, of the same size.
        rgb: the picture, for telling foreground from background where there is no layout.
    """
    parts = [key for _, key, _ in find_phrase(text, word_index("edits", "regions"))]
    owners = named_owners(text, frame.owners[2:]) if frame is not None else []
    if frame is not None:
        for key in parts:
            mask = _by_labels(frame, lexicon("edits")["regions"][key]["labels"], owners)
            if int((mask > 0).sum()) >= _SEEN:
                who = (
                    f" of {' and '.join(owners)}"
                    if owners and key not in ("sky", "background", "ground", "sea")
                    else ""
                )
                return Region(f"the {key}{who}", mask, True)
        if owners:
            mask = _owned(frame, owners)
            if int((mask > 0).sum()) >= _SEEN:
                return Region(" and ".join(owners), mask, True)
    elif rgb is not None and set(parts) & {"background", "person"}:
        front = foreground(rgb)
        if front is not None:
            behind = "background" in parts
            return Region("the background" if behind else "the foreground", 255 - front if behind else front, False)
    places = find_phrase(text, word_index("edits", "places"))
    if places:
        key = max((key for _, key, _ in places), key=len)
        return Region(f"the {key}", _box(lexicon("edits")["places"][key]["box"], size), False)
    return None


def named_owners(text: str, names: Sequence[str]) -> list[str]:
    """Those of `names` that the text names, in its order."""
    found = find_phrase(text, {name.lower(): name for name in names})
    return list(dict.fromkeys(name for _, name, _ in found))


def characters_mask(frame: LayoutFrame) -> Mask:
    """All characters of a layout."""
    return _owned(frame, frame.owners[2:])


def grown(mask: Mask, pixels: float, soft: float = 0.0) -> Mask:
    """The mask wider by `pixels` (narrower when negative), its edge softened inwards over about `soft` pixels."""
    import cv2

    reach = max(1, round(abs(pixels)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = (cv2.dilate if pixels > 0 else cv2.erode)(mask, kernel) if pixels else mask
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), soft) if soft > 0 else wide, np.uint8)


def foreground(rgb: NDArray[np.uint8]) -> Mask | None:
    """The subject in the middle by GrabCut (Rother et al. 2004), None when nothing stands out.

    It knows colours, not things: good for one figure before a plain or different ground.
    """
    import cv2

    height, width = rgb.shape[:2]
    scale = min(1.0, _CUT_SIDE / max(height, width))
    small = cv2.resize(rgb, (max(8, round(width * scale)), max(8, round(height * scale))), interpolation=cv2.INTER_AREA)
    tall, wide = small.shape[:2]
    marks = np.full((tall, wide), cv2.GC_BGD, np.uint8)
    marks[round(0.04 * tall) :, round(0.12 * wide) : wide - round(0.12 * wide)] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(
            cv2.cvtColor(small, cv2.COLOR_RGB2BGR), marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 4,
            cv2.GC_INIT_WITH_MASK,
        )  # fmt: skip
    except cv2.error:
        return None
    front = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.uint8) * 255
    front = cv2.morphologyEx(front, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    share = float((front > 0).mean())
    if not 0.01 < share < 0.9:
        return None
    return np.asarray(cv2.resize(front, (width, height), interpolation=cv2.INTER_LINEAR) // 128 * 255, np.uint8)


def _by_labels(frame: LayoutFrame, patterns: Sequence[str], owners: Sequence[str]) -> Mask:
    characters = frame.owners[2:]
    wanted = []
    for index, label in enumerate(frame.labels):
        owner = label.split("/", 1)[0]
        if owners and owner in characters and owner not in owners:
            continue
        fits = any(
            owner in characters if pattern == "@characters" else fnmatchcase(label, pattern) for pattern in patterns
        )
        # '*/hair' is a character's, never a part of the set
        if fits and not (owner == "set" and not any(p.startswith("set/") for p in patterns)):
            wanted.append(index)
    return np.isin(frame.part, wanted).astype(np.uint8) * 255


def _owned(frame: LayoutFrame, owners: Sequence[str]) -> Mask:
    indices = [frame.owners.index(name) for name in owners]
    return np.isin(frame.owner, indices).astype(np.uint8) * 255


def _box(shares: Sequence[float], size: tuple[int, int]) -> Mask:
    width, height = size
    left, top, right, bottom = shares
    mask = np.zeros((height, width), np.uint8)
    mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 255
    return mask
