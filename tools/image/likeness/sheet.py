"""The figure of a calibration: each picture's score as a dot, the character's own above, others below, the mark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.media.font import font_file
from tools.image.likeness.calibrate import Calibrated

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP, _GAP = 900, 250, 40, 24, 64, 36
_PAPER, _INK, _FAINT, _OWN, _OTHER = (250, 249, 246), (38, 38, 42), (206, 204, 198), (30, 110, 170), (200, 110, 40)
_DOT = 4
_LONGEST = 28
"""Letters of a name."""


def sheet(name: str, made: Sequence[Calibrated]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: one panel per calibration, at least one."""
    from PIL import Image, ImageDraw, ImageFont

    heights = [_TOP + _ROW * (1 + len(one.others)) + _GAP for one in made]
    canvas = Image.new("RGB", (_WIDTH, sum(heights) + _GAP), _PAPER)
    pen = ImageDraw.Draw(canvas)
    bold = ImageFont.truetype(str(font_file("SemiBold")), 18)
    plain = ImageFont.truetype(str(font_file("Regular")), 14)
    top = _GAP // 2
    for one, height in zip(made, heights, strict=True):
        found = one.calibration
        kind = "layout drawings" if one.domain == "layout" else "pictures"
        pen.text((_LEFT - 230, top), f"{name}, {found.encoder} encoder on {kind}", fill=_INK, font=bold)
        figures = (
            f"AUC {found.auc:.3f} ({found.auc_low:.3f}-{found.auc_high:.3f}), mark {found.threshold:.3f}: "
            f"{found.tpr:.0%} of its own pass, {found.far:.0%} of others"
        )
        pen.text((_LEFT - 230, top + 26), figures, fill=_INK, font=plain)
        rows = [(name, one.own, _OWN), *((other, scores, _OTHER) for other, scores in _hardest_first(one))]
        every = np.concatenate([scores for _, scores, _ in rows])
        low, high = min(float(every.min()), found.threshold) - 0.02, max(float(every.max()), found.threshold) + 0.02

        def place(score: float, low: float = low, high: float = high) -> float:
            return _LEFT + (score - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

        bottom = top + _TOP + _ROW * len(rows)
        mark = place(found.threshold)
        pen.line((mark, top + _TOP - 6, mark, bottom), fill=_INK, width=2)
        for at, (label, scores, colour) in enumerate(rows):
            middle = top + _TOP + _ROW * at + _ROW // 2
            pen.line((_LEFT, middle, _WIDTH - _RIGHT, middle), fill=_FAINT)
            pen.text((_LEFT - 230, middle - 10), label[:_LONGEST], fill=_INK, font=plain)
            for score in scores:
                x = place(float(score))
                pen.ellipse((x - _DOT, middle - _DOT, x + _DOT, middle + _DOT), fill=colour)
        pen.text((_LEFT, bottom + 2), f"{low:.2f}", fill=_INK, font=plain)
        pen.text((_WIDTH - _RIGHT - 30, bottom + 2), f"{high:.2f}", fill=_INK, font=plain)
        top += height
    return np.asarray(canvas)


def _hardest_first(one: Calibrated) -> list[tuple[str, NDArray[np.float64]]]:
    return sorted(one.others.items(), key=lambda pair: -float(pair[1].mean()))
