"""A pretended GPU: a JSON file that several fake servers share, each with the memory that it holds."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

GIB = 1024


class FakeDevice:
    """Who holds how much of `total_mib`; what dead processes held is free, as the driver does it."""

    def __init__(self, path: Path, total_mib: int = 16 * GIB) -> None:
        self.path = path
        if not path.exists():
            path.write_text(json.dumps({"total_mib": total_mib, "held": {}}))

    def hold(self, mib: int, owner: str | None = None) -> None:
        """Set what `owner` holds (default: this process; a name that is no pid never dies)."""
        self._change(lambda state: state["held"].__setitem__(owner or str(os.getpid()), mib))

    @property
    def total_mib(self) -> int:
        return int(self._change(lambda _: None)["total_mib"])

    @property
    def used_mib(self) -> int:
        return sum(self._change(lambda _: None)["held"].values())

    @property
    def free_mib(self) -> int:
        return self.total_mib - self.used_mib

    def held_by(self, owner: str | int) -> int:
        return int(self._change(lambda _: None)["held"].get(str(owner), 0))

    def _change(self, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        with self.path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            state: dict[str, Any] = json.load(file)
            state["held"] = {o: m for o, m in state["held"].items() if not o.isdigit() or _alive(int(o))}
            change(state)
            file.seek(0)
            file.truncate()
            json.dump(state, file)
            return state


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
