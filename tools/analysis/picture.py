"""analyze_image: how a picture is composed, how good it is technically, who is in it, and what it shows in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from backends.vision.composition.result import Composition
    from memory.records import Asset, Score

Rgb = NDArray[np.uint8]
DESCRIPTION = 500
"""Characters of a vision model's description."""
ON_THIRD, SYMMETRICAL, HEAVY, TIGHT, LOOSE = 0.8, 0.85, 0.35, 0.02, 0.25
"""Marks of `Composition`'s measures above (or below: TIGHT) which they are told in words."""
_FAULTS = {
    "exposure": ("too dark", "too bright"), "contrast": ("hardly any contrast", ""), "sharpness": ("not sharp", ""),
    "blur": ("", "blurred"), "clipping": ("", "burnt out in places"),
}  # fmt: skip
"""What a gate's failure below and above its mark is called."""
_RECIPE = ("engine", "engine_version", "prompt", "negative_prompt", "seed", "steps", "guidance", "quality")
_MIDDLE = 128.0


class AnalyzeImage(Tool):
    name = "analyze_image"
    description = (
        "Look at one picture and measure it: composition (thirds, subject, symmetry, headroom, leading lines, depth), "
        "shot scale, light, contrast, sharpness, colours, who is in it, how the studio made it, and a description. "
        "Makes a report and the picture with the measures drawn onto it."
    )
    effect = "create"
    makes = "report"

    class Args(ToolArgs):
        image: str = Field(description="The picture: an asset id, an attached file's name, 'last', or a path.")

    def needs(self, args: Args, studio: Studio) -> frozenset[str]:
        from tools.analysis.characters import wants_encoders

        return frozenset({"identity"}) if wants_encoders(studio) else frozenset()

    def forecast(self, args: Args, studio: Studio) -> Forecast:
        return Forecast(seconds=2.0, disk_mib=2.0)

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        from backends.media.guard import MediaLimits
        from backends.media.images import load_image, save_png
        from backends.vision.composition.measure import compose
        from backends.vision.quality import measure_image
        from tools.analysis.characters import finder_for
        from tools.analysis.picture_sheet import annotated
        from tools.image.gates import picture_scores

        picture = ctx.asset(args.image, "image", "map")
        path = ctx.path(picture)
        rgb = load_image(path, MediaLimits.of(ctx.settings.uploads))
        ctx.progress(0.1, 1, f"looking at {picture.name}")
        finder, missing = finder_for(picture, ctx)
        figures = tuple(finder.find(rgb, 0.0))
        look = compose(rgb, figures=figures, why_none=missing.get("scale", ""))
        scores = picture_scores(rgb)
        file = file_facts(path, rgb)
        ctx.progress(0.4, 1, "describing it")
        text, author, why = _described(rgb, look, file, ctx)
        if why:
            missing = {**missing, "description": why}
        facts = {
            "picture": picture.id,
            "file": file,
            "description": {"text": text, "by": author},
            "composition": look.model_dump(mode="json"),
            "quality": _rounded(measure_image(rgb)),
            "faults": faults_of(scores),
            "recipe": recipe_facts(picture),
            "not_measured": missing,
        }
        summary = summary_of(picture.name, facts, look)
        report_file, sheet_file = ctx.scratch(".json"), ctx.scratch(".png")
        report_file.write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
        save_png(sheet_file, annotated(rgb, look), {"Title": f"Measures of {picture.name}", "Source": picture.id})
        common: dict[str, Any] = {"parents": (picture.id,), "summary": summary}
        report = ctx.save(report_file, "report", f"Report on {picture.name}.json", **common)
        # a sheet is not "the last picture" of a conversation
        sheet = ctx.save(sheet_file, "image", f"Measures of {picture.name}", params={"sheet": True}, **common)
        return ToolResult(summary, (report, sheet), _figures(look, facts), data=facts)


def _described(rgb: Rgb, look: Composition, file: Mapping[str, Any], ctx: ToolContext) -> tuple[str, str, str]:
    """Text, author, and why no vision model wrote it."""
    from backends.vision.caption import describe, one_line
    from backends.vision.vlm import find_vision_model
    from configs.errors import StudioError
    from configs.llm_services import vision_models
    from tools.analysis.captions_measured import MEASURED, colour_names, people_of, picture_text

    measured = picture_text(look, composition_words(look))
    ctx.cancel.check()
    model, why = find_vision_model(ctx.settings.llm, vision_models(ctx.settings))
    if model is None:
        return measured, MEASURED, why
    told = {"width": file["width"], "height": file["height"], "scale": look.scale, "key": look.key,
            "colours": colour_names(look), "characters": people_of(look),
            "composition": list(composition_words(look))}  # fmt: skip
    try:
        text, why = describe(model, "analyze_image", told, [rgb], DESCRIPTION)
    except StudioError as error:
        text, why = "", error.sentence
    if text:
        return text, one_line(model.name, 80), ""
    ctx.warn(f"{one_line(model.name, 80)} did not describe the picture, measurements do: {why.rstrip('.')}")
    return measured, MEASURED, why


def composition_words(look: Composition) -> tuple[str, ...]:
    """What stands out in a composition, each a few words."""
    found = []
    if look.thirds >= ON_THIRD:
        found.append("the subject on a point of thirds")
    side = "left" if look.subject[0] < 0.4 else "right" if look.subject[0] > 0.6 else ""
    if side and look.thirds < ON_THIRD:
        found.append(f"the subject on the {side}")
    if look.symmetry >= SYMMETRICAL:
        found.append("symmetrical")
    if abs(look.balance) > HEAVY:
        found.append(f"weight on the {'right' if look.balance > 0 else 'left'}")
    if look.vanishing is not None:
        found.append("leading lines")
    if look.headroom is not None and not TIGHT <= look.headroom <= LOOSE:
        found.append("hardly any headroom" if look.headroom < TIGHT else "much headroom")
    if look.layers > 1:
        found.append(f"{look.layers} depth layers")
    return tuple(found)


def faults_of(scores: Sequence[Score]) -> list[str]:
    """What is technically wrong, in words; [] when every measure passes."""
    found = []
    for score in scores:
        if score.passed is False and score.value is not None:
            below, above = _FAULTS.get(score.name, (score.name, score.name))
            # exposure fails on both sides of the middle, the others on one side only
            low = score.value < (_MIDDLE if score.name == "exposure" else (score.threshold or 0.0))
            found.append((below if low else above) or score.name)
    return found


def file_facts(path: Path, rgb: Rgb) -> dict[str, Any]:
    """Format, size and kind of a picture file. Nothing of its EXIF: places, dates and serial numbers stay there."""
    from PIL import Image

    with Image.open(path) as image:
        alpha = "A" in image.getbands() or "transparency" in image.info
        form, mode, frames = str(image.format or ""), image.mode, int(getattr(image, "n_frames", 1))
    height, width = rgb.shape[:2]
    return {
        "format": form, "mode": mode, "transparent": alpha, "frames": frames, "bytes": path.stat().st_size,
        "width": width, "height": height, "megapixels": round(width * height / 1e6, 2),
    }  # fmt: skip


def recipe_facts(picture: Asset) -> dict[str, Any]:
    """How the studio made it, by the catalogue and never by the file's own text; {} for a picture from outside."""
    recipe = picture.params.get("recipe")
    recipe = recipe if isinstance(recipe, Mapping) else {}
    facts = {key: recipe[key] for key in _RECIPE if recipe.get(key) not in (None, "", {})}
    if picture.engine:
        facts |= {"engine": picture.engine, "engine_version": picture.engine_version, "tool": picture.tool}
    if isinstance(model := recipe.get("model"), Mapping) and model.get("name"):
        facts["model"] = model["name"]
    loras = recipe.get("loras")
    if isinstance(loras, list) and loras:
        facts["loras"] = [str(one.get("name")) for one in loras if isinstance(one, Mapping)]
    return facts


def summary_of(name: str, facts: Mapping[str, Any], look: Composition) -> str:
    """The facts in at most 1 KB, the most asked for first."""
    from tools.analysis.captions_measured import MEASURED, colour_names, listed, people_of
    from tools.analysis.phrases import scale_words

    file, told, made = facts["file"], facts["description"], facts["recipe"]
    by = "from measurements" if told["by"] == MEASURED else f"by {told['by']}"
    parts = [f"{name[:120]}: {file['width']}x{file['height']} {file['format']}.", f"{told['text']} ({by})"]
    quality = facts["quality"]
    faults = facts["faults"]
    parts.append(f"Technically: {listed(faults)}." if faults else "Technically no fault found.")
    scale = scale_words(look)
    reason = look.scale_reason.partition(" (")[0].rstrip(".")
    parts.append(f"Shot scale: {scale}." if scale else f"Shot scale unknown: {reason}.")
    if names := people_of(look):
        parts.append(f"Characters: {listed(names)}.")
    parts.append(f"Subject at {look.subject[0]:.0%} from the left, {look.subject[1]:.0%} from the top; thirds "
                 f"{look.thirds:.2f}, symmetry {look.symmetry:.2f}, balance {look.balance:+.2f}.")  # fmt: skip
    parts.append(f"Brightness {look.luma:.0f} of 255 ({look.key} key), contrast {look.contrast:.0f}, saturation "
                 f"{look.saturation:.2f}, sharpness {quality['sharpness']:.0f}.")  # fmt: skip
    parts.append(f"Main colours: {listed(colour_names(look, 5))}.")
    if made:
        engine = " ".join(str(made[key]) for key in ("engine", "model") if made.get(key))
        seed = f", seed {made['seed']}" if "seed" in made else ""
        parts.append(f"Made here by {engine}{seed}.")
    while len(" ".join(parts).encode()) > SUMMARY_LIMIT:
        parts.pop()
    return " ".join(parts)


def _figures(look: Composition, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "width": facts["file"]["width"], "height": facts["file"]["height"], "scale": look.scale,
        "thirds": look.thirds, "symmetry": look.symmetry, "balance": look.balance, "headroom": look.headroom,
        "luma": look.luma, "key": look.key, "contrast": look.contrast, "saturation": look.saturation,
        "sharpness": facts["quality"]["sharpness"], "figures": len(look.figures),
        "colours": [colour.name for colour in look.colours], "faults": facts["faults"],
    }  # fmt: skip


def _rounded(measures: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in measures.items()}
