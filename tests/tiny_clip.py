"""A whole CLIP (text and image, with its tokenizer) of random weights, built without a hub."""

from __future__ import annotations

from pathlib import Path

from evals.benchmarks.swapping.random_sdxl import byte_tokenizer

SIDE = 32
"""Pixels of its input."""


def build_tiny_clip(folder: Path) -> Path:
    """Save it as a folder of safetensors; the folder."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_tokenizer(folder / "source")
    torch.manual_seed(3)
    small = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {**small, "vocab_size": len(tokenizer), "max_position_embeddings": 77, "projection_dim": 24,
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    seeing = {**small, "image_size": SIDE, "patch_size": 8, "projection_dim": 24}
    CLIPModel(CLIPConfig(text_config=text, vision_config=seeing, projection_dim=24)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
