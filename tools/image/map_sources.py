"""Where control maps come from: a finished map, the studio's layout of a shot, or any picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import MapKind, MapSource
from backends.image.layout.scene import LayoutScene
from configs.errors import UsageError
from memory.records import Asset
from tools.spec import Studio, ToolContext

KINDS: tuple[MapKind, ...] = get_args(MapKind)
SHEET = "sheet"
"""Kind in the params of a contact sheet of maps, which is no map."""
LAYOUT_ENGINE = "layout renderer"
LAYOUT_SAMPLES = 2
"""Mitsuba's per half-size pixel: maps need what is where, not its light (canny takes the eyes and lips of characters
from the picture, for which two are enough)."""
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Made:
    """A map that is not saved yet."""

    kind: MapKind
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    by: str
    """What made it; the asset's engine."""
    source: MapSource
    facts: dict[str, Any] = field(default_factory=dict)
    """More for the asset's params."""
    note: str = ""
    """For the user, '' when there is nothing to say."""


@dataclass(frozen=True)
class Finished:
    """A picture that is a control map already."""

    kind: MapKind
    certain: bool
    """False: only its pixels say so."""
    why: str


def map_kinds(names: tuple[str, ...] | list[str]) -> tuple[MapKind, ...]:
    """Names as kinds, without repetition. Raises UsageError for one that is none."""
    for name in names:
        if name not in KINDS:
            raise UsageError(f"There is no control map '{name}'", fix=f"Choose among {', '.join(KINDS)}")
    return tuple(dict.fromkeys(cast("tuple[MapKind, ...]", tuple(names))))


def finished(asset: Asset, rgb: NDArray[np.uint8]) -> Finished | None:
    """What kind of map an asset is, from its record or its pixels; None for an ordinary picture.

    Raises UsageError for a contact sheet of maps and for a picture that is black all over.
    """
    from backends.image.control.check import FLAT
    from backends.image.control.recognise import recognise

    kind = asset.params.get("kind") if asset.kind == "map" else None
    if kind == SHEET:
        raise UsageError(
            f"'{asset.name}' is a sheet that shows several maps", "it steers nothing itself", "Name one of its maps"
        )
    if kind in KINDS:
        return Finished(kind, True, f"it was made as a {kind} map")
    if int(rgb.max()) <= FLAT:
        raise UsageError(f"'{asset.name}' is all black", "nothing can be told from it", "Choose another picture or map")
    if asset.params.get("scene"):
        return None  # the studio drew it: it is a picture, whatever it looks like
    seen = recognise(rgb)
    return Finished(seen.kind, seen.kind != "depth", seen.why) if seen.kind else None


def studio_drew(ref: str, studio: Studio) -> bool:
    """Whether `ref` is a picture of which the studio has the layout."""
    known = studio.memory.get_asset(ref)
    try:
        known = known or studio.memory.find_asset(ref, ("image", "map"))
    except UsageError:
        return False
    return known.kind == "image" and bool(known.params.get("scene"))


def layout_maps(
    scene: LayoutScene,
    kinds: tuple[MapKind, ...],
    size: tuple[int, int],
    ctx: ToolContext,
    on_step: OnStep | None = None,
) -> tuple[Made, ...]:
    """Exact maps of a shot, by the preview engine's renderer; a kind that it has nothing of is left out, and told.

    Raises UsageError, EngineError when the preview engine is not leased.
    """
    from backends.image.layout import maps
    from backends.image.layout.render import LayoutRenderer

    own = _renderer(ctx)
    frame = LayoutRenderer(own.cache_dir, LAYOUT_SAMPLES).render(scene, *size, on_step=on_step)
    makers: dict[MapKind, Callable[[Any], NDArray[np.uint8]]] = {
        "depth": maps.depth_map,
        "pose": maps.pose_map,
        "canny": maps.canny_map,
        "normal": maps.normal_map,
    }
    made = []
    for kind in kinds:
        facts: dict[str, Any] = {}
        note = ""
        if kind == "depth" and (span := maps.depth_span(frame)) is not None:
            facts = {"near_m": round(span.near, 4), "far_m": round(span.far, 4)}
        if kind == "pose":
            drawn, left_out = maps.posed(frame)
            facts = {"people": list(drawn)}
            if left_out:
                note = f"The pose map leaves out {', '.join(left_out)}: no body of a human's build is seen"
            if not drawn:
                ctx.warn("There is no pose map of this shot: nobody of a human's build is seen in it")
                continue
        made.append(Made(kind, makers[kind](frame), LAYOUT_ENGINE, "layout", facts, note))
    return tuple(made)


def _renderer(ctx: ToolContext) -> Any:
    engine: Any = ctx.engines.get("preview")
    return engine.renderer if engine is not None else ctx.engine("image").renderer


def save_map(made: Made, name: str, parents: tuple[str, ...], ctx: ToolContext) -> Asset:
    """Record a map; its params tell kind, size and source, so that it is never taken for a picture."""
    from backends.media.images import save_png

    file = ctx.scratch(".png")
    height, width = made.image.shape[:2]
    params = {"kind": made.kind, "width": width, "height": height, "source": made.source, **made.facts}
    save_png(file, made.image, {"studio": json.dumps({"map": made.kind, "engine": made.by, **made.facts})})
    return ctx.save(
        file,
        "map",
        f"{made.kind} of {name}" if name else f"{made.kind} map",
        engine=made.by,
        engine_version=_version(made.by),
        params=params,
        parents=parents,
        summary=f"{made.kind} map, {width}x{height}, by {made.by}",
    )


def _version(by: str) -> str:
    if by == LAYOUT_ENGINE:
        from backends.image.preview import LOOK_VERSION

        return LOOK_VERSION
    package = {"opencv": "opencv-python-headless", "depth-anything": "transformers", "rtmlib": "rtmlib"}.get(by)
    return version(package) if package else ""
