"""An edited picture becomes an asset that can be edited again, and made again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backends.image.engine import ImageRequest, ImageResult
from backends.image.layout.scene import LayoutScene
from backends.image.layout.scene_json import scene_to_dict
from memory.records import Asset, Score
from tools.image.edit_base import MOST_EDITS, Canvas, Drawn, Given, given_to
from tools.image.edit_plan import EditPlan, read_edit
from tools.image.gates import identity_scores, picture_scores
from tools.image.provenance import PictureFacts, png_text
from tools.image.recipe import recipe_of, recipe_of_call
from tools.spec import ToolContext

if TYPE_CHECKING:
    from tools.image.edit_way import EditImageArgs


_TITLE = 36
_ASKED_FOR = {
    "blur": ("sharpness", "blur"), "darker": ("exposure", "contrast"), "brighter": ("exposure", "contrast", "clipping"),
    "less_contrast": ("contrast", "sharpness"), "more_contrast": ("exposure", "clipping"), "sharper": ("clipping",),
    "invert": ("exposure", "clipping"), "vignette": ("exposure",), "grey": ("contrast",),
}  # fmt: skip


@dataclass(frozen=True)
class EditRecord:
    """What was done to which picture."""

    args: EditImageArgs
    source: Asset
    plan: EditPlan
    drawn: Drawn | None
    scene: LayoutScene | None
    seed: int
    results: tuple[ImageResult, ...]
    requests: tuple[ImageRequest, ...]
    resized: bool = False
    """Whether another size was made of the finished picture, not drawn or painted."""


def keep(record: EditRecord, canvas: Canvas, number: int, ctx: ToolContext) -> Asset:
    """Save it with its scores, and with its way of making inside the file."""
    from backends.media.images import save_png

    scores = _scores(record, canvas)
    engine, version = _made_by(record)
    call = record.args.model_dump(mode="json", exclude_defaults=True)
    call |= {"image": record.source.id, "seed": record.seed}
    call.pop("count", None)
    parents = [record.source.id]
    if record.args.mask:
        mask = ctx.asset(record.args.mask, "image", "map")
        call["mask"] = mask.id
        parents.append(mask.id)
    base: dict[str, Any] = {"engine": engine, "engine_version": version}
    if record.results:
        base = recipe_of(record.requests[-1], record.results[-1], ctx)
    recipe = recipe_of_call("edit_image", call, canvas.rgb, base)
    height, width = canvas.rgb.shape[:2]
    params = {
        **_of_source(record, canvas, str(call.get("mask", ""))),
        "titled": str(record.source.params.get("titled") or record.source.name.rsplit(".", 1)[0])[:80],
        "instruction": record.plan.text,
        "changes": list(canvas.told),
        "width": width,
        "height": height,
        "recipe": recipe,
    }
    if len(record.results) == 1 and record.results[0].speed:
        params["speed"] = record.results[0].speed
    file = ctx.scratch(".png")
    save_png(file, canvas.rgb, png_text(PictureFacts(recipe, scores, tuple(parents), "edit_image", record.plan.text)))
    title = _title(record)
    return ctx.save(
        file, "image", title if record.args.count == 1 else f"{title} ({number + 1})", engine=engine,
        engine_version=version, params=params, seed=record.seed, parents=tuple(parents), scores=scores,
        summary=f"{record.source.name} changed: {', '.join(canvas.told)}"[:300],
    )  # fmt: skip


def _title(record: EditRecord) -> str:
    """The first picture's name and the last instruction, both short."""
    first = str(record.source.params.get("titled") or record.source.name.rsplit(".", 1)[0])
    asked = record.plan.each[0].text
    return f"{_short(first)}: {_short(asked)}{' and more' if len(record.plan.each) > 1 else ''}"


def _short(text: str) -> str:
    """At most `_TITLE` characters, cut behind a word."""
    text = " ".join(text.split()).strip(" .,;:")
    if len(text) <= _TITLE:
        return text
    return (text[: _TITLE + 1].rpartition(" ")[0] or text[:_TITLE]).rstrip(" .,;:")


def _scores(record: EditRecord, canvas: Canvas) -> tuple[Score, ...]:
    asked = {name for plan in _done_so_far(record) for name in _changes_scores(plan)}
    scores = tuple(
        replace(score, threshold=None, passed=None, note="it was asked for")
        if score.name in asked and score.passed is False
        else score
        for score in picture_scores(canvas.rgb)
    )
    if canvas.frame is not None and record.scene is not None and canvas.frame.rgb.shape == canvas.rgb.shape:
        scores = (*scores, *identity_scores(canvas.frame, record.scene))
    return scores


def _done_so_far(record: EditRecord) -> list[EditPlan]:
    return [clause for plan in (*(read_edit(one.text) for one in given_to(record.source)), record.plan)
            for clause in plan.each]  # fmt: skip


def _changes_scores(plan: EditPlan) -> set[str]:
    """Scores that tell no fault after this change: a blurred picture is not sharp."""
    found = {score for name, _ in plan.adjustments for score in _ASKED_FOR.get(name, ())}
    return found | ({"sharpness", "blur"} if plan.enlarge or plan.size else set())


def _made_by(record: EditRecord) -> tuple[str, str]:
    """Engine and version: of what painted or drew last; else the source's own."""
    if record.results:
        return record.results[-1].engine, record.results[-1].engine_version
    return record.source.engine, record.source.engine_version


def _of_source(record: EditRecord, canvas: Canvas, mask: str) -> dict[str, Any]:
    """What the old picture's facts say of the new one, too."""
    old = record.source.params
    params: dict[str, Any] = {
        key: old[key] for key in ("prompt", "engine_prompt", "negative_prompt", "shot", "cast") if key in old
    }
    edits = given_to(record.source)
    if record.drawn is not None and record.scene is not None:
        params |= {
            "shot": record.drawn.shot.model_dump(mode="json"),
            "cast": [member.model_dump(mode="json") for member in record.drawn.cast],
            "scene": scene_to_dict(record.scene),
            "drawn_size": [record.drawn.width, record.drawn.height],
        }
    elif "scene" in old:
        params["scene"] = old["scene"]
        params |= {"drawn_size": old.get("drawn_size") or [old.get("width"), old.get("height")]}
    plan = record.plan
    pixels = [one for one in plan.each if one.adjustments or one.text in canvas.tinted]
    shapes = [one for one in plan.each if one not in pixels and _keeps_shape(one, record)]
    if pixels or shapes:
        # in the order in which they were done: drawn again, the picture gets them alike
        told = [plan] if len(plan.each) == 1 else [*pixels, *shapes]
        edits = (*edits, *(Given(one.text, mask if one.adjustments else "") for one in told))
    elif plan.extend and record.drawn is None:
        # the layout has another shape than the picture now
        params.pop("scene", None)
    return params | ({"edits": [one.row() for one in edits[-MOST_EDITS:]]} if edits else {})


def _keeps_shape(plan: EditPlan, record: EditRecord) -> bool:
    """Whether the shape is changed on the finished picture: a larger size is drawn where that can be."""
    turned = bool(plan.crop or plan.rotate or plan.flip)
    return turned or (bool(plan.size or plan.enlarge) and (record.drawn is None or record.resized))
