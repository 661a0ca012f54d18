"""Notes on started servers, in the machine-wide run folder: what a later studio needs to end or adopt them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backends.gpu.servers.processes import Identity, birth, end, is_alive, members
from configs.errors import EngineError

STOP_S = 5.0
"""From SIGTERM to SIGKILL for orphans."""
FOLDER = "engines"
LOCK_S = 30.0
"""A studio that holds the records' lock for longer is stuck."""


class Record(BaseModel):
    """One started server; `pid` leads its session and group. Read from a file that anything may have happened to."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    pid: int = Field(ge=0, le=2**31 - 1)
    """0 = it is about to be started; its processes are then known by the token alone."""
    born: str
    """See `processes.birth`."""
    token: str = Field(min_length=1)
    port: int
    command_hash: str
    home: str
    log_file: str
    owner_pid: int
    owner_born: str
    kept: bool = False
    """It shall outlive the studio that started it."""
    key: str = ""
    """What it asks for in requests; the file is readable by this user only."""
    container: str = Field("", pattern="^([A-Za-z0-9][A-Za-z0-9_.-]*)?$")
    """Name of the Docker container that it runs in."""

    @property
    def identity(self) -> Identity:
        return Identity(self.pid, self.born, self.token)

    @property
    def has_owner(self) -> bool:
        """Whether the studio that started it lives."""
        return is_alive(Identity(self.owner_pid, self.owner_born))

    @property
    def is_ours(self) -> bool:
        return self.owner_pid == os.getpid() and self.owner_born == birth(os.getpid())


def owned(record: Record, kept: bool) -> Record:
    """The record with this process as its owner."""
    owner = {"owner_pid": os.getpid(), "owner_born": birth(os.getpid())}
    return record.model_copy(update={**owner, "kept": kept})


def write(run_dir: Path, record: Record) -> None:
    """Store it whole or not at all. Raises EngineError when another living studio runs a server of that name."""
    with _locked(run_dir) as folder:
        _refuse_used(_read(folder / f"{record.name}.json"))
        _store(folder, record)


def take_over(run_dir: Path, name: str) -> Record | None:
    """The record of a server that no other living studio has, with this process as its owner from now on.

    None when there is none. Raises EngineError when another studio runs it; of two that ask, one gets it.
    """
    with _locked(run_dir) as folder:
        found = _read(folder / f"{name}.json")
        if found is None:
            return None
        _refuse_used(found)
        mine = owned(found, found.kept)
        _store(folder, mine)
        return mine


def read(run_dir: Path, name: str) -> Record | None:
    """None when there is none or it is no record."""
    return _read(run_dir / FOLDER / f"{name}.json")


def remove(run_dir: Path, record: Record) -> None:
    """Forget it, unless the name has gone over to another process since. Raises EngineError."""
    with _locked(run_dir) as folder:
        path = folder / f"{record.name}.json"
        now = _read(path)
        if now is not None and now.identity == record.identity:
            path.unlink(missing_ok=True)


def kept_names(run_dir: Path) -> frozenset[str]:
    """Servers that an earlier studio left on purpose and that still run; see `Lasting.adopt`."""
    left = (record for record in all_records(run_dir) if record.kept and not record.has_owner)
    return frozenset(record.name for record in left if is_alive(record.identity))


def all_records(run_dir: Path) -> list[Record]:
    found = (_read(path) for path in sorted((run_dir / FOLDER).glob("*.json")))
    return [record for record in found if record is not None]


def end_orphans(run_dir: Path, stop_seconds: float = STOP_S) -> list[str]:
    """End what studios left that did not end well; one sentence for each, for the user to see.

    Known by number and moment of birth, never by name: a stranger who was given the same number is left alone.
    """
    told: list[str] = []
    for record in all_records(run_dir):
        if record.has_owner or (record.kept and is_alive(record.identity)):
            continue
        told += end_recorded(run_dir, record, stop_seconds)
    return told


def end_recorded(run_dir: Path, record: Record, stop_seconds: float = STOP_S) -> list[str]:
    """End one recorded server and forget it."""
    family = members(record.identity)
    if record.container:
        end_container(record.container)
    left = end(record.identity, stop_seconds) if family else []
    if left:
        return [f"'{record.name}' of an earlier studio does not end (process {left[0]})"]
    with suppress(EngineError):  # what it names is gone: it does no harm
        remove(run_dir, record)
    return [f"'{record.name}' of an earlier studio was ended (process {family[0]})"] if family else []


def end_container(name: str) -> None:
    """`docker kill`; harmless when it is gone."""
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(["docker", "kill", name], capture_output=True, timeout=30, check=False)


def _refuse_used(record: Record | None) -> None:
    if record is None or record.is_ours or not record.has_owner or not members(record.identity):
        return
    raise EngineError(
        f"'{record.name}' is already run by another studio",
        f"process {record.owner_pid} started it",
        "Close that studio, or use its gateway",
    )


def _read(path: Path) -> Record | None:
    try:
        record = Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return record if record.name == path.stem else None


def _store(folder: Path, record: Record) -> None:
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{record.name}.")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(record.model_dump_json())
        Path(temporary).replace(folder / f"{record.name}.json")
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(run_dir: Path) -> Iterator[Path]:
    """The folder of the records, to one process at a time. Raises EngineError."""
    folder = run_dir / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_S):
            yield folder
    except OSError as error:  # also the lock's own Timeout
        raise EngineError(
            f"The run folder {run_dir} cannot be used", error.strerror or str(error), "Set gpu.run_dir to another"
        ) from error
