"""What the gateway costs: paced streams, short requests, clients that leave; against the same upstream asked directly.

Upstream, gateway and load each run in a process of their own; direct and through the gateway take turns, so that what
else the machine does falls on both.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODES = ("streams", "calls", "drops")
ROOT = Path(__file__).parents[2]


def run() -> dict[str, Any]:
    """Added milliseconds per chunk, to the first token and per whole stream at 50 paced streams (p50, p99); requests
    per second as a ratio; requests left open upstream after 1,000 streams with clients that leave at random."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        upstream, gateway = _free_port(), _free_port()
        direct, through = (f"http://127.0.0.1:{port}" for port in (upstream, gateway))
        with _program("upstream", str(upstream)), _program("serve", str(gateway), direct, home):
            for url in (direct, through):
                _wait_for(f"{url}/v1/models")
            return {mode: _measured(mode, direct, through) for mode in MODES}


def _measured(mode: str, direct: str, through: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "evals.benchmarks.traffic.clients", mode, direct, through]
    done = subprocess.run(
        command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, text=True, check=True, timeout=300
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@contextmanager
def _program(name: str, *arguments: str) -> Iterator[None]:
    command = [sys.executable, "-m", f"evals.benchmarks.traffic.{name}", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=_environment())
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("STUDIO_")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
