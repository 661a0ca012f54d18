"""Which ControlNets there are: the table's paths, checked by their headers. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

from backends.image.engine import ControlMap
from backends.image.sdxl.tensors import safetensors_shapes
from configs.controlnet_config import ControlNetConfig
from configs.errors import EngineError

Locate = Callable[[str], Path]
NetKind = Literal["single", "union"]
UnionUse = Literal["as set", "always", "never"]

UNION = "union"
"""Name of the Union net among the nets; no kind of map has it."""
UNION_KEY = "task_embedding"
"""Only a Union has this tensor: one row per kind of map."""
CONTROL_KEY = "controlnet_cond_embedding.conv_in.weight"
"""The first layer that reads a map."""
SDXL_KEY = "add_embedding.linear_1.weight"
"""Only SDXL's nets read size and crop beside the prompt."""


@dataclass(frozen=True)
class NetFile:
    """A net that is there."""

    name: str
    """Kind of map, or UNION."""
    path: Path
    """Folder or file, as the table has it."""
    weights: Path
    """The .safetensors file."""


@dataclass(frozen=True)
class Choice:
    """The nets that a picture's maps go through."""

    nets: tuple[NetFile, ...]
    """One per map in the maps' order, or the Union alone."""
    modes: tuple[int, ...] = ()
    """The maps' indices in the Union's own order; () without it."""

    @property
    def union(self) -> bool:
        return bool(self.modes)


def available_maps(config: ControlNetConfig, locate: Locate) -> dict[str, NetKind]:
    """Kinds of maps that can steer, and by which net. Reads headers only."""
    found: dict[str, NetKind] = {}
    if config.union.path and not _problem(locate(config.union.path), union=True):
        found = dict.fromkeys(config.union.modes, "union")
    for kind, spec in config.nets.items():
        if not _problem(locate(spec.path), union=False):
            found[kind] = "single"
    return found


def choose_nets(
    config: ControlNetConfig, locate: Locate, controls: Sequence[ControlMap], union: UnionUse = "as set"
) -> Choice:
    """A net for each map, or the Union: from `use_from` maps on, and where a single net is missing.

    Args:
        union: 'always' takes it for any number of maps, to need less memory; 'never' is for a UNet that it does not
            go with.

    Raises EngineError with what to put where.
    """
    kinds = [c.kind for c in controls]
    one = union_file(config, locate, controls) if controls and union != "never" else None
    singles = [_single(config, locate, kind) for kind in kinds]
    missing = next((s for s in singles if isinstance(s, EngineError)), None)
    wanted = union == "always" or len(kinds) >= config.union.use_from or missing is not None
    if one is not None and wanted:
        indices = {str(kind): index for kind, index in config.union.modes.items()}
        rows = safetensors_shapes(one.weights)[UNION_KEY][0]
        if wrong := next((kind for kind in kinds if indices[kind] >= rows), ""):
            raise EngineError(
                f"The ControlNet Union cannot be used for '{wrong}' maps",
                f"union.modes.{wrong} is {indices[wrong]} in controlnet_config.yaml, "
                f"the net in {one.path} knows kinds 0 to {rows - 1}",
                "Correct union.modes",
            )  # fmt: skip
        return Choice((one,), tuple(indices[kind] for kind in kinds))
    if missing is not None:
        raise missing
    return Choice(tuple(s for s in singles if isinstance(s, NetFile)))


def union_file(config: ControlNetConfig, locate: Locate, controls: Sequence[ControlMap]) -> NetFile | None:
    """The Union, when it can take all these maps."""
    if not config.union.path or any(c.kind not in config.union.modes for c in controls):
        return None
    path = locate(config.union.path)
    return None if _problem(path, union=True) else NetFile(UNION, path, weights_file(path))


def numbers(path: Path) -> int:
    """How many numbers a .safetensors file has. Raises EngineError."""
    return sum(prod(shape) for shape in safetensors_shapes(path).values())


def weights_file(path: Path) -> Path:
    """The .safetensors file of a net's folder or file. Raises EngineError."""
    if path.is_file():
        if path.suffix != ".safetensors":
            raise EngineError(
                f"'{path.name}' is not loaded",
                "only .safetensors files are read; other formats can run code when opened",
                "Use the safetensors version of the net",
            )
        return path
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else []
    if not files:
        why = "the folder has no .safetensors file" if path.is_dir() else "there is nothing"
        raise EngineError(f"There is no net at {path}", why, f"Put the ControlNet's folder or file at {path}")
    plain = [f for f in files if f.name == "diffusion_pytorch_model.safetensors"]
    halves = [f for f in files if ".fp16." in f.name]
    return (halves or plain or files)[0]


def _single(config: ControlNetConfig, locate: Locate, kind: str) -> NetFile | EngineError:
    spec = next((s for name, s in config.nets.items() if name == kind), None)
    if spec is None:
        return EngineError(
            f"No ControlNet for '{kind}' maps is set", f"controlnet_config.yaml names none under nets.{kind}",
            f"Add one under nets.{kind} and put its file there, or use another kind of map",
        )  # fmt: skip
    path = locate(spec.path)
    if problem := _problem(path, union=False):
        return EngineError(
            f"The ControlNet for '{kind}' maps cannot be used", problem,
            f"Put an SDXL ControlNet for {kind} (diffusers folder or .safetensors) at {path}",
        )  # fmt: skip
    return NetFile(kind, path, weights_file(path))


def _problem(path: Path, *, union: bool) -> str:
    """'' for a usable net, else why not."""
    try:
        shapes = safetensors_shapes(weights_file(path))
    except EngineError as error:
        return f"{error.problem}: {error.cause}" if error.cause else error.problem
    if CONTROL_KEY not in shapes:
        return f"{path.name} is no ControlNet in diffusers' form"
    if SDXL_KEY not in shapes:
        return f"{path.name} is a ControlNet of another model than SDXL"
    if (UNION_KEY in shapes) is not union:
        return f"{path.name} is {'a Union net' if not union else 'a net for one kind of map'}"
    return ""
