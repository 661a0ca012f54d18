"""What a batch has finished, line by line on the disk, so that it goes on after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from configs.errors import StudioError, UsageError
from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory
from tools.publish import sha256_of

FORM = 1
NAME = "manifest.jsonl"


class Manifest:
    """`<home>/batches/<job>/manifest.jsonl`, open for one batch at a time.

    Each line is a JSON object and on the disk before the next picture begins; one that a kill cut short is dropped.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UsageError when this batch is running already, StudioError when the folder cannot be written."""
        self.folder, self.file = folder, folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / "lock", timeout=0)
            self._lock.acquire()
            self.rows = _whole_lines(self.file)
        except Timeout as error:
            raise UsageError("This batch is being made already", "the same wish runs in this folder",
                             "Wait for it, or stop it first") from error  # fmt: skip
        except OSError as error:
            raise _unwritable(folder, error) from error

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def append(self, row: str, **facts: Any) -> None:
        """Add a line, on the disk when this returns. Raises StudioError."""
        line = json.dumps({"row": row, **facts}, ensure_ascii=False, sort_keys=True, default=str)
        data = (line.encode("utf-8", "replace")) + b"\n"
        try:
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                if os.write(descriptor, data) != len(data):
                    raise OSError(28, "No space left on device")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unwritable(self.file, error) from error
        self.rows.append(json.loads(line))

    def append_if_possible(self, row: str, **facts: Any) -> None:
        """A line that is only told: on a full disk it is left out."""
        with suppress(StudioError):
            self.append(row, **facts)

    def set_aside(self) -> None:
        """Begin anew; the former lines stay in a file beside it."""
        if not self.rows:
            return
        number = 1 + sum(1 for _ in self.folder.glob("manifest-*.jsonl"))
        try:
            self.file.replace(self.folder / f"manifest-{number}.jsonl")
        except OSError as error:
            raise _unwritable(self.file, error) from error
        self.rows = []

    def last(self, row: str) -> Mapping[str, Any] | None:
        """The newest line of this kind."""
        return next((one for one in reversed(self.rows) if one.get("row") == row), None)

    def finished(self, key: str, memory: Memory, workspace: Workspace) -> tuple[Asset, Mapping[str, Any]] | None:
        """The finished picture of this key and its line, checked to be there with the very same content; else None."""
        for row in reversed(self.rows):
            if row.get("row") == "picture" and row.get("key") == key:
                asset = memory.get_asset(str(row.get("asset")))
                if asset is None or asset.hidden or asset.sha256 != row.get("sha256"):
                    return None
                path = workspace.home / asset.path
                if not path.is_file() or sha256_of(path) != asset.sha256:
                    return None
                return asset, row
        return None


def _whole_lines(file: Path) -> list[dict[str, Any]]:
    """The rows; a last line without its end is cut off, so that the next one does not join it."""
    if not file.is_file():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) != len(data):
        with file.open("rb+") as handle:
            handle.truncate(len(whole))
            os.fsync(handle.fileno())
    rows = []
    for line in whole.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # damaged by hand: that picture is made again
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _unwritable(path: Path, error: OSError) -> StudioError:
    return StudioError(f"The batch's record {path} cannot be written", error.strerror or str(error),
                       "Free space in the studio's folder; finished pictures are kept")  # fmt: skip
