"""Entry point of the vLLM container: serve one model of llm_services.yaml, and put it to sleep once it is up.

It runs inside vLLM's own image, where the studio is not installed: only the standard library and PyYAML are used.
A server that comes up asleep holds about 1 GiB of the GPU until the studio's arbiter wakes it, also after a crash in
the middle of a picture. While something else fills the GPU the start waits: vLLM refuses to start on a full device.

    python3 serve.py SERVICES.yaml [NAME]    serve NAME, by default the file's `default`
    python3 serve.py --healthy               exit code 0 when the server is up (the container's health check)
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

PORT = int(os.environ.get("VLLM_PORT_INSIDE", "8000"))
BASE_URL = f"http://127.0.0.1:{PORT}"
MODELS = Path(os.environ.get("VLLM_MODELS", "/models/llm"))
UP = Path(os.environ.get("VLLM_UP_FILE", "/tmp/vllm-is-up"))
"""Exists from the first sleep on; the health check looks for it."""
SLEEP_SECONDS = 300.0
"""The first sleep pins its memory, which took 42 s for 75 GiB."""
LOOK_SECONDS = 0.5
SAY_SECONDS = 30.0
MAX_SHARE = 0.98


def main(arguments: list[str]) -> int:
    """Serve until the server ends or the container is stopped; the server's own exit code."""
    if arguments == ["--healthy"]:
        return 0 if UP.exists() and answers() else 1
    if not os.environ.get("VLLM_API_KEY"):
        sys.exit("VLLM_API_KEY is not set: without it everybody in the network could put the model to sleep")
    UP.unlink(missing_ok=True)
    name, service, vllm = chosen(Path(arguments[0]), arguments[1] if len(arguments) > 1 else "")
    total = wait_for_memory(int(service["need_mib"]))
    command = serve_command(name, service, vllm, total)
    print("starting:", " ".join(command), flush=True)
    extra = {**vllm.get("env", {}), **service.get("env", {})}
    server = subprocess.Popen(command, env={**os.environ, **extra, "VLLM_SERVER_DEV_MODE": "1"})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: server.send_signal(received))
    if up(server):
        sleep()
        UP.touch()
    return server.wait()


def chosen(file: Path, name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Name and entry of the service to serve, and what holds for all services."""
    import yaml

    try:
        table = yaml.safe_load(file.read_text(encoding="utf-8"))
        name = name or table["default"]
        if name not in table["services"]:
            sys.exit(f"{file} has no service '{name}'; it has {', '.join(table['services'])}")
        service = table["services"][name]
        needed = {"model": str(service["model"]), "need_mib": int(service["need_mib"])}
        return name, {**service, **needed}, dict(table["vllm"])
    except KeyError as error:
        sys.exit(f"{file} cannot be used: the key {error} is missing")
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        sys.exit(f"{file} cannot be used: {' '.join(str(error).split())}")


def serve_command(name: str, service: dict[str, Any], vllm: dict[str, Any], total_mib: int) -> list[str]:
    """`vllm serve` with the flags that the studio itself would give (backends/llm/vllm/command.py).

    Args:
        total_mib: the GPU's memory, so that vLLM's start-up check asks for what the service needs and no more;
            0 = unknown, vLLM's own share is taken.
    """
    command = ["vllm", "serve", str(MODELS / service["model"].rsplit("/", 1)[-1]), "--host", "0.0.0.0"]
    command += ["--port", str(PORT), "--served-model-name", name, "--middleware", "studio_guard.Guard"]
    command += ["--max-model-len", str(service.get("context", 16384)), "--enable-sleep-mode"]
    command += ["--kv-cache-memory-bytes", str(int(service.get("kv_mib", 2048)) * 2**20)]
    if total_mib:
        share = min(MAX_SHARE, round(service["need_mib"] / total_mib, 3))
        command += ["--gpu-memory-utilization", f"{share:g}"]
    if service.get("quantization"):
        command += ["--quantization", service["quantization"]]
    if service.get("tool_parser"):
        command += ["--enable-auto-tool-choice", "--tool-call-parser", service["tool_parser"]]
    if service.get("reasoning_parser"):
        command += ["--reasoning-parser", service["reasoning_parser"]]
    return [*command, *map(str, vllm.get("flags", ())), *map(str, service.get("flags", ()))]


def wait_for_memory(need_mib: int) -> int:
    """Wait until the GPU has that much free; its whole memory, MiB, or 0 where the driver's tool cannot say."""
    said = 0.0
    while True:
        try:
            total, free = gpu_memory_mib()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"free memory of the GPU unknown ({error}); starting at once", flush=True)
            return 0
        if free >= need_mib:
            return total
        if total < need_mib:
            sys.exit(f"the service needs {need_mib} MiB, the GPU has {total} MiB; choose a smaller one")
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            print(f"waiting: {need_mib} MiB wanted, {free} of {total} MiB of the GPU free", flush=True)
        time.sleep(LOOK_SECONDS)


def gpu_memory_mib() -> tuple[int, int]:
    """Total and free memory of the container's first GPU, all processes included."""
    query = ["nvidia-smi", "--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits"]
    line = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()[0]
    total, free = (int(part) for part in line.split(","))
    return total, free


def up(server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; False when it ended before."""
    while server.poll() is None:
        if answers():
            return True
        time.sleep(LOOK_SECONDS / 2)
    return False


def sleep() -> None:
    """Level 1, after running requests: weights to main memory. When that fails it is woken, and left awake."""
    try:
        post("sleep?level=1&mode=wait")
        print("asleep until the studio wakes it", flush=True)
    except (OSError, ValueError) as error:
        print(f"could not be put to sleep ({error}); it stays awake", flush=True)
        with contextlib.suppress(OSError, ValueError):
            post("wake_up")  # a sleep that failed half-way holds all requests


def post(path: str) -> None:
    key = {"Authorization": f"Bearer {os.environ['VLLM_API_KEY']}"}
    request = urllib.request.Request(f"{BASE_URL}/{path}", headers=key, method="POST")
    with urllib.request.urlopen(request, timeout=SLEEP_SECONDS):
        pass


def answers() -> bool:
    try:
        with urllib.request.urlopen(f"{BASE_URL}/health", timeout=5):
            return True
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
