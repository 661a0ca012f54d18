"""A transformers model from a local folder: safetensors only, nothing fetched, none of its weights left to chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backends.image.registry.descriptions import check_description
from configs.errors import EngineError

Unusable = Callable[[str], EngineError]
"""From a cause to the error that names the model and what to do."""


@contextmanager
def told_as(unusable: Unusable) -> Iterator[None]:
    """What transformers, torch and safetensors raise on a broken folder becomes one sentence."""
    from safetensors import SafetensorError

    try:
        yield
    except (
        OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, SafetensorError,
    ) as error:  # fmt: skip
        raise unusable(" ".join(str(error).split())[:200]) from error


def read_model(architecture: Any, folder: Path, unusable: Unusable, part: str = "") -> Any:
    """The model in float32 on the CPU, in evaluation mode. Raises EngineError, also where weights are missing.

    part: what of the folder's model is read, in words, when that is not all of it.
    """
    import torch

    check_description(folder)
    with told_as(unusable):
        model, told = architecture.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, trust_remote_code=False,
            output_loading_info=True,
        )  # fmt: skip
    # transformers fills what a file lacks with random numbers and only logs it
    if absent := [*sorted(told["missing_keys"]), *told["mismatched_keys"]]:
        of = f" of {part}" if part else ""
        raise unusable(f"its weights lack {len(absent)} tensors{of} ({absent[0]}): they are of another model")
    return model.eval()
