"""Where faces are in a film that the studio made: its layouts know, also where no detector finds a drawn face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.analysis.known_figures import Window, known_moments

if TYPE_CHECKING:
    from backends.image.layout.seen import Corners, Seen
    from backends.vision.record import FilmRecord, Shot
    from memory.records import Asset
    from tools.editing.moments import Box
    from tools.spec import ToolContext

Head = tuple[float, float, float, float]
"""x and y of the middle, width and height, shares of the picture."""
Heads = Callable[[float], Sequence[Head]]
"""The heads in the picture at a time in seconds, whom the camera frames first; empty where nothing is known."""
_BROW = 0.55
"""Heights of an eye that a face begins above it."""
_AHEAD = 0.6
"""How far the middle of a head is looked for from the skull's towards the eyes: who looks aside gets room there."""
_SEEN = 0.4
"""Share of a head that has to be in the picture."""
_CROWN = 0.3
"""Heights of a face that a finder found that the head goes on above it."""
_EYES_AT, _MOUTH_AT = (0.14, 0.25, 0.86, 0.53), 0.8
"""Where a face that a finder found has its eyes (x0, y0, x1, y1) and its mouth, shares of its box."""


@dataclass(frozen=True)
class Face:
    """One face, in shares of the picture; parts outside of it have places outside of it."""

    box: Box
    """From the brow to the chin, without hair."""
    eyes: Box | None
    """None when the face looks away from the camera."""
    mouth: tuple[float, float]
    crown: float
    """y of the top of the head."""
    name: str = ""
    """Whose it is; '' when that is not known."""

    @classmethod
    def found(cls, box: Box) -> Face:
        """A face of which only the box is known."""
        x0, y0, x1, y1 = box
        wide, high = x1 - x0, y1 - y0
        left, top, right, low = _EYES_AT
        eyes = (x0 + left * wide, y0 + top * high, x0 + right * wide, y0 + low * high)
        return cls(box, eyes, ((x0 + x1) / 2, y0 + _MOUTH_AT * high), y0 - _CROWN * high)

    @property
    def head(self) -> Head:
        """What a crop goes to: between the middle of the face and the eyes, so that neither touches the edge."""
        x0, y0, x1, y1 = self.box
        x = (x0 + x1) / 2
        if self.eyes is not None:
            x += _AHEAD * ((self.eyes[0] + self.eyes[2]) / 2 - x)
        # Half way from the middle of the face to that of the head: the eyes are not low, and the hair is not cut off.
        return x, (y0 + y1) / 4 + (self.crown + y1) / 4, x1 - x0, y1 - y0


Faces = Callable[[float], Sequence[Face]]
"""The faces in the picture at a time in seconds, whom the camera frames first; empty where nothing is known."""


def known_faces(film: Asset, ctx: ToolContext) -> Faces | None:
    """The faces of a film by its making; None when the studio did not make it from layouts."""
    moments = known_moments(film, ctx)
    if moments is None:
        return None

    def at(seconds: float) -> Sequence[Face]:
        moment = moments(seconds)
        if moment is None:
            return ()
        found = (_face(one, moment.window) for one in moment.drawn.seen)
        return [face for face in found if face is not None]

    return at


def known_heads(film: Asset, ctx: ToolContext) -> Heads | None:
    """The heads of a film by its making, those too that look away; None when it was not made from layouts."""
    faces = known_faces(film, ctx)
    return None if faces is None else (lambda seconds: [face.head for face in faces(seconds)])


def with_faces(record: FilmRecord, film: Asset, ctx: ToolContext) -> FilmRecord:
    """The record with the faces that a film of the studio's own is known to show, instead of those that were found."""
    measured = any(shot.composition is not None for shot in record.shots)
    faces = known_faces(film, ctx) if measured else None
    if faces is None:
        return record
    return record.model_copy(update={"shots": tuple(_with_faces(shot, faces(shot.keyframe)) for shot in record.shots)})


def _with_faces(shot: Shot, faces: Sequence[Face]) -> Shot:
    from backends.vision.composition.result import Figure

    known = [
        Figure(kind="face", box=_inside(face.box), character=face.name, by="the film's layouts")
        for face in faces
        if face.eyes is not None
    ]
    look = shot.composition
    if look is None or not known:
        return shot
    rest = (one for one in look.figures if one.kind != "face")
    return shot.model_copy(update={"composition": look.model_copy(update={"figures": (*known, *rest)})})


def _inside(box: Box) -> Box:
    x0, y0, x1, y1 = (min(1.0, max(0.0, side)) for side in box)
    return x0, y0, x1, y1


def _face(who: Seen, window: Window) -> Face | None:
    """A character's face in a window of the drawn picture, None when too little of the head is in there."""
    left, top, right, low = who.skull
    shown = max(0.0, min(right, window[2]) - max(left, window[0])) * max(0.0, min(low, window[3]) - max(top, window[1]))
    if right <= left or low <= top or shown < _SEEN * (right - left) * (low - top):
        return None
    crown = (top - window[1]) / (window[3] - window[1])
    if who.eyes is not None:
        top = max(top, who.eyes[1] - _BROW * (who.eyes[3] - who.eyes[1]))
    eyes = _share(who.eyes, window) if who.eyes is not None else None
    mouth = _share((*who.mouth, *who.mouth), window)
    return Face(_share((left, top, right, low), window), eyes, mouth[:2], crown, who.name)


def _share(corners: Corners, window: Window) -> Box:
    x0, y0, x1, y1 = window
    wide, high = x1 - x0, y1 - y0
    left, top, right, low = corners
    return (left - x0) / wide, (top - y0) / high, (right - x0) / wide, (low - y0) / high
