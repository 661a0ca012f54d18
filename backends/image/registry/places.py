"""Which key of which table names a model: those that are named, and where another one would be."""

from __future__ import annotations

import re
from pathlib import Path

from backends.image.registry.kinds import Kind
from configs.controlnet_config import MapName, load_controlnets
from configs.image_tables import model_path
from configs.sdxl_config import load_sdxl_config
from configs.settings import Settings

MAP_WORDS: dict[MapName, str] = {"depth": "depth|zoe|midas", "pose": "pose", "canny": "canny|edge", "normal": "normal"}
"""What the names of published ControlNets call each kind of map."""


def named_models(settings: Settings) -> dict[Path, str]:
    """Files and folders that the tables and the settings name, by their real path. Raises UsageError."""
    sdxl, nets = load_sdxl_config(settings), load_controlnets(settings)
    named = {
        settings.image.sdxl_path: "image.sdxl_path",
        sdxl.vae: "vae in sdxl_config.yaml",
        sdxl.ip_adapter.path: "ip_adapter.path in sdxl_config.yaml",
        sdxl.ip_adapter.image_encoder: "ip_adapter.image_encoder in sdxl_config.yaml",
        nets.union.path: "union.path in controlnet_config.yaml",
        nets.preprocessors.depth: "preprocessors.depth in controlnet_config.yaml",
        **{few.lora: f"few_step.{name} in sdxl_config.yaml" for name, few in sdxl.few_step.items()},
        **{net.path: f"nets.{kind} in controlnet_config.yaml" for kind, net in nets.nets.items()},
    }
    own = settings.image.sdxl_path  # a setting, not a table: it is relative to where the studio runs
    return {
        (Path(path).expanduser() if path == own else model_path(settings, path)).resolve(): key
        for path, key in named.items()
        if path
    }


def place_for(path: str, kind: Kind) -> str:
    """What to write where, so that the studio uses a model; '' when there is no such place."""
    match kind:
        case "checkpoint":
            single = "; image.sdxl_config needs an SDXL folder beside it" if path.endswith(".safetensors") else ""
            return f"set image.sdxl_path in studio.yaml to it{single}"
        case "vae":
            return "name it as vae in sdxl_config.yaml"
        case "few-step lora":
            return "name it under few_step in sdxl_config.yaml"
        case "ip-adapter":
            return "name it as ip_adapter.path in sdxl_config.yaml"
        case "image encoder":
            return "name it as ip_adapter.image_encoder in sdxl_config.yaml"
        case "controlnet-union":
            return "name it as union.path in controlnet_config.yaml"
        case "controlnet":
            return f"name it as nets.{_map_of(path) or '<its kind of map>'}.path in controlnet_config.yaml"
        case "depth model":
            return "name it as preprocessors.depth in controlnet_config.yaml"
    return ""


def _map_of(path: str) -> str:
    return next((kind for kind, words in MAP_WORDS.items() if re.search(words, path, re.IGNORECASE)), "")
