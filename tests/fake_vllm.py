"""A vLLM server without a model: `vllm serve`'s command line, log lines, endpoints and traps on a real socket.

It runs as a process of its own, with a second process as its EngineCore, so that it can be killed, wedged or orphaned
for real. Paths, status codes and texts follow vLLM 0.33.0 (entrypoints/serve/dev/sleep/api_router.py,
v1/engine/core.py, v1/executor/abstract.py, v1/worker/utils.py).

    with start_fake_vllm() as fake:                       # or start_fake_vllm(token_s=0.01, first_sleep_s=1.0)
        fake.base_url, fake.model, fake.api_key, fake.headers
        fake.trap(wedged=True)                            # any field of `Traps`, at any time
        fake.seen()                                       # open, finished, aborted requests; sleeps, wakes, bodies
        fake.kill(); fake.kill_core()

An engine that starts `vllm` itself gets the fake by an environment folder: `fake_environment(folder)` writes
`folder/bin/vllm`; traps for the start go through the variable FAKE_VLLM (JSON), the shared device through
FAKE_VLLM_DEVICE (see fake_device.py). Control endpoints (`/__trap`, `/__seen`, `/__die`, `/__kill_core`) lie outside
of all middleware and need no key.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx

SERVER = Path(__file__).with_name("fake_vllm_server.py")


@dataclass
class Traps:
    """Everything that goes wrong in practice; seconds unless said otherwise."""

    # start
    start_s: float = 0.0
    start_error: str = ""
    """oom | module | model | kv | cuda | crash: print vLLM's text for it and exit."""
    start_hangs: bool = False
    """Print the first lines, then nothing for ever."""
    # sleep and wake
    sleep_s: float = 0.0
    first_sleep_s: float = 0.0
    """The first sleep locks host pages and takes this much longer."""
    wake_s: float = 0.0
    sleep_fails: int = 0
    """So many sleeps fail with 'Memory usage increased after sleeping.'"""
    sleep_hangs: bool = False
    sleep_lies: bool = False
    """Answer 200 and stay awake."""
    wake_oom: int = 0
    """So many wakes find no memory; -1 = all."""
    wake_oom_at: str = "weights"
    """weights | kv_cache: which part finds none."""
    wake_lies: bool = False
    """Answer 200 and stay asleep."""
    # requests
    token_s: float = 0.0
    first_token_s: float = 0.0
    tokens: int = 8
    """Words of an answer, when max_tokens allows."""
    wedged: bool = False
    """Requests hang, /health stays green."""
    wedged_after_wake: bool = False
    gibberish_after_wake: bool = False
    garbage: bool = False
    """HTML with status 200 for completions."""
    garbage_admin: bool = False
    """The same for /is_sleeping."""
    fail: int = 0
    """So many requests are answered with `fail_status`."""
    fail_status: int = 503
    retry_after: str = ""
    cut_after: int = 0
    """Close the connection after so many chunks of a stream; 0 = never."""
    answer: str = ""
    """Say this instead of the greedy words."""
    tool_call: list[Any] = field(default_factory=list)
    """[name, {arguments}] answered to every request with tools."""
    keep_bodies: int = 50
    # end
    ignore_sigterm: bool = False
    stubborn_core: bool = False
    """The EngineCore ignores SIGTERM and outlives its parent."""
    core_alone: bool = False
    """The server exits on SIGTERM without ending its EngineCore."""


@dataclass
class FakeVllm:
    """The control side of a running fake."""

    base_url: str
    model: str = "fake"
    api_key: str = ""
    process: subprocess.Popen[bytes] | None = None
    log_file: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def trap(self, **traps: Any) -> None:
        unknown = set(traps) - {item.name for item in fields(Traps)}
        if unknown:
            raise ValueError(f"no such traps: {sorted(unknown)}")
        httpx.post(f"{self.base_url}/__trap", json=traps, timeout=10).raise_for_status()

    def reset(self) -> None:
        """No traps; asleep or awake stays as it is."""
        self.trap(**asdict(Traps()))

    def seen(self) -> dict[str, Any]:
        """open, started, finished, aborted (client gone), cut (by sleep), sleeps, wakes, probes, bodies, pids."""
        answer: dict[str, Any] = httpx.get(f"{self.base_url}/__seen", timeout=10).raise_for_status().json()
        return answer

    def forget(self) -> None:
        """Set the counts of `seen` to nothing."""
        httpx.post(f"{self.base_url}/__forget", timeout=10).raise_for_status()

    def sleep(self) -> None:
        self._admin("sleep?level=1&mode=wait")

    def wake(self) -> None:
        self._admin("wake_up")

    def kill(self) -> None:
        """kill -9 of the server itself; its EngineCore notices a moment later (unless it is stubborn)."""
        with suppress(httpx.HTTPError):
            httpx.post(f"{self.base_url}/__die", timeout=10)

    def kill_core(self) -> None:
        """kill -9 of the EngineCore: the server answers 500 from then on, and ends itself after a while."""
        httpx.post(f"{self.base_url}/__kill_core", timeout=10).raise_for_status()

    def wait_for(self, check: Any, seconds: float = 10.0) -> dict[str, Any]:
        """Poll `seen()` until `check(seen)` holds. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while True:
            seen = self.seen()
            if check(seen):
                return seen
            if time.monotonic() > until:
                raise TimeoutError(f"never so: {seen}")
            time.sleep(0.02)

    def _admin(self, path: str) -> None:
        httpx.post(f"{self.base_url}/{path}", headers=self.headers, timeout=60).raise_for_status()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def start_fake_vllm(
    *,
    model: str = "fake",
    api_key: str = "",
    dev_mode: bool = True,
    flags: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    wait: bool = True,
    **traps: Any,
) -> Iterator[FakeVllm]:
    """Run the fake as a process until the block ends; `traps` are fields of `Traps`."""
    port = free_port()
    command = [sys.executable, str(SERVER), "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--served-model-name", model, "--enable-sleep-mode", *flags]
    environment = {**os.environ, "FAKE_VLLM": json.dumps(traps), "VLLM_SERVER_DEV_MODE": "1" if dev_mode else "0"}
    environment |= {"VLLM_API_KEY": api_key, "FAKE_VLLM_ANY_MODEL": "1", **(env or {})}
    process = subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    fake = FakeVllm(f"http://127.0.0.1:{port}", model, api_key, process)
    try:
        if wait:
            wait_until_up(fake)
        yield fake
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def wait_until_up(fake: FakeVllm, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if fake.process is not None and fake.process.poll() is not None:
            raise RuntimeError(f"the fake vLLM ended with code {fake.process.returncode}")
        with suppress(httpx.HTTPError):
            if httpx.get(f"{fake.base_url}/health", timeout=2).status_code == 200:
                return
        time.sleep(0.02)
    raise RuntimeError("the fake vLLM did not start")


def fake_environment(folder: Path) -> Path:
    """An environment folder whose `bin/vllm` is the fake; returns `folder`."""
    program = folder / "bin" / "vllm"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SERVER}" "$@"\n')
    program.chmod(0o755)
    return folder


def fake_model(warehouse: Path, name: str) -> Path:
    """A model folder that passes for one."""
    folder = warehouse / "llm" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}))
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    return folder
