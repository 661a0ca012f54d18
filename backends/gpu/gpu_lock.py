"""One studio per GPU: a lock file that the kernel opens again when its owner dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from configs.errors import EngineError
from configs.server_file import process_start


class GpuLock:
    """`flock` on `<run_dir>/gpu-<index>.lock`; the file tells who holds it and how often it changed hands."""

    def __init__(self, run_dir: Path, index: int = 0, *, home: str = "", url: str = "") -> None:
        """
        Args:
            run_dir: machine-wide folder, see configs/rundir.py.
            index: of the GPU.
            home: data folder of this studio, told to a second one.
            url: where this studio answers, told to a second one.
        """
        self.path, self.index = run_dir / f"gpu-{index}.lock", index
        self._home, self._url = home, url
        self._file: int | None = None
        self.epoch = 0
        """Rises with every owner: a fencing number for what is stored beside the lock."""

    @property
    def held(self) -> bool:
        return self._file is not None

    def acquire(self) -> int:
        """Take the lock without waiting; harmless when it is held already. Returns the epoch.

        Raises EngineError that names the studio which has it, or why the file cannot be used.
        """
        if self._file is not None:
            return self.epoch
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise EngineError(
                f"The GPU's lock {self.path} cannot be opened", error.strerror or str(error), "Set gpu.run_dir"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = _read(file)
            os.close(file)
            raise self._taken(owner) from None
        epoch = _read(file).get("epoch", 0)
        self.epoch = (epoch if isinstance(epoch, int) and epoch >= 0 else 0) + 1
        _write(file, {"pid": os.getpid(), "started": process_start(os.getpid()), "at": time.time(), "home": self._home,
                      "url": self._url, "epoch": self.epoch})  # fmt: skip
        self._file = file
        return self.epoch

    def release(self) -> None:
        """Give the lock back; the epoch stays in the file."""
        if self._file is None:
            return
        file, self._file = self._file, None
        _write(file, {"epoch": self.epoch})
        os.close(file)

    def owner(self) -> dict[str, Any]:
        """pid, started, at, home, url, epoch as the file tells them; {} when nobody ever held it."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return {}
        try:
            return _read(file)
        finally:
            os.close(file)

    def _taken(self, owner: dict[str, Any]) -> EngineError:
        who = f"process {owner['pid']}" if owner.get("pid") else "another process"
        where = f" with the home {owner['home']}" if owner.get("home") else ""
        url = f" at {owner['url']}" if owner.get("url") else ""
        return EngineError(
            f"GPU {self.index} belongs to another studio",
            f"{who}{where}{url} holds it",
            "Use that one, or close it first; everything that needs no GPU works here",
        )


def _read(file: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(file, 4096, 0) or b"{}")
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(file: int, content: dict[str, Any]) -> None:
    text = json.dumps(content).encode()
    os.pwrite(file, text, 0)
    os.ftruncate(file, len(text))
