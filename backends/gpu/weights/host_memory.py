"""A buffer of exactly the asked size in main memory, page-locked where CUDA is there."""

from __future__ import annotations

import ctypes
import mmap
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MIB = 2**20
REGISTER_DEFAULT = 0
"""cudaHostRegisterDefault (CUDA runtime API, section 'Memory Management')."""

_locked: dict[int, int] = {}
"""Address -> page-locked bytes of this process."""
_guard = threading.Lock()


def pinned_mib() -> float:
    """Main memory that this process holds page-locked for engines, MiB."""
    with _guard:
        return sum(_locked.values()) / MIB


class HostBuffer:
    """Anonymous memory as one uint8 tensor; given back to the system when the last tensor that looks into it is gone.

    torch's own page-locked allocator rounds each block up to a power of two and keeps freed ones, so memory is mapped
    here and registered with CUDA afterwards.
    """

    def __init__(self, nbytes: int) -> None:
        """`nbytes` >= 0. Raises OSError (ENOMEM) when the system has no such stretch of memory."""
        import torch

        self.nbytes = nbytes
        self._map = _anonymous(max(nbytes, 1))
        # The tensor's storage keeps the map alive; closing it by hand would pull the memory from under live views.
        whole = torch.frombuffer(self._map, dtype=torch.uint8)
        self.bytes: torch.Tensor = whole[:nbytes]
        self._unlock: weakref.finalize[Any, Any] | None = None

    @property
    def locked_bytes(self) -> int:
        return self.nbytes if self._unlock is not None and self._unlock.alive else 0

    def lock(self) -> str:
        """Page-lock the buffer, so that copies to the GPU run at the bus's speed. '' or why it was refused.

        Call it after the buffer is filled: registering makes all its pages real at once.
        """
        import torch

        if self.nbytes == 0 or self.locked_bytes:
            return ""
        address = self.bytes.data_ptr()
        cudart = torch.cuda.cudart()  # type: ignore[no-untyped-call]
        code = int(cudart.cudaHostRegister(address, self.nbytes, REGISTER_DEFAULT))
        if code != 0:
            _forget_last_error()
            return f"cudaHostRegister answered {code} ({cudart.cudaGetErrorString(cudart.cudaError(code))})"
        with _guard:
            _locked[address] = self.nbytes
        self._unlock = weakref.finalize(self, _unregister, cudart, address)
        # At exit the driver is being taken down and frees the lock itself.
        self._unlock.atexit = False
        return ""

    def unlock(self) -> None:
        """Back to ordinary memory; harmless when it was not locked."""
        if self._unlock is not None:
            self._unlock()


def _anonymous(nbytes: int) -> mmap.mmap:
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, nbytes)
    memory = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Large pages: fewer faults while filling, and fewer pages to lock. A forked child must not inherit the buffer:
    # Linux copies page-locked private memory at fork instead of sharing it.
    for advice in ("MADV_HUGEPAGE", "MADV_DONTFORK"):
        if hasattr(mmap, advice):
            with suppress(OSError):
                memory.madvise(getattr(mmap, advice))
    return memory


def _unregister(cudart: Any, address: int) -> None:
    with _guard:
        _locked.pop(address, None)
    if int(cudart.cudaHostUnregister(address)) != 0:
        _forget_last_error()


def _forget_last_error() -> None:
    """A refused registration stays CUDA's 'last error' and would be blamed on the next kernel that starts."""
    import torch

    with suppress(RuntimeError):
        torch.zeros(1, device="cuda")


def trim_heap() -> None:
    """Ask the C library to give freed heap memory back to the system (glibc keeps blocks below 32 MiB otherwise)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
