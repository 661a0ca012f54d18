"""The doctor's checks of image generation: its tables, and which of the models that they name are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from configs.character_presets import load_presets
from configs.controlnet_config import load_controlnets
from configs.errors import StudioError
from configs.image_tables import ImageTable, model_path, own_file
from configs.lora_registry import load_loras
from configs.sdxl_config import load_sdxl_config
from configs.settings import Settings
from ui.commands.finding import Finding

LOADERS: dict[ImageTable, Callable[[Settings], object]] = {
    "sdxl_config": load_sdxl_config,
    "lora_registry": load_loras,
    "controlnet_config": load_controlnets,
    "character_presets": load_presets,
}
MOST_SHOWN = 4
"""Things of one kind that are listed by name."""


def image_findings(settings: Settings) -> list[Finding]:
    """All of them; the models are only looked for when the tables can be read."""
    tables = picture_tables(settings)
    checks = (loras, few_step_loras, controlnets, map_models, ip_adapter, identity_models)
    if tables.needed and not tables.ok:
        return [tables]
    return [tables, *(check(settings) for check in checks)]


def picture_tables(settings: Settings) -> Finding:
    """Whether the four tables can be read, and whether the presets' LoRAs are registered."""
    gives = "LoRAs, ControlNets, presets and qualities of SDXL"
    try:
        for load in LOADERS.values():
            load(settings)
    except StudioError as error:
        return Finding("picture tables", False, True, error.sentence, gives, error.fix)
    known, presets = load_loras(settings).loras, load_presets(settings).characters
    unknown = [
        f"'{preset.lora}' ({name})" for name, preset in presets.items() if preset.lora and preset.lora not in known
    ]
    if unknown:
        found = f"character_presets.yaml names LoRAs that lora_registry.yaml lacks: {_listed(unknown)}"
        return Finding("picture tables", False, False, found, gives, "Add them to the registry, or correct the names")
    own = [name for name in LOADERS if own_file(settings, name).is_file()]
    return Finding("picture tables", True, True, f"your own {', '.join(own)}" if own else "the packaged ones", gives)


def loras(settings: Settings) -> Finding:
    """Files of the registry: whether they are there, and for SDXL (their headers say)."""
    from backends.image.registry.lora_probe import probe_lora

    gives = "characters, places and styles that SDXL alone does not know"
    registry = load_loras(settings).loras
    if not registry:
        fix = f"Put LoRAs for SDXL into {settings.warehouse}/image/loras and run 'studio models scan --write'"
        return Finding("LoRAs", False, False, "none is registered", gives, fix)
    faults = []
    for name, spec in registry.items():
        path = model_path(settings, spec.path)
        try:
            fault = probe_lora(path).problem if path.is_file() else f"{path} does not exist"
        except StudioError as error:
            fault = error.sentence.rstrip(".")
        if fault:
            faults.append(f"{name}: {fault}")
    if faults:
        found = f"{len(registry) - len(faults)} of {len(registry)} can be used; {_listed(faults)}"
        return Finding("LoRAs", False, False, found, gives, "Run 'studio models scan', which also compares hashes")
    return Finding("LoRAs", True, False, f"{len(registry)}: {_listed(registry)}", gives)


def few_step_loras(settings: Settings) -> Finding:
    """Those that some quality would use."""
    named = {name: few.lora for name, few in load_sdxl_config(settings).few_step.items()}
    fix = "Put one of them there; their licences are on their model pages"
    return _some("few-step LoRAs", settings, named, "drafts in 4 to 8 steps instead of 14", fix)


def controlnets(settings: Settings) -> Finding:
    """Nets by kind of map, and Union."""
    config = load_controlnets(settings)
    named = {str(kind): net.path for kind, net in config.nets.items()} | {"union": config.union.path}
    fix = "Put them there, or correct controlnet_config.yaml; 'studio models scan' says what lies where"
    return _some("ControlNets", settings, named, "SDXL pictures that keep to the studio's layout of a shot", fix)


def map_models(settings: Settings) -> Finding:
    """What makes depth and pose maps of pictures that the studio did not draw itself."""
    from backends.image.control.models import MapModels

    models = MapModels(settings)
    faults = {kind: fault.rstrip(".") for kind in ("depth", "pose") if (fault := models.missing(kind))}  # type: ignore[arg-type]
    there = ["canny", *(kind for kind in ("depth", "pose") if kind not in faults)]
    gives = "maps of pictures that the studio did not draw; its own need none"
    if faults:
        found = f"{', '.join(there)}; {'; '.join(faults.values())}"
        return Finding("map models", False, False, found, gives)
    return Finding("map models", True, False, ", ".join(there), gives)


def ip_adapter(settings: Settings) -> Finding:
    """IP-Adapter and its image encoder."""
    from tools.image.references import ip_adapter_missing

    gives = "characters after reference pictures, without a LoRA"
    config = load_sdxl_config(settings).ip_adapter
    if lacks := ip_adapter_missing(settings):
        fix = "Put IP-Adapter Plus for SDXL and its image encoder there, or correct sdxl_config.yaml"
        return Finding("IP-Adapter", False, False, lacks, gives, fix)
    return Finding("IP-Adapter", True, False, config.path, gives)


def identity_models(settings: Settings) -> Finding:
    """Encoders that tell characters apart, with the licence of those that are there."""
    from backends.vision.identity.arcface import ArcFaceEncoder
    from backends.vision.identity.engine import IdentityEngine

    engine = IdentityEngine(settings)
    lacks = engine.lacks()
    there = [f"{name} ({ArcFaceEncoder.licence})" if name == "arcface" else name for name in engine.installed()]
    found = ", ".join(there)
    gives = "checks that a character is the same in every picture; without it colours are compared"
    if lacks:
        found += "; not there: " + "; ".join(f"{name}: {fault}" for name, fault in lacks.items())
        fix = f"Set vision.arcface, vision.clip or vision.dinov2 to local folders ({ArcFaceEncoder.licence})"
        return Finding("identity models", len(there) > 1, False, found, gives, fix)
    return Finding("identity models", True, False, found, gives)


def _some(name: str, settings: Settings, named: Mapping[str, str], gives: str, fix: str) -> Finding:
    """A finding about models of which one is enough to be of use.

    Args:
        named: path of each, as its table has it.
    """
    there = [key for key, path in named.items() if path and model_path(settings, path).exists()]
    absent = [f"{key} ({path or 'not set'})" for key, path in named.items() if key not in there]
    if not there:
        found = f"none of {_listed(absent)} in {settings.warehouse}" if absent else "none is named"
        return Finding(name, False, False, found, gives, fix)
    found = ", ".join(there) + (f"; not there: {_listed(absent)}" if absent else "")
    return Finding(name, True, False, found, gives)


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - MOST_SHOWN} more" if len(every) > MOST_SHOWN else ""
    return ", ".join(every[:MOST_SHOWN]) + more
