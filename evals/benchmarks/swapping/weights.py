"""Weights in the shapes of real models, the plain way to move them, and an engine that is nothing but weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from backends.gpu.engine import EngineKind
from backends.gpu.weights.arena import HostArena
from backends.gpu.weights.host_memory import trim_heap

if TYPE_CHECKING:
    import torch

MIB = 2**20


def unet_shapes() -> list[tuple[int, ...]]:
    """Shapes of all parameters of SDXL's UNet."""
    import torch

    from evals.benchmarks.swapping.random_sdxl import random_modules

    with torch.device("meta"):
        return [tuple(p.shape) for p in random_modules("full")["unet"].parameters()]


def weights(shapes: Iterator[tuple[int, ...]] | list[tuple[int, ...]], nbytes: int) -> torch.nn.Module:
    """Half-precision tensors of these shapes, over and over, until they are `nbytes` together."""
    import torch

    module, size = torch.nn.ParameterList(), 0
    shapes = list(shapes)
    while size < nbytes:
        for shape in shapes:
            tensor = torch.full(shape, 0.5 + len(module) % 7, dtype=torch.float16)
            module.append(torch.nn.Parameter(tensor, requires_grad=False))
            size += tensor.numel() * 2
            if size >= nbytes:
                break
    return module


def moved_plainly(module: torch.nn.Module, device: str) -> None:
    """Each tensor into memory of its own that is allocated on the spot, as `module.to()` does; what it leaves is given
    back to the system, as the arena does when it parks."""
    import torch

    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.data = tensor.data.to(device, copy=True)
    trim_heap()


class WeightsEngine:
    """An engine of `mib` of weights in an arena; stands in for a language model of that size."""

    kind: EngineKind = "llm"

    def __init__(self, name: str, mib: int, device: str) -> None:
        self.name, self._mib, self._device = name, mib, device
        self._arena: HostArena | None = None
        self._module: Any = None

    def load(self) -> None:
        side = 4096 if self._mib > 1024 else 256
        self._module = weights([(side, side)], self._mib * MIB)
        self._arena = HostArena(self._module, self._device)
        self._arena.restore()

    def park(self) -> None:
        if self._arena is not None:
            self._arena.park()

    def restore(self) -> None:
        if self._arena is not None:
            self._arena.restore()

    def unload(self) -> None:
        if self._arena is not None:
            self._arena.park()
            self._arena.release()
        self._arena = self._module = None

    def probe(self) -> None:
        """A product of two weights, on the device."""
        assert float((self._module[0][:8, :8] @ self._module[1][:8, :8]).sum()) > 0

    def need_mib(self) -> int:
        return self._mib + self._mib // 20


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
