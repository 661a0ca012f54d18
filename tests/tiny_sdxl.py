"""A whole SDXL pipeline with random weights, small enough for a CPU, built without a hub."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import torch
from kept_folders import kept_folder

from evals.benchmarks.swapping.random_sdxl import build_random_sdxl


@cache
def _built(seed: int) -> Path:
    folder = kept_folder()
    build_random_sdxl(folder, "tiny", seed=seed)
    return folder


def build_tiny_sdxl(folder: Path, seed: int = 0) -> Path:
    """Save a tiny SDXL as a diffusers folder (safetensors); the folder. Each call gives a copy of its own to change."""
    shutil.copytree(_built(seed), folder, dirs_exist_ok=True)
    torch.manual_seed(seed)
    return folder / "sdxl"
