"""The language models that the studio can serve: `configs/llm_services.yaml`."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.errors import UsageError
from configs.settings import Settings
from configs.yaml_file import read_table, refuse_name

SERVICES_FILE = Path(__file__).parent / "llm_services.yaml"
ROLES = ("default", "judge")
"""Words that stand for a service of the file."""


class VllmSpec(BaseModel):
    """Where vLLM comes from. It pins its own torch, so it lives in an environment of its own and is never imported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    runtime: Literal["venv", "docker", "remote"] = "venv"
    environment: str = ".venv-vllm"
    """Folder that `make vllm` makes, relative to the checkout."""
    image: str = ""
    start_seconds: float = Field(600.0, gt=0)
    stop_seconds: float = Field(8.0, gt=0)
    """From SIGTERM to SIGKILL of the whole group."""
    sleep_seconds: float = Field(60.0, gt=0)
    first_sleep_seconds: float = Field(300.0, gt=0)
    """The first sleep locks pages of main memory: 75 GiB took 42 s (1.8 GiB/s)."""
    wake_seconds: float = Field(120.0, gt=0)
    probe_seconds: float = Field(20.0, gt=0)
    cycle_at_start: bool = False
    """Sleep and wake once after the start, so that the slow first sleep is over before anybody waits for it."""
    flags: tuple[str, ...] = ()
    """Given to every service."""
    env: dict[str, str] = {}


class LlmService(BaseModel):
    """One vLLM server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    """Folder below `{warehouse}/llm`, an absolute path, or a hub name whose last part is such a folder."""
    about: str = ""
    role: Literal["tools", "vision", "code", "chat"] = "tools"
    device: Literal["cpu", "gpu"] = "gpu"
    need_mib: int = Field(gt=0)
    """Weights, KV cache, activations and context while active."""
    parked_mib: int = Field(1100, ge=0)
    """What a sleeping vLLM keeps on the GPU (context and graphs; 1.14 GB in v0.13)."""
    context: int = Field(16384, ge=256)
    """Longest conversation, tokens (--max-model-len)."""
    kv_mib: int = Field(2048, ge=16)
    """KV cache (--kv-cache-memory-bytes)."""
    quantization: str = ""
    tool_parser: str = ""
    reasoning_parser: str = ""
    flags: tuple[str, ...] = ()
    env: dict[str, str] = {}
    beside: tuple[str, ...] = ()
    """Engines that may stay on the GPU beside it."""
    smaller: str = ""
    """Service that stands in when this one finds no room."""
    base_url: str = ""
    """Where the server runs that somebody else starts, e.g. http://vllm:8000; needed for the runtime 'remote'."""
    key_env: str = "VLLM_API_KEY"
    """Variable of the studio's environment that holds the key of a remote server."""
    port: int = Field(0, ge=0, le=65535)
    """0 = any free one."""
    licence: str = ""


class LlmServices(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    default: str = Field(min_length=1)
    judge: str = ""
    """The service that looks at pictures."""
    vllm: VllmSpec
    services: dict[str, LlmService] = Field(min_length=1)

    def named(self, name: str) -> LlmService:
        """One service; 'default' and 'judge' are names too. Raises UsageError with the nearest name."""
        real = {"default": self.default, "judge": self.judge}.get(name, name)
        if real in self.services:
            return self.services[real]
        near = difflib.get_close_matches(name, self.services, n=1, cutoff=0.4)
        raise UsageError(
            f"There is no language model service '{name}'",
            fix=f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(self.services)}",
        )

    def real_name(self, name: str) -> str:
        """'default' and 'judge' resolved. Raises UsageError for an unknown service."""
        self.named(name)
        return {"default": self.default, "judge": self.judge}.get(name, name)


def services_file(settings: Settings) -> Path:
    """Where the services are described: `llm.services_file`, else the packaged file."""
    own = settings.llm.services_file
    return Path(own).expanduser() if own else SERVICES_FILE


@lru_cache
def load_services(path: Path = SERVICES_FILE) -> LlmServices:
    """The services. Raises UsageError when the file is wrong."""
    found = read_table(path, LlmServices, "services file", (VllmSpec, LlmService))
    for name in found.services:
        refuse_name(name, path)
        if name in ROLES:
            raise UsageError(f"{path} has a service named '{name}'", "that word stands for another one", "Rename it")
        _refuse_sizes(name, found.services[name], path)
        _refuse_runtime(name, found, path)
    _refuse_unknown(found, path)
    return found


def vision_models(settings: Settings) -> frozenset[str]:
    """Names under which the services of role 'vision' may be served."""
    services = load_services(services_file(settings)).services
    return frozenset(name for key, one in services.items() if one.role == "vision" for name in (key, one.model))


def _refuse_sizes(name: str, service: LlmService, path: Path) -> None:
    if service.device == "gpu" and service.kv_mib >= service.need_mib:
        raise UsageError(
            f"{path} is wrong at services.{name}",
            f"its kv_mib of {service.kv_mib} is a part of its need_mib, which is only {service.need_mib}",
            "Lower kv_mib, or raise need_mib",
        )
    if service.parked_mib > service.need_mib:
        raise UsageError(
            f"{path} is wrong at services.{name}",
            f"parked it would hold {service.parked_mib} MiB, more than the {service.need_mib} MiB that it needs",
            "Lower parked_mib",
        )


def _refuse_runtime(name: str, found: LlmServices, path: Path) -> None:
    service, vllm = found.services[name], found.vllm
    if service.base_url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", service.base_url):
        raise UsageError(
            f"{path} is wrong at services.{name}.base_url", f"'{service.base_url}' is no address",
            "Write it like http://vllm:8000",
        )  # fmt: skip
    if vllm.runtime == "remote" and not service.base_url:
        raise UsageError(
            f"The service '{name}' has no address", "the runtime is 'remote'", f"Set its base_url in {path}"
        )
    if vllm.runtime == "docker" and not vllm.image:
        raise UsageError(f"{path} names no image", "the runtime is 'docker'", "Set vllm.image")


def _refuse_unknown(found: LlmServices, path: Path) -> None:
    """Every name in the file is one of its services, and each `smaller` leads to a smaller one."""
    known = f"Known are {', '.join(found.services)}"
    for name in (found.default, found.judge):
        if name and name not in found.services:
            raise UsageError(f"{path} names the unknown service '{name}'", fix=known)
    for name, service in found.services.items():
        if not service.smaller:
            continue
        if service.smaller not in found.services:
            raise UsageError(f"{path} names the unknown service '{service.smaller}'", f"as smaller of '{name}'", known)
        need = found.services[service.smaller].need_mib
        if need >= service.need_mib:  # so there are no circles either
            raise UsageError(
                f"{path} is wrong at services.{name}.smaller",
                f"'{service.smaller}' needs {need} MiB, which is not less than {service.need_mib} MiB",
                "Name one that needs less, or none",
            )
