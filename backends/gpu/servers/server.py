"""A started HTTP server: its child process, its record, its port, and whether it outlives the studio."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backends.gpu.servers import records, start_failure
from backends.gpu.servers.child import Child, Command
from backends.gpu.servers.log_file import LogFollower
from backends.gpu.servers.ports import HOST, PortTaken, claim, listeners, socket_users, taken
from backends.gpu.servers.processes import kill, members, resident_mib
from backends.gpu.servers.records import Record, owned
from backends.gpu.servers.start_failure import Failed
from configs.errors import EngineError

logger = logging.getLogger(__name__)

POLL_S = 0.1
"""How often a starting server is asked whether it is ready."""
_PORT_TAKEN = ("address already in use", "port is already allocated")
"""As servers say it, and as Docker does."""


@dataclass(frozen=True)
class Plan:
    """How a server is started; `{port}` in `argv` and `env` is filled in."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    port: int = 0
    """0 = any free one."""
    key: str = ""
    container: str = ""
    loose_env: Mapping[str, str] | None = None
    """Keys and paths that may differ from start to start, so they do not count for the hash."""
    repair: str = ""
    """How a broken environment is made anew, told when the program lacks a part of itself."""

    @property
    def hash(self) -> str:
        """Equal for two plans that start the same server."""
        said = json.dumps([list(self.argv), dict(sorted(self.env.items())), str(self.cwd), self.port])
        return hashlib.sha256(said.encode()).hexdigest()[:32]


class Server:
    """At most one process at a time; the methods block."""

    def __init__(self, name: str, *, run_dir: Path, home: Path, stop_seconds: float) -> None:
        self.name, self.log_file = name, home / "logs" / "engines" / f"{name}.log"
        self._run_dir, self._home, self._stop_seconds = run_dir, home, stop_seconds
        self._child: Child | None = None
        self._record: Record | None = None
        self._repair = ""
        self._fixed_port = 0
        self._kept = False
        self._is_rising, self._interrupted = False, threading.Event()

    # -- what it is now --------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._record.port if self._record else 0

    @property
    def key(self) -> str:
        return self._record.key if self._record else ""

    @property
    def container(self) -> str:
        return self._record.container if self._record else ""

    @property
    def base_url(self) -> str:
        """'' while it does not run."""
        return f"http://{HOST}:{self.port}" if self._record else ""

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running

    @property
    def pids(self) -> list[int]:
        return members(self._child.identity) if self._child is not None else []

    def ailment(self) -> str:
        """'' while its process lives (or none was started), else how it ended."""
        child = self._child
        if child is None or child.is_running:
            return ""
        said = start_failure.telling(child.tail(100))
        return (
            f"{start_failure.exit_text(child.exit_code)}: {said[:200]}"
            if said
            else start_failure.exit_text(child.exit_code)
        )

    def resident_mib(self) -> int | None:
        return resident_mib(self._child.identity) if self.is_running and self._child else None

    # -- start and stop --------------------------------------------------------------------------------------------

    def start(self, plan: Plan) -> None:
        """Start the process and note it down; `wait_ready` follows. Raises EngineError.

        It is noted before it runs, so that a studio which dies in between leaves nothing that the next cannot find.
        """
        self.stop()
        self._end_leftover()
        port = claim(plan.port, self.name)

        def filled(text: str) -> str:
            return text.replace("{port}", str(port))

        argv = tuple(filled(part) for part in plan.argv)
        env = {name: filled(value) for name, value in {**plan.env, **(plan.loose_env or {})}.items()}
        command = Command(self.name, argv, env, self.log_file, plan.cwd)
        self._repair, self._fixed_port = plan.repair, plan.port
        record = Record(
            name=self.name,
            pid=0,
            born="",
            token=command.token,
            port=port,
            command_hash=plan.hash,
            home=str(self._home),
            log_file=str(self.log_file),
            owner_pid=0,
            owner_born="",
            key=plan.key,
            container=filled(plan.container),
        )
        self._record = owned(record, self._kept)
        try:
            records.write(self._run_dir, self._record)
            self._child = Child.start(command)
            known = {"pid": self._child.identity.pid, "born": self._child.identity.born}
            self._record = self._record.model_copy(update=known)
            records.write(self._run_dir, self._record)
        except BaseException:
            self.stop()
            raise

    def _end_leftover(self) -> None:
        """One of this name that was kept, or whose studio died, since this studio looked. Raises EngineError."""
        left = records.take_over(self._run_dir, self.name)
        if left is not None:
            for told in records.end_recorded(self._run_dir, left):
                logger.warning("%s", told)

    def wait_ready(
        self, is_ready: Callable[[], bool], seconds: float, on_line: Callable[[str], None] | None = None
    ) -> None:
        """Until `is_ready()`; new log lines go to `on_line`.

        Raises EngineError (EngineOutOfMemory where the log says so) when it ends, or is not ready after `seconds`;
        nothing is left running then.
        """
        until = time.monotonic() + seconds
        try:
            with LogFollower(self.log_file) as follower:
                while True:
                    for line in follower.new_lines():
                        if on_line is not None:
                            on_line(line)
                    if self._interrupted.is_set():
                        raise EngineError(f"'{self.name}' was interrupted")
                    if not self.is_running:
                        raise self._failure(start_failure.exit_text(self._child.exit_code if self._child else None))
                    if is_ready():
                        self.refuse_stranger()
                        return
                    if time.monotonic() > until:
                        raise self._failure(f"it was not ready after {seconds:.0f} s")
                    time.sleep(POLL_S)
        except BaseException:
            self.stop()
            raise

    def start_and_wait(
        self, plan: Plan, is_ready: Callable[[], bool], seconds: float, on_line: Callable[[str], None] | None = None
    ) -> None:
        """`start` and `wait_ready`; when somebody was quicker to take the chosen port, once more on another."""
        self.start(plan)
        try:
            self.wait_ready(is_ready, seconds, on_line)
        except EngineError as error:
            said = error.sentence.lower()
            if plan.port or not (isinstance(error, PortTaken) or any(text in said for text in _PORT_TAKEN)):
                raise
            self.start(plan)
            self.wait_ready(is_ready, seconds, on_line)

    @contextmanager
    def rising(self) -> Iterator[None]:
        """Around a load or restore, which `interrupt` makes fail. Raises EngineError."""
        self._is_rising = True
        try:
            yield
        except EngineError as error:
            if not self._interrupted.is_set():
                raise
            raise EngineError(f"The start of '{self.name}' was stopped") from error
        finally:
            self._is_rising = False
            self._interrupted.clear()

    def interrupt(self) -> None:
        """Make what is `rising` fail at once; harmless at other times. From any thread."""
        if not self._is_rising:
            return
        self._interrupted.set()
        child = self._child
        if child is not None:
            kill(child.identity)

    def stop(self) -> None:
        """End it and all that it started, and forget it. Raises EngineError when a process survives."""
        child, record = self._child, self._record
        if record is not None and record.container:
            records.end_container(record.container)
        if child is not None:
            child.stop(self._stop_seconds)
        self._child = self._record = None
        if record is None:
            return
        try:
            records.remove(self._run_dir, record)
        except EngineError as error:  # what it names is gone: it does no harm
            logger.warning("the record of %s stays: %s", self.name, error.sentence)

    def _failure(self, happened: str) -> EngineError:
        lines = self._child.tail() if self._child else []
        repair = self._repair or f"Install '{self.name}' anew"
        failed = Failed(self.name, happened, "", str(self.log_file), repair)
        error = start_failure.explain(failed, lines)
        port = self.port
        if self._fixed_port and any(text in error.sentence.lower() for text in _PORT_TAKEN):
            return taken(port, self.name)
        return error

    def refuse_stranger(self) -> None:
        """A program that was quicker to take the port may answer in place of ours. Raises PortTaken."""
        if self.container:  # Docker itself listens there, or says that it cannot
            return
        found = listeners(self.port)
        strangers = set(found) - {None, *(self.pids if found else ())}
        if strangers or (None in found and socket_users(self.port) - {0, os.getuid()}):
            raise taken(self.port, self.name)

    # -- outliving the studio --------------------------------------------------------------------------------------

    @property
    def kept(self) -> bool:
        return self._kept

    def keep(self, kept: bool) -> None:
        """Whether it shall outlive this studio."""
        self._kept = kept
        if self._record is not None:
            self._record = self._record.model_copy(update={"kept": kept})
            records.write(self._run_dir, self._record)

    def leave(self) -> None:
        """Let go of it without ending it."""
        self._child = self._record = None

    def adopt(self, *plans: Plan) -> bool:
        """Take over the process that an earlier studio left, when it lives and was started as one of `plans` says.

        One that was started otherwise, or was not to be kept, is ended. The caller must still ask the process itself.
        One of another living studio is left alone.
        """
        try:
            record = records.take_over(self._run_dir, self.name)
        except EngineError as error:
            logger.warning("%s is not taken over: %s", self.name, error.sentence)
            return False
        if record is None:
            return False
        child = Child.adopted(record.identity, Path(record.log_file))
        plan = next((plan for plan in plans if plan.hash == record.command_hash), None)
        if not record.kept or not child.is_running or plan is None:
            for told in records.end_recorded(self._run_dir, record, self._stop_seconds):
                logger.warning("%s", told)
            return False
        self._child, self._repair, self._kept = child, plan.repair, True
        self._fixed_port, self.log_file, self._record = plan.port, Path(record.log_file), record
        return True
