"""The services that the arbiter brings up, one lease per request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from backends.gpu.engine import OnStart
from backends.gpu.lease import Lease
from backends.llm.gateway.upstreams import ModelCard, Upstream
from configs.errors import EngineError, StudioError
from configs.llm_services import LlmServices

BEATS_PER_LEASE = 4
"""Heartbeats within the time in which a lease without any expires."""


class Granting(Protocol):
    """What is used of the arbiter."""

    async def alease(
        self,
        needs: Iterable[str],
        holder: str,
        *,
        wait_s: float = ...,
        shape: str = ...,
        on_start: OnStart | None = ...,
        revocable: bool = ...,
    ) -> Lease: ...

    def status(self) -> list[dict[str, Any]]: ...

    def suspect(self, name: str, reason: str) -> None: ...


@dataclass(eq=False)
class LeasedUpstream:
    """One lease, kept alive by a heartbeat on the loop of the request."""

    base_url: str
    served_model: str
    stand_in: str
    headers: dict[str, str]
    notices: tuple[str, ...]
    lease: Lease
    beat_s: float
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.beat_s, self._beat)

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.lease.release()

    def on_void(self, tell: Callable[[str], None]) -> None:
        self.lease.on_void(tell)

    def _beat(self) -> None:
        try:
            self.lease.heartbeat()
        except EngineError:  # it is void, and on_void has told so
            return
        self._timer = asyncio.get_running_loop().call_later(self.beat_s, self._beat)


class ArbiterUpstreams:
    """All services of `configs/llm_services.yaml`.

    Args:
        arbiter: grants the leases.
        services: the names that may be asked for are the names of its engines.
        wait_s: longest wait for a model to come up.
        lease_seconds: after so long without a heartbeat the arbiter takes a lease back.
    """

    def __init__(
        self, arbiter: Granting, services: LlmServices, *, wait_s: float = 900.0, lease_seconds: float = 60.0
    ) -> None:
        self._arbiter, self._services = arbiter, services
        self._wait_s, self._beat_s = wait_s, lease_seconds / BEATS_PER_LEASE

    async def models(self) -> Sequence[ModelCard]:
        rows = await asyncio.to_thread(self._arbiter.status)
        states = {row["name"]: str(row["state"]) for row in rows}
        return [self._card(name, states.get(name, "")) for name in self._services.services]

    async def card(self, name: str) -> ModelCard:
        return self._card(self._services.real_name(name))

    async def acquire(self, model: str, holder: str, on_start: OnStart) -> Upstream:
        lease = await self._arbiter.alease([model], holder, wait_s=self._wait_s, on_start=on_start, revocable=True)
        try:
            return self._leased(model, lease)
        except BaseException:
            lease.release()
            raise

    def suspect(self, model: str, reason: str) -> None:
        with suppress(StudioError):  # a closing arbiter
            self._arbiter.suspect(model, reason)

    def _leased(self, model: str, lease: Lease) -> LeasedUpstream:
        engine = lease.engines[model]
        base_url = str(getattr(engine, "base_url", ""))
        if not base_url:
            raise EngineError(f"The engine '{engine.name}' is no server", fix="Choose a service of llm_services.yaml")
        return LeasedUpstream(
            base_url=base_url.rstrip("/"),
            served_model=str(getattr(engine, "served_model", engine.name)),
            stand_in=lease.substitutes.get(model, ""),
            headers=dict(getattr(engine, "headers", {})),
            notices=lease.notices,
            lease=lease,
            beat_s=self._beat_s,
        )

    def _card(self, name: str, state: str = "") -> ModelCard:
        service = self._services.services[name]
        parsers, flags = (service.tool_parser, service.reasoning_parser), (*self._services.vllm.flags, *service.flags)
        revision = "|".join((name, service.model, service.quantization, *parsers, *flags))
        return ModelCard(name, revision, state, service.about, service.role, service.context)
