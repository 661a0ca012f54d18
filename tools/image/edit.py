"""edit_image: an instruction in plain words, done to one picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.film.single import stable_seed
from tools.image.edit_keep import keep
from tools.image.edit_way import EditImageArgs, way_of
from tools.image.edit_work import Edit
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

SDXL_SECONDS, PREVIEW_SECONDS = 14.0, 6.0


class EditImage(Tool):
    name: ClassVar[str] = "edit_image"
    description: ClassVar[str] = (
        "Changes an existing picture after an instruction: background, things, colours, faces, poses, light, cropping, "
        "size, more room at a side. Makes a new picture; the old one stays. For a new picture use generate_image."
    )
    Args: ClassVar[type[ToolArgs]] = EditImageArgs
    makes = "image"

    def needs(self, args: EditImageArgs, studio: Studio) -> frozenset[str]:
        try:
            source = studio.memory.find_asset(args.image, ("image",))
            return way_of(args, source, studio).engines
        except StudioError:
            # a file that is not taken in yet, or a wrong wish: run() tells
            return frozenset({"sdxl"} if studio.image_engine() == "sdxl" else ())

    def forecast(self, args: EditImageArgs, studio: Studio) -> Forecast:
        engines = self.needs(args, studio)
        seconds = 0.6 + PREVIEW_SECONDS * ("preview" in engines) + SDXL_SECONDS * args.count * ("sdxl" in engines)
        return Forecast(seconds=seconds, disk_mib=3.0 * args.count)

    def run(self, args: EditImageArgs, ctx: ToolContext) -> ToolResult:
        from backends.media.images import load_image

        if args.mask:
            ctx.asset(args.mask, "image", "map")
        source = ctx.asset(args.image, "image")
        studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
        way = way_of(args, source, studio)
        if way.plan.empty and not args.mask:
            raise UsageError(
                f"It is not clear what '{args.instruction.strip()[:80]}' should change", "",
                "Say it as 'make the sky purple', 'remove the hat', 'brighter', 'crop to a square' or 'upscale 2x'",
            )  # fmt: skip
        seed = args.seed if args.seed >= 0 else stable_seed(f"{source.id}|{args.instruction}")
        assets: list[Asset] = []
        told = ""
        for number in range(args.count if way.paints else 1):
            ctx.progress(number, args.count, way.plan.text[:60])
            one = Edit(args, source, way, (seed + number) % 2**31, ctx)
            canvas = one.work(np.asarray(load_image(ctx.path(source))))
            assets.append(keep(one.record(canvas), canvas, number, ctx))
            told = ", ".join(dict.fromkeys(canvas.told))
        if args.count > 1 and not way.paints:
            ctx.warn("Only SDXL makes variants of an edit: one picture was made")
        first = assets[0]
        size = f"{first.params['width']}x{first.params['height']}"
        engine = f", engine {first.engine}" if first.engine else ""
        summary = f"Changed '{source.name}' ({size}{engine}): {told}. The old picture is kept."
        figures = {score.name: score.value for score in first.scores if score.value is not None}
        return ToolResult(summary[:SUMMARY_LIMIT], tuple(assets), figures, data={"changes": told, "scores": figures})
