"""What a batch's pictures depend on besides their arguments: looks of characters, LoRAs, and how those are loaded."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from configs.errors import StudioError
from configs.image_tables import model_path
from configs.lora_registry import load_loras
from configs.sdxl_config import load_sdxl_config
from tools.film.casting import known_names
from tools.image.batch_plan import MAKER, Plan
from tools.image.fingerprint import file_hash
from tools.image.manifest import Manifest
from tools.registry import get_tool
from tools.spec import ToolContext


def depends_on(plan: Plan, ctx: ToolContext) -> dict[str, str]:
    """In words -> hash; '' where it is not settled yet.

    Characters are not in the job's id: the first picture that shows somebody new is what makes them known, and the
    batch has to go on after that.
    """
    text = plan.text.casefold()
    asked = {str(item.args.get("character", "")).casefold() for item in plan.single}
    found: dict[str, str] = {}
    for entry in ctx.memory.list_entries("character"):
        names = {entry.name.casefold(), *(alias.casefold() for alias in entry.aliases)}
        if names & asked or any(name in text for name in names):
            look = entry.data.get("look")
            found[f"the look of {entry.name}"] = _digest(look) if look else ""
    if ctx.settings.image.resolved_engine() == "sdxl":
        for name in sorted({use for uses in _loras(plan, ctx).values() for use in uses}):
            path = model_path(ctx.settings, load_loras(ctx.settings).loras[name].path)
            found[f"the LoRA '{name}'"] = file_hash(path, ctx)
    return found


def recorded(manifest: Manifest) -> dict[str, str]:
    """The last state of each that a batch's record holds."""
    found: dict[str, str] = {}
    for row in manifest.rows:
        depends = row.get("depends")
        if isinstance(depends, dict):
            found |= {str(key): str(value) for key, value in depends.items() if value}
    return found


def to_fuse(plan: Plan, ctx: ToolContext) -> frozenset[int]:
    """Numbers of the pictures whose LoRAs are worth merging into the weights: enough of them use the same ones."""
    if "fuse" not in get_tool(MAKER).Args.model_fields or ctx.settings.image.resolved_engine() != "sdxl":
        return frozenset()
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, uses in _loras(plan, ctx).items():
        if uses:
            groups.setdefault(uses, []).append(number)
    least = load_sdxl_config(ctx.settings).fuse_from
    return frozenset(number for group in groups.values() if len(group) >= least for number in group)


def _loras(plan: Plan, ctx: ToolContext) -> dict[int, tuple[str, ...]]:
    """Number -> names of the LoRAs that its words call for; () where they cannot be chosen (its own call says why)."""
    from tools.image.loras import LoraWish, choose_loras

    names = known_names(ctx.memory)
    found: dict[int, tuple[str, ...]] = {}
    for item in plan.single:
        prompt = str(item.args.get("prompt", ""))
        shown = [str(item.args["character"])] if item.args.get("character") else []
        shown += [name for name in names if name.casefold() in prompt.casefold()]
        style, background = str(item.args.get("style", "")), str(item.args.get("background", ""))
        asked = [LoraWish(one["name"], one.get("weight"), one.get("trigger", "")) for one in item.args.get("loras", ())]
        try:
            found[item.number] = tuple(
                use.name for use in choose_loras(ctx.settings, shown, style, background, prompt, asked).uses
            )
        except StudioError:
            found[item.number] = ()
    return found


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
