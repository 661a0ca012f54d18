"""What is asked of tensors wherever weights are read: their names and shapes in a file, and that none is missing."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from backends.image.registry.header import read_header


def frozen(module: Any) -> Any:
    """The module, to be used only. LoRAs freeze the layers that they come to; torch multiplies by another kernel for a
    frozen weight (ATen, `should_fold`), so that the same picture would have other bits after the first LoRA."""
    return module.eval().requires_grad_(False)


def check_whole(module: Any) -> None:
    """Raises ValueError for a module whose file lacked weights: diffusers only logs that."""
    missing = [name for name, tensor in module.named_parameters() if tensor.is_meta]
    if missing:
        raise ValueError(f"{len(missing)} of its weights are missing, for example {missing[0]}")


def safetensors_keys(path: Path) -> list[str]:
    """Tensor names from a file's header. Raises EngineError."""
    return list(safetensors_shapes(path))


def safetensors_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Tensors and their shapes from a file's header, kept while the file stays the same. Raises EngineError."""
    try:
        seen = path.stat()
    except OSError:
        return _shapes(path, 0, 0)
    return _shapes(path, seen.st_size, seen.st_mtime_ns)


@lru_cache(maxsize=64)
def _shapes(path: Path, size: int, changed: int) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in read_header(path).tensors.items()}
