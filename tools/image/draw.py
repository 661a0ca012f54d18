"""One take: the wish as the engine's request, the picture, its measures; and what a further take should change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from backends.image.control.models import MapModels
from backends.image.engine import ControlMap, ImageRequest, LoraUse, Quality, Reference
from backends.image.layout.scene import LayoutScene
from backends.vision.hashes import perceptual_hash
from configs.lora_registry import load_loras
from configs.settings import Settings
from tools.film.layers import collect_layers
from tools.film.layout import Jitter, jitter, layout_scene, other_view
from tools.film.shot import SCALES, Shot
from tools.image.gates import Against, measured
from tools.image.identity import Who
from tools.image.placed import who_in, who_of
from tools.image.ranking import ADHERENCE, IDENTITY, failing
from tools.image.recipe import recipe_of
from tools.image.steering import ControlWish, Steering, steer
from tools.image.takes import Take, Variation
from tools.image.wish import Wish
from tools.spec import ToolContext

MOST_CONTROL = 1.5
LEAST_GUIDANCE, MOST_GUIDANCE = 3.0, 10.0
GUIDED = 2.0
"""Below this guidance a few-step model is at work, which breaks with more."""
SHOT_STEP = 11
"""Between the framings of two takes of one picture."""


@dataclass(frozen=True)
class Means:
    """What all pictures of one call are drawn with."""

    engine: Any
    """The leased image engine."""
    prompt: str
    """For the engine, with trigger words and what the presets say of the characters."""
    negative: str = ""
    """What must not be in the picture, the presets' own included."""
    quality: Quality = "standard"
    steps: int | None = None
    guidance: float | None = None
    loras: tuple[LoraUse, ...] = ()
    references: tuple[Reference, ...] = ()
    control: ControlWish = field(default_factory=ControlWish)
    fuse: bool = False
    models: MapModels | None = None
    """What reads maps from finished pictures."""

    @property
    def draws_layouts(self) -> bool:
        """Whether the engine is the preview, which draws the layout itself."""
        return getattr(self.engine, "renderer", None) is not None


@dataclass(frozen=True)
class Earlier:
    """A picture that a new one should differ from."""

    name: str
    hash: str
    seed: int | None
    """With the same seed it may be the same."""


@dataclass(frozen=True)
class Order:
    """One picture to be made."""

    wish: Wish
    means: Means
    size: tuple[int, int]
    """Width and height in pixels."""
    number: int = 0
    """Which of the call's pictures."""
    note: str = ""
    """For the progress."""
    framed: bool = False
    """The framing was chosen by a film's director: it does not vary."""
    layers: bool = False
    mouths: Mapping[str, list[str]] = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()
    steerings: dict[LayoutScene, tuple[Steering, tuple[Who, ...]]] = field(default_factory=dict, compare=False)
    """Maps that were made for this picture's framings, and where they put the characters."""

    @property
    def seed(self) -> int:
        """Of the first take."""
        return (self.wish.shot.seed + self.number) % 2**31


def draw(order: Order, variation: Variation, ctx: ToolContext) -> Take:
    """Make one take and measure it. Raises EngineError, UsageError; Cancelled between steps."""
    scene = framing(order, variation)
    if order.means.draws_layouts:
        return _draw_layout(order, variation, scene, ctx)
    return _draw_diffusion(order, variation, scene, ctx)


def framing(order: Order, variation: Variation) -> LayoutScene:
    """The layout of one take: variants turn and shift a little, an empty place is seen from elsewhere.

    A film's framing only steps back.
    """
    shot = _shot_of(order, variation)
    # a diffusion picture varies by its seed, so its maps are made once
    step = variation.number * SHOT_STEP if order.means.draws_layouts else 0
    if order.framed:
        return layout_scene(shot, order.wish.looks, Jitter())
    vary = jitter(shot.seed, order.number + step)
    if not shot.actors:
        shot = other_view(shot, order.number + step)
    return layout_scene(shot, order.wish.looks, vary)


def stepped_back(shot: Shot) -> Shot:
    """One scale wider, eye level, more frontal: what cuts a face or hides a character."""
    wider = SCALES[min(SCALES.index(shot.camera.scale) + 1, len(SCALES) - 1)]
    camera = shot.camera.model_copy(update={"scale": wider, "angle": "eye", "yaw_deg": shot.camera.yaw_deg * 0.5})
    return shot.model_copy(update={"camera": camera})


def next_try(order: Order, best: Take, wanted: Variation) -> Variation | None:
    """What to change after `best`, by the gates that it fails; None when nothing that can be changed would help."""
    names = [score.name for score in failing(best.scores)]
    last = best.variation
    if order.means.draws_layouts:
        framed_badly = any(name.split()[0] in ("visible", "face", "colours", "identity") for name in names)
        if order.framed and (not framed_badly or stepped_back(_shot_of(order, last)) == _shot_of(order, last)):
            return None  # the same layout would give the same picture
        step = last.step_back + 1 if framed_badly else last.step_back
        return replace(wanted, step_back=step, reason=f"{names[0]}: another framing" if names else "another framing")
    changes: dict[str, Any] = {}
    reasons: list[str] = []
    guidance = float(best.params.get("guidance") or 0.0)
    free = order.means.guidance is None and guidance > GUIDED
    if any(name.startswith(ADHERENCE) for name in names) and last.control_factor < MOST_CONTROL:
        changes["control_factor"] = min(MOST_CONTROL, last.control_factor * 1.25)
        reasons.append("the maps steer more")
    if any(name.startswith(IDENTITY) for name in names) and order.means.loras:
        changes["lora_factor"] = last.lora_factor * 1.15
        reasons.append("the LoRAs weigh more")
    if {"clipping", "exposure"} & set(names) and free:
        changes["guidance"] = max(LEAST_GUIDANCE, guidance - 1.5)
        reasons.append("less guidance")
    elif {"blur", "sharpness", "contrast"} & set(names) and free:
        changes["guidance"] = min(MOST_GUIDANCE, guidance + 1.5)
        reasons.append("more guidance")
    kept = {"control_factor": last.control_factor, "lora_factor": last.lora_factor, "guidance": last.guidance}
    why = ", ".join(names[:2])
    return replace(wanted, **{**kept, **changes}, reason=f"{why}: {', '.join(reasons) or 'another seed'}")


def _shot_of(order: Order, variation: Variation) -> Shot:
    shot = order.wish.shot
    for _ in range(variation.step_back):
        shot = stepped_back(shot)
    return shot


def _draw_layout(order: Order, variation: Variation, scene: LayoutScene, ctx: ToolContext) -> Take:
    means = order.means
    request = _request(order, variation, scene, (), (), ())
    began = time.perf_counter()
    frame = means.engine.frame(request, _on_step(order, ctx))
    result = means.engine.result_of(frame, request, time.perf_counter() - began)
    layers = None
    if order.layers:
        with means.engine.quality(request.quality) as renderer:
            layers = collect_layers(renderer, frame, scene, order.mouths)
    who = tuple(
        Who(one.name, one.look, frame.mask(one.name), frame.face_box.get(one.name))
        for one in scene.characters
        if scene.camera.target in (None, one.name)
    )
    against = Against(who=who, frame=frame, scene=scene, earlier=_earlier(order, variation.seed))
    return _take(order, variation, scene, request, result, against, ctx, layers=layers)


def _draw_diffusion(order: Order, variation: Variation, scene: LayoutScene, ctx: ToolContext) -> Take:
    means = order.means
    if scene not in order.steerings:
        made = steer(means.control, scene, order.size, ctx)
        placed = any(one.source == "layout" for one in made.controls)
        order.steerings[scene] = made, who_in(scene, order.size, ctx) if placed else who_of(scene)
    steering, who = order.steerings[scene]
    for note in steering.notes:
        ctx.warn(note)
    controls = tuple(replace(one, scale=min(2.0, one.scale * variation.control_factor)) for one in steering.controls)
    loras = weighted(means.loras, variation.lora_factor, ctx.settings)
    request = _request(order, variation, scene, controls, loras, means.references)
    result = means.engine.generate(request, _on_step(order, ctx))
    for warning in result.warnings:
        ctx.warn(warning)
    parents = (*steering.parents, *(one.asset for one in means.references if one.asset))
    words = order.wish.wish or order.wish.shot.description
    against = Against(words, who, controls, earlier=_earlier(order, variation.seed), models=means.models)
    return _take(order, variation, scene, request, result, against, ctx, parents=tuple(dict.fromkeys(parents)))


def _request(
    order: Order,
    variation: Variation,
    scene: LayoutScene,
    controls: tuple[ControlMap, ...],
    loras: tuple[LoraUse, ...],
    references: tuple[Reference, ...],
) -> ImageRequest:
    means = order.means
    return ImageRequest(
        means.prompt,
        means.negative,
        *order.size,
        variation.seed,
        steps=None if means.draws_layouts else means.steps,
        guidance=means.guidance if variation.guidance is None else variation.guidance,
        layout=scene,
        controls=controls,
        loras=loras,
        quality=means.quality,
        references=references,
        fuse=means.fuse and bool(loras),
    )


def _take(
    order: Order,
    variation: Variation,
    scene: LayoutScene,
    request: ImageRequest,
    result: Any,
    against: Against,
    ctx: ToolContext,
    **more: Any,
) -> Take:
    scores = measured(result.image, against, ctx)
    facts = {key: value for key, value in result.params.items() if key not in ("scene", "layout")}
    params = {**facts, "recipe": recipe_of(request, result, ctx), "phash": perceptual_hash(result.image)}
    params |= {"speed": result.speed} if result.speed else {}
    return Take(
        result.image,
        result.engine,
        result.engine_version,
        result.seed,
        params,
        scores,
        scene=scene,
        variation=variation,
        **more,
    )


def _earlier(order: Order, seed: int) -> dict[str, str]:
    return {one.name: one.hash for one in order.earlier if one.seed != seed}


def weighted(loras: tuple[LoraUse, ...], factor: float, settings: Settings) -> tuple[LoraUse, ...]:
    """The LoRAs with their weights times `factor`, each within its registry's range."""
    if factor == 1.0 or not loras:
        return loras
    registry = load_loras(settings).loras

    def clamped(use: LoraUse) -> LoraUse:
        spec = registry.get(use.name)
        weight = use.weight * factor
        if spec is not None:
            weight = min(max(weight, spec.min_weight), spec.max_weight)
        return replace(use, weight=round(weight, 3))

    return tuple(map(clamped, loras))


def _on_step(order: Order, ctx: ToolContext) -> Any:
    return partial(_tell, order.note, ctx)


def _tell(note: str, ctx: ToolContext, step: int, steps: int) -> None:
    ctx.progress(step / max(steps, 1) * 0.9, 1, note)
