"""ControlNets, read when first needed, each in an arena of its own; and what runs several of them for one picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from backends.gpu.weights.arena import HostArena
from backends.image.registry.descriptions import check_description
from backends.image.sdxl.fingerprint import file_state
from backends.image.sdxl.nets import CONTROL_KEY, UNION_KEY, Choice, NetFile
from backends.image.sdxl.parts import Parts
from backends.image.sdxl.tensors import check_whole, frozen, safetensors_shapes
from configs.errors import EngineError

IDLE = 24
"""Pictures after which a net that none of them used is forgotten."""


class ControlNets:
    """The nets that were read. Each is a part of `parts`, named as its file is (kind of map, or 'union')."""

    def __init__(self, unet: Any, parts: Parts, dtype: Any) -> None:
        self._unet, self._parts, self._dtype = unet, parts, dtype
        self._nets: dict[str, tuple[Path, tuple[int, int], Any]] = {}
        """By name: file, its state when it was read, net."""
        self._unused: dict[str, int] = {}

    def get(self, choice: Choice, tell: Callable[[str], None] | None = None) -> Any:
        """What goes into a pipeline as its `controlnet`, None for no maps; reads what is missing.

        Raises EngineError for a file that cannot be used, EngineOutOfMemory when main memory does not suffice.
        """
        self._age({net.name for net in choice.nets})
        nets = [self._net(net, choice, tell) for net in choice.nets]
        if choice.union:
            return nets[0]
        return _classes()[1](nets) if nets else None

    def forget(self, *keep: str) -> bool:
        """Give up the nets that are not in `keep`, main memory included; whether there were any."""
        names = [name for name in self._nets if name not in keep]
        for name in names:
            del self._nets[name]
            self._unused.pop(name, None)
            self._parts.drop(name)
        return bool(names)

    def _age(self, used: set[str]) -> None:
        for name in self._nets:
            self._unused[name] = 0 if name in used else self._unused.get(name, 0) + 1
        self.forget(*(name for name in self._nets if self._unused[name] <= IDLE))

    def _net(self, file: NetFile, choice: Choice, tell: Callable[[str], None] | None) -> Any:
        known, state = self._nets.get(file.name), file_state(file.weights)
        if known is not None and known[:2] == (file.weights, state):
            return known[2]
        self.forget(*(name for name in self._nets if name != file.name))
        if tell is not None:
            tell(file.path.name)
        net = _read(file, choice.union, self._unet, self._dtype)
        arena = HostArena({file.name: net}, self._parts.device)
        self._parts.add(file.name, arena)
        self._nets[file.name] = (file.weights, state, net)
        return net


def _read(file: NetFile, union: bool, unet: Any, dtype: Any) -> Any:
    made = _classes()[0] if union else __import__("diffusers").ControlNetModel
    if file.path.is_dir():
        check_description(file.path)
    try:
        if file.path.is_dir():
            net = made.from_pretrained(
                str(file.path), use_safetensors=True, local_files_only=True, dtype=dtype,
                variant="fp16" if ".fp16." in file.weights.name else None,
            )  # fmt: skip
        else:
            net = _read_file(made, file.path, unet, union).to(dtype)
        check_whole(net)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
        cause = " ".join(str(error).split())[:240]
        raise EngineError(f"The ControlNet in {file.path} cannot be loaded", cause, "Check the download") from error
    ours, its = unet.config, net.config
    for name in ("cross_attention_dim", "addition_time_embed_dim", "block_out_channels"):
        if _plain(getattr(its, name)) != _plain(getattr(ours, name)):
            raise EngineError(
                f"The ControlNet in {file.path} does not fit the SDXL model", f"its {name} differs",
                "Use a ControlNet for SDXL",
            )  # fmt: skip
    return frozen(net)


def _read_file(made: Any, path: Path, unet: Any, union: bool) -> Any:
    """A single file: the config.json beside it, else what the UNet's config and the tensors' shapes say."""
    from safetensors.torch import load_file

    shapes = safetensors_shapes(path)
    beside = path.parent / "config.json"
    config = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else _config(shapes, unet, union)
    net = made.from_config(config)
    net.load_state_dict(load_file(path))
    return net


def _config(shapes: dict[str, tuple[int, ...]], unet: Any, union: bool) -> dict[str, Any]:
    names = (
        "down_block_types", "block_out_channels", "layers_per_block", "cross_attention_dim", "attention_head_dim",
        "num_attention_heads", "use_linear_projection", "addition_embed_type", "addition_time_embed_dim",
        "projection_class_embeddings_input_dim", "transformer_layers_per_block", "norm_num_groups", "norm_eps",
        "act_fn",
    )  # fmt: skip
    config = {name: getattr(unet.config, name) for name in names}
    blocks = (f"controlnet_cond_embedding.blocks.{i}.weight" for i in range(1, 99, 2))
    wider = [shapes[name][0] for name in blocks if name in shapes]
    config["conditioning_embedding_out_channels"] = (shapes[CONTROL_KEY][0], *wider)
    if union:
        rows, width = shapes[UNION_KEY]
        # The file does not tell the heads: 8 of 320 in all published ones.
        config |= {"num_control_type": rows, "num_trans_channel": width, "num_proj_channel": width}
    return config


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


@cache
def _classes() -> tuple[Any, Any]:
    """Union and several ControlNets, both without work for maps that do not steer in a step.

    diffusers runs every net in every step and multiplies what is out of its range by zero; a Union even goes on
    steering a little then, because only its inputs are multiplied.
    """
    import torch
    from diffusers import ControlNetUnionModel, MultiControlNetModel

    class Union(ControlNetUnionModel):  # type: ignore[misc]
        def forward(
            self, sample: Any, timestep: Any, encoder_hidden_states: Any, controlnet_cond: Any, control_type: Any,
            control_type_idx: Any, conditioning_scale: Any = 1.0, **others: Any,
        ) -> Any:  # fmt: skip
            active = [i for i, scale in enumerate(conditioning_scale) if scale]
            if not active:
                return None, None
            if len(active) < len(controlnet_cond):
                chosen = sorted({control_type_idx[i] for i in active})
                control_type = torch.zeros_like(control_type).index_fill_(
                    1, torch.tensor(chosen, device=control_type.device), 1
                )
            maps, modes, scales = (
                [values[i] for i in active] for values in (controlnet_cond, control_type_idx, conditioning_scale)
            )
            return super().forward(sample, timestep, encoder_hidden_states, maps, control_type, modes, scales, **others)

    class Several(MultiControlNetModel):  # type: ignore[misc]
        def forward(
            self, sample: Any, timestep: Any, encoder_hidden_states: Any, controlnet_cond: Any, conditioning_scale: Any,
            **others: Any,
        ) -> Any:  # fmt: skip
            total: Any = None
            for image, scale, net in zip(controlnet_cond, conditioning_scale, self.nets, strict=True):
                if not scale:
                    continue
                down, mid = net(
                    sample, timestep, encoder_hidden_states, controlnet_cond=image, conditioning_scale=scale, **others
                )
                if total is None:
                    total = list(down), mid
                else:
                    total = [a + b for a, b in zip(total[0], down, strict=True)], total[1] + mid
            return total or (None, None)

    return Union, Several
