"""The log file of a started server: one per start, the one before is kept."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Colours, and whatever else would drive the terminal that shows the line."""
TAIL_BYTES = 200_000
TAIL_LINES = 20_000
"""For so many lines at most more is read than TAIL_BYTES."""
LOOK_BYTES = 2**20
"""Read at most at one look."""
LINE_BYTES = 8192
"""A longer line comes in pieces."""


def fresh(path: Path) -> int:
    """A file descriptor to write the log of this start; the former file becomes `<name>.log.1`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def tail(path: Path, lines: int = 400) -> list[str]:
    """The last lines; [] when there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES - min(lines, TAIL_LINES) * 512))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return split(text)[-lines:] if lines else []


def split(text: str) -> list[str]:
    """Lines without colours; a progress bar writes its lines over each other with carriage returns."""
    return [line for part in re.split(r"[\r\n]+", text) if (line := _ESCAPES.sub("", part).rstrip())]


class LogFollower:
    """Reads what is new in a log file since the last look, across its renewal."""

    def __init__(self, path: Path, from_end: bool = False) -> None:
        self._path, self._rest = path, b""
        self._file: IO[bytes] | None = None
        """Kept open: the last words of a start are read also when the next one has renewed the file."""
        if from_end and self._open():
            assert self._file is not None
            self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> LogFollower:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def new_lines(self) -> list[str]:
        """Whole lines written since the last call; of very much that is new, the first part."""
        if self._file is None and not self._open():
            return []
        lines = self._read()
        if lines or not self._is_renewed():
            return lines
        lines = [*self._read(), *split(self._rest.decode("utf-8", "replace"))]
        self.close()
        return [*lines, *self._read()] if self._open() else lines

    def _open(self) -> bool:
        try:
            self._file, self._rest = self._path.open("rb"), b""
        except OSError:
            return False
        return True

    def _read(self) -> list[str]:
        file = self._file
        if file is None:
            return []
        try:
            if os.fstat(file.fileno()).st_size < file.tell():  # emptied by somebody
                file.seek(0)
            data = self._rest + file.read(LOOK_BYTES)
        except OSError:
            return []
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end and len(data) > LINE_BYTES:
            end = len(data)
        self._rest = data[end:]
        return [
            line[at : at + LINE_BYTES]
            for line in split(data[:end].decode("utf-8", "replace"))
            for at in range(0, len(line), LINE_BYTES)
        ]

    def _is_renewed(self) -> bool:
        assert self._file is not None
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except OSError:
            return False
