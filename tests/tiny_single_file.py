"""A tiny SDXL as one .safetensors file in the original naming, written from a diffusers folder.

The names are those of Stability's generative-models (diffusers' scripts/convert_diffusers_to_original_sdxl.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Weights = dict[str, torch.Tensor]

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def split_text_encoders(pipe: Any) -> None:
    """Two text encoders of different widths, as the real ones are: the reader tells them apart by that."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    fixed = {"vocab_size": 514, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513, "projection_dim": 32}
    torch.manual_seed(3)
    pipe.text_encoder = CLIPTextModel(
        CLIPTextConfig(hidden_size=24, intermediate_size=40, num_attention_heads=4, num_hidden_layers=3, **fixed)
    ).eval()
    # diffusers takes a file for SDXL by this encoder's tenth layer
    pipe.text_encoder_2 = CLIPTextModelWithProjection(
        CLIPTextConfig(hidden_size=40, intermediate_size=48, num_attention_heads=4, num_hidden_layers=10,
                       hidden_act="gelu", **fixed)
    ).eval()  # fmt: skip


def write_single_file(pipe: Any, path: Path) -> Path:
    """The pipeline's weights under their original names; `path`."""
    out: Weights = {f"model.diffusion_model.{_unet(key)}": value for key, value in pipe.unet.state_dict().items()}
    count = len(pipe.vae.config.block_out_channels)
    for key, value in pipe.vae.state_dict().items():
        name = _vae(key, count)
        flat = ".mid.attn_1." in name and name.endswith("weight") and value.dim() == 2
        out[f"first_stage_model.{name}"] = value[..., None, None] if flat else value
    for key, value in pipe.text_encoder.state_dict().items():
        out[f"conditioner.embedders.0.transformer.text_model.{key.removeprefix('text_model.')}"] = value
    out |= _open_clip(pipe.text_encoder_2.state_dict(), "conditioner.embedders.1.model.")
    save_file({key: value.contiguous().clone() for key, value in out.items()}, str(path))
    return path


def _unet(key: str) -> str:
    head, _, last = key.rpartition(".")
    if head in UNET_ENDS:
        return f"{UNET_ENDS[head]}.{last}"
    side, *rest = key.split(".")
    if side == "mid_block":
        part, number, *inner = rest
        at = 1 if part == "attentions" else 2 * int(number)
        return f"middle_block.{at}.{_inner(part, inner)}"
    block, part, number, *inner = rest
    i, j = int(block), int(number)
    if part == "downsamplers":
        return f"input_blocks.{3 * (i + 1)}.0.op.{last}"
    if part == "upsamplers":
        # the third resnet's group: after its attention where the block has some
        return f"output_blocks.{3 * i + 2}.{2 if i == 0 else 1}.conv.{last}"
    base = f"input_blocks.{3 * i + j + 1}" if side == "down_blocks" else f"output_blocks.{3 * i + j}"
    return f"{base}.{1 if part == 'attentions' else 0}.{_inner(part, inner)}"


def _inner(part: str, inner: list[str]) -> str:
    name = ".".join(inner)
    if part == "resnets":
        head, _, last = name.rpartition(".")
        return f"{RESNET[head]}.{last}"
    return name


def _vae(key: str, blocks: int) -> str:
    key = key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    key = key.replace("mid_block.attentions.0.", "mid.attn_1.")
    for ours, theirs in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
        key = key.replace(f"mid.attn_1.{ours}.", f"mid.attn_1.{theirs}.")
    for j in range(2):
        key = key.replace(f"mid_block.resnets.{j}.", f"mid.block_{j + 1}.")
    for i in range(blocks):
        key = key.replace(f"down_blocks.{i}.resnets.", f"down.{i}.block.")
        key = key.replace(f"down_blocks.{i}.downsamplers.0.", f"down.{i}.downsample.")
        key = key.replace(f"up_blocks.{i}.resnets.", f"up.{blocks - 1 - i}.block.")
        key = key.replace(f"up_blocks.{i}.upsamplers.0.", f"up.{blocks - 1 - i}.upsample.")
    return key


def _open_clip(state: Weights, prefix: str) -> Weights:
    out: Weights = {}
    for key, value in state.items():
        name = key.removeprefix("text_model.")
        if name == "text_projection.weight":
            out[f"{prefix}text_projection"] = value.T
        elif name.startswith("embeddings.token"):
            out[f"{prefix}token_embedding.weight"] = value
        elif name.startswith("embeddings.position_embedding"):
            out[f"{prefix}positional_embedding"] = value
        elif name.startswith("final_layer_norm"):
            out[f"{prefix}ln_final.{name.rsplit('.', 1)[1]}"] = value
        elif name.startswith("encoder.layers."):
            number, _, inner = name.removeprefix("encoder.layers.").partition(".")
            head, _, last = inner.rpartition(".")
            if head.endswith(("k_proj", "v_proj")):
                continue
            if head.endswith("q_proj"):
                parts = [state[key.replace("q_proj", f"{one}_proj")] for one in "qkv"]
                out[f"{prefix}transformer.resblocks.{number}.attn.in_proj_{last}"] = torch.cat(parts)
            else:
                out[f"{prefix}transformer.resblocks.{number}.{OPEN_CLIP[head]}.{last}"] = value
    return out
