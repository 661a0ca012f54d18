"""How long a user waits for `studio --help` and for the chat's page."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any

RUNS = 5
GIVE_UP_S = 60.0


def run() -> dict[str, Any]:
    """Seconds; the help as median and worst of `RUNS` processes, the page from the start of `studio chat`."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ui.cli", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return {
        "help_s_median": round(statistics.median(times), 3),
        "help_s_max": round(max(times), 3),
        "chat_page_s": round(_page_after(), 2),
    }


def _page_after() -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "ui.cli", "chat", "--home", home, "--port", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while time.perf_counter() - began < GIVE_UP_S:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/chat/", timeout=5) as page:
                        if page.status == 200:
                            return time.perf_counter() - began
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.05)
            return float("inf")
        finally:
            server.terminate()
            server.wait(timeout=30)
