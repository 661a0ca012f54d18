"""LoRA layers in the model's modules: put in, set in strength per block, taken out, or merged into the weights."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from backends.image.sdxl.lora_file import PARTS, LoraTensors, Pair
from configs.errors import EngineError

if TYPE_CHECKING:
    import torch

SIDES = ("down", "mid", "up")
PLACE = re.compile(
    r"^(?P<side>down|up)_blocks\.(?P<block>\d+)\.\w+\.(?P<layer>\d+)\.|^(?P<mid>mid)_block\.\w+\.(?P<at>\d+)\."
)
Strength = tuple[str, float, Mapping[str, Any]]
"""Adapter's name, weight, shares per block."""


def put_in(pipe: Any, key: str, tensors: LoraTensors) -> dict[str, torch.nn.Module]:
    """Wrap the layers that this LoRA changes; per part of the pipeline a module with the new tensors, on the CPU."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    holders: dict[str, torch.nn.Module] = {}
    for part, pairs in tensors.parts.items():
        model = getattr(pipe, part)
        dtype = model.dtype
        ranks = {_exactly(m): p.rank for m, p in pairs.items() if p.rank != tensors.rank}
        config = LoraConfig(r=tensors.rank, lora_alpha=tensors.rank, rank_pattern=ranks, target_modules=list(pairs))
        # The names in a state dict say exactly which layers; names in `target_modules` are endings.
        named = {f"{module}.lora_A.weight": pair.down for module, pair in pairs.items()}
        with _quiet():
            inject_adapter_in_model(config, model, key, low_cpu_mem_usage=True, state_dict=named)
        held = torch.nn.ModuleList()
        for module, pair in pairs.items():
            layer = model.get_submodule(module)
            for half, tensor in ((layer.lora_A[key], pair.down), (layer.lora_B[key], pair.up)):
                half.weight = torch.nn.Parameter(tensor.to(dtype, copy=True), requires_grad=False)
                held.append(half)
        model.eval()
        holders[part] = held
    return holders


def take_out(pipe: Any, keys: Iterable[str]) -> None:
    """Delete these LoRAs; a layer that has none left is the model's own again, so that it costs nothing."""
    for part in PARTS:
        model = getattr(pipe, part)
        for key in keys:
            with _quiet():
                for _, _, layer in _wrapped(model):
                    layer.delete_adapter(key)
            getattr(model, "peft_config", {}).pop(key, None)
        for parent, name, layer in list(_wrapped(model)):
            if not layer.lora_A:
                setattr(parent, name, layer.get_base_layer())
        if not getattr(model, "peft_config", True):
            del model.peft_config


def set_strengths(pipe: Any, uses: Sequence[Strength], tensors: Mapping[str, LoraTensors]) -> None:
    """Have exactly these LoRAs work, in this order: sums of floats depend on it."""
    for part in PARTS:
        model = getattr(pipe, part)
        for module, layer in ((name, m) for name, m in model.named_modules() if hasattr(m, "lora_A")):
            strengths = [
                (key, weight * share(blocks, part, module)) for key, weight, blocks in uses if key in layer.lora_A
            ]
            layer.set_adapter([key for key, strength in strengths if strength])
            for key, strength in strengths:
                layer.scaling[key] = strength * tensors[key].parts[part][module].scale


def merge(model: Any, part: str, uses: Sequence[Strength], tensors: Mapping[str, LoraTensors]) -> None:
    """Add all these LoRAs to the weights of `model` where they are now: summed in float32, rounded once."""
    import torch

    changes: dict[str, list[tuple[Pair, float]]] = {}
    for key, weight, blocks in uses:
        for module, pair in tensors[key].parts.get(part, {}).items():
            strength = weight * share(blocks, part, module) * pair.scale
            if strength:
                changes.setdefault(module, []).append((pair, strength))
    with torch.no_grad():
        for module, pairs in changes.items():
            weight = model.get_submodule(module).weight
            total = weight.to(torch.float32, copy=True)
            for pair, strength in pairs:
                up, down = (t.to(weight.device, torch.float32).flatten(1) for t in (pair.up, pair.down))
                total.add_((up @ down).view_as(total), alpha=strength)
            weight.copy_(total)


def share(blocks: Mapping[str, Any], part: str, module: str) -> float:
    """Strength of one layer as a share of the LoRA's weight.

    `blocks` has the form of diffusers' `set_adapters`: {'unet': {'down': 0.5, 'up': {'block_0': [1, 0, 0]}},
    'text_encoder': 0}. A list goes layer by layer through a block, its resnets as its attentions. What is not named
    has all of the weight.
    """
    value = blocks.get(part, 1.0)
    place = PLACE.match(module) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        if place is None:
            return 1.0
        value = value.get(place["side"] or "mid", 1.0)
    if isinstance(value, Mapping) and place is not None:
        value = value.get(f"block_{place['block']}", 1.0)
    if isinstance(value, Sequence) and place is not None:
        # The last resnets and samplers of a block have no attention beside them: they go with the last one.
        return float(value[min(int(place["layer"] or place["at"] or 0), len(value) - 1)])
    return float(value)


def check_blocks(name: str, blocks: Mapping[str, Any], pipe: Any) -> None:
    """Raises EngineError for a part or block that this model does not have, or a share that is no number in -2..2."""
    for part, value in blocks.items():
        if part not in PARTS:
            raise _wrong(name, f"there is no part '{part}'", f"Parts are {', '.join(PARTS)}")
        if not isinstance(value, Mapping):
            _number(name, part, value)
            continue
        if part != "unet":
            raise _wrong(name, f"{part} has no blocks", "Give one number")
        for side, inner in value.items():
            if side not in SIDES:
                raise _wrong(name, f"the UNet has no '{side}'", f"It has {', '.join(SIDES)}")
            count = 0 if side == "mid" else len(getattr(pipe.unet, f"{side}_blocks"))
            for block, layers in inner.items() if isinstance(inner, Mapping) else ((side, inner),):
                if isinstance(inner, Mapping) and block not in {f"block_{i}" for i in range(count)}:
                    raise _wrong(
                        name, f"'{side}' has no '{block}'", f"It has block_0 to block_{count - 1}" if count else ""
                    )
                for number in layers if isinstance(layers, Sequence) and not isinstance(layers, str) else (layers,):
                    _number(name, f"{side}.{block}", number)
                if isinstance(layers, Sequence) and not layers:
                    raise _wrong(name, f"the list of '{block}' is empty", "Give a number per layer")


def _number(name: str, place: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -2 <= value <= 2:
        raise _wrong(name, f"the strength of '{place}' is no number between -2 and 2", "Correct it")


def _wrong(name: str, cause: str, fix: str) -> EngineError:
    return EngineError(f"The strengths per block of the LoRA '{name}' are wrong", cause, fix)


@contextmanager
def _quiet() -> Iterator[None]:
    """peft warns of several LoRAs in one model, and when an active one is deleted: both are what is wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _wrapped(model: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, str, Any]]:
    """Every layer with LoRAs, with its parent and its name there."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if hasattr(child, "lora_A") and hasattr(child, "get_base_layer"):
                yield parent, name, child


def _exactly(module: str) -> str:
    return f"^{re.escape(module)}$"
