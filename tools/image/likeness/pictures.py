"""Pictures of characters that were painted, photographed or attached: references of the table, and well-rated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.vision.identity.encoder import IdentityEncoder, Rgb, Vector
from configs.errors import EngineError, StudioError
from memory.names import name_key
from memory.records import Asset
from tools.film.lexicon import lexicon
from tools.image.likeness.vectors import vector_of
from tools.image.presets import preset_for

if TYPE_CHECKING:
    from tools.spec import ToolContext

LAYOUT_ENGINE = "preview"


def pictures_of(ctx: ToolContext, name: str) -> list[Asset]:
    """Pictures that show `name` alone: the table's references, then those rated well; layouts are left out.

    A reference that cannot be used is left out with a warning.
    """
    found: dict[str, Asset] = {}
    preset = preset_for(ctx.settings, name)
    for ref in preset.references if preset else ():
        try:
            asset = ctx.asset(ref, "image")
            found[asset.id] = asset
        except StudioError as error:
            ctx.warn(f"A reference picture of {name} is not used: {error.sentence.rstrip('.')}")
    table = lexicon("identity")
    rated = [
        asset
        for asset in ctx.memory.all_assets()
        if _shown(asset) == {name_key(name)} and (_rating(asset) or 0) >= table["good_rating"]
    ]
    found |= {asset.id: asset for asset in reversed(rated) if asset.id not in found}
    return list(found.values())[: int(table["most_pictures"])]


def pictures_of_others(ctx: ToolContext, name: str) -> dict[str, list[Asset]]:
    """By the other character's name: their references, and painted pictures whose cast lacks `name`."""
    others: dict[str, list[Asset]] = {}
    seen: set[str] = set()
    for entry in ctx.memory.list_entries("character"):
        if name_key(entry.name) != name_key(name):
            others[entry.name] = pictures_of(ctx, entry.name)
            seen |= {asset.id for asset in others[entry.name]}
    for asset in ctx.memory.all_assets():
        shown = _shown(asset)
        if asset.id not in seen and len(shown) == 1 and name_key(name) not in shown:
            others.setdefault(next(iter(shown)), []).append(asset)
    most = int(lexicon("identity")["most_pictures"])
    share = max(1, most // max(1, sum(1 for pictures in others.values() if pictures)))
    return {other: pictures[-share:] for other, pictures in others.items() if pictures}


def vector_of_picture(ctx: ToolContext, encoder: IdentityEncoder, asset: Asset) -> Vector | None:
    """The vector of a whole picture; None when nothing is found in it, or, with a warning, when it is damaged."""
    from backends.media.guard import MediaLimits
    from backends.media.images import load_image

    def load() -> tuple[Rgb, None]:
        return load_image(ctx.path(asset), MediaLimits.of(ctx.settings.uploads)), None

    try:
        return vector_of(ctx.workspace, encoder, asset.sha256, load)
    except EngineError:
        raise
    except StudioError as error:
        ctx.warn(f"A picture is left out: {error.sentence.rstrip('.')}")
        return None


def _shown(asset: Asset) -> set[str]:
    """Keys of the characters in a painted picture; empty for layouts, uploads and anything else."""
    if asset.kind != "image" or asset.engine in ("", LAYOUT_ENGINE):
        return set()
    scene, cast = asset.params.get("scene"), asset.params.get("cast")
    people = scene.get("characters") if isinstance(scene, dict) else cast
    if not isinstance(people, list):
        return set()
    return {name_key(str(one["name"])) for one in people if isinstance(one, dict) and one.get("name")}


def _rating(asset: Asset) -> float | None:
    return next((score.value for score in asset.scores if score.name == "user rating"), None)
