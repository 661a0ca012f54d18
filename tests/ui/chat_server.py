"""A real `studio chat` process with a throw-away home and small pictures, and a browser to look at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from shutil import which

SMALL = {
    "STUDIO_FILM__WIDTH": "320", "STUDIO_FILM__HEIGHT": "180", "STUDIO_FILM__FPS": "12",
    "STUDIO_IMAGE__WIDTH": "256", "STUDIO_IMAGE__HEIGHT": "144", "STUDIO_IMAGE__PREVIEW_SAMPLES": "4",
    "STUDIO_APPROVAL__ABOVE_SECONDS": "1", "STUDIO_BRAIN": "offline", "STUDIO_MEMORY__INDEX": "numpy",
}  # fmt: skip
START_SECONDS = 90
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := which(name))), "")


class ChatServer:
    """Starts, stops and restarts on one port and one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("STUDIO_", "CHAINLIT_"))}
        env |= SMALL | {"HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-m", "ui.cli", "chat", "--home", str(self.home), "--port", str(self.port)]
        with (self.home.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log()
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"no answer in {START_SECONDS} s: {self.log()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None:
            return
        os.killpg(self._process.pid, how)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=30)
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.stop(how)
        self.start()

    def log(self) -> str:
        return (self.home.parent / "server.log").read_text(errors="replace")[-3000:]
