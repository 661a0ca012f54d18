"""From a character's own frame (its height = 1, feet about the origin, facing +Z) to the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh
from backends.image.layout.scene import PosedCharacter


@dataclass(frozen=True)
class Placement:
    rotation: NDArray[np.float64]
    origin: NDArray[np.float64]
    """World position of the character's own origin, metres."""
    scale: float

    @classmethod
    def of(cls, posed: PosedCharacter, rise: float = 0.0) -> Placement:
        """Where a posed character stands; `rise` lifts it, in heights."""
        size = float(posed.look.height)
        return cls(turn(0.0, posed.facing_deg), np.array([posed.x, rise * size, posed.z]), size)

    def mesh(self, mesh: Mesh) -> Mesh:
        """A mesh of the character's frame in the world."""
        return mesh.moved(self.rotation, self.origin, self.scale)

    def point(self, local: ArrayLike) -> NDArray[np.float32]:
        """A point of the character's frame in the world."""
        p = self.origin + self.rotation @ (np.asarray(local, dtype=np.float64) * self.scale)
        return p.astype(np.float32)

    def to_local(self, world: ArrayLike) -> NDArray[np.float64]:
        """A world point in the character's frame."""
        p: NDArray[np.float64] = self.rotation.T @ (np.asarray(world, dtype=np.float64) - self.origin) / self.scale
        return p
