"""API keys of the gateway: only their hashes are kept, in `<home>/gateway-keys.json`."""

from __future__ import annotations

import builtins
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import StudioError, UsageError

FILE = "gateway-keys.json"
PREFIX = "sk-studio-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class ApiKey(BaseModel):
    """What is remembered of a key. A key holds 256 random bits, so one SHA-256 is as good as a slow hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    created: str
    """ISO 8601, UTC."""
    last4: str
    sha256: str = Field(min_length=64, max_length=64)


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[ApiKey] = []


class KeyStore:
    """The keys of one home. `path=None` keeps them in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._keys: list[ApiKey] = []
        self._stamp: tuple[int, int, int] = (0, 0, 0)
        self._lock = threading.Lock()

    @classmethod
    def of_home(cls, home: Path) -> KeyStore:
        return cls(home.expanduser() / FILE)

    def add(self, name: str) -> str:
        """A new key; it is returned here and never again. Raises UsageError for a name that is taken or odd."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name[:80]}' is no name for a key", fix="Use up to 64 letters, digits, '.', '-', '_' or '@'"
            )
        key = PREFIX + secrets.token_urlsafe(32)
        entry = ApiKey(
            name=name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            last4=key[-4:],
            sha256=_hash(key),
        )
        with self._changing() as keys:
            if any(known.name == name for known in keys):
                raise UsageError(f"There is a key '{name}' already", fix="Remove it first, or choose another name")
            keys.append(entry)
        return key

    def remove(self, name: str) -> None:
        """Raises UsageError when there is no such key."""
        with self._changing() as keys:
            kept = [key for key in keys if key.name != name]
            if len(kept) == len(keys):
                known = ", ".join(key.name for key in keys)
                raise UsageError(f"There is no key '{name}'", fix=f"Known are {known}" if known else "There are none")
            keys[:] = kept

    def list(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first. Raises StudioError when the file is damaged."""
        with self._lock:
            self._refresh()
            return tuple(self._keys)

    def owner(self, key: str) -> str:
        """Name of the key, '' when nobody's. Every hash is compared, in constant time.

        Raises StudioError when the file is damaged.
        """
        with self._lock:
            self._refresh()
            given, owner = _hash(key), ""
            for known in self._keys:
                if hmac.compare_digest(known.sha256, given):
                    owner = known.name
        return owner

    def _refresh(self) -> None:
        """Read the file again when it has changed, so that a removed key is dead at once."""
        if self._path is None:
            return
        try:
            info = self._path.stat()
            stamp = (info.st_mtime_ns, info.st_size, info.st_ino)
            if stamp == self._stamp:
                return
            self._keys = _KeyFile.model_validate_json(self._path.read_bytes()).keys
            self._stamp = stamp
        except FileNotFoundError:
            self._keys, self._stamp = [], (0, 0, 0)
        except (OSError, ValidationError) as error:
            self._stamp = (0, 0, 0)
            raise StudioError(
                f"The keys in {self._path} cannot be read",
                "it is no list of keys" if isinstance(error, ValidationError) else str(error),
                "Correct the file, or delete it and make the keys anew",
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[builtins.list[ApiKey]]:
        """Read, change, write back as one step, also between processes."""
        if self._path is None:
            with self._lock:
                yield self._keys
            return
        from filelock import FileLock

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=10, mode=0o600):
                draft = list(self.list())
                yield draft
                _write(self._path, _KeyFile(keys=draft))
        except OSError as error:
            raise StudioError(
                f"The keys in {self._path} cannot be written", error.strerror or str(error), "Check the folder's rights"
            ) from error


def _write(path: Path, content: _KeyFile) -> None:
    """Replace the file in one step; it is never readable by others, not even for an instant."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(content.model_dump(), indent=1))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
