"""How alike a picture and a character are, by which encoder, and whether that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import CharacterLook
from backends.vision.identity.calibration import LOWEST_DETECTION, SAME, best, similarity
from backends.vision.identity.encoder import DEFAULT_THRESHOLD, ENCODERS, Box, Encoding, IdentityEncoder, Mask, Rgb
from backends.vision.identity.engine import IdentityEngine
from configs.errors import EngineError
from memory.records import Entry, Score
from tools.image.likeness import pictures, views
from tools.image.likeness.record import Domain, Known, basis, look_of, stored
from tools.image.presets import preset_for

if TYPE_CHECKING:
    from tools.spec import ToolContext

NOT_YET = "not calibrated yet, so there is no pass mark"


@dataclass(frozen=True)
class Judgement:
    """What is said of one character in one picture."""

    name: str
    score: Score
    encoder: str = ""
    """'' when nothing could be used."""
    known: Known | None = None

    @property
    def words(self) -> str:
        """For the user: 'is Luca (0.83, mark 0.71, colour encoder)'."""
        score = self.score
        if score.value is None:
            return f"{self.name}: {score.note}"
        mark = f", mark {score.threshold:.2f}" if score.threshold is not None else ""
        figures = f"{score.value:.2f}{mark}, {self.encoder} encoder"
        if score.passed is None:
            told = f"{self.name}: {figures}; not judged: {score.note}"
            return f"{told}, say 'calibrate the likeness of {self.name}'" if NOT_YET in score.note else told
        return f"is {self.name} ({figures})" if score.passed else f"not recognised as {self.name} ({figures})"


def undecided(name: str, note: str, by: str = "none") -> Judgement:
    """Nothing was measured, and why."""
    return Judgement(name, Score(f"identity {name}", None, "not measured", by, note=note), "" if by == "none" else by)


def judge(
    ctx: ToolContext, engine: IdentityEngine, rgb: Rgb, name: str, look: CharacterLook | None, domain: Domain, *,
    box: Box | None = None, mask: Mask | None = None, encoder: str = "auto", renderer: Any = None,
) -> Judgement:  # fmt: skip
    """Compare the character in `box` or `mask` of `rgb` with what is known of `name`.

    `look` counts for characters that memory does not have. With a `renderer` an uncalibrated look is drawn in a few
    views. Raises StudioError for an encoder that is not installed.
    """
    entry = entry_of(ctx, name)
    preset = preset_for(ctx.settings, name)
    wanted = encoder if encoder != "auto" else (preset.identity.encoder if preset else "auto")
    found = known_as(ctx, engine, entry, name, look, domain, wanted, renderer)
    if isinstance(found, str):
        return undecided(name, found)
    which, known = found
    made = best_match(engine.encoder(which), known.references, rgb, box, mask)
    if made.vector is None:
        return undecided(name, f"undetected: {made.note}", which)
    references = known.references
    if domain == "pictures":
        references = references[references @ made.vector < SAME]
        if not len(references):
            return undecided(name, "not measured: it is the only picture to compare with", which)
    value = round(similarity(made.vector, references), 4)
    fixed = preset.identity.threshold if preset and preset.identity.encoder == which else None
    threshold, reason = pass_mark(known, which, domain, fixed)
    passed = value >= threshold if threshold is not None and not reason else None
    notes = [part for part in (reason, made.note, licence_note(engine, which)) if part]
    score = Score(f"identity {name}", value, "measured", which, threshold, passed, "; ".join(notes))
    return Judgement(name, score, which, known)


def best_match(
    encoder: IdentityEncoder, references: NDArray[np.float32], rgb: Rgb, box: Box | None, mask: Mask | None
) -> Encoding:
    """The character's encoding; where several faces are in question, the one most like the references."""
    faces = getattr(encoder, "faces", None)
    if faces is None or box is not None or mask is not None:
        return encoder.encode(rgb, box, mask)
    found: Sequence[Encoding] = faces(rgb)
    seen = [one for one in found if one.vector is not None]
    return max(seen, key=lambda one: similarity(one.vector, references)) if seen else found[0]  # type: ignore[arg-type]


def known_as(
    ctx: ToolContext, engine: IdentityEngine, entry: Entry | None, name: str, look: CharacterLook | None,
    domain: Domain, wanted: str, renderer: Any = None,
) -> tuple[str, Known] | str:  # fmt: skip
    """The encoder to use and what it knows of the character, or why there is none.

    A calibration of the picture's own kind comes first; then bare references; then a layout calibration for a
    painted picture, whose scores are shown and not judged.
    """
    names = engine.installed() if wanted == "auto" else (wanted,)
    versions = {one: engine.encoder(one).version for one in names}
    look = (look_of(entry) if entry is not None else None) or look
    if entry is not None and (found := _chosen(_stored(ctx, entry, domain, look, versions))):
        return found
    if domain == "pictures":
        if found := _of_pictures(ctx, engine, name, versions):
            return found
        if entry is not None and (found := _chosen(_stored(ctx, entry, "layout", look, versions))):
            return found
        return f"there are no pictures of {name} to compare with"
    if renderer is not None and look is not None and "colour" in versions:
        return "colour", _of_look(ctx, engine, look, renderer)
    if entry is None:
        return f"{name} is not in memory"
    return f"{name} is not calibrated yet: say 'calibrate the likeness of {name}'"


def pass_mark(known: Known, encoder: str, domain: Domain, fixed: float | None) -> tuple[float | None, str]:
    """The threshold (None: there is none) and why a score is not held against it ('' when it is)."""
    if known.of != domain:
        return None, "it was compared with layout drawings, and painted pictures score differently"
    if fixed is not None:
        return fixed, known.calibration.why_not() if known.calibration is not None and known.calibration.fails else ""
    if known.calibration is not None:
        return known.calibration.threshold, known.calibration.why_not()
    if encoder in DEFAULT_THRESHOLD and domain == "pictures":
        return DEFAULT_THRESHOLD[encoder], ""
    return None, NOT_YET


def licence_note(engine: IdentityEngine, encoder: str) -> str:
    """Told beside every score of an encoder whose weights not everybody may use."""
    licence = engine.encoder(encoder).licence
    return licence if "non-commercial" in licence else ""


def entry_of(ctx: ToolContext, name: str) -> Entry | None:
    """The character of exactly this name, else the one that memory resolves."""
    entries = ctx.memory.list_entries("character")
    return next((one for one in entries if one.name == name), None) or ctx.memory.resolve_character(name)


def sources_of(ctx: ToolContext, name: str) -> list[str]:
    """Digests of the pictures of a character: what its calibration on pictures stands on."""
    return [asset.sha256 for asset in pictures.pictures_of(ctx, name)]


def _stored(
    ctx: ToolContext, entry: Entry, domain: Domain, look: CharacterLook | None, versions: dict[str, str]
) -> dict[str, Known]:
    on = basis(domain, look, sources_of(ctx, entry.name) if domain == "pictures" else ())
    return stored(ctx.workspace, entry, domain, on, versions)


def _chosen(found: dict[str, Known]) -> tuple[str, Known] | None:
    """The best that gates; else the first that is there, whose score is shown."""
    gating = best([known.calibration for known in found.values() if known.calibration is not None])
    if gating is not None:
        return gating.encoder, found[gating.encoder]
    return next(iter(found.items()), None)


def _of_pictures(
    ctx: ToolContext, engine: IdentityEngine, name: str, versions: dict[str, str]
) -> tuple[str, Known] | None:
    """Bare references; of the face encoder only when it finds a face in most of them."""
    own = pictures.pictures_of(ctx, name)
    for encoder in sorted(versions, key=ENCODERS.index):
        made = [pictures.vector_of_picture(ctx, engine.encoder(encoder), asset) for asset in own]
        vectors = [vector for vector in made if vector is not None]
        if vectors and len(vectors) >= LOWEST_DETECTION * len(own):
            return encoder, Known(None, np.stack(vectors), "pictures")
    return None


def _of_look(ctx: ToolContext, engine: IdentityEngine, look: CharacterLook, renderer: Any) -> Known:
    colour, scenes = engine.encoder("colour"), views.scenes_of(look, views.quick_views())
    made = [colour.encode(s.rgb, mask=s.mask).vector for _, s in views.drawn(renderer, {"": scenes}, ctx.workspace)]
    vectors = [vector for vector in made if vector is not None]
    if not vectors:
        raise EngineError("The character's look cannot be drawn", "none of its views shows it", "Change the look")
    return Known(None, np.stack(vectors), "layout")
