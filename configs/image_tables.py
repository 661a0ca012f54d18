"""Where the tables of image generation are: a user's own copy before the packaged one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from configs.errors import UsageError
from configs.settings import CONFIG_DIR, Settings

ImageTable = Literal["sdxl_config", "lora_registry", "controlnet_config", "character_presets"]
OWN_FOLDER = "configs"
"""In the studio's home: tables of the user's own, also those that `studio models scan --write` writes."""


def table_file(settings: Settings, table: ImageTable) -> Path:
    """`image.tables_dir`, then `<home>/configs`, then the packaged one. Raises UsageError when the first lacks it."""
    name = f"{table}.yaml"
    if settings.image.tables_dir:
        chosen = Path(settings.image.tables_dir).expanduser() / name
        if not chosen.is_file():
            raise UsageError(
                f"There is no {name} in {chosen.parent}", "image.tables_dir names that folder", "Copy the packaged one"
            )
        return chosen
    own = own_file(settings, table)
    return own if own.is_file() else CONFIG_DIR / name


def own_file(settings: Settings, table: ImageTable) -> Path:
    """Where the user's own copy is, or would be."""
    if settings.image.tables_dir:
        return Path(settings.image.tables_dir).expanduser() / f"{table}.yaml"
    return settings.home.expanduser() / OWN_FOLDER / f"{table}.yaml"


def model_path(settings: Settings, path: str) -> Path:
    """A path of a table: absolute, from the user's folder (~), or below the warehouse."""
    found = Path(path.replace("{warehouse}", str(settings.warehouse.expanduser()))).expanduser()
    return found if found.is_absolute() else settings.warehouse.expanduser() / found
