"""The engines of one studio: the arbiter, made from the settings, and the switchboard in front of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from backends.engines import make_engine
from backends.gpu.arbiter import Arbiter
from backends.gpu.gpu_lock import GpuLock
from backends.gpu.needs import LearnedNeeds
from backends.gpu.servers.records import all_records, end_orphans, kept_names
from configs.llm_services import load_services, services_file
from configs.models import ModelTable, load_models
from configs.rundir import run_dir
from configs.settings import Settings
from configs.workspace import Workspace

if TYPE_CHECKING:
    from backends.gpu.engine import Swap
    from backends.gpu.switchboard import Switchboard

LOG = logging.getLogger("studio.engines")
CPU_SHARE = 0.6
"""Part of the machine's memory that engines may take when no budget is set."""


class EngineRoom:
    """What can be said about engines without tools and memory; `studio models` works on it."""

    def __init__(
        self, arbiter: Arbiter, settings: Settings, workspace: Workspace, *, passing: bool = False
    ) -> None:  # fmt: skip
        """`passing`: the process ends with the command, and its own engines with it."""
        self.arbiter, self.settings, self.workspace, self.passing = arbiter, settings, workspace, passing
        self.table = engine_table(settings)

    @classmethod
    def open(
        cls, settings: Settings, workspace: Workspace, *, on_swap: Callable[[Swap], None] | None = None,
        on_notice: Callable[[str], None] | None = None, passing: bool = False,
    ) -> EngineRoom:  # fmt: skip
        """A room with nothing loaded, but for servers that were left running on purpose.

        Servers of a studio that died are ended first. Raises StudioError when a table or the run folder is unusable.
        """
        import psutil

        folder = run_dir(settings)
        for ended in end_orphans(folder):
            LOG.warning("%s", ended)
        table = engine_table(settings)
        kept = kept_names(folder)
        for record in all_records(folder):
            if record.name in kept - table.engines.keys():
                LOG.warning(
                    "'%s', left running by the studio in %s, is no engine of this one; it keeps its memory until "
                    "'kill %d'", record.name, record.home, record.pid,
                )  # fmt: skip
        arbiter = Arbiter(
            table,
            lambda name: make_engine(name, settings, workspace.cache),
            cpu_budget_mib=settings.gpu.cpu_budget_mib or int(psutil.virtual_memory().total / 2**20 * CPU_SHARE),
            gpu_budget_mib=settings.gpu.vram_budget_mib,
            lease_seconds=settings.gpu.lease_seconds,
            on_swap=on_swap,
            on_notice=on_notice,
            needs=LearnedNeeds(workspace.cache / "needs.json"),
            lock=GpuLock(folder, home=str(workspace.home)),
            lasting=kept | remote_services(settings),
            left=lambda: kept_names(folder),
        )
        return cls(arbiter, settings, workspace, passing=passing)

    @cached_property
    def switchboard(self) -> Switchboard:
        from backends.gpu.switchboard import Switchboard

        services = load_services(services_file(self.settings))
        voices = [n for n in self.table.of_kind("voice") if self.table.engines[n].device == "gpu"]
        return Switchboard(
            self.arbiter,
            llm=services.real_name(self.settings.llm.service or "default"),
            image="sdxl",
            voice=voices[0] if voices else self.settings.voice.resolved_engine(),
        )

    def close(self) -> None:
        """Unload everything but the kept servers."""
        self.arbiter.close()


def engine_table(settings: Settings) -> ModelTable:
    """The engines of models.yaml and the services that the settings name. Raises UsageError when a file is wrong."""
    return load_models(services_path=services_file(settings))


def remote_services(settings: Settings) -> frozenset[str]:
    """Services that run elsewhere: asleep or awake, they are there before the studio is."""
    services = load_services(services_file(settings))
    remote = services.vllm.runtime == "remote"
    return frozenset(name for name, service in services.services.items() if remote or service.base_url)
