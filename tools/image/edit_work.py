"""One run of one edit: content, then pixels, then shape."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.image.engine import ImageRequest, ImageResult, LoraUse, Quality
from backends.image.layout.scene_json import scene_from_dict
from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.image.edit_base import (
    LARGEST,
    Canvas,
    Drawn,
    apply_pixels,
    apply_shape,
    apply_tint,
    check_size,
    load_mask,
    replay,
    scene_of,
    target_size,
)
from tools.image.edit_keep import EditRecord
from tools.image.edit_paint import Brush, Stroke, area_of, enlarge, extend, extended, paint
from tools.image.edit_plan import EditPlan, read_edit
from tools.image.edit_stage import stage
from tools.image.edit_way import EditImageArgs, Way, grows
from tools.image.recipe import request_from
from tools.image.regions import Region
from tools.image.restage import Restaged
from tools.spec import ToolContext

if TYPE_CHECKING:
    from backends.image.layout.frame import LayoutFrame

NEEDS_SDXL = (
    "Set up SDXL (image.sdxl_path); without it the studio changes light, colour, sharpness and shape of any picture, "
    "and place, time, framing, poses, faces, clothes and props of pictures that it drew itself"
)


class Edit:
    """One run of one edit."""

    def __init__(self, args: EditImageArgs, source: Asset, way: Way, seed: int, ctx: ToolContext) -> None:
        self.args, self.source, self.way, self.seed, self.ctx = args, source, way, seed, ctx
        self.plan = way.plan
        self.drawn = way.drawn
        self.results: tuple[ImageResult, ...] = ()
        self.requests: list[ImageRequest] = []
        self.scene: Any = None
        self.resized = False
        """Whether the size was made on the finished picture."""
        earlier = [read_edit(given.text) for given in self.drawn.edits] if self.drawn is not None else []
        self._shaped = any(map(_reshapes, earlier))
        """Whether the drawn picture was cropped, turned or resized since."""
        self._redrawn = self.drawn is not None and not any(plan.size or plan.enlarge for plan in earlier)
        """Whether another size can be drawn: the earlier changes of its shape hold at any size."""

    def work(self, rgb: Any) -> Canvas:
        """Content, then pixels, then shape."""
        if self.drawn is not None:
            canvas = self._draw(self.drawn)
        else:
            canvas = Canvas(rgb, self._layout(rgb) if self.way.layout else None)
            for clause in self.plan.each:
                if clause.content:
                    self._paint(clause, canvas)
        limits = self._masked(canvas).mask if self.args.mask and self.plan.adjustments else None
        apply_pixels(self.plan, canvas, self.ctx, limits)
        self._shape(canvas)
        return canvas

    def _shape(self, canvas: Canvas) -> None:
        plan, resized = self.plan, False
        if self.way.paints:
            if plan.extend:
                check_size(*extended(canvas.rgb, dict(plan.extend)))
                self._stroke(canvas, extend(canvas.rgb, dict(plan.extend), self._brush()), "extended to")
            if grows(plan) and (target := target_size(plan, canvas.rgb)):
                stroke = enlarge(canvas.rgb, *target, self._brush(), self._tile)
                self._stroke(canvas, stroke, "enlarged with new detail to")
            resized = True
        elif self.drawn is None and plan.extend:
            raise UsageError("The picture cannot be extended", "what continues it has to be painted", NEEDS_SDXL)
        elif grows(plan):
            resized = self._redrawn
            if plan.enlarge and not resized:
                self.ctx.warn(
                    "The picture was enlarged by interpolation: it has no more detail than before; SDXL would add some"
                )
        apply_shape(replace(plan, size=None, enlarge=0) if resized else plan, canvas)

    # -- a picture that the studio drew -----------------------------------------------------------------------------

    def _draw(self, drawn: Drawn) -> Canvas:
        restaged, left = stage(self.plan, drawn.shot, drawn.cast, self.ctx.memory, self.ctx.settings.voice.language)
        changed = bool(restaged.changes)
        if changed:
            drawn = replace(drawn, shot=restaged.shot, cast=restaged.cast)
        width, height = drawn.width, drawn.height
        plan, quality = self.plan, self.args.quality or drawn.quality
        if plan.extend:
            width = round(width * (1 + plan.extend.get("left", 0) + plan.extend.get("right", 0)))
            height = round(height * (1 + plan.extend.get("top", 0) + plan.extend.get("bottom", 0)))
            check_size(width, height)
            if any(len(pair & plan.extend.keys()) == 1 for pair in ({"left", "right"}, {"top", "bottom"})):
                self.ctx.warn("The camera stays on the middle of the shot, so the new room is on both sides")
        elif grows(plan) and self._redrawn:
            width, height = self._drawn_for(plan, width, height)
        scene = scene_of(drawn, changed)
        prompt, negative = self._words()
        request = ImageRequest(prompt, negative, width, height, self.seed, layout=scene, quality=quality)
        frame, result = self._rendered(request)
        self.requests.append(request)
        self.results = (result,)
        canvas = Canvas(np.asarray(frame.rgb), frame)
        replay(drawn.edits, canvas, self.ctx)
        if self._shaped and self._redrawn and plan.size and plan.crop is None:
            apply_shape(EditPlan(plan.text, size=plan.size), canvas)
            canvas.told.clear()
            self.resized = canvas.frame is None and plan.size != (width, height)
        canvas.told += restaged.changes
        if plan.extend:
            canvas.told.append(f"drawn anew in {width}x{height}")
        elif (width, height) != (drawn.width, drawn.height):
            canvas.told.append(f"drawn anew at {canvas.rgb.shape[1]}x{canvas.rgb.shape[0]}")
        for clause, made in left:
            if not apply_tint(clause.text, canvas):
                self._untouched(clause, made, alone=len(plan.each) == 1)
        self.drawn, self.scene = replace(drawn, width=width, height=height, quality=quality), scene
        return canvas

    def _drawn_for(self, plan: EditPlan, width: int, height: int) -> tuple[int, int]:
        """The size to draw for the size that `plan` asks for. A picture that was cropped since is drawn whole."""
        params = self.source.params
        now = (int(params["width"]), int(params["height"])) if self._shaped else (width, height)
        target = target_size(plan, np.broadcast_to(np.uint8(0), (now[1], now[0], 3))) or now
        if not self._shaped:
            return target
        factor = max(target[0] / now[0], target[1] / now[1])
        wide, tall = round(width * factor), round(height * factor)
        if not (factor > 1 and max(wide, tall) <= LARGEST):
            self._redrawn = False  # smaller, or too large to draw whole: the picture as it is gets the size
            return width, height
        return wide, tall

    def _untouched(self, clause: EditPlan, restaged: Restaged, alone: bool) -> None:
        """Raises UsageError for a clause that a layout cannot show; one that is so already is only told."""
        if restaged.already and not alone:
            self.ctx.warn(f"{restaged.already[0]} already")
            return
        if restaged.already:
            raise UsageError("There is nothing to change", f"{restaged.already[0]} already", "Ask for something else")
        somebody = clause.content == "remove" and re.fullmatch(r"[A-Z]\w+", clause.what)
        if missing := restaged.missing or (clause.what if somebody else ""):
            there = " and ".join(one.name for one in restaged.cast) or "nobody"
            raise UsageError(f"{missing} is not in this picture", f"in it: {there}",
                             "Name somebody who is there, or add somebody first")  # fmt: skip
        if clause.content == "remove":
            raise UsageError(
                f"There is no '{clause.what[:80]}' in this picture that can be taken away",
                "in a layout that is somebody, something worn or a prop", "Name one of them; the rest needs SDXL",
            )  # fmt: skip
        raise UsageError(
            f"The preview engine cannot show '{clause.what[:80]}'" + ("" if alone else ", so nothing was changed"),
            "a layout has place, time of day, framing, who is there, poses, faces, clothes, colours and props",
            "Ask for one of these, or draw a new picture; other changes need SDXL (image.sdxl_path)",
        )

    # -- any other picture ------------------------------------------------------------------------------------------

    def _layout(self, rgb: Any) -> Any:
        scene = scene_from_dict(self.source.params["scene"])
        return self._rendered(ImageRequest("", "", rgb.shape[1], rgb.shape[0], self.seed, layout=scene))[0]

    def _rendered(self, request: ImageRequest) -> tuple[LayoutFrame, ImageResult]:
        engine: Any = self.ctx.engines["preview"]
        began = time.perf_counter()
        frame = engine.frame(request, self._step)
        result: ImageResult = engine.result_of(frame, request, time.perf_counter() - began)
        for warning in result.warnings:
            self.ctx.warn(warning)
        return frame, result

    def _paint(self, clause: EditPlan, canvas: Canvas) -> None:
        if not self.way.paints:
            raise UsageError(f"'{clause.what[:80]}' has to be painted into this picture", "", NEEDS_SDXL)
        region = self._masked(canvas) if self.args.mask else area_of(clause, canvas.rgb, canvas.frame)
        if region is None and clause.content in ("background", "remove"):
            raise UsageError(
                f"'{clause.what[:80]}' cannot be found in this picture",
                "nothing in it stands out, and it has no layout that tells its parts apart",
                "Give a mask: a picture of the same size, white where something may change",
            )
        if region is not None and not region.exact:
            self.ctx.warn(f"{region.name} was found by colour or place, not known exactly: look at its edge")
        self._stroke(canvas, paint(clause, canvas.rgb, region, self._brush()), f"'{clause.what[:60]}' in")

    def _masked(self, canvas: Canvas) -> Region:
        asset = self.ctx.asset(self.args.mask, "image", "map")
        return Region("the masked part", load_mask(asset, canvas.rgb.shape, self.ctx), True)

    def _words(self) -> tuple[str, str]:
        """Prompt and negative prompt of the old picture."""
        params = self.source.params
        prompt = str(params.get("engine_prompt") or params.get("prompt") or "")
        return prompt, str(params.get("negative_prompt") or "")

    def _brush(self) -> Brush:
        params = self.source.params
        loras: tuple[LoraUse, ...] = ()
        if isinstance(params.get("recipe"), Mapping):
            try:
                loras = request_from(
                    {**params["recipe"], "controls": [], "references": [], "init": None}, self.ctx
                ).loras
            except StudioError as error:
                self.ctx.warn(f"The LoRAs of the old picture are not used: {error.sentence}")
        quality: Quality = self.args.quality or self.ctx.settings.image.quality
        prompt, negative = self._words()
        strength = self.args.strength or None
        return Brush(self._generate, prompt, negative, self.seed, quality, loras, strength)

    def _generate(self, request: ImageRequest) -> ImageResult:
        made: ImageResult = self.ctx.engines["sdxl"].generate(request, self._step)  # type: ignore[attr-defined]
        self.requests.append(request)
        for warning in made.warnings:
            self.ctx.warn(warning)
        return made

    def _stroke(self, canvas: Canvas, stroke: Stroke, told: str) -> None:
        canvas.rgb, self.results = stroke.rgb, (*self.results, *stroke.results)
        canvas.told.append(f"{told} {stroke.told}")
        if stroke.rgb.shape[:2] != (canvas.frame.rgb.shape[:2] if canvas.frame is not None else stroke.rgb.shape[:2]):
            canvas.frame = None

    def _step(self, step: int, steps: int) -> None:
        self.ctx.progress(step / max(steps, 1) * 0.9, 1, self.plan.text[:60])

    def _tile(self, done: int, tiles: int) -> None:
        self.ctx.progress(done / max(tiles, 1), 1, f"tile {done + 1} of {tiles}")

    def record(self, canvas: Canvas) -> EditRecord:
        """What is to be kept of it."""
        resized = self.resized or not self._redrawn
        return EditRecord(self.args, self.source, self.plan, self.drawn, self.scene, self.seed, self.results,
                          tuple(self.requests), resized)  # fmt: skip


def _reshapes(plan: EditPlan) -> bool:
    return bool(plan.crop or plan.rotate or plan.flip or plan.size or plan.enlarge)
