"""The log file of a started server: one per start, the one before is kept."""

from __future__ import annotations

import os
import re
from pathlib import Path

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TAIL_BYTES = 200_000


def fresh(path: Path) -> int:
    """A file descriptor to write the log of this start; the former file becomes `<name>.log.1`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def tail(path: Path, lines: int = 400) -> list[str]:
    """The last lines; [] when there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return split(text)[-lines:]


def split(text: str) -> list[str]:
    """Lines without colours; a progress bar writes its lines over each other with carriage returns."""
    return [line for part in re.split(r"[\r\n]+", ANSI.sub("", text)) if (line := part.rstrip())]


class LogFollower:
    """Reads what is new in a log file since the last look, across its renewal."""

    def __init__(self, path: Path, from_end: bool = False) -> None:
        self._path, self._offset, self._inode, self._rest = path, 0, -1, ""
        if from_end:
            try:
                status = path.stat()
                self._offset, self._inode = status.st_size, status.st_ino
            except OSError:
                pass

    def new_lines(self) -> list[str]:
        """Whole lines written since the last call."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._offset, self._inode, self._rest = 0, status.st_ino, ""
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        self._offset += len(data)
        text = self._rest + data.decode("utf-8", "replace")
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        self._rest = text[end:]
        return split(text[:end])
