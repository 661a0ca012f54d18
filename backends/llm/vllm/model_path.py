"""Where a service's weights lie."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from configs.errors import EngineError

_HUB_NAME = re.compile(r"(?a:\w[\w.-]*/)?(?a:\w[\w.-]*)")
HUB_CACHE = ".hub"
"""Below `<warehouse>/llm`: what was downloaded by name."""


@dataclass(frozen=True)
class ModelPath:
    """What vLLM is told to serve."""

    name: str
    """A folder, or a hub name that is fetched at the start."""
    is_download: bool = False


def find_model(name: str, warehouse: Path, download: bool) -> ModelPath:
    """The folder of `name` (see `LlmService.model`).

    Raises EngineError saying where to put it and how to get it, when it is not there and `download` is False.
    """
    shelf = warehouse / "llm"
    given = Path(name).expanduser()
    places = [given] if given.is_absolute() else [shelf / name, shelf / given.name, *_fetched(shelf, name)]
    for place in places:
        if (place / "config.json").is_file():
            return ModelPath(str(place))
    if given.is_absolute():
        raise EngineError(
            f"The model {given} is not there", "it has no config.json", "Correct configs/llm_services.yaml"
        )
    target = shelf / given.name
    if not _HUB_NAME.fullmatch(name):
        raise EngineError(
            f"The model {name!r} is not there",
            f"there is no {target / 'config.json'}, and it is no name of the hub",
            "Correct the model in the services file, e.g. Qwen/Qwen3-8B-AWQ",
        )
    if download:
        return ModelPath(name, is_download=True)
    raise EngineError(
        f"The model {name} is not there",
        f"there is no {target / 'config.json'}",
        f"Get it with 'hf download {name} --local-dir {shlex.quote(str(target))}', or let vLLM fetch it: "
        "'studio models start SERVICE --download'",
    )


def _fetched(shelf: Path, name: str) -> list[Path]:
    """Snapshots of an earlier download, newest first (layout of huggingface_hub's cache)."""
    snapshots = shelf / HUB_CACHE / f"models--{name.replace('/', '--')}" / "snapshots"
    return sorted(snapshots.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
