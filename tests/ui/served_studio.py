"""A home whose language models are served by the fake vLLM, and real `studio` processes in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from fake_vllm import fake_environment, fake_model

from configs.llm_services import SERVICES_FILE

CHAT = {"intent": "chat", "tools": [], "question": "", "choices": [], "reason": "", "language": "en"}
START_SECONDS = 60


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie that nobody reaps."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class ServedStudio:
    """`folder` holds everything: the home, the models, vLLM's environment, the records of servers."""

    def __init__(self, folder: Path, **traps: Any) -> None:
        self.folder, self.home, self.run_dir = folder, folder / "home", folder / "run"
        fake_environment(folder / "venv")
        fake_model(folder / "warehouse", "Qwen3-8B-AWQ")
        services = yaml.safe_load(SERVICES_FILE.read_text(encoding="utf-8"))
        services["vllm"]["environment"] = str(folder / "venv")
        # what the brain asks is answered with a tool call where it offers tools, else with words
        replies = {"tool_call": ["understand", CHAT], "answer": "Hello from the served model"}
        services["vllm"]["env"] = {"FAKE_VLLM": json.dumps({**replies, **traps})}
        (folder / "services.yaml").write_text(yaml.safe_dump(services, sort_keys=False), encoding="utf-8")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("STUDIO_", "CHAINLIT_"))} | {
            "STUDIO_HOME": str(self.home), "STUDIO_WAREHOUSE": str(folder / "warehouse"), "COLUMNS": "160",
            "STUDIO_LLM__SERVICES_FILE": str(folder / "services.yaml"), "STUDIO_GPU__RUN_DIR": str(self.run_dir),
            "STUDIO_MEMORY__INDEX": "numpy", "HF_HUB_OFFLINE": "1", "STUDIO_GATEWAY__KEEPALIVE_S": "0.2",
        }  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: subprocess.Popen[bytes] | None = None

    def run(self, *args: str, timeout: float = 90, **env: str) -> subprocess.CompletedProcess[str]:
        """One `studio` command."""
        command = [sys.executable, "-m", "ui.cli", *args]
        return subprocess.run(
            command, env={**self.env, **env}, capture_output=True, text=True, timeout=timeout, check=False
        )

    def json(self, *args: str) -> dict[str, Any]:
        result = self.run(*args, "--json")
        assert result.returncode == 0, result.stderr
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def engine(self, name: str) -> dict[str, Any]:
        return next(row for row in self.json("models", "status")["engines"] if row["name"] == name)

    def record(self, name: str) -> dict[str, Any] | None:
        file = self.run_dir / "engines" / f"{name}.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None

    def serve(self, **env: str) -> None:
        command = [sys.executable, "-m", "ui.cli", "serve", "--port", str(self.port)]
        with (self.folder / "serve.log").open("ab") as log:
            self._server = subprocess.Popen(
                command, env={**self.env, **env}, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._server.poll() is None, self.log()
            try:
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError(f"no answer in {START_SECONDS} s: {self.log()}")

    def stop(self, *how: signal.Signals) -> None:
        """Send these signals, one after the other (none: SIGTERM), and wait for the end."""
        if self._server is None:
            return
        for number in how or (signal.SIGTERM,):
            self._server.send_signal(number)
            time.sleep(0.05)
        self._server.wait(timeout=30)
        self._server = None

    @property
    def pid(self) -> int:
        """Of the running server; 0 without one."""
        return self._server.pid if self._server is not None else 0

    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")[-3000:]
