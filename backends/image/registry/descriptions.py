"""What the descriptions of a model folder (its .json files) may not ask for: code of strangers, and other downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backends.image.registry.header import plain
from configs.errors import EngineError

LIBRARIES = frozenset({"diffusers", "transformers"})
"""Where a component's class may come from: the folder's own description is not trusted to name any module."""
ATTENTION = (None, "", "eager", "sdpa")
"""torch's own ways to compute attention. transformers takes any other name for a kernel that it fetches and runs."""
DESCRIPTIONS = ("config.json", "tokenizer_config.json", "preprocessor_config.json")
FIX = "Use a folder that has weights and plain descriptions only"


def check_description(folder: Path) -> None:
    """Raises EngineError when the libraries would run code of strangers for this model, or fetch another one.

    A description that is absent or unreadable asks for nothing: whoever loads the model tells.
    """
    for name in DESCRIPTIONS:
        said = _read(folder / name)
        for problem in _wishes(said):
            raise EngineError(f"The model in {folder} is not loaded", f"its {name} {problem}", FIX)


def check_pipeline(folder: Path) -> None:
    """The same for a diffusers folder: for its model_index.json and those of all its parts. Raises EngineError."""
    index = _read(folder / "model_index.json")
    kind = index.get("_class_name", "")
    if not isinstance(kind, str):
        raise _foreign(folder, "its pipeline is code of its own", kind)
    for name, made in index.items():
        if not isinstance(made, list) or name.startswith("_"):
            continue
        library, kind = made if len(made) == 2 else (made, "")
        if library is None:
            continue
        # Classes named Auto... take the description's word for what they are.
        if library not in LIBRARIES or (library == "transformers" and str(kind).startswith("Auto")):
            raise _foreign(folder, f"its {plain(name, 40)} is a {plain(str(library), 60)}.{plain(str(kind), 60)}", "")
        check_description(folder / Path(name).name)


def _wishes(said: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a description, the worst first."""
    for key, value in _all(said):
        if not value:
            continue
        shown = plain(str(value), 80)
        if key == "auto_map":
            yield "asks for code of its own"
        elif key in ("attn_implementation", "_attn_implementation") and value not in ATTENTION:
            yield f"asks for the attention code '{shown}'"
        elif key == "backbone" and isinstance(value, str):
            yield f"asks for another model, '{shown}'"
        elif key == "quantization_config":
            yield "says that its weights are quantised"


def _all(said: Any) -> Iterator[tuple[str, Any]]:
    """Keys and values at every depth."""
    waiting = [said]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, Mapping):
            yield from inner.items()
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner


def _read(path: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _foreign(folder: Path, cause: str, kind: object) -> EngineError:
    told = f" ({plain(str(kind), 80)})" if kind else ""
    return EngineError(f"The SDXL weights in {folder} cannot be loaded", cause + told, FIX)
