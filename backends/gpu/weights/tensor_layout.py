"""Where each parameter and buffer of some modules shall lie in one stretch of memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.errors import EngineError

if TYPE_CHECKING:
    import torch

ALIGN = 256
"""Bytes; what cudaMalloc aligns to, and a multiple of every vector load."""
CACHE_LINE = 64
"""Bytes. MKL sums in another order when a matrix starts elsewhere in its cache line: another last bit."""


@dataclass(frozen=True, eq=False)
class Place:
    """One tensor of a module, and its bytes."""

    owner: torch.nn.Module
    name: str
    part: str
    """The module's name in the arena; for shared memory the first module that has it."""
    offset: int
    """Bytes from the start of the part."""
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    """In elements, as found: channels_last and other strided forms stay what they are."""
    dtype: torch.dtype
    nbytes: int
    """From the first to the last element, holes of a strided form included."""

    def tensor(self) -> torch.Tensor:
        """What the module has there now."""
        found = self.owner._parameters.get(self.name, self.owner._buffers.get(self.name))
        if found is None:
            raise EngineError(f"The weight '{self.name}' is gone", f"{type(self.owner).__name__} was changed")
        return found

    def view(self, part: TypedViews) -> torch.Tensor:
        """This tensor inside the part."""
        import torch

        if self.nbytes == 0:
            return torch.empty(self.shape, dtype=self.dtype, device=part.bytes.device)
        return part.of(self.dtype).as_strided(self.shape, self.stride, part.first(self.dtype, self.offset))

    def fits(self) -> bool:
        """Whether what the module has there now can lie here byte for byte."""
        tensor = self.tensor()
        return (tuple(tensor.shape), tensor.stride(), tensor.dtype) == (self.shape, self.stride, self.dtype)


class TypedViews:
    """One part's bytes, seen as each type once: thousands of tensors are cut from it at every park and restore."""

    def __init__(self, part: torch.Tensor) -> None:
        """`part`: uint8, one dimension."""
        self.bytes = part
        self.address = part.data_ptr()
        self._views: dict[torch.dtype, torch.Tensor] = {}

    def of(self, dtype: torch.dtype) -> torch.Tensor:
        """All of it as `dtype`; bytes at the end that make no whole element are left out."""
        view = self._views.get(dtype)
        if view is None:
            size = dtype.itemsize
            view = self._views[dtype] = self.bytes[: len(self.bytes) // size * size].view(dtype)
        return view

    def first(self, dtype: torch.dtype, offset: int) -> int:
        """Where `offset` bytes into the part is, counted in elements of the storage."""
        return int(self.of(dtype).storage_offset()) + offset // dtype.itemsize


@dataclass(frozen=True)
class Layout:
    parts: dict[str, slice]
    """Each module's bytes in the whole, in the order given."""
    pieces: tuple[tuple[Place, ...], ...]
    """Tensors whose bytes overlap (tied weights, views of one storage) are one piece, and stay tied."""
    uses: dict[str, frozenset[str]]
    """Module -> the parts that its tensors lie in: its own, and an earlier one's where they share memory."""
    nbytes: int

    def places(self) -> Iterator[Place]:
        for piece in self.pieces:
            yield from piece

    def holds_for(self, modules: Mapping[str, torch.nn.Module]) -> bool:
        """Whether the modules still have the same tensors, in the same forms, sharing memory as they did."""
        known = sorted((id(p.owner), p.name) for p in self.places())
        now = sorted((id(owner), name) for m in modules.values() for owner, name, _ in named_tensors(m))
        if known != now or not all(place.fits() for place in self.places()):
            return False
        return all(
            place.tensor().data_ptr() - piece[0].tensor().data_ptr() == place.offset - piece[0].offset
            for piece in self.pieces
            for place in piece[1:]
        )


def named_tensors(module: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, str, torch.Tensor]]:
    """Every parameter and buffer with its owner; one that is registered twice comes twice."""
    for owner in module.modules():
        for table in (owner._parameters, owner._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    yield owner, name, tensor


def lay_out(modules: Mapping[str, torch.nn.Module], *, as_found: bool = False) -> Layout:
    """One place for each tensor, aligned to ALIGN.

    `as_found`: each tensor keeps its position in the cache line instead, so that a CPU computes the same bits as with
    the weights where they were. Raises EngineError for tensors that are no plain bytes (sparse, meta, quantised).
    """
    found = [
        _Found(module_name, owner, name, _plain(tensor, f"{module_name}.{name}"))
        for module_name, module in modules.items()
        for owner, name, tensor in named_tensors(module)
    ]
    ends = dict.fromkeys(modules, 0)
    uses = {name: {name} for name in modules}
    pieces = []
    for group in _overlapping(found):
        part, start = group[0].module, min(f.start for f in group)
        # Never less than the largest element: a view of a mixed piece could start between two elements.
        grid = CACHE_LINE if as_found else max(f.itemsize for f in group)
        at = _up(ends[part]) + start % grid
        ends[part] = at + max(f.end for f in group) - start
        pieces.append(
            tuple(
                Place(
                    f.owner, f.name, part, at + f.start - start,
                    tuple(f.tensor.shape), f.tensor.stride(), f.tensor.dtype, f.end - f.start,
                )
                for f in group
            )
        )  # fmt: skip
        for f in group:
            uses[f.module].add(part)
    parts, cursor = {}, 0
    for name, end in ends.items():
        parts[name] = slice(cursor, cursor + end)
        cursor += _up(end)
    return Layout(parts, tuple(pieces), {n: frozenset(u) for n, u in uses.items()}, cursor)


@dataclass(frozen=True, eq=False)
class _Found:
    module: str
    owner: torch.nn.Module
    name: str
    tensor: torch.Tensor

    @property
    def itemsize(self) -> int:
        return self.tensor.element_size()

    @property
    def start(self) -> int:
        return self.tensor.data_ptr()

    @property
    def end(self) -> int:
        return self.start + _extent(tuple(self.tensor.shape), self.tensor.stride()) * self.itemsize


def _overlapping(found: list[_Found]) -> list[list[_Found]]:
    """Groups that share bytes; groups and their members in the order in which they were found."""
    position = {id(f): i for i, f in enumerate(found)}
    groups: list[list[_Found]] = []
    device, end = "", 0
    for one in sorted(found, key=lambda f: (str(f.tensor.device), f.start)):
        if groups and str(one.tensor.device) == device and one.start < end and one.end > one.start:
            groups[-1].append(one)
            end = max(end, one.end)
        else:
            groups.append([one])
            device, end = str(one.tensor.device), one.end
    for group in groups:
        group.sort(key=lambda f: position[id(f)])
    return sorted(groups, key=lambda g: position[id(g[0])])


def _plain(tensor: torch.Tensor, name: str) -> torch.Tensor:
    import torch
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    odd = tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized or tensor.is_conj()
    if odd or is_traceable_wrapper_subclass(tensor):
        raise EngineError(
            f"The weight '{name}' cannot be kept in one buffer", f"it is a {type(tensor).__name__} without plain bytes",
            "Load this model without quantisation",
        )  # fmt: skip
    return tensor


def _extent(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Elements from the first to the last one, holes included."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))


def _up(nbytes: int) -> int:
    return -(-nbytes // ALIGN) * ALIGN
