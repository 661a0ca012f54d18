"""A box of bricks for sets: meshes of one material are collected and become one part."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.mesh import Material, MeshPart
from backends.image.layout.shapes import Mesh, merge, part
from backends.image.layout.stage import Surface


class Kit:
    """Collects meshes by group; a group's flat and smooth meshes become a part each, coloured per vertex."""

    def __init__(self, prefix: str = "set") -> None:
        self._prefix = prefix
        self._groups: dict[str, list[tuple[Mesh, NDArray[np.float64]]]] = {}
        self._materials: dict[str, Material] = {}
        self._surfaces: dict[str, Surface] = {}

    @property
    def _root(self) -> str:
        return f"{self._prefix}/" if "/" not in self._prefix else f"{self._prefix}."

    def add(self, group: str, mesh: Mesh, color: ArrayLike) -> None:
        """Put a mesh of one sRGB colour into a group."""
        self.paint(group, mesh, np.tile(np.asarray(color, float), (len(mesh[0]), 1)))

    def paint(self, group: str, mesh: Mesh, colors: NDArray[np.floating]) -> None:
        """Put a mesh with vertex colours (V, 3) sRGB into a group."""
        self._groups.setdefault(group, []).append((mesh, np.asarray(colors, float)))

    def material(self, group: str, material: Material, surface: Surface | None = None) -> None:
        """What a group is made of (its colour does not count); dull by default."""
        self._materials[group] = material
        if surface is not None:
            self._surfaces[group] = surface

    def surface(self, group: str, surface: Surface) -> None:
        """How a group is painted."""
        self._surfaces[group] = surface

    def parts(self) -> tuple[MeshPart, ...]:
        """One or two parts per group: 'set/<group>' for flat meshes, 'set/<group>.s' for smooth ones."""
        made = []
        for group, items in self._groups.items():
            material = self._materials.get(group, Material(specular=0.0))
            for smooth in (False, True):
                chosen = [(mesh, colors) for mesh, colors in items if (mesh[2] is not None) == smooth]
                if chosen:
                    label = f"{self._root}{group}.s" if smooth else f"{self._root}{group}"
                    colors = np.concatenate([c for _, c in chosen])
                    made.append(part(label, merge([m for m, _ in chosen]), material, colors))
        return tuple(made)

    def surfaces(self) -> dict[str, Surface]:
        """Surfaces by part label."""
        return {f"{self._root}{group}{end}": surface for group, surface in self._surfaces.items() for end in ("", ".s")}
