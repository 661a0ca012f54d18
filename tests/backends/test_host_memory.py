"""Page-locked memory, with a stand-in for the CUDA runtime; the real one is asked in test_arena_cuda.py."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

from backends.gpu.weights import host_memory
from backends.gpu.weights.arena import HostArena, pinned_mib


class FakeCudart:
    """The four calls of the CUDA runtime that the buffer makes; refuses when told to."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.locked: dict[int, int] = {}

    def cudaHostRegister(self, address: int, nbytes: int, flags: int) -> int:
        if not self.refuses:
            self.locked[address] = nbytes
        return self.refuses

    def cudaHostUnregister(self, address: int) -> int:
        del self.locked[address]
        return 0

    def cudaError(self, code: int) -> int:
        return code

    def cudaGetErrorString(self, code: int) -> str:
        return "out of memory"


@pytest.fixture
def cuda_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arena for a CUDA device whose device side is the CPU stand-in: only the locking is looked at."""
    monkeypatch.setattr(HostArena, "_wait", lambda self: None)
    monkeypatch.setattr(HostArena, "_give_back", lambda self: None)
    monkeypatch.setattr(HostArena, "_allocate", lambda self, n: torch.empty(n, dtype=torch.uint8))


@pytest.mark.usefixtures("cuda_like")
def test_the_master_is_page_locked_once_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCudart()
    monkeypatch.setattr(torch.cuda, "cudart", lambda: fake)
    before = pinned_mib()
    arena = HostArena(nn.Linear(512, 512, bias=False), "cuda")
    assert list(fake.locked.values()) == [arena.nbytes] and arena.warning == ""
    arena.restore()
    arena.park()
    assert arena.pinned_mib == pytest.approx(1.0) and pinned_mib() - before == pytest.approx(1.0)
    arena.release()
    assert not fake.locked and pinned_mib() == before
    forgotten = HostArena(nn.Linear(512, 512, bias=False), "cuda")
    assert fake.locked
    del forgotten
    gc.collect()
    assert not fake.locked and pinned_mib() == before


@pytest.mark.usefixtures("cuda_like")
def test_a_refused_lock_is_said_and_the_arena_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "cudart", lambda: FakeCudart(refuses=2))
    monkeypatch.setattr(host_memory, "_forget_last_error", lambda: None)
    module = nn.Linear(8, 8)
    before = module.weight.detach().clone()
    arena = HostArena(module, "cuda")
    assert "could not be page-locked" in arena.warning and "ulimit -l" in arena.warning and arena.pinned_mib == 0
    arena.restore()
    arena.park()
    assert torch.equal(module.weight, before)
