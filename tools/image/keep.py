"""Takes become assets: the best one last, so that 'last' means it; the others before it, marked as takes."""

from __future__ import annotations

import hashlib
from typing import Any

from backends.image.layout.scene_json import scene_to_dict
from memory.records import Asset
from tools.film.layers import save_layers
from tools.image.draw import Order
from tools.image.provenance import PictureFacts, png_text
from tools.image.ranking import Rank, total
from tools.image.takes import Ranking, Take
from tools.spec import ToolContext

TOOL = "generate_image"


def keep_takes(ranking: Ranking, order: Order, name: str, ctx: ToolContext) -> Asset:
    """Save all takes of one picture; returns the best one's asset.

    Each of several takes has `params["take"]`: of (how many), number, rank, why, group (the same for all of them). The
    best one's `params["takes"]` lists the others, and memory's `list_takes(id of the best)` has all with their scores.
    """
    count = len(ranking.takes)
    group = _group(ranking, order)
    kept: list[tuple[Take, Rank, Asset]] = []
    for take, rank in reversed(list(zip(ranking.takes, ranking.ranks, strict=True))):
        facts: dict[str, Any] = {}
        title = name
        if count > 1:
            number = take.variation.number + 1
            facts["take"] = {"of": count, "number": number, "rank": rank.place, "why": rank.why, "group": group}
            if take.variation.reason:
                facts["take"]["tried"] = take.variation.reason
            if rank.place == 1:
                facts["takes"] = [asset.id for _, _, asset in reversed(kept)]
            else:
                title = f"{name}, take {number}"
        kept.append((take, rank, _save(take, order, title, facts, ctx)))
    best = kept[-1][2]
    if count > 1:
        for take, rank, asset in sorted(kept, key=lambda one: one[0].variation.number):
            ctx.memory.add_take(best.id, order.wish.shot.id, asset.id, round(total(take.scores), 4), rank.place == 1)
    return best


def _save(take: Take, order: Order, name: str, facts: dict[str, Any], ctx: ToolContext) -> Asset:
    from backends.media.images import save_png

    wish = order.wish
    height, width = take.rgb.shape[:2]
    params: dict[str, Any] = {
        **take.params,
        "prompt": wish.wish or order.means.prompt,
        "engine_prompt": order.means.prompt,
        "negative_prompt": order.means.negative,
        "scene": scene_to_dict(take.scene) if take.scene is not None else {},
        "shot": wish.shot.model_dump(mode="json"),
        "width": width,
        "height": height,
        "cast": [member.model_dump(mode="json") for member in wish.members],
        "variant": order.number,
        **facts,
    }
    parents = take.parents
    if take.layers is not None and facts.get("take", {}).get("rank", 1) == 1:
        layers = _save_layers(take, order, ctx)
        params["layers"] = layers
        parents = (layers, *parents)
    picture = ctx.scratch(".png")
    extra = {"take": facts["take"]} if "take" in facts else {}
    text = png_text(PictureFacts(take.params["recipe"], take.scores, parents, TOOL, wish.wish, extra))
    save_png(picture, take.rgb, text)
    return ctx.save(
        picture,
        "image",
        name,
        engine=take.engine,
        engine_version=take.version,
        params=params,
        seed=take.seed,
        parents=parents,
        scores=take.scores,
        summary=f"{name}; engine {take.engine}",
    )


def _save_layers(take: Take, order: Order, ctx: ToolContext) -> str:
    assert take.layers is not None
    file = ctx.scratch(".npz")
    save_layers(take.layers, file)
    shot = order.wish.shot.id
    summary = "Depth, masks and faces for animation"
    params = {"of": shot}
    kept = ctx.save(
        file, "file", f"{shot} layers", engine=take.engine, engine_version=take.version, params=params, summary=summary
    )
    return kept.id


def _group(ranking: Ranking, order: Order) -> str:
    """What the takes of one picture have in common: their prompt, size, number and seeds."""
    seeds = sorted(take.seed for take in ranking.takes)
    text = f"{order.means.prompt}|{order.means.negative}|{order.size}|{order.number}|{seeds}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
