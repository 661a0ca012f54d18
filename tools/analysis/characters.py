"""Who is in a film's pictures: by the studio's own layouts, by face and pose models that are here, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.image.control.models import MapModels
from backends.vision.composition.figures import CascadeFaces, FigureFinder, FirstOf
from backends.vision.composition.people import DetectedFaces, PosedPeople
from backends.vision.composition.result import Figure
from backends.vision.identity.arcface import ArcFaceEncoder
from backends.vision.identity.calibration import similarity
from backends.vision.identity.encoder import IdentityEncoder, Rgb, Vector
from backends.vision.identity.engine import IdentityEngine
from backends.vision.identity.local_files import model_folder
from configs.errors import StudioError
from memory.records import Asset, Entry
from tools.analysis.known_figures import At, Moment, known_moments
from tools.analysis.phrases import without_folders
from tools.image.identity import wants_identity
from tools.image.likeness.judge import entry_of, known_as, pass_mark
from tools.image.likeness.record import Domain
from tools.image.presets import preset_for

if TYPE_CHECKING:
    from tools.spec import Studio, ToolContext

NO_IDENTITY = "no character is remembered, and no face model is installed"
NOT_HUMAN = "characters are told apart on human faces only where no layout tells where somebody is"


def wants_encoders(studio: Studio) -> bool:
    """Whether the engine `identity` can tell anything: somebody could be recognised, or faces can be measured."""
    faces = ArcFaceEncoder(model_folder(studio.settings, studio.settings.vision.arcface))
    return faces.available() or wants_identity(studio)


def finder_for(asset: Asset, ctx: ToolContext) -> tuple[FigureFinder, dict[str, str]]:
    """What finds figures in the pictures of an asset (a picture or a film), and what it cannot tell: why.

    Keys of the second are 'scale' (what is not found at all) and 'characters' (why figures get no names). Films that
    the studio made from layouts are known by their making; others are looked at by insightface, then rtmlib, then a
    cascade for frontal faces that needs no weights.
    """
    reasons: dict[str, str] = {}
    moments = known_moments(asset, ctx)
    seeing = _seeing(ctx, reasons)
    if moments is None:
        return FirstOf(seeing), reasons
    reasons.pop("scale", None)
    reasons.pop("characters", None)
    return FirstOf([LayoutFigures(moments, _likeness(ctx, "layout", reasons)), *seeing]), reasons


class Likeness:
    """Similarity of what a mask holds to the characters that are calibrated, by each one's own encoder."""

    def __init__(self, known: dict[str, tuple[IdentityEncoder, NDArray[np.float32], float]]) -> None:
        """known: name -> encoder, references (N, D), pass mark."""
        self._known = known

    def of(self, name: str, rgb: Rgb, mask: NDArray[np.bool_]) -> float | None:
        """Cosine with the character's nearest references; None when it is not calibrated or nothing is found."""
        if name not in self._known:
            return None
        encoder, references, _ = self._known[name]
        vector = encoder.encode(rgb, mask=mask).vector
        return round(similarity(vector, references), 4) if vector is not None else None

    def nearest(self, vector: Vector) -> tuple[str, float] | None:
        """The character that a face is most like, among those whose pass mark it reaches."""
        scores = {name: similarity(vector, references) for name, (_, references, _) in self._known.items()}
        passed = {name: score for name, score in scores.items() if score >= self._known[name][2]}
        best = max(passed, key=lambda name: passed[name], default=None)
        return (best, round(passed[best], 4)) if best is not None else None

    def __bool__(self) -> bool:
        return bool(self._known)


class LayoutFigures:
    """Figures of a film that the studio made: where its layouts have them, seen through the clip's camera move.

    Names are facts of the making; the similarity is measured on each picture where the character is calibrated and the
    masks are still kept.
    """

    name = "layout"
    sees = "the film's own characters"

    def __init__(self, moments: At, likeness: Likeness) -> None:
        self._moments, self._likeness = moments, likeness

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        moment = self._moments(seconds or 0.0)
        if moment is None:
            return ()
        return tuple(self._with_likeness(one, rgb, moment) for one in moment.drawn.figures(moment.window))

    def _with_likeness(self, figure: Figure, rgb: Rgb, moment: Moment) -> Figure:
        if not self._likeness:
            return figure
        mask = moment.drawn.mask(figure.character, moment.window, (rgb.shape[1], rgb.shape[0]))
        if mask is None or not mask.any():
            return figure
        return figure.model_copy(update={"similarity": self._likeness.of(figure.character, rgb, mask)})


def _seeing(ctx: ToolContext, reasons: dict[str, str]) -> list[FigureFinder]:
    """Finders that look at pictures, the surest first; the cascade only where no face model is."""
    found: list[FigureFinder] = []
    engine = ctx.engines.get("identity")
    lacks: list[str] = []
    if not isinstance(engine, IdentityEngine):
        lacks.append(NO_IDENTITY)
        reasons["characters"] = NO_IDENTITY
    elif missing := engine.lacks().get("arcface", ""):
        # whoever reads this edits films: what is missing and the setting, not where on this machine
        missing = f"{without_folders(missing)} (vision.arcface)" if "/" in missing else missing
        lacks.append(f"insightface: {missing}")
        reasons["characters"] = NOT_HUMAN + f", and there is no face encoder: {missing}"
    else:
        encoder = engine.encoder("arcface")
        assert isinstance(encoder, ArcFaceEncoder)
        found.append(DetectedFaces(encoder, _namer(ctx, reasons)))
    posing = MapModels(ctx.settings).pose_finder
    if missing := posing.missing():
        lacks.append(f"{missing.partition(':')[0]} (preprocessors.pose)")
    else:
        found.append(PosedPeople(posing))
    if not any(isinstance(one, DetectedFaces) for one in found):
        found.append(CascadeFaces())
    if lacks and len(found) == 1:
        reasons["scale"] = f"only {found[0].sees} are found ({'; '.join(lacks)})"
    return found


def known_faces(ctx: ToolContext, reasons: dict[str, str]) -> Likeness:
    """The characters whose faces can be told apart; reasons['characters'] says why there is none."""
    return _likeness(ctx, "pictures", reasons, "arcface")


def _namer(ctx: ToolContext, reasons: dict[str, str]) -> Callable[[Vector], tuple[str, float] | None] | None:
    likeness = known_faces(ctx, reasons)
    return likeness.nearest if likeness else None


def _likeness(ctx: ToolContext, domain: Domain, reasons: dict[str, str], wanted: str = "auto") -> Likeness:
    """The characters of memory whose likeness can be judged on pictures of this kind."""
    engine = ctx.engines.get("identity")
    if not isinstance(engine, IdentityEngine):
        reasons["characters"] = NO_IDENTITY
        return Likeness({})
    known: dict[str, tuple[IdentityEncoder, NDArray[np.float32], float]] = {}
    entries = ctx.memory.list_entries("character")
    why = "no character is remembered" if not entries else ""
    for entry in entries:
        try:
            found = _judged_by(ctx, engine, entry, domain, wanted)
        except StudioError as error:
            found = error.sentence
        if isinstance(found, str):
            why = found
        else:
            known[entry.name] = found
    if not known:
        reasons["characters"] = why
    return Likeness(known)


def _judged_by(
    ctx: ToolContext, engine: IdentityEngine, entry: Entry, domain: Domain, wanted: str
) -> tuple[IdentityEncoder, NDArray[np.float32], float] | str:
    """Encoder, references and pass mark of one character, or why there are none."""
    preset = preset_for(ctx.settings, entry.name)
    named = preset.identity.encoder if preset is not None and wanted == "auto" else wanted
    found = known_as(ctx, engine, entry_of(ctx, entry.name), entry.name, None, domain, named)
    if isinstance(found, str):
        return found
    which, known = found
    fixed = preset.identity.threshold if preset is not None and preset.identity.encoder == which else None
    mark, reason = pass_mark(known, which, domain, fixed)
    if mark is None or reason:
        return f"{entry.name}: {reason or 'there is no pass mark'}"
    return engine.encoder(which), known.references, mark
