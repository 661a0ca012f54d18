"""The engine table of `configs/models.yaml`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import UsageError

MODELS_FILE = Path(__file__).parent / "models.yaml"


class EngineSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["image", "voice", "llm", "vision", "encoder"]
    device: Literal["cpu", "gpu"]
    need_mib: int = Field(gt=0)
    shared: bool = False
    """True: several leases may use it at once (a server); False: one at a time."""


class ModelTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    engines: dict[str, EngineSpec]
    together: tuple[frozenset[str], ...] = ()
    starvation_seconds: float = Field(30.0, gt=0)

    def may_share_gpu(self, names: frozenset[str]) -> bool:
        """Whether these GPU engines are inside one allowed set."""
        on_gpu = frozenset(n for n in names if self.engines[n].device == "gpu")
        return len(on_gpu) <= 1 or any(on_gpu <= allowed for allowed in self.together)


@lru_cache
def load_models(path: Path = MODELS_FILE) -> ModelTable:
    """The table. Raises UsageError when the file is wrong."""
    try:
        table = ModelTable.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"The engine table {path} cannot be used", " ".join(str(error).split())[:300]) from error
    unknown = sorted(set().union(*table.together) - set(table.engines)) if table.together else []
    if unknown:
        raise UsageError(f"The engine table {path} names the unknown engine '{unknown[0]}' under 'together'")
    return table
