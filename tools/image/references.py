"""Reference pictures for IP-Adapter: those that were asked for, else those of characters that have no LoRA."""

from __future__ import annotations

from collections.abc import Sequence

from backends.image.engine import Reference
from configs.errors import StudioError, UsageError
from configs.image_tables import model_path
from configs.sdxl_config import load_sdxl_config
from configs.settings import Settings
from tools.image.loras import character_lora
from tools.image.presets import preset_for
from tools.spec import ToolContext

MAX_REFERENCES = 8
"""Pictures per request: each is encoded, and more than a few blur into one another."""


def references_for(
    settings: Settings, ctx: ToolContext, names: Sequence[str], asked: Sequence[str] = ()
) -> tuple[Reference, ...]:
    """Read the pictures that SDXL takes content or style from.

    Args:
        names: the picture's characters; those with `references` in character_presets.yaml, `use_references` and no LoRA
            of their own bring theirs, unless pictures were asked for.
        asked: asset ids, attached files' names or paths in the workspace.

    Without IP-Adapter's files there are none, and `ctx.warn` says so. Asked pictures that do not exist raise
    UsageError; those of a preset are left out with a warning.
    """
    if len(asked) > MAX_REFERENCES:
        raise UsageError(
            f"{len(asked)} reference pictures are too many",
            f"at most {MAX_REFERENCES} are used",
            "Choose the best ones",
        )
    refs = [(ref, "") for ref in dict.fromkeys(asked)] or _of_presets(settings, names)
    if not refs:
        return ()
    config = load_sdxl_config(settings).ip_adapter
    if missing := ip_adapter_missing(settings):
        ctx.warn(f"Reference pictures are not used: {missing}")
        return ()
    found = []
    for ref, owner in refs[:MAX_REFERENCES]:
        try:
            found.append(_read(ctx, ref, config.scale))
        except StudioError as error:
            if not owner:
                raise
            ctx.warn(f"A reference picture of {owner} is not used: {error.sentence.rstrip('.')}")
    return tuple(found)


def ip_adapter_missing(settings: Settings) -> str:
    """What IP-Adapter lacks, '' when it is there. Raises UsageError when sdxl_config.yaml is wrong."""
    config = load_sdxl_config(settings).ip_adapter
    for key, path in (("path", config.path), ("image_encoder", config.image_encoder)):
        if not path:
            return f"ip_adapter.{key} in sdxl_config.yaml is not set"
        place = model_path(settings, path)
        if not (place.is_file() if key == "path" else place.is_dir()):
            return f"IP-Adapter's {place} does not exist (ip_adapter.{key} in sdxl_config.yaml)"
    return ""


def _of_presets(settings: Settings, names: Sequence[str]) -> list[tuple[str, str]]:
    """(picture, character) of all who need it."""
    found = []
    for name in dict.fromkeys(names):
        preset = preset_for(settings, name)
        if preset and preset.use_references and preset.references and not character_lora(settings, name):
            found += [(ref, name) for ref in preset.references]
    return found


def _read(ctx: ToolContext, ref: str, scale: float) -> Reference:
    from backends.media.guard import MediaLimits
    from backends.media.images import load_image

    asset = ctx.asset(ref, "image")
    limits = MediaLimits.of(ctx.settings.uploads)
    return Reference(load_image(ctx.path(asset), limits), scale, asset=asset.id)
