"""Whose looks are followed through a film's shots: characters of its layouts, or faces that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.vision.coherence.identity import IdentityTrack
from backends.vision.frame import Frame
from backends.vision.identity.arcface import ArcFaceEncoder
from backends.vision.identity.colour import ColourEncoder
from backends.vision.identity.encoder import DEFAULT_THRESHOLD, Vector
from backends.vision.identity.engine import IdentityEngine
from tools.analysis.characters import NO_IDENTITY, NOT_HUMAN, Likeness, known_faces
from tools.analysis.known_figures import At, known_moments

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import ToolContext


@dataclass(frozen=True)
class Looks:
    """How the looks of characters are followed through a film."""

    track: IdentityTrack | None = None
    mark: float | None = None
    """1 - cosine from which a look is another; None: the mark of the colour encoder."""
    reason: str = ""
    """Why nobody can be followed."""


def looks_of(film: Asset, ctx: ToolContext) -> Looks:
    """Characters of a film that the studio made are followed by its masks, others by faces that are known."""
    moments = known_moments(film, ctx)
    if moments is not None:
        return Looks(LayoutLooks(moments))
    engine = ctx.engines.get("identity")
    if not isinstance(engine, IdentityEngine):
        return Looks(reason=NO_IDENTITY)
    if engine.lacks().get("arcface", ""):
        return Looks(reason=NOT_HUMAN)
    reasons: dict[str, str] = {}
    faces = known_faces(ctx, reasons)
    if not faces:
        return Looks(reason=reasons.get("characters", NO_IDENTITY))
    encoder = engine.encoder("arcface")
    assert isinstance(encoder, ArcFaceEncoder)
    return Looks(FaceLooks(encoder, faces), 1 - DEFAULT_THRESHOLD["arcface"])


class LayoutLooks:
    """An `IdentityTrack` of characters whose pixels are known by the making of the film."""

    def __init__(self, moments: At) -> None:
        self._moments, self._encoder = moments, ColourEncoder()

    def vectors(self, frame: Frame) -> Mapping[str, Vector]:
        """Who is on screen while its masks are kept."""
        moment = self._moments(frame.seconds)
        if moment is None:
            return {}
        height, width = frame.rgb.shape[:2]
        found: dict[str, Vector] = {}
        for name in dict.fromkeys(figure.character for figure in moment.drawn.figures(moment.window)):
            mask = moment.drawn.mask(name, moment.window, (width, height))
            if mask is None or not mask.any():
                continue
            vector = self._encoder.encode(frame.rgb, mask=mask).vector
            if vector is not None:
                found[name] = vector
        return found


class FaceLooks:
    """An `IdentityTrack` of faces that memory knows."""

    def __init__(self, encoder: ArcFaceEncoder, known: Likeness) -> None:
        self._encoder, self._known = encoder, known

    def vectors(self, frame: Frame) -> Mapping[str, Vector]:
        """The largest face that each known character's is most like."""
        found: dict[str, Vector] = {}
        faces = [face for face in self._encoder.faces(frame.rgb) if face.vector is not None and face.box is not None]
        for face in sorted(faces, key=lambda face: -face.box[3] if face.box else 0):
            who = self._known.nearest(face.vector) if face.vector is not None else None
            if who is not None and face.vector is not None:
                found.setdefault(who[0], face.vector)
        return found
