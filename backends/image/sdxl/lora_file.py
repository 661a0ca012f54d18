"""One LoRA file, checked, its tensors by the names of the loaded model: kohya's form, those of PEFT and diffusers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.image.engine import LoraUse
from backends.image.registry.hashing import file_sha256
from backends.image.registry.header import plain, read_header
from backends.image.registry.lora_probe import probe_lora
from configs.errors import EngineError

if TYPE_CHECKING:
    import torch

PARTS = ("unet", "text_encoder", "text_encoder_2")
MOST_WEIGHT = 2.0
MATRIX = re.compile(r"^(?P<module>.+?)\.lora_(?P<half>[AB])(?:\.\w+)?\.weight$")
WRAPPED = "base_model.model."
"""PEFT's own prefix, in files that were saved without diffusers; they are of the UNet alone."""


@dataclass(frozen=True)
class Pair:
    """The change of one layer: `up @ down`, times `scale`."""

    down: torch.Tensor
    """(rank, in) or (rank, in, height, width), in the file's own type."""
    up: torch.Tensor
    """(out, rank) or (out, rank, 1, 1)."""
    scale: float
    """alpha / rank."""

    @property
    def rank(self) -> int:
        return int(self.down.shape[0])


@dataclass(frozen=True)
class CheckedLora:
    """A wish whose file was looked at, but not read."""

    use: LoraUse
    path: Path
    sha256: str
    metadata: Mapping[str, str]
    """What the header says of itself: written by strangers."""

    @property
    def key(self) -> str:
        """Name of the adapter: the same file is the same adapter, whatever it is called."""
        return f"lora_{self.sha256[:16]}"


@dataclass(frozen=True)
class LoraTensors:
    parts: Mapping[str, Mapping[str, Pair]]
    """Part of the pipeline -> layer's name in it -> change."""
    rank: int
    """The most frequent one."""
    ignored: int
    """Layers of the file that this model does not have."""

    def without_values(self) -> LoraTensors:
        """Names, forms and scales alone: the values are elsewhere now."""
        parts = {
            part: {module: Pair(p.down.to("meta"), p.up.to("meta"), p.scale) for module, p in pairs.items()}
            for part, pairs in self.parts.items()
        }
        return replace(self, parts=parts)


def check_lora(use: LoraUse) -> CheckedLora:
    """Weight, file, hash and what the header tells. Raises EngineError in one sentence."""
    if not isfinite(use.weight) or abs(use.weight) > MOST_WEIGHT:
        raise _refused(use, f"its weight {use.weight:g} is not between -2 and 2", "Ask for a weight of about 0.8")
    path = Path(use.path)
    if not path.is_file():
        raise _refused(use, f"there is no file {path}", "Correct its path in lora_registry.yaml")
    if path.suffix != ".safetensors":
        raise _refused(
            use, f"'{path.name}' is no .safetensors file, and other formats can run code when opened",
            "Use the safetensors version",
        )  # fmt: skip
    problem, metadata = _looked_at(path, *_state(path))
    if problem:
        raise _refused(use, problem, "Use a plain LoRA for SDXL")
    sha256 = file_sha256(path)
    if use.sha256 and use.sha256.lower() != sha256:
        raise _refused(
            use, f"'{path.name}' has changed: its hash is {sha256[:12]}, expected was {use.sha256[:12]}",
            "Get the old file back, or have 'studio models scan' take over the new one",
        )  # fmt: skip
    return CheckedLora(use, path, sha256, metadata)


def read_lora(checked: CheckedLora, pipe: Any) -> LoraTensors:
    """Read its tensors into main memory and match them with the layers of `pipe`.

    Raises EngineError when they do not fit, are not finite, or cannot be read.
    """
    use = checked.use
    tensors, alphas = _tensors(checked)
    halves, ignored = _halves(use, pipe, tensors)
    told = _told_alphas(checked.metadata)
    parts: dict[str, dict[str, Pair]] = {}
    for (part, module), (down, up) in halves.items():
        layer = getattr(pipe, part).get_submodule(module)
        rank = down.shape[0]
        alpha = alphas.get(id(up), told(part, module, rank))
        parts.setdefault(part, {})[module] = _fitted(use, module, layer, Pair(down, up, alpha / rank))
    if not parts:
        raise _refused(use, "none of its layers is in this model", "Use a LoRA for SDXL")
    ranks = Counter(pair.rank for pairs in parts.values() for pair in pairs.values())
    return LoraTensors(parts, ranks.most_common(1)[0][0], ignored)


@lru_cache(maxsize=64)
def _looked_at(path: Path, size: int, changed_ns: int) -> tuple[str, Mapping[str, str]]:
    """What is wrong with it, and its metadata: thousands of names that need not be read again for every picture."""
    header = read_header(path)
    probe = probe_lora(path, header)
    if not probe.problem and probe.network == "dora":
        return "it is a DoRA, whose magnitudes the studio does not support", {}
    return probe.problem, header.metadata


def _state(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _tensors(checked: CheckedLora) -> tuple[dict[str, torch.Tensor], dict[int, float]]:
    """All matrices by their name in the file; alphas by the identity of each tensor they belong to."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    use = checked.use
    try:
        # Copied: what is mapped from the file would change, or be gone, with the file.
        found = {name: tensor.clone() for name, tensor in load_file(checked.path).items()}
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise _refused(use, _line(error), "Download it again") from error
    alphas = {name.removesuffix(".alpha"): float(t) for name, t in found.items() if name.endswith(".alpha")}
    matrices = {name: tensor for name, tensor in found.items() if not name.endswith(".alpha")}
    for name, tensor in matrices.items():
        wide = tensor.float() if tensor.element_size() < 2 else tensor
        if not torch.isfinite(wide).all():
            raise _refused(use, f"its tensor '{plain(name)}' has values that are not numbers", "Download it again")
    owned = {}
    for name, tensor in matrices.items():
        stem = re.split(r"\.lora_|\.lora\.|_lora\.", name, maxsplit=1)[0]
        if stem in alphas:
            owned[id(tensor)] = alphas[stem]
    return matrices, owned


def _halves(
    use: LoraUse, pipe: Any, tensors: dict[str, torch.Tensor]
) -> tuple[dict[tuple[str, str], tuple[torch.Tensor, torch.Tensor]], int]:
    """(part, module) -> down and up matrix, for the layers that the model has; how many it has not."""
    from diffusers.utils import (
        convert_state_dict_to_diffusers,
        convert_state_dict_to_peft,
        convert_unet_state_dict_to_peft,
    )

    if all(name.startswith(WRAPPED) for name in tensors):
        tensors = {f"unet.{name.removeprefix(WRAPPED)}": tensor for name, tensor in tensors.items()}
    found: dict[tuple[str, str], dict[str, torch.Tensor]] = {}
    ignored = set()
    try:
        renamed, _ = pipe.lora_state_dict(dict(tensors), unet_config=pipe.unet.config)
        for part in PARTS:
            own = {k.removeprefix(f"{part}."): v for k, v in renamed.items() if k.startswith(f"{part}.")}
            if not own:
                continue
            if not any(".lora_A." in name for name in own):
                own = (
                    convert_unet_state_dict_to_peft(own) if part == "unet"
                    else convert_state_dict_to_peft(convert_state_dict_to_diffusers(own))
                )  # fmt: skip
            names = {name for name, _ in getattr(pipe, part).named_modules()}
            for name, tensor in own.items():
                match = MATRIX.match(name)
                module = _known(match["module"], names) if match else ""
                if match and module:
                    found.setdefault((part, module), {})[match["half"]] = tensor
                else:
                    ignored.add(match["module"] if match else name)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
        raise _refused(use, f"its layers' names are not understood ({_line(error)})", "Use a LoRA for SDXL") from error
    whole = {key: (halves["A"], halves["B"]) for key, halves in found.items() if len(halves) == 2}
    if len(whole) < len(found):
        raise _refused(use, "it lacks one half of some layers", "Download it again")
    return whole, len(ignored)


def _known(module: str, names: set[str]) -> str:
    """The layer's name as the installed libraries have it: CLIP's 'text_model' level comes and goes. '' if none."""
    for name in (module, f"text_model.{module}", module.removeprefix("text_model.")):
        if name in names:
            return name
    return ""


def _fitted(use: LoraUse, module: str, layer: Any, pair: Pair) -> Pair:
    """The pair in the layer's own form. Raises EngineError when it is of another size."""
    import torch

    # A layer that carries a LoRA already hides its own one.
    base = getattr(layer, "base_layer", layer)
    down, up, weight = pair.down, pair.up, getattr(base, "weight", None)
    rank, fits = pair.rank, False
    if isinstance(base, torch.nn.Linear | torch.nn.Conv2d) and weight is not None:
        if weight.ndim == 2:  # trainers write some linear layers as convolutions of 1x1
            down, up = (t.flatten(1) if t.shape[2:].numel() == 1 else t for t in (down, up))
        elif down.ndim == 2:
            down = down.reshape(*down.shape, 1, 1)
        if weight.ndim == 4 and up.ndim == 2:
            up = up.reshape(*up.shape, 1, 1)
        point = up.shape[2:].numel() == 1
        grouped = getattr(base, "groups", 1) != 1
        fits = point and not grouped and down.shape[1:] == weight.shape[1:] and up.shape[:2] == (weight.shape[0], rank)
    if not fits:
        sizes = f"{tuple(down.shape)} and {tuple(up.shape)}"
        own = tuple(weight.shape) if weight is not None else "no weights"
        raise _refused(use, f"its layer '{plain(module)}' is {sizes}, the model's has {own}", "Use a LoRA for SDXL")
    return Pair(down.contiguous(), up.contiguous(), pair.scale)


def _told_alphas(metadata: Mapping[str, str]) -> Any:
    """(part, module, rank) -> alpha, as diffusers writes it beside PEFT's tensors; the rank where nothing is told."""
    try:
        told = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    except (ValueError, RecursionError):
        told = {}
    told = told if isinstance(told, dict) else {}

    def alpha(part: str, module: str, rank: int) -> float:
        value = told.get(f"{part}.lora_alpha", rank)
        pattern = told.get(f"{part}.alpha_pattern")
        for name, own in pattern.items() if isinstance(pattern, dict) else ():
            if module == name.strip("^$") or module.endswith(f".{name.strip('^$')}"):
                value = own
        if not isinstance(value, int | float) or not isfinite(value):
            value = rank
        # rsLoRA divides by the root of the rank (arXiv 2312.03732).
        return float(value) * (sqrt(rank) if told.get(f"{part}.use_rslora") is True else 1.0)

    return alpha


def _refused(use: LoraUse, cause: str, fix: str) -> EngineError:
    return EngineError(f"The LoRA '{use.name}' is not used", cause, fix)


def _line(error: BaseException) -> str:
    return plain(str(error), 160)
