"""LoRAs on the pipeline: exactly those of the picture, read when first needed, deleted when no longer used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backends.gpu.weights.arena import HostArena
from backends.image.engine import LoraUse
from backends.image.sdxl.lora_file import PARTS, CheckedLora, LoraTensors, check_lora, read_lora
from backends.image.sdxl.lora_layers import Strength, check_blocks, merge, put_in, set_strengths, take_out
from configs.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable

MIB = 2**20


class Adapters:
    """The LoRAs of a pipeline whose weights are in an arena.

    Two ways, never both at once. Beside the weights: each LoRA has layers of its own, in an arena that goes along with
    the main one. Merged ('fused'): the weights on the device are changed, which costs nothing per step; the master copy
    in main memory is never touched, so that taking a LoRA out is one copy and leaves the same bits as before. What the
    device gets anew from the master is merged again.

    LoRAs that are loaded but idle slow a picture down (diffusers issue 11816), so that none stays.
    """

    def __init__(self, pipe: Any, arena: HostArena) -> None:
        """
        Args:
            pipe: any of diffusers' SDXL pipelines; others that share its components have the LoRAs too.
            arena: has unet, text_encoder and text_encoder_2 of it. Its `refresh()` must not be called while LoRAs are
                in use: it would take them over into the master copy.
        """
        self._pipe, self._arena = pipe, arena
        self._beside: dict[str, HostArena] = {}
        self._tensors: dict[str, LoraTensors] = {}
        self._merged: tuple[Strength, ...] = ()
        self._set: tuple[Strength, ...] = ()
        """As the layers beside the weights are set."""
        arena.on_arrival = self._merge

    @property
    def mib(self) -> float:
        """What LoRAs take on the device beside the weights; merged ones take nothing."""
        return sum(arena.nbytes for arena in self._beside.values()) / MIB

    @property
    def pinned_mib(self) -> float:
        """Page-locked main memory of theirs."""
        return sum(arena.pinned_mib for arena in self._beside.values())

    def use(self, loras: Sequence[LoraUse], *, fuse: bool = False) -> tuple[dict[str, Any], ...]:
        """Have exactly these LoRAs work from now on.

        Merged and beside differ by rounding only (float32: about 1e-6 of a picture's range; tests hold 1e-5).

        Args:
            loras: in any number; a weight of 0 has no effect. () leaves the weights bit by bit as they were read.
            fuse: merge them into the weights on the device: a fraction of a second once, for full speed in every step.

        Returns: for each one, ready for JSON: name, file, sha256, weight, rank, blocks, fused, ignored_layers.

        Raises EngineError in one sentence for a LoRA that cannot be used (see `check_lora`, `read_lora`); none is
        active then. EngineOutOfMemory when the device is too full.
        """
        try:
            checked = [check_lora(lora) for lora in loras]
            self._check_together(checked)
            active = [one for one in checked if one.use.weight]
            strengths = tuple((one.key, one.use.weight, one.use.blocks) for one in active)
            if fuse:
                self._fuse(active, strengths)
            else:
                self._put_beside(active, strengths)
            facts = tuple(self._facts(one, fuse) for one in checked)
        except BaseException:
            self.clear()
            raise
        return facts

    def clear(self) -> None:
        """No LoRA; the weights bit by bit as they were read."""
        self._unmerge()
        # Also what was put in half-way and is not in `_beside`.
        self._remove(tuple(self._tensors.keys() | self._beside.keys()))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _check_together(self, checked: Sequence[CheckedLora]) -> None:
        seen: dict[str, str] = {}
        for one in checked:
            check_blocks(one.use.name, one.use.blocks, self._pipe)
            if one.key in seen:
                raise EngineError(
                    f"The LoRA '{one.use.name}' is asked for twice", f"'{seen[one.key]}' is the same file",
                    "Leave one of them out",
                )  # fmt: skip
            seen[one.key] = one.use.name

    def _put_beside(self, active: Sequence[CheckedLora], strengths: tuple[Strength, ...]) -> None:
        self._unmerge()
        if strengths == self._set:
            return
        wanted = {one.key for one in active}
        self._remove([key for key in self._beside if key not in wanted])
        for one in active:
            if one.key not in self._beside:
                tensors = self._read(one)
                holders = put_in(self._pipe, one.key, tensors)
                arena = self._beside[one.key] = HostArena(holders, self._arena.device)
                self._arena.attach(arena)
                self._tensors[one.key] = tensors.without_values()
        self._keep(wanted)
        set_strengths(self._pipe, strengths, self._tensors)
        self._set = strengths

    def _fuse(self, active: Sequence[CheckedLora], strengths: tuple[Strength, ...]) -> None:
        self._remove(tuple(self._beside))
        if strengths == self._merged and all(one.key in self._tensors for one in active):
            return
        for one in active:
            self._read(one)
        self._unmerge()
        self._keep({one.key for one in active})
        self._merged = strengths
        self._merge(self._arena.on_device)

    def _merge(self, parts: Iterable[str]) -> None:
        """Into the weights of these parts, which are as in the master copy."""
        for part in PARTS:
            if part in parts and self._merged:
                merge(getattr(self._pipe, part), part, self._merged, self._tensors)

    def _unmerge(self) -> None:
        if self._merged:
            touched = {part for key, _, _ in self._merged for part in self._tensors[key].parts}
            self._merged = ()
            self._arena.copy_again(*touched)

    def _remove(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        self._set = ()
        going = [self._beside.pop(key) for key in keys if key in self._beside]
        for arena in going:
            self._arena.detach(arena)
        take_out(self._pipe, keys)
        for arena in going:
            arena.release()
        for key in keys:
            self._tensors.pop(key, None)

    def _read(self, one: CheckedLora) -> LoraTensors:
        found = self._tensors.get(one.key)
        if found is None:
            found = self._tensors[one.key] = read_lora(one, self._pipe)
        return found

    def _keep(self, keys: set[str]) -> None:
        for key in self._tensors.keys() - keys:
            del self._tensors[key]

    def _facts(self, one: CheckedLora, fuse: bool) -> dict[str, Any]:
        known = self._tensors.get(one.key)
        return {
            "name": one.use.name,
            "file": one.path.name,
            "sha256": one.sha256,
            "weight": one.use.weight,
            "rank": known.rank if known else None,
            "blocks": _plain(one.use.blocks),
            "fused": fuse,
            "ignored_layers": known.ignored if known else 0,
        }


def _plain(value: Any) -> Any:
    """Mappings and sequences as JSON has them."""
    if hasattr(value, "items"):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
