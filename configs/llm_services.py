"""The language models that the studio can serve: `configs/llm_services.yaml`."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import UsageError
from configs.settings import Settings

SERVICES_FILE = Path(__file__).parent / "llm_services.yaml"


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

    default: str
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
            fix=f"Did you mean '{near[0]}'" if near else f"Known are {', '.join(self.services)}",
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
    try:
        found = LlmServices.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"The services in {path} cannot be used", " ".join(str(error).split())[:300]) from error
    wrong = next((n for n in (found.default, found.judge) if n and n not in found.services), "")
    if wrong:
        raise UsageError(f"{path} names the unknown service '{wrong}'", fix=f"Known are {', '.join(found.services)}")
    return found
