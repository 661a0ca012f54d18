"""The monitor against a stand-in for the driver's library: started once, errors survived, who holds the memory."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from backends.gpu import monitor

GIB = 2**30


class FakeNvml:
    """The functions of nvidia-ml-py that are used, with its own error class."""

    class NVMLError(Exception):
        pass

    class NVMLError_LibraryNotFound(NVMLError):
        pass

    NVML_TEMPERATURE_GPU = 0

    def __init__(self) -> None:
        self.started = self.stopped = 0
        self.broken: set[str] = set()
        self.processes: list[Any] = []

    def _may(self, what: str) -> None:
        if what in self.broken:
            raise self.NVMLError(f"{what} does not work.")

    def nvmlInit(self) -> None:
        self._may("init")
        self.started += 1

    def nvmlShutdown(self) -> None:
        self.stopped += 1
        self._may("shutdown")

    def nvmlDeviceGetCount(self) -> int:
        self._may("count")
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._may("handle")
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"NVIDIA GeForce RTX 5080"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=16 * GIB, used=3 * GIB, free=13 * GIB)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        self._may("utilisation")
        return SimpleNamespace(gpu=42)

    def nvmlDeviceGetTemperature(self, handle: int, kind: int) -> int:
        return 55

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:
        self._may("processes")
        return self.processes

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: int) -> list[Any]:
        self._may("graphics")
        return []


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(monitor, "_driver", monitor._Driver())
    return fake


def test_the_library_is_started_once(nvml: FakeNvml) -> None:
    for _ in range(3):
        seen = monitor.snapshot()
    assert nvml.started == 1 and nvml.stopped == 0
    assert seen.has_gpu and seen.devices[0] == monitor.Device(
        0, "NVIDIA GeForce RTX 5080", 16384, 3072, 13312, utilisation_percent=42, temperature_c=55
    )


def test_an_error_is_told_and_the_next_look_starts_afresh(nvml: FakeNvml) -> None:
    monitor.snapshot()
    nvml.broken = {"count", "shutdown"}
    lost = monitor.snapshot()
    assert not lost.has_gpu and lost.reason == "count does not work" and lost.ram_total_mib > 0
    nvml.broken = {"utilisation"}
    again = monitor.snapshot()
    assert again.has_gpu and nvml.started == 2 and again.devices[0].utilisation_percent is None


def test_a_driver_that_does_not_start_is_no_gpu(nvml: FakeNvml) -> None:
    nvml.broken = {"init"}
    assert monitor.snapshot().reason == "init does not work" and monitor.gpu_processes() == ()


def test_who_holds_the_memory(nvml: FakeNvml) -> None:
    nvml.processes = [
        SimpleNamespace(pid=os.getpid(), usedGpuMemory=2 * GIB),
        SimpleNamespace(pid=2**22 + 5, usedGpuMemory=None),
        SimpleNamespace(pid=1, usedGpuMemory=5 * GIB),
    ]
    found = monitor.gpu_processes()
    assert [(p.pid, p.mib) for p in found] == [(1, 5120), (os.getpid(), 2048), (2**22 + 5, None)]
    assert found[1].name == psutil.Process().name() != "", "its name is looked up"
    assert found[2].name == "?"
    nvml.broken = {"processes", "graphics"}
    assert monitor.gpu_processes() == ()
    nvml.broken = {"handle"}
    assert monitor.gpu_processes() == () and nvml.stopped == 1


def test_on_this_machine_it_never_raises() -> None:
    seen = monitor.snapshot()
    assert seen.ram_total_mib >= seen.ram_free_mib > 0 and seen.has_gpu == (seen.reason == "")
    assert isinstance(monitor.gpu_processes(), tuple)


def test_a_machine_without_the_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNvml()

    def missing() -> None:
        raise fake.NVMLError_LibraryNotFound("NVML Shared Library Not Found")

    monkeypatch.setattr(fake, "nvmlInit", missing)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(monitor, "_driver", monitor._Driver())
    assert monitor.snapshot().reason == "no NVIDIA driver is installed"
