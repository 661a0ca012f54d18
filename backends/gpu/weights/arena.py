"""All weights of an engine in one page-locked buffer of main memory, the master copy; the GPU has a copy that may go.

Parking points the parameters at the master and frees the GPU: nothing is copied. Restoring is one batched copy. Nothing
is ever moved with `.to("cpu")`, which would copy gigabytes out, tensor by tensor, into memory that was just allocated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.weights.host_memory import MIB, HostBuffer, pinned_mib, trim_heap
from backends.gpu.weights.tensor_layout import Layout, Place, TypedViews, lay_out
from configs.errors import EngineError

if TYPE_CHECKING:
    import torch

__all__ = ["HostArena", "OnShare", "free_cached", "is_out_of_memory", "pinned_mib"]

LOG = logging.getLogger("studio.arena")
CHUNK = 512 * MIB
"""Bytes per copy: few enough calls to keep the bus busy, small enough to tell how far a slow restore is."""
TRIM_EVERY = 256 * MIB
"""Bytes moved in between two times that freed heap memory is given back."""

OnShare = Callable[[float], None]
"""Called with 0..1 while weights are copied."""
OnArrival = Callable[[frozenset[str]], None]
"""Called with the names of the parts."""


class HostArena:
    """Weights of one or more modules. The parameter objects stay the same; only what they point to changes.

    The parts (modules) may be on the device one at a time: `hold()` is model offload without copying anything back.
    """

    def __init__(
        self, modules: torch.nn.Module | Mapping[str, torch.nn.Module], device: str | torch.device, *, lock: bool = True
    ) -> None:
        """Move all parameters and buffers into the arena; afterwards it is parked.

        Tensor by tensor, each original freed at once, so that the weights are never there twice.

        Args:
            modules: one module, or several by name (a pipeline's).
            device: where `restore()` brings them. On 'cpu' a second buffer plays the GPU.
            lock: page-lock the buffer when the device is a CUDA one.

        Raises EngineError for weights without plain bytes, EngineOutOfMemory when main memory does not suffice.
        """
        import torch

        self.device = torch.device(device)
        self._modules = dict(modules) if isinstance(modules, Mapping) else {"model": modules}
        self._lock = lock and self.device.type == "cuda"
        self._on_device: dict[str, torch.Tensor] = {}
        self._host: HostBuffer | None = None
        self.warning = ""
        """Why the buffer is not page-locked, for the user; '' when it is, or need not be."""
        self.on_arrival: OnArrival | None = None
        """Called when the device has got parts anew from the master copy, to change them there (merged LoRAs)."""
        self._guests: list[HostArena] = []
        self._fill()

    @property
    def nbytes(self) -> int:
        """Size of the master copy."""
        return self._layout.nbytes

    @property
    def pinned_mib(self) -> float:
        """How much of it is page-locked, MiB."""
        return self._host.locked_bytes / MIB if self._host is not None else 0.0

    @property
    def on_device(self) -> frozenset[str]:
        """Names of the parts that the device has now."""
        return frozenset(self._on_device)

    @property
    def parked(self) -> bool:
        return not self._on_device

    def part_bytes(self, name: str) -> int:
        """Bytes that the device needs while it holds this module."""
        return sum(self._size(part) for part in self._layout.uses[name])

    def park(self) -> None:
        """Give the device's memory back. Copies nothing; changes made to the weights since `refresh()` are lost."""
        self._alive()
        self._drop(list(self._on_device))

    def restore(self, on_share: OnShare | None = None) -> None:
        """Everything onto the device. Raises EngineOutOfMemory and leaves all as it was when the device is too full."""
        self._bring(self._layout.parts, on_share)

    def hold(self, *names: str) -> None:
        """Only these modules on the device, the others parked first. Raises EngineOutOfMemory like `restore()`."""
        wanted = frozenset[str]().union(*(self._layout.uses[name] for name in names))
        self._drop([part for part in self._on_device if part not in wanted])
        self._bring(wanted, None)

    def rebind(self) -> None:
        """Point every tensor where the arena has it: undoes what others did to them (a cast, a half-done move)."""
        host = self._alive()
        parts = {name: TypedViews(self._on_device.get(name, self._bytes(host, name))) for name in self._layout.parts}
        for place in self._layout.places():
            _point(place, parts[place.part])
        for guest in self._guests:
            guest.rebind()

    def attach(self, guest: HostArena) -> None:
        """Have another arena go along from now on (the layers of a LoRA): what it has for one of these parts is on the
        device whenever that part is. Raises EngineOutOfMemory like `restore()`; it does not go along then."""
        guest._follow(self._on_device)
        self._guests.append(guest)

    def detach(self, guest: HostArena) -> None:
        """Go on without it; it is parked then. Harmless when it does not go along."""
        self._guests = [other for other in self._guests if other is not guest]
        guest._drop(list(guest._on_device))

    def copy_again(self, *names: str) -> None:
        """Undo all changes on the device to the weights of these parts: copied from the master once more, in place."""
        host = self._alive()
        for name in names:
            if name in self._on_device:
                self._on_device[name].copy_(self._bytes(host, name), non_blocking=True)
        self._wait()

    def refresh(self) -> None:
        """Take over changed weights (a fused LoRA, new adapter layers) into the master copy."""
        host = self._alive()
        if self._layout.holds_for(self._modules):
            for place in self._layout.places():
                _copy_bytes(place, self._bytes(host, place.part))
            return self.rebind()
        held = list(self._on_device)
        self._on_device.clear()
        host.unlock()
        self._host = None
        self._fill()
        self._bring(held, None)
        return None

    def release(self) -> None:
        """End of the arena: unlock and forget. The memory goes with the modules, which stay usable where they are."""
        if self._host is not None:
            self._host.unlock()
            self._host = None
        self._on_device.clear()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        import torch

        self._layout: Layout = lay_out(self._modules, as_found=self.device.type == "cpu")
        host = self._new_buffer(self._layout.nbytes)
        self._host = host
        parts = {name: TypedViews(self._bytes(host, name)) for name in self._layout.parts}
        moved = 0
        with torch.no_grad():
            for piece in self._layout.pieces:
                for place in piece:
                    moved += _copy_bytes(place, parts[place.part].bytes)
                for place in piece:
                    _point(place, parts[place.part])
                if moved > TRIM_EVERY:
                    trim_heap()
                    moved = 0
        trim_heap()
        if not self._lock:
            return
        if refused := host.lock():
            self.warning = (
                f"{self.nbytes // MIB} MiB of weights could not be page-locked ({refused}), so that swaps take seconds "
                "instead of tenths of a second. Raise the limit of locked memory (ulimit -l unlimited)."
            )
            LOG.warning(self.warning)

    def _bring(self, names: Iterable[str], on_share: OnShare | None) -> None:
        host = self._alive()
        missing = [name for name in names if name not in self._on_device]
        if not missing:
            self._take_guests([])
            return self.rebind()
        total = sum(self._size(name) for name in missing)
        fresh: dict[str, torch.Tensor] = {}
        try:
            for name in missing:
                fresh[name] = self._allocate(self._size(name))
            done = 0
            for name in missing:
                source = self._bytes(host, name)
                for at in range(0, len(source), CHUNK):
                    fresh[name][at : at + CHUNK].copy_(source[at : at + CHUNK], non_blocking=True)
                    done += len(source[at : at + CHUNK])
                    if on_share is not None:
                        on_share(done / max(total, 1))
            self._wait()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise EngineError("The weights could not be brought to the GPU", _first_line(error)) from error
            why = _first_line(error)
        else:
            self._on_device.update(fresh)
            fresh.clear()
            self.rebind()
            return self._take_guests(missing)
        fresh.clear()
        self._give_back()
        raise EngineOutOfMemory(
            "There is too little free memory on the device", f"{total // MIB} MiB of weights do not fit ({why})",
            "End other programs on the GPU",
        )  # fmt: skip

    def _take_guests(self, arrived: list[str]) -> None:
        """What follows the parts that the device has now got; all of them are given up when that fails half-way."""
        try:
            for guest in self._guests:
                guest._follow(self._on_device)
            if arrived and self.on_arrival is not None:
                self.on_arrival(frozenset(arrived))
        except BaseException:
            self._drop(arrived)
            raise

    def _follow(self, leader: Iterable[str]) -> None:
        wanted = self._layout.parts.keys() & set(leader)
        if surplus := self._on_device.keys() - wanted:
            self._drop(list(surplus))
        if wanted - self._on_device.keys():
            self._bring(wanted, None)

    def _drop(self, names: list[str]) -> None:
        self._wait()
        for name in names:
            del self._on_device[name]
        for guest in self._guests:
            guest._follow(self._on_device)  # parts go only: nothing is brought that was not there before
        self.rebind()
        if names:
            self._give_back()

    def _bytes(self, host: HostBuffer, part: str) -> torch.Tensor:
        return host.bytes[self._layout.parts[part]]

    def _size(self, part: str) -> int:
        span = self._layout.parts[part]
        return int(span.stop - span.start)

    def _allocate(self, nbytes: int) -> torch.Tensor:
        import torch

        if self.device.type == "cpu":
            return self._new_buffer(nbytes).bytes
        return torch.empty(nbytes, dtype=torch.uint8, device=self.device)

    def _new_buffer(self, nbytes: int) -> HostBuffer:
        try:
            return HostBuffer(nbytes)
        except OSError as error:
            raise EngineOutOfMemory(
                "There is too little main memory", f"{nbytes // MIB} MiB of weights do not fit ({error.strerror})",
                "End other programs, or choose a smaller model",
            ) from error  # fmt: skip

    def _wait(self) -> None:
        if self.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.device)

    def _give_back(self) -> None:
        if self.device.type == "cuda":
            free_cached()

    def _alive(self) -> HostBuffer:
        if self._host is None:
            raise EngineError("The weights were released", fix="Load the engine again")
        return self._host


def free_cached() -> None:
    """Give all memory that torch keeps in reserve on the GPU back to the driver."""
    import torch

    # cuBLAS keeps its workspace inside torch's reserve, where it can hold on to a much larger block.
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
    torch.cuda.empty_cache()
    torch.cuda.ipc_collect()  # type: ignore[no-untyped-call]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch failed for want of memory, by its own error or by the words of CUDA's libraries and the CPU's."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | EngineOutOfMemory | MemoryError):
        return True
    words = ("out of memory", "ALLOC_FAILED", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def _copy_bytes(place: Place, part: torch.Tensor) -> int:
    """The tensor's bytes as they are, holes and all, whatever its form."""
    import torch

    tensor, count = place.tensor().detach(), place.nbytes
    if count:
        raw = torch.empty(0, dtype=torch.uint8, device=tensor.device)
        raw.set_(tensor.untyped_storage(), tensor.storage_offset() * tensor.element_size(), (count,), (1,))
        part[place.offset : place.offset + count].copy_(raw)
    return count


def _point(place: Place, part: TypedViews) -> None:
    tensor = place.tensor()
    if tensor.data_ptr() != part.address + place.offset or tensor.dtype != place.dtype or not place.nbytes:
        tensor.data = place.view(part)


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0].split(". ")[0][:200]
