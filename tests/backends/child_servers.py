"""Servers whose programs only wait, for tests of what happens to their processes and notes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from backends.gpu.servers import records
from backends.gpu.servers.server import Plan, Server

IDLE = "import time; print('up', flush=True); time.sleep(600)"
PLAN = Plan(argv=(sys.executable, "-c", IDLE), env={})
OTHER_PLAN = Plan(argv=(sys.executable, "-c", f"{IDLE}  # another one"), env={})


def new_run_dir(folder: Path) -> Path:
    """Where studios note their servers, readable by their user alone."""
    made = folder / "run"
    made.mkdir(mode=0o700)
    return made


def servers(folder: Path, run_dir: Path) -> Iterator[Callable[[], Server]]:
    """A maker of servers named 'voice'; in the end all are stopped, also those that only a record knows."""
    made: list[Server] = []

    def build(home: str = "home") -> Server:
        server = Server("voice", run_dir=run_dir, home=folder / home, stop_seconds=0.3)
        made.append(server)
        return server

    yield build
    for server in made:
        server.stop()
    for record in records.all_records(run_dir):
        records.end_recorded(run_dir, record, 0.1)
