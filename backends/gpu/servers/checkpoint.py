"""Parking any CUDA process from outside with NVIDIA's cuda-checkpoint (driver 550 or newer, Linux on x64).

Command line: README.md of github.com/NVIDIA/cuda-checkpoint; `--action` came with driver 570, `--toggle` works before.
Its CUDA memory goes to main memory; the process lives on and blocks at its next CUDA call until it is restored.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from backends.gpu.engine import EngineOutOfMemory
from configs.errors import EngineError

PROGRAM = "cuda-checkpoint"
LOCK_MS = 20_000
"""How long running kernels may take to end."""
COPY_S = 120.0
"""Limit for one step; 16 GB at pageable speed (2.8 GB/s) take 6 s."""


@dataclass(frozen=True)
class CudaCheckpoint:
    """The program as it is installed here."""

    program: str
    has_actions: bool

    @classmethod
    def find(cls) -> CudaCheckpoint | None:
        """None when it is not on the PATH."""
        program = shutil.which(PROGRAM)
        if program is None:
            return None
        try:
            told = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        said = told.stdout + told.stderr
        return cls(program, "--action" in said) if "--pid" in said else None  # it prints no help without a driver

    def park(self, pids: Sequence[int]) -> None:
        """Suspend every one of `pids` that uses CUDA. Raises EngineError; what was suspended so far is resumed."""
        done: list[int] = []
        try:
            for pid in pids:
                if self.state(pid) == "running":
                    self._suspend(pid)
                    done.append(pid)
        except EngineError:
            self.restore(done)
            raise
        if not done:
            raise EngineError("Nothing was parked", "none of the processes uses the GPU in a way that can be suspended")

    def restore(self, pids: Sequence[int]) -> None:
        """Resume every suspended one. Raises EngineError, EngineOutOfMemory when the device is too full."""
        for pid in pids:
            if self.state(pid) == "checkpointed":
                self._resume(pid)

    def is_parked(self, pids: Sequence[int]) -> bool:
        return any(self.state(pid) == "checkpointed" for pid in pids)

    def state(self, pid: int) -> str:
        """running | locked | checkpointed | failed (CUprocessState); '' for a process that does not use CUDA."""
        try:
            return self._run("--get-state", "--pid", str(pid)).split()[-1].lower()
        except (EngineError, IndexError):
            return ""

    def _suspend(self, pid: int) -> None:
        if not self.has_actions:
            self._run("--toggle", "--pid", str(pid))
        else:
            self._run("--action", "lock", "--pid", str(pid), "--timeout", str(LOCK_MS))
            try:
                self._run("--action", "checkpoint", "--pid", str(pid))
            except EngineError:
                self._run("--action", "unlock", "--pid", str(pid))
                raise
        if self.state(pid) != "checkpointed":
            raise EngineError(f"Process {pid} could not be suspended", f"its state is '{self.state(pid)}'")

    def _resume(self, pid: int) -> None:
        if not self.has_actions:
            self._run("--toggle", "--pid", str(pid))
            return
        self._run("--action", "restore", "--pid", str(pid))
        self._run("--action", "unlock", "--pid", str(pid))

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                [self.program, *arguments], capture_output=True, text=True, timeout=COPY_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{PROGRAM} failed", str(error)) from error
        if done.returncode == 0:
            return done.stdout
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        kind = EngineOutOfMemory if re.search(r"out of memory|OUT_OF_MEMORY", said) else EngineError
        raise kind(f"{PROGRAM} {' '.join(arguments[:2])} failed", said[:200])
