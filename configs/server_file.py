"""Where a running studio of a home can be reached: `<home>/server.json`, for the command line on the same machine."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "server.json"


@dataclass(frozen=True)
class ServerFile:
    """Address and key of the running server; the key is for this machine's user only."""

    url: str
    token: str
    pid: int
    started: float
    """Start time of the process, Unix seconds, so that a reused pid is not taken for it."""

    def write(self, home: Path) -> Path:
        """Atomically, readable by this user only."""
        handle, partial = tempfile.mkstemp(dir=home, prefix=f".{NAME}.")  # a new file of mode 0600, whatever lay there
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        return Path(partial).replace(home / NAME)

    @property
    def alive(self) -> bool:
        return abs(process_start(self.pid) - self.started) < 1.0


def running_server(home: Path) -> ServerFile | None:
    """The server of this home, when its process is there."""
    try:
        found = ServerFile(**json.loads((home / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.alive else None


def forget_server(home: Path, token: str) -> None:
    """Remove the file, if it is still the one with this token."""
    found = running_server(home)
    if found is not None and found.token == token:
        (home / NAME).unlink(missing_ok=True)


def forget_own(home: Path) -> None:
    """Remove the file, if it is this process's."""
    found = running_server(home)
    if found is not None and found.pid == os.getpid():
        forget_server(home, found.token)


def process_start(pid: int) -> float:
    """Start of a process, Unix seconds; 0.0 when there is none."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
