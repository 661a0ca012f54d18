"""What a picture file says about its own making: PNG text chunks that other programs read, too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def png_text(
    prompt: str, negative: str, engine: str, version: str, seed: int, size: tuple[int, int], params: Mapping[str, Any]
) -> dict[str, str]:
    """'parameters' in the form of Automatic1111's web UI, and 'studio': all facts as JSON."""
    steps = params.get("steps", params.get("samples", 1))
    settings = [
        f"Steps: {steps}",
        f"Sampler: {params.get('sampler', engine)}",
        f"CFG scale: {params.get('guidance', 1)}",
        f"Seed: {seed}",
        f"Size: {size[0]}x{size[1]}",
        f"Model: {engine} {version}".rstrip(),
    ]
    facts = {"engine": engine, "engine_version": version, "seed": seed, "prompt": prompt, "negative_prompt": negative}
    facts |= {"width": size[0], "height": size[1], **{key: value for key, value in params.items() if key not in facts}}
    return {
        "parameters": f"{prompt}\nNegative prompt: {negative}\n{', '.join(settings)}",
        "studio": json.dumps(facts, ensure_ascii=False, default=str),
    }
