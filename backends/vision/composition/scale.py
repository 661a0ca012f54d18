"""The scale of a shot, from how large somebody is in it and how much of the body it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.vision.composition.figures import NOBODY, doubted
from backends.vision.composition.result import Figure, Scale

SCALES: tuple[Scale, ...] = ("ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS")
"""From near to far."""
SHOWN_MARKS: tuple[tuple[float, Scale], ...] = (
    (0.03, "ECU"), (0.17, "CU"), (0.43, "MCU"), (0.68, "MS"), (0.92, "MLS"),
)  # fmt: skip
"""Share of the body below the chin that is in the picture, and the scale up to it: cut at the chin, the shoulders, the
chest, the waist (0.46 is the crotch of eight-head figure drawing), the knees. The middles between the cuts that the
studio's own layouts frame (0, 0.05, 0.30, 0.56, 0.80, 1)."""
FACE_MARKS: tuple[tuple[float, Scale], ...] = (
    (0.62, "ECU"), (0.32, "CU"), (0.18, "MCU"), (0.125, "MS"), (0.097, "MLS"), (0.045, "LS"),
)  # fmt: skip
"""Height of the face (hairline to chin) over the frame's, and the scale down to it. They follow from `SHOWN_MARKS` for
an adult of 7.5 heads, whose face is 0.75 of a head, with a tenth of the frame above: 0.75 / f heads fit into the frame,
0.9 of them from the crown down, one is the head itself, 6.5 the body below it."""
FIGURE_LS = 0.45
"""A whole figure of at least this share of the frame's height is a long shot, a smaller one an extreme long shot."""
_FACE_ECU = 0.5
"""A head that the lower border cuts is an extreme close-up when it fills this share of the height."""
DOUBTED_MOST, ONCE_MOST = 0.7, 0.5
"""Confidence at most by a face of the cascade, and by one that was looked for only once: of what the cascade takes for
faces in drawn pictures many are none, and one look confirms nothing."""
_FACE_LS = 0.1
"""Height of a face over that of its figure (0.75 / 7.5)."""
_SHOULDERS = 0.1
_HEADS_WIDE = 2.0
"""Widths of a standing figure's shoulders, in heads (Loomis, Figure Drawing, 1943: two and a third with arms)."""
_HEADS_BELOW = 6.5
_BORDER = 0.015
"""Of the frame: a box this near to its border is cut by it."""


@dataclass(frozen=True)
class ShotScale:
    scale: Scale
    reason: str
    confidence: float


def scale_of(figures: Sequence[Figure], aspect: float = 16 / 9, why_none: str = "") -> ShotScale:
    """The scale by the first figure: finders give the most prominent one first.

    By, in this order: the share of the body that is known to be shown, a face, the outline of a figure.
    aspect: width of the frame over its height. why_none: why nobody was found, for the record.
    """
    if not figures:
        return ShotScale("unknown", why_none or f"{NOBODY}: nothing looked for them", 0.0)
    main = figures[0]
    height = main.box[3] - main.box[1]
    if main.shown is not None:
        return _by_shown(main, main.shown)
    if main.kind == "face":
        sure = min(_sure(height), DOUBTED_MOST) if doubted(main) else _sure(height)
        return ShotScale(_by_face(height), f"a face of {height:.0%} of the frame's height ({main.by})", sure)
    if main.box[3] < 1 - _BORDER and main.box[1] > _BORDER:
        return ShotScale(_whole(height), f"a whole figure of {height:.0%} of the frame's height ({main.by})", 0.8)
    width = max(main.box[2] - main.box[0], 1e-6)
    heads = height / (width * aspect) * _HEADS_WIDE
    shown = max(0.0, heads - 1) / _HEADS_BELOW
    return ShotScale(_by_marks(shown), f"the outline of a figure that the frame cuts ({main.by})", 0.4)


def prominence(figure: Figure) -> float:
    """How much of a subject a figure is: its height, a face counting as the figure it belongs to."""
    height = figure.box[3] - figure.box[1]
    return height / _FACE_LS if figure.kind == "face" else height


def _by_shown(main: Figure, shown: float) -> ShotScale:
    height = main.box[3] - main.box[1]
    if shown >= SHOWN_MARKS[-1][0]:
        found = _whole(height if main.kind == "figure" else height / _FACE_LS)
        return ShotScale(found, f"a whole figure of {height:.0%} of the frame's height ({main.by})", 0.95)
    if shown < SHOWN_MARKS[0][0]:
        if height < _FACE_ECU:
            return ShotScale("unknown", f"only a part of a head is in the picture ({main.by})", 0.0)
        return ShotScale("ECU", f"a face that the frame cuts ({main.by})", 0.95)
    told = "head and shoulders are" if shown <= _SHOULDERS else f"{shown:.0%} of the body below the chin is"
    return ShotScale(_by_marks(shown), f"{told} shown ({main.by})", 0.95)


def _by_marks(shown: float) -> Scale:
    return next((scale for mark, scale in SHOWN_MARKS if shown < mark), "LS")


def _by_face(height: float) -> Scale:
    return next((scale for mark, scale in FACE_MARKS if height >= mark), "ELS")


def _whole(height: float) -> Scale:
    return "LS" if height >= FIGURE_LS else "ELS"


def _sure(height: float) -> float:
    """Lower near a mark, where the next scale is as likely."""
    nearest = min(abs(height / mark - 1) for mark, _ in FACE_MARKS)
    return round(min(0.9, 0.55 + 1.5 * nearest), 2)
