"""What an edit starts from: a picture file, or the layout that the preview engine drew it after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from backends.image.engine import Quality
from backends.image.layout.scene import LayoutScene
from backends.image.layout.scene_json import scene_from_dict
from backends.media.adjust import adjust, crop_to, resize, tint, turn
from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.film.layout import cast_looks, layout_scene
from tools.film.lexicon import lexicon, word_index
from tools.film.look import hex_colour
from tools.film.shot import CastMember, Shot
from tools.film.words import find_phrase
from tools.image.edit_clauses import SURROUNDINGS
from tools.image.edit_plan import EditPlan, read_edit
from tools.image.regions import Mask, find_region, grown
from tools.spec import ToolContext

if TYPE_CHECKING:
    from backends.image.layout.frame import LayoutFrame

Rgb = NDArray[np.uint8]
MOST_EDITS = 40
SMALLEST, LARGEST = 16, 4096
"""Pixels of a side."""
QUALITIES = get_args(Quality)


@dataclass(frozen=True)
class Given:
    """An instruction about pixels and shape that was given to a drawn picture."""

    text: str
    mask: str = ""
    """Asset that limited it; '' = the whole picture, or the part that the text names."""

    def row(self) -> Any:
        """JSON-ready."""
        return {"text": self.text, "mask": self.mask} if self.mask else self.text


@dataclass(frozen=True)
class Drawn:
    """A picture of the preview engine as the shot that it shows: it can be drawn again, changed."""

    shot: Shot
    cast: tuple[CastMember, ...]
    width: int
    height: int
    quality: Quality
    edits: tuple[Given, ...] = ()
    """Instructions about pixels and shape that were given since it was drawn, in order."""
    scene: LayoutScene | None = None
    """The very scene that was drawn."""


@dataclass
class Canvas:
    """The picture in work."""

    rgb: Rgb
    frame: LayoutFrame | None = None
    """The layout of the same size, while the picture has its shape."""
    told: list[str] = field(default_factory=list)
    tinted: list[str] = field(default_factory=list)
    """Clauses after which a part got another colour on the finished picture."""


def drawn_from(source: Asset, quality: Quality) -> Drawn | None:
    """The shot behind a preview picture, None for any other picture.

    quality: where the picture does not say with which it was drawn.
    """
    params = source.params
    if source.engine != "preview" or not isinstance(params.get("shot"), Mapping):
        return None
    try:
        shot = Shot.model_validate(params["shot"])
        cast = tuple(CastMember.model_validate(one) for one in params.get("cast", ()))
        scene = scene_from_dict(params["scene"]) if params.get("scene") else None
        width, height = map(int, params.get("drawn_size") or (params.get("width"), params.get("height")))
        check_size(width, height)
    except (ValidationError, StudioError, KeyError, TypeError, ValueError):
        return None
    recipe = params.get("recipe")
    said: Any = recipe.get("quality") if isinstance(recipe, Mapping) else None
    return Drawn(shot, cast, width, height, said if said in QUALITIES else quality, given_to(source), scene)


def given_to(source: Asset) -> tuple[Given, ...]:
    """What was asked of a drawn picture's pixels and shape so far."""
    rows = source.params.get("edits")
    told = []
    for row in rows[-MOST_EDITS:] if isinstance(rows, list) else ():
        text, mask = (row.get("text"), row.get("mask")) if isinstance(row, Mapping) else (row, "")
        told.append(Given(str(text)[:2000], str(mask or "")))
    return tuple(told)


def scene_of(drawn: Drawn, changed: bool) -> LayoutScene:
    """The scene to draw: the stored one, with its own framing, unless the shot was changed."""
    if drawn.scene is not None and not changed:
        return drawn.scene
    return layout_scene(drawn.shot, cast_looks(drawn.cast))


def load_mask(asset: Asset, shape: tuple[int, ...], ctx: ToolContext) -> Mask:
    """(H, W) uint8 of a mask picture. Raises UsageError for one of another size, and for one that is black."""
    mask = _read_mask(asset, ctx)
    if mask.shape != shape[:2]:
        raise UsageError(
            f"The mask is {mask.shape[1]}x{mask.shape[0]}, the picture {shape[1]}x{shape[0]}",
            "they must have one size", "Make the mask in the picture's size",
        )  # fmt: skip
    if not mask.any():
        raise UsageError("The mask is black", "white marks what may change", "Paint the part white")
    return mask


def _read_mask(asset: Asset, ctx: ToolContext) -> Mask:
    from backends.media.images import load_image

    return np.asarray(load_image(ctx.path(asset)).max(axis=2), np.uint8)


def apply_pixels(plan: EditPlan, canvas: Canvas, ctx: ToolContext, mask: Mask | None = None) -> None:
    """The adjustments of every clause of `plan`, on the given part, or the one that the clause names."""
    for clause in plan.each:
        if clause.adjustments:
            _adjust(clause, canvas, ctx, mask)


def _adjust(clause: EditPlan, canvas: Canvas, ctx: ToolContext, mask: Mask | None) -> None:
    where = "" if mask is None else " (the masked part)"
    if mask is None and clause.partial:
        size = (canvas.rgb.shape[1], canvas.rgb.shape[0])
        region = find_region(clause.text, size, frame=canvas.frame, rgb=canvas.rgb)
        if region is None:
            raise UsageError(
                "The part that is meant cannot be found in this picture", "it has no layout that tells its parts apart",
                "Give a mask (white where it should change), or name a side such as 'the left half'",
            )  # fmt: skip
        if not region.exact:
            ctx.warn(f"{region.name} was found by colour or place, not known exactly: look at its edge")
        mask = grown(region.mask, 0, max(0.6, 0.002 * min(size)))
        where = f" ({region.name})"
    for name, strength in clause.adjustments:
        canvas.rgb = adjust(canvas.rgb, name, strength, mask)
        canvas.told.append(f"{name.replace('_', ' ')}{where}")


def apply_tint(text: str, canvas: Canvas) -> bool:
    """'make the sky purple' on a layout picture: the exact part in another colour. False when that is not asked for."""
    colours = lexicon("looks")["colours"]
    named = [word for _, word, _ in find_phrase(text, {str(word).lower(): str(word) for word in colours})]
    parts = list(dict.fromkeys(key for _, key, _ in find_phrase(text, word_index("edits", "regions"))))
    if not named or not parts or canvas.frame is None:
        return False
    around = [key for key in parts if key in SURROUNDINGS]
    size = (canvas.rgb.shape[1], canvas.rgb.shape[0])
    regions = [find_region(one, size, frame=canvas.frame) for one in around or (text,)]
    found = [region for region in regions if region is not None and region.exact]
    if len(found) < len(regions):
        return False
    for region in found:
        canvas.rgb = tint(canvas.rgb, hex_colour(colours[named[-1]]), grown(region.mask, 0, 0.8))
        canvas.told.append(f"{region.name} {named[-1]}")
    canvas.tinted.append(text)
    return True


def apply_shape(plan: EditPlan, canvas: Canvas) -> None:
    """Cropping, turning, mirroring, and a size where no engine makes it."""
    if plan.crop:
        canvas.rgb = crop_to(canvas.rgb, plan.crop, _focus(canvas))
        check_size(canvas.rgb.shape[1], canvas.rgb.shape[0])
        canvas.told.append(f"cropped to {canvas.rgb.shape[1]}x{canvas.rgb.shape[0]}")
        canvas.frame = None
    if plan.rotate or plan.flip:
        canvas.rgb = turn(canvas.rgb, plan.rotate, plan.flip)
        canvas.told.append(f"turned by {plan.rotate} degrees" if plan.rotate else f"mirrored ({plan.flip})")
        canvas.frame = None
    if target := target_size(plan, canvas.rgb):
        if target != (canvas.rgb.shape[1], canvas.rgb.shape[0]):
            canvas.rgb = resize(canvas.rgb, *target)
            canvas.told.append(f"resized to {target[0]}x{target[1]}")
        canvas.frame = None


def target_size(plan: EditPlan, rgb: Rgb) -> tuple[int, int] | None:
    """Width and height that the plan brings a picture to. Raises UsageError when that is too small or too large."""
    if not plan.size and not plan.enlarge:
        return None
    width, height = plan.size or (round(rgb.shape[1] * plan.enlarge), round(rgb.shape[0] * plan.enlarge))
    return check_size(width, height)


def check_size(width: int, height: int) -> tuple[int, int]:
    """The same size. Raises UsageError for one that no picture has here."""
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise UsageError(
            f"A picture of {width}x{height} pixels cannot be made", f"a side has {SMALLEST} to {LARGEST}",
            "Ask for another size",
        )  # fmt: skip
    return width, height


def replay(edits: tuple[Given, ...], canvas: Canvas, ctx: ToolContext) -> None:
    """Earlier instructions about pixels and shape on a picture that was drawn again, one after the other.

    Raises UsageError when the mask of one of them is gone.
    """
    for given in edits:
        plan = read_edit(given.text)
        apply_pixels(plan, canvas, ctx, _mask_of(given, canvas, ctx) if plan.adjustments else None)
        for clause in plan.each:
            if clause.content:
                apply_tint(clause.text, canvas)
        apply_shape(plan, canvas)
    canvas.told.clear()
    canvas.tinted.clear()


def _mask_of(given: Given, canvas: Canvas, ctx: ToolContext) -> Mask | None:
    if not given.mask:
        return None
    asset = ctx.memory.get_asset(given.mask)
    if asset is None:
        raise UsageError(f"The mask of the earlier change '{given.text[:60]}' is gone", "the memory knows it no more",
                         "Change the picture from before it")  # fmt: skip
    mask = _read_mask(asset, ctx)
    if mask.shape != canvas.rgb.shape[:2]:  # the picture is drawn larger now
        mask = resize(np.dstack([mask] * 3), canvas.rgb.shape[1], canvas.rgb.shape[0])[..., 0]
    return mask


def _focus(canvas: Canvas) -> tuple[float, float]:
    """Where the characters are, so that a crop keeps them."""
    if canvas.frame is None or not canvas.frame.face_box:
        return 0.5, 0.5
    boxes = np.array(list(canvas.frame.face_box.values()), float)
    middle = (boxes[:, :2] + boxes[:, 2:] / 2).mean(axis=0)
    return float(middle[0] / canvas.rgb.shape[1]), float(middle[1] / canvas.rgb.shape[0])
