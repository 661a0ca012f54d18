"""A vLLM that somebody else started (another container or machine): put to sleep and woken, never ended."""

from __future__ import annotations

import os
import threading
import time

from backends.gpu.engine import EngineKind, EngineState, OnStart, StartPhase, StartProgress
from backends.llm.vllm.client import VllmClient
from backends.llm.vllm.sleep_mode import canary, fall_asleep, wake_up
from configs.errors import EngineError, UsageError
from configs.llm_services import LlmService, VllmSpec

POLL_S = 0.5


class RemoteVllm:
    """Engine, Reporting, Interruptible and Lasting (backends/gpu/engine.py)."""

    kind: EngineKind = "llm"

    def __init__(self, name: str, service: LlmService, vllm: VllmSpec) -> None:
        if not service.base_url:
            raise UsageError(f"The service '{name}' has no address", "the runtime is 'remote'", "Set its base_url")
        self.name, self.served_model = name, name
        self.on_start: OnStart | None = None
        self._kept = False
        self._is_waiting, self._interrupted = False, threading.Event()
        self._service, self._vllm = service, vllm
        key = os.environ.get(service.key_env, "") if service.key_env else ""
        self._client = VllmClient(name, service.base_url.rstrip("/").removesuffix("/v1"), key)

    @property
    def base_url(self) -> str:
        """Without /v1."""
        return self._client.base_url

    @property
    def headers(self) -> dict[str, str]:
        return dict(self._client.headers)

    def load(self) -> None:
        """Wait until it answers; wake it when it sleeps."""
        self._tell("load", f"waiting for {self.base_url}")
        self._is_waiting = True
        try:
            self._wait()
        finally:
            self._is_waiting = False
            self._interrupted.clear()
        if self._can_sleep() and self._client.is_sleeping():
            wake_up(self._client, self._vllm.wake_seconds)
        self._tell("ready")

    def interrupt(self) -> None:
        if self._is_waiting:
            self._interrupted.set()

    def _wait(self) -> None:
        until = time.monotonic() + self._vllm.start_seconds
        while not self._is_up():
            if time.monotonic() > until:
                raise EngineError(
                    f"'{self.name}' is not there",
                    f"no vLLM that serves it answered at {self.base_url} for {self._vllm.start_seconds:.0f} s",
                    f"Start it there, or correct base_url; its key is read from {self._service.key_env}",
                )
            if self._interrupted.wait(POLL_S):
                raise EngineError(f"The start of '{self.name}' was stopped")

    def park(self) -> None:
        if not self._can_sleep():
            raise EngineError(
                f"'{self.name}' cannot be put to sleep",
                f"the server at {self.base_url} has no sleep mode",
                "Start it with --enable-sleep-mode and VLLM_SERVER_DEV_MODE=1",
            )
        fall_asleep(self._client, self._vllm.first_sleep_seconds)

    def restore(self) -> None:
        wake_up(self._client, self._vllm.wake_seconds)

    def unload(self) -> None:
        """It is not ours to end; asleep it has given its memory back, and one that is gone holds none."""
        if self._is_up() and not (self._can_sleep() and self._client.is_sleeping()):
            self.park()

    def probe(self) -> None:
        if self._can_sleep() and self._client.is_sleeping():
            raise EngineError(f"'{self.name}' is asleep", "requests would be held for ever")
        canary(self._client, self.served_model, self._vllm.probe_seconds)

    def need_mib(self) -> int:
        return self._service.need_mib

    # -- Lasting: it outlives every studio, so one that was killed may have left it awake ------------------------------

    def adopt(self) -> EngineState:
        """As it is found: awake, asleep, or COLD when nobody answers (its memory is then nobody's)."""
        if not self._is_up():
            return EngineState.COLD
        return EngineState.PARKED if self._can_sleep() and self._client.is_sleeping() else EngineState.ACTIVE

    def keep(self, kept: bool) -> None:
        """Whether it stays awake when the studio closes; otherwise it is put to sleep."""
        self._kept = kept

    @property
    def kept(self) -> bool:
        return self._kept

    def leave(self) -> None:
        """Nothing of ours holds it."""

    def _is_up(self) -> bool:
        """Also finds the name that it serves: a remote one need not use ours."""
        try:
            listed = self._client.models()
        except EngineError:
            return False
        known = (self.name, self._service.model, self._service.model.rsplit("/", 1)[-1])
        served = next((name for name in known if name in listed), listed[0] if len(listed) == 1 else "")
        self.served_model = served or self.served_model
        return bool(served)

    def _can_sleep(self) -> bool:
        """Whether its development endpoints are there."""
        try:
            self._client.is_sleeping()
        except EngineError:
            return False
        return True

    def _tell(self, phase: StartPhase, note: str = "") -> None:
        if self.on_start is not None:
            self.on_start(StartProgress(self.name, phase, None, note))
