"""What the machine's GPUs and main memory hold right now, for the whole device and not only for this process."""

from __future__ import annotations

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


def snapshot() -> Snapshot:
    """Read the figures now (about 1 ms; the first call loads the driver's library). Never raises."""
    import psutil

    devices, reason = _devices()
    memory = psutil.virtual_memory()
    total, free = int(memory.total) // _MIB, int(memory.available) // _MIB
    return Snapshot(devices, total, total - free, free, reason)


def _devices() -> tuple[tuple[Device, ...], str]:
    try:
        import pynvml
    except ImportError:
        return (), "nvidia-ml-py is not installed"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return (), _plain(error)
    try:
        found = tuple(_device(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError as error:
        return (), _plain(error)
    finally:
        pynvml.nvmlShutdown()
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


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
