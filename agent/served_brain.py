"""The language model that the studio serves itself, and the gateway on this machine's own address that leads to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backends.gpu.engine import OnStart, StartProgress
from configs.errors import StudioError
from configs.llm_services import LlmServices, load_services, services_file
from configs.settings import Settings

if TYPE_CHECKING:
    from backends.gpu.arbiter import Arbiter
    from backends.llm.gateway import ModelCard, Upstream, Upstreams
    from backends.llm.gateway.local import LocalGateway


@dataclass
class ServedBrain:
    """An open door to one service; the arbiter brings the model up when the first question comes."""

    settings: Settings
    """Those of the studio, with the brain's endpoint set to the door."""
    _door: LocalGateway
    listeners: list[OnStart] = field(default_factory=list)
    """Told how the model's start goes, from any thread."""

    def close(self) -> None:
        self._door.close()


def open_served_brain(settings: Settings, arbiter: Arbiter) -> ServedBrain:
    """The door for `llm.service`. Raises StudioError when vLLM or the model is missing, or nobody can listen."""
    from backends.llm.gateway.arbiter_upstreams import ArbiterUpstreams
    from backends.llm.gateway.local import LocalGateway

    services = load_services(services_file(settings))
    name = services.real_name(settings.llm.service)
    if fault := missing(name, services, settings):
        raise fault
    listeners: list[OnStart] = []
    wait_s, lease_s = settings.gateway.load_s, settings.gpu.lease_seconds
    upstreams = ArbiterUpstreams(arbiter, services, wait_s=wait_s, lease_seconds=lease_s)
    door = LocalGateway(settings, _Heard(upstreams, listeners)).start()
    llm = settings.llm.model_copy(
        update={
            "base_url": door.base_url,
            "api_key": door.key,
            "model": name,
            # an answer may have to wait for the model to come up
            "timeout_s": settings.llm.timeout_s + wait_s,
        }
    )
    return ServedBrain(settings.model_copy(update={"llm": llm}), door, listeners)


def missing(name: str, services: LlmServices, settings: Settings) -> StudioError | None:
    """What a service lacks on this machine before it could be started; None when nothing. Loads nothing."""
    from backends.llm.vllm.command import refuse_missing_program
    from backends.llm.vllm.model_path import find_model

    vllm, service = services.vllm, services.named(name)
    if vllm.runtime == "remote" or service.base_url:
        return None
    try:
        refuse_missing_program(vllm)
        find_model(service.model, settings.warehouse.expanduser(), download=False)
    except StudioError as error:
        return error
    return None


class _Heard:
    """Upstreams whose starts are heard by others than the request that waits for them."""

    def __init__(self, upstreams: Upstreams, listeners: list[OnStart]) -> None:
        self._upstreams, self._listeners = upstreams, listeners

    async def models(self) -> Sequence[ModelCard]:
        return await self._upstreams.models()

    async def card(self, name: str) -> ModelCard:
        return await self._upstreams.card(name)

    async def acquire(self, model: str, holder: str, on_start: OnStart) -> Upstream:
        def tell(progress: StartProgress) -> None:
            for listen in (on_start, *self._listeners):
                listen(progress)

        return await self._upstreams.acquire(model, holder, tell)

    def suspect(self, model: str, reason: str) -> None:
        self._upstreams.suspect(model, reason)
