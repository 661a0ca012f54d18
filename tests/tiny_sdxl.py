"""A whole SDXL pipeline with random weights, small enough for a CPU, built without a hub."""

from __future__ import annotations

from pathlib import Path

from evals.benchmarks.swapping.random_sdxl import build_random_sdxl


def build_tiny_sdxl(folder: Path, seed: int = 0) -> Path:
    """Save a tiny SDXL as a diffusers folder (safetensors); the folder."""
    return build_random_sdxl(folder, "tiny", seed=seed)
