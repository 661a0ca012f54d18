"""remake_image: the same picture once more from its recipe, compared pixel by pixel with the one that was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from configs.errors import StudioError, UsageError
from memory.records import Asset, Score
from memory.store import Memory
from tools.image.provenance import PictureFacts, png_text
from tools.image.recipe import pixel_hash, recipe_of, request_from
from tools.registry import TOOLS, get_tool
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolOutcome, ToolResult

NOT_AGAIN = frozenset({"layers", "recipe", "take", "takes"})
"""Facts of the original that do not hold for a picture that was made again: it is no take among others."""
ENGINES = frozenset({"preview", "sdxl"})
CALLS = frozenset({"edit_image"})
"""Tools that a recipe may have called again: it may come from an imported memory, so it names no others."""
SAME_WAY = {
    "device": "the device", "dtype": "the precision", "versions": "the versions of the packages",
    "memory_step": "what was done against too little memory", "vae_tiling": "decoding in tiles",
    "made_width": "the size that was drawn before enlarging", "scheduler": "the scheduler", "steps": "the steps",
    "guidance": "the guidance", "few_step": "the few-step LoRA", "samples": "the samples per pixel",
    "fused": "whether the LoRAs were merged into the model", "vae_fingerprint": "the VAE",
    "model_fingerprint": "the model", "ip_adapter": "the IP-Adapter", "timesteps": "the timesteps",
}  # fmt: skip
"""Facts of an engine's result that decide pixels and are no part of the request, in words."""


@dataclass(frozen=True)
class Difference:
    """How far two pictures of one recipe are apart."""

    identical: bool
    most: int | None
    """Largest difference of a channel, 0-255; None when they cannot be compared pixel by pixel."""
    mean: float | None
    changed: float | None
    """Share of pixels that differ, 0-1."""

    @property
    def told(self) -> str:
        if self.identical:
            return "identical, pixel for pixel"
        if self.most is None or self.mean is None or self.changed is None:
            return "not the same picture"
        amount = f"by {self.mean:.3g} of 255 on average, {self.most} at the most"
        return f"different: {self.changed:.1%} of the pixels, {amount}"


class RemakeImageArgs(ToolArgs):
    image: str = Field(min_length=1, max_length=500, description="The picture: asset id, its name, or 'last'")


class RemakeImage(Tool):
    name: ClassVar[str] = "remake_image"
    description: ClassVar[str] = (
        "Makes a picture of the studio again from its recipe and tells whether it is the same, pixel for pixel. "
        "Use it to check a picture or to get a lost file back; for a new variant use generate_image."
    )
    Args: ClassVar[type[ToolArgs]] = RemakeImageArgs
    makes = "image"

    def needs(self, args: RemakeImageArgs, studio: Studio) -> frozenset[str]:
        asset = _known(args.image, studio.memory)
        recipe = asset.params.get("recipe") if asset else None
        if not isinstance(recipe, Mapping) or recipe.get("kind") != "generate":
            return frozenset()
        return ENGINES & {str(recipe.get("engine"))}

    def forecast(self, args: RemakeImageArgs, studio: Studio) -> Forecast:
        asset = _known(args.image, studio.memory)
        size = {k: v for k in ("width", "height") if isinstance(v := asset.params.get(k), int)} if asset else {}
        maker = get_tool("generate_image")
        return maker.forecast(maker.Args.model_validate({"prompt": "again", **size}), studio)

    def run(self, args: RemakeImageArgs, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.image, "image")
        recipe = recipe_in(asset)
        if recipe.get("kind") == "edit":
            return _called_again(asset, recipe, ctx)
        engine = str(recipe.get("engine"))
        if engine not in ENGINES:
            cause = f"no engine here is called '{engine[:40]}'"
            raise UsageError(f"'{asset.name}' cannot be made again", cause, "Make a new one with generate_image")
        if engine not in ctx.engines and args.image != asset.id:
            # 'last' meant another picture when the engines were leased: its id leaves no doubt
            return _result_of(ctx.call(self.name, {"image": asset.id}))
        request = request_from(recipe, ctx)
        result = ctx.engine("image").generate(
            request, lambda step, steps: ctx.progress(step, max(steps, 1), asset.name)
        )
        for warning in result.warnings:
            ctx.warn(warning)
        made = recipe_of(request, result, ctx)
        apart = compare(asset, recipe, result.image, ctx)
        scores = (*(asset.scores if apart.identical else ()), _score(apart, asset))
        scores = tuple(score for score in scores if score.by != "user")
        params = {key: value for key, value in asset.params.items() if key not in NOT_AGAIN}
        file = ctx.scratch(".png")
        _save_png(file, result.image, PictureFacts(made, scores, (asset.id,), self.name, str(params.get("prompt", ""))))
        saved = ctx.save(
            file, "image", f"{asset.name} (again)", engine=result.engine, engine_version=result.engine_version,
            params={**params, "recipe": made, "remake_of": asset.id}, seed=result.seed, parents=(asset.id,),
            scores=scores, summary=f"'{asset.name}' made again: {apart.told}",
        )  # fmt: skip
        return _told(asset, saved, apart, causes(recipe, made))


def recipe_in(asset: Asset) -> Mapping[str, Any]:
    """The recipe of a picture. Raises UsageError when it has none."""
    recipe = asset.params.get("recipe")
    if isinstance(recipe, Mapping):
        return recipe
    cause = "it has no recipe, as only pictures have that an image engine drew" if asset.engine else "it was taken in"
    raise UsageError(f"'{asset.name}' cannot be made again", cause, "Name a picture that generate_image made")


def compare(asset: Asset, recipe: Mapping[str, Any], rgb: NDArray[np.uint8], ctx: ToolContext) -> Difference:
    """The picture that was kept against `rgb`; by the recipe's hash alone when its file is gone."""
    from backends.media.images import load_image

    same = pixel_hash(rgb) == recipe.get("pixels")
    try:
        kept = load_image(ctx.path(asset))
    except StudioError as error:
        ctx.warn(f"{error.problem}: the new picture is compared by the hash in its recipe")
        return Difference(same, 0 if same else None, 0.0 if same else None, 0.0 if same else None)
    if kept.shape != rgb.shape:
        return Difference(False, None, None, None)
    gap = np.abs(kept.astype(np.int16) - rgb)
    if not gap.any() and not same:
        ctx.warn("The kept file has the new picture's pixels, but the recipe names others: the recipe was changed")
    if same and gap.any():
        ctx.warn("The new picture is the one of the recipe; the kept file was changed since")
    return Difference(not gap.any(), int(gap.max()), float(gap.mean()), float(gap.any(axis=-1).mean()))


def causes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What was different in the making, in words."""
    found = []
    if before.get("engine_version") != now.get("engine_version"):
        found.append(f"the engine ({before.get('engine_version')}, now {now.get('engine_version')})")
    if _nets(before) != _nets(now):
        found.append("the ControlNets")
    old, new = before.get("used"), now.get("used")
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() & new.keys()):
            if old[key] != new[key]:
                short = all(isinstance(one, str | int | float | None) for one in (old[key], new[key]))
                found.append(SAME_WAY.get(key, key) + (f" ({old[key]}, now {new[key]})" if short else ""))
    return found


def _nets(recipe: Mapping[str, Any]) -> list[Any]:
    return [one.get("net") for one in recipe.get("controls") or () if isinstance(one, Mapping)]


def _called_again(asset: Asset, recipe: Mapping[str, Any], ctx: ToolContext) -> ToolResult:
    """A picture that took more than one engine call: its tool makes it again, and saves it itself."""
    call = recipe.get("call")
    tool = call.get("tool") if isinstance(call, Mapping) else None
    args = call.get("args") if isinstance(call, Mapping) else None
    if not isinstance(tool, str) or tool not in CALLS or tool not in TOOLS or not isinstance(args, Mapping):
        raise UsageError(f"'{asset.name}' cannot be made again", f"its recipe names no tool that may do it ({tool!r})",
                         "Make it anew")  # fmt: skip
    from backends.media.images import load_image

    outcome = ctx.call(tool, args, title=f"{asset.name} again")
    if not outcome.assets:
        raise StudioError(f"'{asset.name}' was not made again", f"{tool} gave no picture", "Try again")
    made = outcome.assets[0]
    for warning in outcome.result.warnings if outcome.result else ():
        ctx.warn(warning)
    apart = compare(asset, recipe, load_image(ctx.path(made)), ctx)
    again = made.params.get("recipe")
    return _told(asset, made, apart, causes(recipe, again) if isinstance(again, Mapping) else [])


def _told(asset: Asset, made: Asset, apart: Difference, why: list[str]) -> ToolResult:
    summary = f"Made '{asset.name}' ({asset.id}) again as {made.id}: {apart.told}."
    if not apart.identical:
        likely = "; ".join(why) or "nothing that is recorded differs, so the device's own arithmetic is not repeatable"
        summary += f" Likely cause: {likely}."
    figures: dict[str, Any] = {"identical": apart.identical, "max_difference": apart.most,
                               "mean_difference": apart.mean, "changed_share": apart.changed}  # fmt: skip
    return ToolResult(summary[:1000], (made,), figures, data={**figures, "of": asset.id, "causes": why})


def _score(apart: Difference, asset: Asset) -> Score:
    by = f"pixels against {asset.id}"
    if apart.mean is None:
        return Score("same as the original", None, "not measured", by, note=apart.told)
    return Score("same as the original", 1.0 - (apart.changed or 0.0), "measured", by, 1.0, apart.identical, apart.told)


def _result_of(outcome: ToolOutcome) -> ToolResult:
    assert outcome.result is not None  # ctx.call raises when there is none
    return outcome.result


def _save_png(file: Any, rgb: NDArray[np.uint8], facts: PictureFacts) -> None:
    from backends.media.images import save_png

    save_png(file, rgb, png_text(facts))


def _known(ref: str, memory: Memory) -> Asset | None:
    """The picture as far as it can be told before the call; `run` looks again, in its own conversation."""
    try:
        return memory.find_asset(ref, ("image",))
    except StudioError:
        return None
