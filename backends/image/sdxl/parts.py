"""The arenas of all that a picture may use, as one: SDXL itself, ControlNets, the adapter for reference pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from backends.gpu.weights.arena import HostArena

if TYPE_CHECKING:
    import torch


class Parts:
    """`main` has SDXL's own parts; the others come and go, one part each, of the same name as the arena."""

    def __init__(self, main: HostArena, names: Iterable[str]) -> None:
        """`names`: the parts of `main`."""
        self.main, self._main_names = main, frozenset(names)
        self._others: dict[str, HostArena] = {}

    @property
    def device(self) -> torch.device:
        return self.main.device

    @property
    def names(self) -> frozenset[str]:
        """Of the others."""
        return frozenset(self._others)

    @property
    def on_device(self) -> frozenset[str]:
        return self.main.on_device.union(*(arena.on_device for arena in self._others.values()))

    @property
    def nbytes(self) -> int:
        """Of all master copies."""
        return self.main.nbytes + sum(arena.nbytes for arena in self._others.values())

    @property
    def device_bytes(self) -> int:
        """What the device has now."""
        arenas = (self.main, *self._others.values())
        return sum(arena.part_bytes(name) for arena in arenas for name in arena.on_device)

    @property
    def pinned_mib(self) -> float:
        return self.main.pinned_mib + sum(arena.pinned_mib for arena in self._others.values())

    @property
    def warning(self) -> str:
        return next((a.warning for a in (self.main, *self._others.values()) if a.warning), "")

    def bytes_of(self, names: Iterable[str]) -> int:
        """Of these parts; unknown ones count nothing."""
        return sum(self._arena(name).part_bytes(name) for name in names if self._knows(name))

    def add(self, name: str, arena: HostArena) -> None:
        self.drop(name)
        self._others[name] = arena

    def drop(self, name: str) -> None:
        """Forget this part, its main memory too."""
        arena = self._others.pop(name, None)
        if arena is not None:
            arena.park()
            arena.release()

    def keep(self, *others: str) -> None:
        """All others but these off the device."""
        for name, arena in self._others.items():
            if name not in others and not arena.parked:
                arena.park()

    def restore(self, *others: str) -> None:
        """SDXL and these others onto the device beside what is there. Raises EngineOutOfMemory."""
        if not self._main_names <= self.main.on_device:
            self.main.restore()
        for name in others:
            self._others[name].restore()

    def hold(self, *names: str) -> None:
        """Only these parts onto the device. Raises EngineOutOfMemory."""
        self.keep(*names)
        self.main.hold(*(name for name in names if name not in self._others))
        for name in names:
            if name in self._others:
                self._others[name].restore()

    def park(self) -> None:
        """Everything off the device. Copies nothing."""
        self.keep()
        self.main.park()

    def rebind(self) -> None:
        """Point every tensor where its arena has it."""
        for arena in (self.main, *self._others.values()):
            arena.rebind()

    def release(self) -> None:
        for name in list(self._others):
            self.drop(name)
        self.main.release()

    def _knows(self, name: str) -> bool:
        return name in self._others or name in self._main_names

    def _arena(self, name: str) -> HostArena:
        return self._others.get(name, self.main)
