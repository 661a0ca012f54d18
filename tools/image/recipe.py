"""What decides a picture's pixels, as JSON, and back: the same request once more."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from collections.abc import Mapping
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ControlMap, ImageRequest, ImageResult, InitImage, LoraUse, Quality, Reference
from backends.image.layout.scene_json import scene_from_dict, scene_to_dict
from configs.errors import UsageError
from memory.names import nearest
from memory.records import Asset
from tools.image.fingerprint import image_engine_version, model_sha256
from tools.spec import Studio, ToolContext

VERSION = 1
SMALLEST, LARGEST = 16, 4096
"""Pixels of a side."""
MOST_STEPS, MOST_GUIDANCE = 150, 30
TIMINGS = frozenset({"phases", "seconds"})
"""Facts of a result that differ from run to run: with them in the file, the same picture would be another file."""
SAID_ELSEWHERE = frozenset(
    {"prompt", "negative_prompt", "width", "height", "seed", "scene", "layout", "loras", "controls", "references",
     "init"}
)  # fmt: skip
MASK_BYTES = 64 * 2**10
"""A larger mask has to be an asset."""


def recipe_of(
    request: ImageRequest, result: ImageResult, studio: Studio | ToolContext | None = None, *, mask_asset: str = ""
) -> dict[str, Any]:
    """All that decides the pixels of one engine call, JSON-ready: `params["recipe"]` of the picture's asset.

    Pictures that go in are named by asset id and by the hash of their pixels; those without an asset cannot be had
    again, so the caller saves them first. Small masks are kept in the recipe itself.

    Args:
        studio: with it the model's hash is recorded, too (the file is read once, then remembered).
        mask_asset: id of the asset that holds `request.init.mask`; '' keeps the mask in the recipe.
    """
    params = result.params
    model = str(params.get("model", ""))
    made_by_model = result.engine == "sdxl" and studio is not None
    return {
        "recipe": VERSION,
        "kind": "generate",
        "engine": result.engine,
        "engine_version": result.engine_version,
        "model": {"name": model, "sha256": model_sha256(studio) if made_by_model and studio else ""} if model else {},
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "width": request.width,
        "height": request.height,
        "seed": result.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "quality": request.quality,
        "fuse": request.fuse,
        "loras": _loras(request, params),
        "controls": _controls(request, params),
        "references": [
            {"asset": one.asset, "pixels": pixel_hash(one.image), "scale": one.scale, "mask": _mask_out(one.mask)}
            for one in request.references
        ],
        "init": _init_out(request.init, mask_asset),
        "scene": scene_to_dict(request.layout) if request.layout is not None else None,
        "used": {key: value for key, value in params.items() if key not in TIMINGS | SAID_ELSEWHERE},
        "pixels": pixel_hash(result.image),
    }  # fmt: skip


def recipe_of_call(
    tool: str, args: Mapping[str, Any], rgb: NDArray[np.uint8], base: Mapping[str, Any]
) -> dict[str, Any]:
    """The recipe of a picture that takes more than one engine call (an edit): the tool's call is made again.

    Args:
        args: the call's arguments with asset ids instead of names, and with its seed.
        rgb: (H, W, 3) uint8, the finished picture.
        base: `recipe_of` its main engine call, or {'engine': ..., 'engine_version': ...} when there was none.
    """
    return {"recipe": VERSION, **base, "kind": "edit", "call": {"tool": tool, "args": dict(args)},
            "pixels": pixel_hash(rgb)}  # fmt: skip


def pixel_hash(rgb: NDArray[np.uint8]) -> str:
    """SHA-256 of shape and pixels, whatever file they lie in."""
    digest = hashlib.sha256(str(rgb.shape).encode())
    digest.update(np.ascontiguousarray(rgb).tobytes())
    return digest.hexdigest()


def request_from(recipe: Mapping[str, Any], ctx: ToolContext) -> ImageRequest:
    """The request that made a picture, everything in it checked to be what it was.

    Raises UsageError when a picture that went in is gone or changed, or the model or a LoRA is another file now. That
    the engine is another version is only warned of: the pixels may differ then.
    """
    if recipe.get("recipe") != VERSION:
        raise UsageError("The picture's recipe cannot be read", f"it is of form {recipe.get('recipe')!r}",
                         "Use the version of the studio that made it")  # fmt: skip
    try:
        _check_engine(recipe, ctx)
        layout = recipe.get("scene")
        return ImageRequest(
            prompt=str(recipe["prompt"]), negative_prompt=str(recipe["negative_prompt"]),
            width=_within(recipe["width"], SMALLEST, LARGEST), height=_within(recipe["height"], SMALLEST, LARGEST),
            seed=_within(recipe["seed"], 0, 2**31 - 1), steps=_steps(recipe["steps"]),
            guidance=_guidance(recipe["guidance"]), quality=_quality(recipe["quality"]),
            layout=scene_from_dict(layout) if layout else None,
            controls=tuple(_control(one, ctx) for one in recipe["controls"]),
            loras=tuple(_lora(one, ctx) for one in recipe["loras"]),
            references=tuple(_reference(one, ctx) for one in recipe["references"]),
            init=_init(recipe["init"], ctx), fuse=bool(recipe["fuse"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError("The picture's recipe is damaged", f"{type(error).__name__}: {error}"[:200],
                         "Make the picture anew") from error  # fmt: skip


# -- into the recipe -----------------------------------------------------------------------------------------------


def _loras(request: ImageRequest, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The hash of each file as the engine found it, where the request did not fix one."""
    found = {
        str(one.get("name")): str(one.get("sha256", "")) for one in params.get("loras", ()) if isinstance(one, dict)
    }
    return [
        {"name": one.name, "sha256": one.sha256 or found.get(one.name, ""), "weight": one.weight,
         "blocks": dict(one.blocks)}
        for one in request.loras
    ]  # fmt: skip


def _controls(request: ImageRequest, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The maps that were asked for, each with the net that the engine used for it."""
    told = params.get("controls")
    nets = [one.get("net") if isinstance(one, dict) else None for one in told] if isinstance(told, list) else []
    nets += [None] * (len(request.controls) - len(nets))
    return [
        {"kind": one.kind, "asset": one.asset, "pixels": pixel_hash(one.image), "scale": one.scale,
         "start": one.start, "end": one.end, "source": one.source, "net": net}
        for one, net in zip(request.controls, nets, strict=False)
    ]  # fmt: skip


def _init_out(init: InitImage | None, mask_asset: str) -> dict[str, Any] | None:
    if init is None:
        return None
    mask = {"asset": mask_asset, "pixels": pixel_hash(init.mask)} if mask_asset and init.mask is not None else None
    return {"asset": init.asset, "pixels": pixel_hash(init.image), "strength": init.strength,
            "mask": mask or _mask_out(init.mask)}  # fmt: skip


def _mask_out(mask: NDArray[np.uint8] | None) -> dict[str, Any] | None:
    from PIL import Image

    if mask is None:
        return None
    file = io.BytesIO()
    Image.fromarray(mask).save(file, format="PNG", optimize=True)
    kept = base64.b64encode(file.getvalue()).decode() if file.tell() <= MASK_BYTES else ""
    return {"png": kept, "pixels": pixel_hash(mask)}


# -- out of the recipe ---------------------------------------------------------------------------------------------


def _check_engine(recipe: Mapping[str, Any], ctx: ToolContext) -> None:
    engine = str(recipe["engine"])
    now = image_engine_version(engine)
    before = str(recipe["engine_version"])
    if now != before:
        ctx.warn(f"The picture was made by {before or 'an unknown version'} and is made again by {now}: "
                 "its pixels may differ")  # fmt: skip
    model = recipe.get("model") or {}
    if engine == "sdxl" and model.get("sha256"):
        found = model_sha256(ctx)
        if found != model["sha256"]:
            raise UsageError(
                f"The picture was made with another model than the one that is set now ('{model.get('name')}', hash "
                f"{str(model['sha256'])[:10]})", f"the hash of image.sdxl_path is {found[:10] or 'unknown'}",
                "Set image.sdxl_path to that model",
            )  # fmt: skip


def _within(value: object, least: int, most: int) -> int:
    """A whole number of a recipe, which may come from an imported memory. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{str(value)[:40]!r} is no whole number from {least} to {most}")
    return value


def _steps(value: object) -> int | None:
    return None if value is None else _within(value, 1, MOST_STEPS)


def _guidance(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_GUIDANCE:
        raise ValueError(f"{str(value)[:40]!r} is no guidance from 0 to {MOST_GUIDANCE}")
    return float(value)


def _quality(value: object) -> Quality:
    found = next((one for one in get_args(Quality) if one == value), None)
    if found is None:
        raise ValueError(f"{str(value)[:40]!r} is no quality")
    return cast(Quality, found)


def _lora(one: Mapping[str, Any], ctx: ToolContext) -> LoraUse:
    from backends.image.registry.hashing import file_sha256
    from configs.image_tables import model_path
    from configs.lora_registry import load_loras

    name, wanted = str(one["name"]), str(one["sha256"])
    registry = load_loras(ctx.settings).loras
    if name not in registry:
        near = nearest(name, registry, 1)
        raise UsageError(f"The picture's LoRA '{name}' is not in the registry any more",
                         f"the nearest is '{near[0]}'" if near else "it lists none",
                         "Put it back into lora_registry.yaml")  # fmt: skip
    path = model_path(ctx.settings, registry[name].path)
    if not path.is_file():
        raise UsageError(f"The picture's LoRA '{name}' is gone", f"there is no {path}", "Put the file back")
    found = file_sha256(path)
    if wanted and found != wanted:
        raise UsageError(f"The picture's LoRA '{name}' is another file now",
                         f"its hash was {wanted[:10]} and is {found[:10]}", "Put the former file back")  # fmt: skip
    return LoraUse(name, str(path), float(one["weight"]), found, dict(one["blocks"]))


def _control(one: Mapping[str, Any], ctx: ToolContext) -> ControlMap:
    image = _pixels(one, f"{one['kind']} map", ctx)
    return ControlMap(str(one["kind"]), image, float(one["scale"]), float(one["start"]), float(one["end"]),
                      one["source"], str(one["asset"]))  # fmt: skip


def _reference(one: Mapping[str, Any], ctx: ToolContext) -> Reference:
    image = _pixels(one, "reference picture", ctx)
    return Reference(image, float(one["scale"]), _mask(one["mask"], ctx), str(one["asset"]))


def _init(one: Mapping[str, Any] | None, ctx: ToolContext) -> InitImage | None:
    if one is None:
        return None
    image = _pixels(one, "starting picture", ctx)
    return InitImage(image, float(one["strength"]), _mask(one["mask"], ctx), str(one["asset"]))


def _pixels(one: Mapping[str, Any], what: str, ctx: ToolContext) -> NDArray[np.uint8]:
    """The pixels that went in, (H, W, 3) uint8 RGB. Raises UsageError when they are gone or others."""
    from backends.media.images import load_image

    image = load_image(ctx.path(input_asset(one, what, ctx)))
    if pixel_hash(image) != one["pixels"]:
        raise UsageError(f"The {what} of this picture is not what it was", f"{one['asset']} has other pixels now",
                         "Put the former file back")  # fmt: skip
    return image


def input_asset(one: Mapping[str, Any], what: str, ctx: ToolContext) -> Asset:
    """The asset that went into a picture, also when it was undone since. Raises UsageError when it is gone."""
    asset = ctx.memory.get_asset(str(one["asset"])) if one["asset"] else None
    if asset is None:
        raise UsageError(f"The {what} of this picture is gone", f"there is no asset '{one['asset'] or 'of it'}'",
                         "Make the picture anew")  # fmt: skip
    return asset


def _mask(one: Mapping[str, Any] | None, ctx: ToolContext) -> NDArray[np.uint8] | None:
    from PIL import Image

    if one is None:
        return None
    if one.get("asset"):
        found = np.ascontiguousarray(_grey(ctx, one))
    elif one.get("png"):
        try:
            with Image.open(io.BytesIO(base64.b64decode(one["png"], validate=True)), formats=["PNG"]) as image:
                found = np.asarray(image.convert("L"))
        except (binascii.Error, OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError("its mask cannot be read") from error
    else:
        raise UsageError("The mask of this picture was not kept", "it was too large", "Make the picture anew")
    if pixel_hash(found) != one["pixels"]:
        raise UsageError("The mask of this picture is not what it was", fix="Put the former file back")
    return found


def _grey(ctx: ToolContext, one: Mapping[str, Any]) -> NDArray[np.uint8]:
    from backends.media.images import load_image

    return load_image(ctx.path(input_asset(one, "mask", ctx)))[..., 0]
