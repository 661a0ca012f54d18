"""An engine that is any HTTP server started by command, e.g. GPT-SoVITS; see `ProcessSpec` in configs/models.py."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from backends.gpu.engine import EngineKind, EngineState, OnStart, StartPhase, StartProgress
from backends.gpu.servers.checkpoint import CudaCheckpoint
from backends.gpu.servers.device_memory import used_by
from backends.gpu.servers.server import Plan, Server
from configs.errors import EngineError, UsageError
from configs.models import EngineSpec, ProcessSpec

PROBE_S = 20.0
"""The canary of a server that works on something else may take as long as that."""
READY_S = 5.0
CORRECT = "correct its command in configs/models.yaml"
logger = logging.getLogger(__name__)


class ProcessEngine:
    """Engine, Checked, Reporting, Watched, Measured, Interruptible and Lasting (backends/gpu/engine.py)."""

    def __init__(self, name: str, spec: EngineSpec, *, warehouse: Path, run_dir: Path, home: Path) -> None:
        if spec.process is None:
            raise UsageError(f"The engine '{name}' has no command", fix="Give it a 'process' in configs/models.yaml")
        self.name = name
        self.kind: EngineKind = spec.kind
        self.on_start: OnStart | None = None
        self._spec, self._process = spec, spec.process
        self._warehouse = warehouse.expanduser().resolve()
        self._own_folder = home.resolve() / "cache" / "engines" / name
        self._server = Server(name, run_dir=run_dir, home=home.resolve(), stop_seconds=spec.process.stop_seconds)
        self._checkpoint: CudaCheckpoint | None = None
        """Set while it is suspended."""

    @property
    def base_url(self) -> str:
        """e.g. 'http://127.0.0.1:8123'; '' while it does not run."""
        return self._server.base_url

    @property
    def log_file(self) -> Path:
        return self._server.log_file

    # -- Engine ----------------------------------------------------------------------------------------------------

    def check_startable(self) -> None:
        if not self._server.is_running:
            self._plan()

    def load(self) -> None:
        with self._server.rising():
            plan = self._plan()
            self._tell("load", "starting")
            self._server.start_and_wait(
                plan, lambda: self._answers(self._process.ready, READY_S), self._process.start_seconds, self._on_line
            )
        self._tell("ready")

    def park(self) -> None:
        """Suspended where that is possible; else ended, and started again by `restore`."""
        self._checkpoint = self._checkpointer()
        if self._checkpoint is not None:
            try:
                self._checkpoint.park(self._server.pids)
            except EngineError as error:
                # After a failed checkpoint a process may be broken (NVIDIA's README): it is not used any more.
                logger.warning("%s is ended instead of suspended: %s", self.name, error.sentence)
                self._checkpoint = None
        if self._checkpoint is None:
            self._server.stop()

    def restore(self) -> None:
        if self._checkpoint is None:
            self.load()
            return
        self._tell("load", "resuming")
        if not self._server.is_running:
            raise self._gone()
        with self._server.rising():
            self._checkpoint.restore(self._server.pids)
        self._checkpoint = None
        self._tell("ready")

    def unload(self) -> None:
        self._server.stop()
        self._checkpoint = None

    def probe(self) -> None:
        if not self._server.is_running:
            raise self._gone()
        path = self._process.probe or self._process.ready
        if not self._answers(path, PROBE_S):
            raise EngineError(
                f"'{self.name}' does not answer", f"GET {path} brought no good answer", f"Read {self.log_file}"
            )

    def need_mib(self) -> int:
        return self._spec.need_mib

    def interrupt(self) -> None:
        self._server.interrupt()

    # -- Watched, Measured -----------------------------------------------------------------------------------------

    def ailment(self) -> str:
        return self._server.ailment()

    def peak_mib(self) -> int | None:
        """What it holds now, which is its peak: torch keeps what it once took."""
        if self._spec.device == "gpu" and (mib := used_by(self._server.pids)) is not None:
            return mib
        return self._server.resident_mib()

    # -- Lasting ---------------------------------------------------------------------------------------------------

    @property
    def kept(self) -> bool:
        return self._server.kept

    def keep(self, kept: bool) -> None:
        self._server.keep(kept)

    def leave(self) -> None:
        self._server.leave()

    def adopt(self) -> EngineState:
        if not self._server.adopt(*self._plans()):
            return EngineState.COLD
        checkpoint = self._checkpointer()
        if checkpoint is not None and checkpoint.is_parked(self._server.pids):
            self._checkpoint = checkpoint
            return EngineState.PARKED
        try:
            self.probe()
        except EngineError:
            self.unload()
            return EngineState.COLD
        return EngineState.ACTIVE

    # ----------------------------------------------------------------------------------------------------------------

    def _plans(self) -> list[Plan]:
        """How it would be started now; nothing when it could not be."""
        try:
            return [self._plan()]
        except EngineError as error:
            logger.warning("%s", error.sentence)
            return []

    def _plan(self) -> Plan:
        """Raises EngineError saying what is missing and where to put it."""
        spec = self._process
        cwd = Path(self._filled(spec.cwd)).expanduser() if spec.cwd else None
        if cwd is not None and not cwd.is_dir():
            raise EngineError(
                f"'{self.name}' is not installed",
                f"there is no folder {cwd}",
                f"Put the program there, or {CORRECT}",
            )
        argv = tuple(self._filled(part) for part in spec.command)
        self._own_folder.mkdir(parents=True, exist_ok=True)
        return Plan(
            argv=(self._program(argv[0], spec, cwd), *argv[1:]),
            env={name: self._filled(value) for name, value in spec.env.items()},
            cwd=cwd,
            port=spec.port,
            repair=f"Install '{self.name}' anew as its own instructions say",
        )

    def _program(self, name: str, spec: ProcessSpec, cwd: Path | None) -> str:
        path = Path(name).expanduser()
        if not path.is_absolute() and "/" in name and cwd is not None:
            path = cwd / path
        found = shutil.which(str(path), path=spec.env.get("PATH") or os.environ.get("PATH"))
        if found is not None:
            return found
        where = f"Put it there, or {CORRECT}" if path.is_absolute() else f"Install '{name}', or {CORRECT}"
        raise EngineError(f"'{self.name}' is not installed", f"there is no program {path}", where)

    def _filled(self, text: str) -> str:
        """`{port}` stays: the server fills it in once it has one."""
        return text.replace("{warehouse}", str(self._warehouse)).replace("{run}", str(self._own_folder))

    def _answers(self, path: str, seconds: float) -> bool:
        import httpx

        try:
            # Proxies of the environment are for others than this machine.
            with (
                httpx.Client(base_url=self.base_url, timeout=seconds, trust_env=False, verify=False) as client,
                client.stream("GET", path) as answer,  # its body may have no end
            ):
                return answer.is_success
        except httpx.HTTPError:
            return False

    def _checkpointer(self) -> CudaCheckpoint | None:
        if self._spec.device != "gpu" or self._process.checkpoint == "never":
            return None
        return CudaCheckpoint.find()

    def _on_line(self, line: str) -> None:
        self._tell("load", line.strip()[:120])

    def _tell(self, phase: StartPhase, note: str = "") -> None:
        if self.on_start is not None:
            self.on_start(StartProgress(self.name, phase, None, note))

    def _gone(self) -> EngineError:
        cause = self._server.ailment() or "its process is gone"
        return EngineError(f"'{self.name}' does not run", cause, f"Read {self.log_file}")
