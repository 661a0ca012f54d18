"""check_identity: whether a picture shows a character, by which encoder and how surely; and its calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backends.image.layout.scene import CharacterLook, LayoutScene
from backends.image.layout.scene_json import scene_from_dict
from backends.vision.identity.calibration import best
from backends.vision.identity.encoder import IdentityEncoder
from backends.vision.identity.engine import IdentityEngine
from configs.character_presets import EncoderName
from configs.errors import StudioError, UsageError
from memory.records import Asset, Entry, Score
from tools.film.layers import load_layers
from tools.image.likeness.calibrate import Calibrated, calibrate_on_layouts, calibrate_on_pictures
from tools.image.likeness.judge import Judgement, entry_of, judge, licence_note
from tools.image.likeness.pictures import LAYOUT_ENGINE, pictures_of
from tools.image.likeness.record import Domain, look_of
from tools.image.likeness.sheet import sheet
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

CALIBRATION_SECONDS = 60.0
"""About 60 small drawings on two cores; what was drawn before is kept."""
_MASK_WIDTH = 320
"""Pixels at which a layout is drawn again for its masks alone."""


class CheckIdentityArgs(ToolArgs):
    image: str = Field("", max_length=500, description="The picture: asset id, attached file or path; '' to calibrate")
    character: str = Field("", max_length=200, description="Whom to look for; '' = everybody the picture was made with")
    calibrate: bool = Field(False, description="Measure anew how well the character can be told from others")
    encoder: EncoderName = Field("auto", description="arcface, clip, dinov2, colour; auto = the best for the character")


@dataclass(frozen=True)
class _Wanted:
    name: str
    entry: Entry | None
    look: CharacterLook | None


class CheckIdentity(Tool):
    name: ClassVar[str] = "check_identity"
    description: ClassVar[str] = (
        "Tells whether a picture shows a character: a score with its pass mark per character. "
        "With calibrate it first measures how well the character can be told from others."
    )
    Args: ClassVar[type[ToolArgs]] = CheckIdentityArgs
    makes = "report"

    def needs(self, args: CheckIdentityArgs, studio: Studio) -> frozenset[str]:
        known = studio.memory.get_asset(args.image) if args.image else None
        foreign = known is not None and not known.params.get("scene")
        return frozenset({"identity"} if foreign and not args.calibrate else {"identity", LAYOUT_ENGINE})

    def forecast(self, args: CheckIdentityArgs, studio: Studio) -> Forecast:
        return Forecast(seconds=CALIBRATION_SECONDS if args.calibrate else 4.0, disk_mib=2.0 if args.calibrate else 0.1)

    def run(self, args: CheckIdentityArgs, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.image, "image") if args.image else None
        if asset is None and not args.calibrate:
            raise UsageError("No picture was given", fix="Name a picture, or ask to calibrate a character")
        engine: IdentityEngine = ctx.engine("encoder")
        if args.encoder != "auto":
            engine.encoder(args.encoder)
        scene = _scene(asset)
        wanted = _wanted(args.character, asset, scene, ctx)
        made: list[Asset] = []
        parts: list[str] = []
        figures: dict[str, Any] = {}
        records: list[dict[str, Any]] = []
        if args.calibrate:
            for one in wanted:
                found = _calibrate(one, args.encoder, engine, ctx)
                made.append(_sheet(one.name, found, ctx))
                parts.append(_told(one.name, found))
                records += [{"character": one.name, "on": c.domain, **c.calibration.to_data()} for c in found]
                chosen = best([c.calibration for c in found])
                figures |= {f"AUC {one.name}": max(c.calibration.auc for c in found), f"gates {one.name}": bool(chosen)}
        if asset is not None:
            judged = _judged(asset, scene, wanted, args.encoder, engine, ctx)
            ctx.memory.set_scores(asset.id, _merged(asset.scores, [one.score for one in judged]))
            parts.append(f"'{asset.name}': {'; '.join(one.words for one in judged)}.")
            figures |= _figures(judged)
        return ToolResult(" ".join(parts)[:1000], tuple(made), figures, data={"calibrations": records})


def _wanted(name: str, asset: Asset | None, scene: LayoutScene | None, ctx: ToolContext) -> list[_Wanted]:
    """Whom to look for. Raises UsageError naming the nearest characters, or who has nothing to be compared with."""
    drawn = {one.name: one.look for one in scene.characters} if scene is not None else {}
    names = [name.strip()] if name.strip() else list(drawn)
    if not names:
        known = ", ".join(entry.name for entry in ctx.memory.list_entries("character")[:6])
        raise UsageError(
            "Nobody was named to look for", "the picture does not say whom it shows",
            f"Name a character: {known}" if known else "Remember a character first",
        )  # fmt: skip
    found = []
    for one in names:
        entry = entry_of(ctx, one)
        if entry is None and one not in drawn:
            near = ctx.memory.nearest_characters(one)
            raise UsageError(
                f"No character '{one}' is remembered",
                fix=f"Did you mean {' or '.join(near)}?" if near else "Remember it first, with a description",
            )
        look = (look_of(entry) if entry is not None else None) or drawn.get(one)
        title = entry.name if entry is not None else one
        if look is None and not pictures_of(ctx, title):
            raise UsageError(
                f"There is nothing to compare {title} with", "memory has neither a description nor pictures of it",
                "Describe it, or put pictures of it into character_presets.yaml",
            )  # fmt: skip
        found.append(_Wanted(title, entry, look))
    return found


def _calibrate(one: _Wanted, encoder: str, engine: IdentityEngine, ctx: ToolContext) -> list[Calibrated]:
    if one.entry is None:
        raise UsageError(f"{one.name} cannot be calibrated", "it is not in memory", "Remember it first")
    names = engine.installed() if encoder == "auto" else (encoder,)
    encoders: list[IdentityEncoder] = [engine.encoder(name) for name in names]
    for name in names:
        if note := licence_note(engine, name):
            ctx.warn(f"{name}: {note}")
    found: list[Calibrated] = []
    if one.look is not None and encoder != "arcface":
        drawing = [each for each in encoders if not each.needs_face]
        renderer = ctx.engine("image").renderer
        found += calibrate_on_layouts(ctx, one.entry, one.look, drawing, renderer)
    if any(each.name != "colour" for each in encoders) and pictures_of(ctx, one.name):
        found += calibrate_on_pictures(ctx, one.entry, encoders)
    if not found:
        raise UsageError(
            f"{one.name} cannot be calibrated with {encoder}", "that encoder needs pictures of it, and there are none",
            "Put some into character_presets.yaml, or rate pictures of it with 4 or 5",
        )  # fmt: skip
    for each in found:
        if why := each.calibration.why_not():
            ctx.warn(f"{one.name}: scores on {each.domain} are shown but not judged: {why}")
    return found


def _judged(
    asset: Asset, scene: LayoutScene | None, wanted: list[_Wanted], encoder: str, engine: IdentityEngine,
    ctx: ToolContext,
) -> list[Judgement]:  # fmt: skip
    from backends.media.guard import MediaLimits
    from backends.media.images import load_image

    rgb = load_image(ctx.path(asset), MediaLimits.of(ctx.settings.uploads))
    domain: Domain = "layout" if asset.engine == LAYOUT_ENGINE else "pictures"
    masks = _masks(asset, scene, (rgb.shape[1], rgb.shape[0]), ctx)
    renderer = ctx.engine("image").renderer if LAYOUT_ENGINE in ctx.engines and domain == "layout" else None
    judged = []
    for at, one in enumerate(wanted):
        ctx.progress(at, len(wanted), one.name)
        mask = masks.get(one.name)
        if masks and mask is None and len(masks) == 1:  # asked whether the one who is there is somebody else
            mask = next(iter(masks.values()))
        judged.append(
            judge(ctx, engine, rgb, one.name, one.look, domain, mask=mask, encoder=encoder, renderer=renderer)
        )
    return judged


def _masks(
    asset: Asset, scene: LayoutScene | None, size: tuple[int, int], ctx: ToolContext
) -> dict[str, NDArray[np.bool_]]:
    """Character -> (H, W): from the kept layers, else drawn again small; empty for what no layout decided."""
    if scene is None or not (asset.engine == LAYOUT_ENGINE or asset.params.get("controls")):
        return {}
    names = [one.name for one in scene.characters]
    kept = ctx.memory.get_asset(str(asset.params.get("layers", "")))
    if kept is not None and asset.engine == LAYOUT_ENGINE:
        try:
            layers = load_layers(ctx.path(kept))
            if layers.owner.shape == (size[1], size[0]):
                return {name: layers.mask(name) for name in names if name in layers.owners}
        except StudioError as error:
            ctx.warn(error.sentence.rstrip("."))
    if LAYOUT_ENGINE not in ctx.engines:
        return {}
    import cv2

    width = min(size[0], _MASK_WIDTH)
    frame = ctx.engine("image").renderer.render(scene, width, max(16, round(width * size[1] / size[0])))
    return {
        name: cv2.resize(frame.mask(name).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0 for name in names
    }


def _scene(asset: Asset | None) -> LayoutScene | None:
    stored = asset.params.get("scene") if asset is not None else None
    return scene_from_dict(stored) if stored else None


def _merged(old: tuple[Score, ...], new: list[Score]) -> list[Score]:
    names = {score.name for score in new}
    return [*(score for score in old if score.name not in names and score.name != "user rating"), *new]


def _figures(judged: list[Judgement]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for one in judged:
        figures[f"identity {one.name}"] = one.score.value
        figures[f"threshold {one.name}"] = one.score.threshold
        figures[f"passed {one.name}"] = one.score.passed
        figures[f"encoder {one.name}"] = one.encoder
    return figures


def _told(name: str, found: list[Calibrated]) -> str:
    told = []
    for each in found:
        c = each.calibration
        kind = "drawings" if each.domain == "layout" else "pictures"
        missed = f"; nothing found in {c.undetected}" if c.undetected else ""
        told.append(
            f"{c.encoder} on {c.positives} {kind} of it and {c.negatives} of others: AUC {c.auc:.3f}, "
            f"mark {c.threshold:.2f} passes {c.tpr:.0%} of its own and "
            f"{c.far:.0%} of others, hardest to tell from {c.hardest}{missed}"
        )
    return f"Calibrated {name}: {'; '.join(told)}."


def _sheet(name: str, found: list[Calibrated], ctx: ToolContext) -> Asset:
    from backends.media.images import save_png

    file = ctx.scratch(".png")
    save_png(file, sheet(name, found), {"Title": f"Identity of {name}"})
    params = {"character": name, "calibrations": [{"on": one.domain, **one.calibration.to_data()} for one in found]}
    return ctx.save(file, "report", f"Identity of {name}", engine="identity", params=params, summary=_told(name, found))
