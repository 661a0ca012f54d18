"""What the machine's GPUs and main memory hold right now, for the whole device and not only for this process."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

_MIB = 2**20


@dataclass(frozen=True)
class Device:
    """One GPU; MiB as the driver counts them, all processes included."""

    index: int
    name: str
    total_mib: int
    used_mib: int
    free_mib: int
    utilisation_percent: int | None = None
    temperature_c: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """All GPUs, none on a machine without, and the main memory."""

    devices: tuple[Device, ...]
    ram_total_mib: int
    ram_used_mib: int
    ram_free_mib: int
    """What programs can still take without swapping."""
    reason: str = ""
    """Why there is no GPU; '' when there is one."""

    @property
    def has_gpu(self) -> bool:
        return bool(self.devices)


@dataclass(frozen=True)
class GpuProcess:
    """A program that holds GPU memory, as far as the driver tells."""

    pid: int
    """Inside a container this is the host's number (nvidia-docker#1483)."""
    name: str
    mib: int | None
    """None where the driver does not tell (WSL2)."""


def snapshot() -> Snapshot:
    """Read the figures now (about 1 ms; the first call loads the driver's library). Never raises."""
    import psutil

    devices, reason = _devices()
    memory = psutil.virtual_memory()
    total, free = int(memory.total) // _MIB, int(memory.available) // _MIB
    return Snapshot(devices, total, total - free, free, reason)


def gpu_processes(index: int = 0) -> tuple[GpuProcess, ...]:
    """Programs on one GPU, largest first, best effort: () where the driver tells nothing. Never raises."""
    nvml, _ = _driver.ready()
    if nvml is None:
        return ()
    found: dict[int, GpuProcess] = {}
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        for ask in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
            for row in _rows(nvml, ask, handle):
                used = getattr(row, "usedGpuMemory", None)
                found[int(row.pid)] = GpuProcess(int(row.pid), _name(int(row.pid)), int(used) // _MIB if used else None)
    except nvml.NVMLError:
        _driver.forget()
    return tuple(sorted(found.values(), key=lambda p: -(p.mib or 0)))


class _Driver:
    """NVML, started once: starting it at every look costs far more than the look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nvml: Any = None

    def ready(self) -> tuple[Any, str]:
        """The library, started; (None, why) when there is none. It is tried again at the next call."""
        with self._lock:
            if self._nvml is not None:
                return self._nvml, ""
            try:
                import pynvml
            except ImportError:
                return None, "nvidia-ml-py is not installed"
            try:
                pynvml.nvmlInit()
            except pynvml.NVMLError_LibraryNotFound:
                return None, "no NVIDIA driver is installed"
            except pynvml.NVMLError as error:
                return None, _plain(error)
            self._nvml = pynvml
            return pynvml, ""

    def forget(self) -> None:
        """After an error (a driver update, a lost card): start afresh next time."""
        with self._lock:
            nvml, self._nvml = self._nvml, None
            if nvml is None:
                return
            try:
                nvml.nvmlShutdown()
            except nvml.NVMLError:
                return  # it was down already


_driver = _Driver()


def _devices() -> tuple[tuple[Device, ...], str]:
    nvml, reason = _driver.ready()
    if nvml is None:
        return (), reason
    try:
        found = tuple(_device(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
    except nvml.NVMLError as error:
        _driver.forget()
        return (), _plain(error)
    return found, "" if found else "the driver lists no device"


def _device(nvml: Any, index: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Device(
        index=index,
        name=name.decode() if isinstance(name, bytes) else str(name),
        total_mib=int(memory.total) // _MIB,
        used_mib=int(memory.used) // _MIB,
        free_mib=int(memory.free) // _MIB,
        utilisation_percent=_optional(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        temperature_c=_optional(nvml, lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
    )


def _optional(nvml: Any, read: Any) -> int | None:
    """Figures that virtual and partitioned GPUs may refuse."""
    try:
        return int(read())
    except nvml.NVMLError:
        return None


def _rows(nvml: Any, ask: str, handle: Any) -> list[Any]:
    try:
        return list(getattr(nvml, ask)(handle))
    except (nvml.NVMLError, AttributeError):
        return []


def _name(pid: int) -> str:
    import psutil

    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return "?"


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
