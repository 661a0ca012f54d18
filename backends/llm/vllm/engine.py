"""A vLLM server as an engine: started as a process, parked by its sleep mode, watched by a canary."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from backends.gpu.engine import EngineKind, EngineState, OnStart, StartProgress
from backends.gpu.monitor import Snapshot, snapshot
from backends.gpu.servers.device_memory import used_by
from backends.gpu.servers.server import Plan, Server
from backends.llm.vllm.client import VllmClient
from backends.llm.vllm.command import Folders, Sizes, installed_version, make_plan, refuse_missing_program
from backends.llm.vllm.model_path import find_model
from backends.llm.vllm.sleep_mode import canary, fall_asleep, wake_up
from backends.llm.vllm.start_log import StartLog
from configs.errors import EngineError
from configs.llm_services import LlmService, VllmSpec
from configs.settings import Settings

KV_FLOOR_MIB = 256
CONTEXT_FLOOR = 4096
"""A plan with its tools' descriptions takes about 3,000 tokens."""
logger = logging.getLogger(__name__)


class VllmEngine:
    """Engine, Checked, Reporting, Watched, Measured, Shrinkable, Interruptible, Downloading and Lasting
    (backends/gpu/engine.py)."""

    kind: EngineKind = "llm"

    def __init__(
        self,
        name: str,
        service: LlmService,
        vllm: VllmSpec,
        settings: Settings,
        *,
        run_dir: Path,
        download: bool = False,
        look: Callable[[], Snapshot] = snapshot,
    ) -> None:
        self.name, self.served_model = name, name
        self.download = download
        """Fetch the weights at the next load when they are not there."""
        self.on_start: OnStart | None = None
        self._service, self._vllm, self._look = service, vllm, look
        self._warehouse, self._home = settings.warehouse.expanduser().resolve(), settings.home.expanduser().resolve()
        self._device_guess = settings.gpu.vram_budget_mib
        self._server = Server(name, run_dir=run_dir, home=self._home, stop_seconds=vllm.stop_seconds)
        self._client: VllmClient | None = None
        self._kv_mib, self._context = service.kv_mib, service.context
        self._has_slept = False

    @property
    def base_url(self) -> str:
        """e.g. 'http://127.0.0.1:8123', without /v1; '' while it does not run."""
        return self._client.base_url if self._client else ""

    @property
    def headers(self) -> dict[str, str]:
        """To be sent with every request: the key of this start."""
        return dict(self._client.headers) if self._client else {}

    @property
    def log_file(self) -> Path:
        return self._server.log_file

    # -- Engine ------------------------------------------------------------------------------------------------------

    def check_startable(self) -> None:
        if not self._server.is_running:
            self._plan(self.download)

    def load(self) -> None:
        self.unload()
        with self._server.rising():
            plan = self._plan(self.download)
            self._tell(StartProgress(self.name, "load", None, self._first_word()))
            self._start(plan)
            if self._vllm.cycle_at_start and self._can_sleep:
                self._cycle()
        self._tell(StartProgress(self.name, "ready"))

    def interrupt(self) -> None:
        self._server.interrupt()

    def park(self) -> None:
        """Sleep level 1; a vLLM without sleep mode (on a CPU) is ended instead."""
        if not self._can_sleep:
            self.unload()
            return
        limit = self._vllm.sleep_seconds if self._has_slept else self._vllm.first_sleep_seconds
        fall_asleep(self._running(), limit)
        self._has_slept = True

    def restore(self) -> None:
        if not self._can_sleep:
            self.load()
            return
        with self._server.rising():
            wake_up(self._running(), self._vllm.wake_seconds)

    def unload(self) -> None:
        self._drop_client()
        self._server.stop()

    def probe(self) -> None:
        """One token of a real completion: a wedged or sleeping server still answers /health with 200."""
        client = self._running()
        if self._can_sleep and client.is_sleeping():
            raise EngineError(f"'{self.name}' is asleep", "requests would be held for ever")
        canary(client, self.served_model, self._vllm.probe_seconds)

    def need_mib(self) -> int:
        return self._service.need_mib - (self._service.kv_mib - self._kv_mib)

    # -- Watched, Measured, Shrinkable -------------------------------------------------------------------------------

    def ailment(self) -> str:
        return self._server.ailment()

    def peak_mib(self) -> int | None:
        """What it holds now, which is its peak: vLLM takes all at the start, and torch keeps what it once took."""
        if self._service.device == "gpu":
            return used_by(self._server.pids)
        return self._server.resident_mib()

    def shrink(self) -> str:
        kv, context = self._kv_mib // 2, self._context // 2 // 256 * 256
        if kv < KV_FLOOR_MIB or context < CONTEXT_FLOOR:
            return ""
        self._kv_mib, self._context = kv, context
        return f"conversations of {context} instead of {self._service.context} tokens ({kv} MiB of KV cache)"

    def grow_back(self) -> None:
        self._kv_mib, self._context = self._service.kv_mib, self._service.context

    # -- Lasting -----------------------------------------------------------------------------------------------------

    @property
    def kept(self) -> bool:
        return self._server.kept

    def keep(self, kept: bool) -> None:
        self._server.keep(kept)

    def leave(self) -> None:
        self._drop_client()
        self._server.leave()

    def adopt(self) -> EngineState:
        if not self._server.adopt(*self._plans()):
            return EngineState.COLD
        client = self._client = VllmClient(self.name, self._server.base_url, self._server.key)
        try:
            if not (client.is_healthy() and client.serves(self.served_model)):
                raise EngineError(f"'{self.name}' of an earlier studio does not answer")
            self._has_slept = self._can_sleep and client.is_sleeping()
            if self._has_slept:
                return EngineState.PARKED
            self.probe()
        except EngineError as error:
            logger.warning("%s of an earlier studio is ended: %s", self.name, error.sentence)
            self.unload()
            return EngineState.COLD
        return EngineState.ACTIVE

    # ----------------------------------------------------------------------------------------------------------------

    @property
    def _can_sleep(self) -> bool:
        return self._service.device == "gpu"

    def _plans(self) -> list[Plan]:
        """How it could have been started: from the model that lies here, or to fetch it."""
        plans = []
        for download in (False, True):
            try:
                plans.append(self._plan(download))
            except EngineError as error:
                logger.info("%s", error.sentence)
        return plans

    def _plan(self, download: bool) -> Plan:
        refuse_missing_program(
            self._vllm
        )  # before the model: nobody should fetch gigabytes for a vLLM that is not there
        model = find_model(self._service.model, self._warehouse, download)
        devices = self._look().devices
        total = devices[0].total_mib if devices else self._device_guess
        sizes = Sizes(self._context, self._kv_mib, self.need_mib(), total)
        folders = Folders(self._warehouse, self._home)
        key = secrets.token_urlsafe(32)
        return make_plan(self.name, self._service, self._vllm, model, sizes, folders, key)

    def _first_word(self) -> str:
        found = installed_version(self._vllm) if self._vllm.runtime == "venv" else ""
        return f"vLLM {found} instead of {self._vllm.version}" if found not in ("", self._vllm.version) else "starting"

    def _start(self, plan: Plan) -> None:
        log = StartLog(self.name)
        # The port is known once the process is started, and may change when somebody else was quicker to take it.
        asked: dict[str, VllmClient] = {}

        def is_up() -> bool:
            url = self._server.base_url
            if url not in asked:
                asked[url] = VllmClient(self.name, url, plan.key)
            if not asked[url].is_healthy():
                return False
            self._server.refuse_stranger()  # before it is told the key
            return asked[url].serves(self.served_model)

        try:
            self._server.start_and_wait(plan, is_up, self._vllm.start_seconds, lambda line: self._tell(log.read(line)))
        finally:
            for client in asked.values():
                client.close()
        self._client = VllmClient(self.name, self._server.base_url, plan.key)
        self._has_slept = False

    def _cycle(self) -> None:
        self._tell(StartProgress(self.name, "warm_up", None, "first sleep, once"))
        logger.info("%s sleeps for the first time, for at most %.0f s", self.name, self._vllm.first_sleep_seconds)
        try:
            self.park()
            self.restore()
        except EngineError:
            self.unload()
            raise

    def _running(self) -> VllmClient:
        if self._client is not None and not self._server.ailment():
            return self._client
        cause = self._server.ailment() or "it was not started"
        raise EngineError(f"'{self.name}' does not run", cause, f"Read {self.log_file}")

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _tell(self, progress: StartProgress | None) -> None:
        if progress is not None and self.on_start is not None:
            self.on_start(progress)
