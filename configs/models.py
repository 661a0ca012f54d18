"""The engine table: `configs/models.yaml` and the services of `configs/llm_services.yaml`."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.errors import UsageError
from configs.llm_services import SERVICES_FILE, LlmServices, load_services
from configs.yaml_file import read_table, refuse_name

MODELS_FILE = Path(__file__).parent / "models.yaml"


class ProcessSpec(BaseModel):
    """A server that is started by command. `{warehouse}`, `{port}`, `{run}` (a folder of its own) are filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[str, ...] = Field(min_length=1)
    cwd: str = ""
    env: dict[str, str] = {}
    ready: str = "/health"
    """Path that answers 2xx once the server can work."""
    probe: str = ""
    """Path of the canary; '' = the same as `ready`."""
    port: int = Field(0, ge=0, le=65535)
    """0 = any free one."""
    start_seconds: float = Field(120.0, gt=0)
    stop_seconds: float = Field(5.0, gt=0)
    """From SIGTERM to SIGKILL of the whole group."""
    checkpoint: Literal["auto", "never"] = "auto"
    """'auto': parked by cuda-checkpoint where that program exists; else parking ends the process."""


class EngineSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["image", "voice", "llm", "vision", "encoder", "training"]
    device: Literal["cpu", "gpu"]
    need_mib: int = Field(gt=0)
    """A first guess; what is measured on this machine replaces it."""
    parked_mib: int = Field(0, ge=0)
    """GPU memory that stays taken while parked (a CUDA context)."""
    shared: bool = False
    """True: several leases may use it at once (a server); False: one at a time."""
    smaller: str = ""
    """The engine that stands in when this one cannot be brought up for want of memory."""
    process: ProcessSpec | None = None


class Rules(BaseModel):
    """How the arbiter decides; all times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    starvation_seconds: float = Field(30.0, gt=0)
    dwell_seconds: float = Field(3.0, ge=0)
    drain_seconds: float = Field(20.0, gt=0)
    free_seconds: float = Field(5.0, gt=0)
    crashes: int = Field(3, ge=1)
    crash_window_seconds: float = Field(600.0, gt=0)
    watch_seconds: float = Field(2.0, gt=0)


class ModelTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    engines: dict[str, EngineSpec]
    together: tuple[frozenset[str], ...] = ()
    rules: Rules = Rules()

    def may_share_gpu(self, names: frozenset[str]) -> bool:
        """Whether these GPU engines are inside one allowed set."""
        on_gpu = frozenset(n for n in names if self.engines[n].device == "gpu")
        return len(on_gpu) <= 1 or any(on_gpu <= allowed for allowed in self.together)

    def of_kind(self, kind: str) -> list[str]:
        """Names of the engines of one kind, in the order of the file."""
        return [name for name, spec in self.engines.items() if spec.kind == kind]


@lru_cache
def load_models(path: Path = MODELS_FILE, services_path: Path = SERVICES_FILE) -> ModelTable:
    """The table, the language-model services included. Raises UsageError when a file is wrong."""
    table = checked(read_table(path, ModelTable, "engine table", (EngineSpec, ProcessSpec, Rules)), path)
    return with_services(table, load_services(services_path), services_path)


def with_services(table: ModelTable, services: LlmServices, path: Path = SERVICES_FILE) -> ModelTable:
    """The table with one engine per service; a service may share the GPU with what its `beside` names.

    Raises UsageError when that names nothing, or a service and an engine have the same name.
    """
    known = {*table.engines, *services.services}
    engines, together = dict(table.engines), list(table.together)
    for name, service in services.services.items():
        if name in engines:
            raise UsageError(
                f"'{name}' is both an engine of models.yaml and a service of {path}", fix="Rename it there"
            )
        if unknown := [other for other in service.beside if other not in known]:
            near = difflib.get_close_matches(unknown[0], sorted(known), n=1, cutoff=0.5)
            raise UsageError(
                f"{path} names the unknown engine '{unknown[0]}'",
                f"as beside of '{name}'",
                f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(sorted(known))}",
            )
        engines[name] = EngineSpec(
            kind="llm",
            device=service.device,
            need_mib=service.need_mib,
            parked_mib=service.parked_mib,
            shared=True,
            smaller=service.smaller,
        )
        together.append(frozenset({name, *service.beside}))
    return table.model_copy(update={"engines": engines, "together": tuple(together)})


def checked(table: ModelTable, path: Path) -> ModelTable:
    """`table`, when every name in it exists. Raises UsageError."""
    named = {n for group in table.together for n in group} | {s.smaller for s in table.engines.values() if s.smaller}
    for name in table.engines:
        refuse_name(name, path)
    unknown = sorted(named - set(table.engines))
    if unknown:
        raise UsageError(f"The engine table {path} names the unknown engine '{unknown[0]}'", fix="Correct the name")
    return table
