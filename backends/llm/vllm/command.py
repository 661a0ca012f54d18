"""The command line that starts a vLLM server, in its own environment or in a container."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.gpu.servers.server import Plan
from backends.llm.vllm.model_path import HUB_CACHE, ModelPath
from configs.errors import EngineError
from configs.llm_services import LlmService, VllmSpec

CHECKOUT = Path(__file__).parents[3]
GUARD = Path(__file__).parent / "guard"
REPAIR = "Run 'make vllm'"
DOWNLOAD_ENV = (
    "HF_TOKEN", "HF_ENDPOINT", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
"""Passed on only when something is fetched."""
GPU_CHOICE = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
"""A container is shown all GPUs; the user's choice among them holds inside too."""


@dataclass(frozen=True)
class Folders:
    warehouse: Path
    home: Path


@dataclass(frozen=True)
class Sizes:
    """What one start is given; shrinking changes it."""

    context: int
    """Tokens."""
    kv_mib: int
    need_mib: int
    device_mib: int
    """Of the whole GPU."""

    @property
    def utilisation(self) -> float:
        """Share of the device that must be free at the start: vLLM asks for it even when the KV cache is given in
        bytes (v1/worker/utils.py, request_memory), and its default of 0.92 would refuse to start beside anything.
        """
        return min(0.98, max(0.01, round(self.need_mib / self.device_mib, 3)))


def make_plan(
    name: str, service: LlmService, vllm: VllmSpec, model: ModelPath, sizes: Sizes, folders: Folders, key: str
) -> Plan:
    """How to start the server. Raises EngineError when its environment is missing."""
    refuse_missing_program(vllm)
    if vllm.runtime == "docker":
        return _docker(name, service, vllm, model, sizes, folders, key)
    environment = environment_of(vllm)
    program = environment / "bin" / "vllm"
    flags = _flags(name, service, vllm, sizes, host="127.0.0.1", port="{port}")
    hub = folders.warehouse / "llm" / HUB_CACHE
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Plan(
        argv=(str(program), "serve", model.name, *flags),
        env={**_env(service, vllm, model), "PYTHONPATH": str(GUARD), "HF_HUB_CACHE": str(hub)},
        loose_env={"PATH": path, "VLLM_API_KEY": key, **_download_env(model)},
        port=service.port,
        key=key,
        repair=REPAIR,
    )


def refuse_missing_program(vllm: VllmSpec) -> None:
    """Raises EngineError when there is nothing to start a server with."""
    if vllm.runtime == "docker":
        if shutil.which("docker") is None:
            raise EngineError(
                "vLLM is not installed", "there is no program docker", "Install Docker, or use the venv runtime"
            )
        return
    program = environment_of(vllm) / "bin" / "vllm"
    if not program.is_file():
        raise EngineError("vLLM is not installed", f"there is no {program}", REPAIR)


def environment_of(vllm: VllmSpec) -> Path:
    """The folder of vLLM's own environment; relative ones lie in the checkout."""
    return CHECKOUT / Path(vllm.environment).expanduser()


def installed_version(vllm: VllmSpec) -> str:
    """What `make vllm` installed; '' when it cannot be seen."""
    found = sorted(environment_of(vllm).glob("lib*/python*/site-packages/vllm-*.dist-info"))
    return found[-1].name.removeprefix("vllm-").removesuffix(".dist-info") if found else ""


def _flags(name: str, service: LlmService, vllm: VllmSpec, sizes: Sizes, host: str, port: str) -> list[str]:
    flags = ["--host", host, "--port", port, "--served-model-name", name, "--middleware", "studio_guard.Guard"]
    flags += ["--max-model-len", str(sizes.context)]
    if service.device == "gpu":
        flags += ["--enable-sleep-mode", "--kv-cache-memory-bytes", str(sizes.kv_mib * 2**20)]
        flags += ["--gpu-memory-utilization", f"{sizes.utilisation:g}"]
    if service.quantization:
        flags += ["--quantization", service.quantization]
    if service.tool_parser:
        flags += ["--enable-auto-tool-choice", "--tool-call-parser", service.tool_parser]
    if service.reasoning_parser:
        flags += ["--reasoning-parser", service.reasoning_parser]
    return [*flags, *vllm.flags, *service.flags]


def _env(service: LlmService, vllm: VllmSpec, model: ModelPath) -> dict[str, str]:
    offline = {} if model.is_download else {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return {"VLLM_SERVER_DEV_MODE": "1", "NO_COLOR": "1", **offline, **vllm.env, **service.env}


def _download_env(model: ModelPath) -> Mapping[str, str]:
    return {key: os.environ[key] for key in DOWNLOAD_ENV if key in os.environ} if model.is_download else {}


def _docker(
    name: str, service: LlmService, vllm: VllmSpec, model: ModelPath, sizes: Sizes, folders: Folders, key: str
) -> Plan:
    container = f"studio-{name}-{{port}}"
    inside, mounts = _mounts(model, folders)
    env = {**_env(service, vllm, model), "PYTHONPATH": "/studio", "HF_HUB_CACHE": f"/models/llm/{HUB_CACHE}"}
    secrets = {"VLLM_API_KEY": key, **_download_env(model)}
    argv = ["docker", "run", "--rm", "--init", "--name", container, "--gpus", "all", "--ipc=host"]
    # Sleeping weights are kept in locked pages of main memory.
    argv += ["--ulimit", "memlock=-1", "-p", "127.0.0.1:{port}:8000"]
    argv += [part for mount in mounts for part in ("-v", mount)]
    argv += [part for name, value in env.items() for part in ("-e", f"{name}={value}")]
    # Without '=' Docker takes the value from its own environment: other users cannot see it in the process list.
    passed = ("VLLM_API_KEY", *(name for name in GPU_CHOICE if name in os.environ), *sorted(_download_env(model)))
    argv += [part for name in passed for part in ("-e", name)]
    argv += ["--entrypoint", "vllm", vllm.image, "serve", inside]
    argv += _flags(name, service, vllm, sizes, host="0.0.0.0", port="8000")
    return Plan(
        argv=tuple(argv),
        env={},
        loose_env=secrets,
        port=service.port,
        key=key,
        container=container,
        repair=f"Pull the image with 'docker pull {vllm.image}'",
    )


def _mounts(model: ModelPath, folders: Folders) -> tuple[str, list[str]]:
    """The model's name inside the container, and the folders to show there."""
    access = "rw" if model.is_download else "ro"
    mounts = [f"{folders.warehouse}:/models:{access}", f"{GUARD}:/studio:ro"]
    cache = folders.home / "cache" / "vllm"
    cache.mkdir(parents=True, exist_ok=True)  # else Docker makes it, as root
    mounts.append(f"{cache}:/root/.cache/vllm")
    if model.is_download:
        return model.name, mounts
    folder = Path(model.name).resolve()
    if folder.is_relative_to(folders.warehouse):
        return f"/models/{folder.relative_to(folders.warehouse)}", mounts
    return "/model", [*mounts, f"{folder}:/model:ro"]
