"""A program that the studio starts and ends: in a session of its own, with a log file and a small environment."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.gpu.servers import log_file
from backends.gpu.servers.processes import TOKEN, Identity, birth, end, is_alive
from configs.errors import EngineError

PASSED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
    "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "VLLM_CACHE_ROOT", "VLLM_WSL2_ENABLE_PIN_MEMORY",
    "DOCKER_HOST", "DOCKER_CONFIG",
)  # fmt: skip
"""What a child gets of the studio's own environment; keys and tokens stay here."""


@dataclass(frozen=True)
class Command:
    """What to start."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """Added to the few variables that are passed on."""
    log_file: Path
    cwd: Path | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    """What it and all that it starts are known by."""


class Child:
    """A running program; `start` makes one, `adopted` takes over one that an earlier studio left."""

    def __init__(self, identity: Identity, log: Path, process: subprocess.Popen[bytes] | None) -> None:
        self.identity, self.log_file, self._process = identity, log, process

    @classmethod
    def start(cls, command: Command) -> Child:
        """Start it. Raises EngineError when the program cannot be run at all."""
        own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment = {**own, "PYTHONUNBUFFERED": "1", **command.env, TOKEN: command.token}
        try:
            log = log_file.fresh(command.log_file)
        except OSError as error:
            raise EngineError(
                f"'{command.name}' could not be started",
                f"its log {command.log_file} cannot be written ({error.strerror or error})",
                "Make room on that disk, or make the folder writable",
            ) from error
        try:
            process = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a zero byte, a variable's name with '='
            raise EngineError(
                f"'{command.name}' could not be started",
                f"{command.argv[0]}: {getattr(error, 'strerror', '') or error}",
                "Check that the program exists and may be run",
            ) from error
        finally:
            os.close(log)
        return cls(Identity(process.pid, birth(process.pid), command.token), command.log_file, process)

    @classmethod
    def adopted(cls, identity: Identity, log: Path) -> Child:
        return cls(identity, log, None)

    @property
    def is_running(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return is_alive(self.identity)

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and for an adopted one whatever happened."""
        return None if self._process is None else self._process.poll()

    def tail(self, lines: int = 400) -> list[str]:
        return log_file.tail(self.log_file, lines)

    def stop(self, seconds: float) -> None:
        """SIGTERM, `seconds`, SIGKILL for it and all that it started. Raises EngineError when one survives that."""
        left = end(self.identity, seconds, self._process)
        if self._process is not None:
            self._process.poll()
        if left:
            raise EngineError(
                f"Process {left[0]} does not end",
                "it was killed and still is there, most likely stuck in the GPU's driver",
                "Wait a while; if it stays, restart the machine",
            )
