"""GPU memory of single processes, as far as the driver tells (advisory; device-wide figures decide)."""

from __future__ import annotations

from collections.abc import Iterable


def used_by(pids: Iterable[int]) -> int | None:
    """MiB that these processes hold on all GPUs.

    None where it cannot be known: no GPU, a container's numbers (they are the host's), WSL2 (the driver says None).
    """
    try:
        import pynvml
    except ImportError:
        return None
    wanted = set(pids)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        running = [process for handle in handles for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)]
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
    sizes = [process.usedGpuMemory for process in running if process.pid in wanted]
    if not sizes or any(size is None for size in sizes):
        return None
    return int(sum(sizes)) // 2**20
