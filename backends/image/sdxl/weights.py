"""Reading SDXL from disk: checks on headers, then the pipeline, component by component in the wanted precision."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backends.image.registry.descriptions import LIBRARIES, check_pipeline
from backends.image.sdxl.tensors import check_whole, frozen, safetensors_keys
from configs.errors import EngineError

SDXL_KEY = "conditioner.embedders.1.model."
"""Only single-file SDXL checkpoints carry OpenCLIP bigG under this prefix."""
COMPONENTS = ("text_encoder", "text_encoder_2", "unet", "vae")
"""What has weights, in the order of use."""

OnComponent = Callable[[float, str], None]
"""Called with the share that is read, 0..1, and the component that is read next."""


def read_pipeline(
    path: Path,
    config_dir: Path | None,
    *,
    dtype: str,
    device: str,
    vae: Path | None = None,
    on_component: OnComponent | None = None,
) -> Any:
    """The pipeline on the CPU, its weights in `dtype` straight from the file.

    Args:
        path: a diffusers folder, or one .safetensors file.
        config_dir: diffusers folder with configs and tokenizers, for a single file.
        dtype: 'float16', 'bfloat16' or 'float32'.
        device: where it will work, whatever part of it is there at the moment.
        vae: a VAE in place of the model's own (`vae.read_vae`); None = its own.

    Raises EngineError when weights are missing, no SDXL, or would need unpickling.
    """
    try:
        import torch

        from backends.image.sdxl.pipelines import staged
        from backends.image.sdxl.vae import read_vae

        made = staged()
    except ImportError as error:
        raise EngineError(
            "SDXL needs packages that are not installed", str(error), 'pip install -c constraints.txt -e ".[gpu]"'
        ) from error
    check_weights(path)
    check_config(path, config_dir)
    tell = on_component or (lambda share, note: None)
    options: dict[str, Any] = {"dtype": getattr(torch, dtype), "local_files_only": True}
    own = (path if path.is_dir() else config_dir or path) / "vae"
    given = {} if vae is None else {"vae": read_vae(vae, options["dtype"], own)}
    try:
        if path.is_dir():
            parts = _read_components(path, options, tell, given)
            pipe = made.from_pretrained(str(path), **parts, **options, add_watermarker=False)
        else:
            tell(0.0, path.name)
            pipe = made.from_single_file(str(path), config=str(config_dir), **given, **options, add_watermarker=False)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
        cause = " ".join(str(error).split())[:240]
        raise EngineError(f"The SDXL weights in {path} cannot be loaded", cause, "Check the download") from error
    for name in COMPONENTS:
        # diffusers only leaves such a tensor without memory, and says nothing
        lost = [key for key, one in getattr(pipe, name).named_parameters() if one.is_meta]
        if lost:
            raise EngineError(
                f"The SDXL weights in {path} cannot be loaded", f"{len(lost)} of its {name} are missing ({lost[0]})",
                "Download it again",
            )  # fmt: skip
        frozen(getattr(pipe, name))
    pipe.place = torch.device(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _read_components(path: Path, options: dict[str, Any], tell: OnComponent, given: dict[str, Any]) -> dict[str, Any]:
    import torch

    described = json.loads((path / "model_index.json").read_text(encoding="utf-8"))
    sizes = {name: sum(f.stat().st_size for f in (path / name).glob("*.safetensors")) for name in COMPONENTS}
    whole, done, parts = sum(sizes.values()) or 1, 0, dict(given)
    for name in COMPONENTS:
        if name in given:
            continue
        library, kind = described[name]
        made = getattr(import_module(library), kind, None) if library in LIBRARIES else None
        if not isinstance(made, type) or not issubclass(made, torch.nn.Module):
            raise EngineError(
                f"The SDXL weights in {path} cannot be loaded", f"its {name} is a {library}.{kind}",
                "Use the folder of a plain SDXL model",
            )  # fmt: skip
        tell(done / whole, name)
        read: Any = made
        parts[name] = read.from_pretrained(
            str(path), subfolder=name, use_safetensors=True, variant=_variant(path / name, options["dtype"]), **options
        )
        check_whole(parts[name])
        done += sizes[name]
    return parts


def _variant(folder: Path, dtype: Any) -> str | None:
    """'fp16' where that file is there and wanted, or is the only one: half the bytes to read, and no float32 detour."""
    import torch

    files = [f.name for f in folder.glob("*.safetensors")]
    halves = [f for f in files if ".fp16." in f]
    return "fp16" if halves and (dtype is not torch.float32 or len(halves) == len(files)) else None


def check_weights(path: Path) -> None:
    """Raises EngineError unless `path` is a diffusers SDXL folder or an SDXL safetensors file. Reads headers only."""
    if path == Path():
        raise EngineError(
            "There are no SDXL weights", "image.sdxl_path is not set",
            "Set it to a diffusers SDXL folder or a .safetensors file",
        )  # fmt: skip
    if not path.exists():
        raise EngineError(f"There are no SDXL weights at {path}", "the path does not exist", "Set image.sdxl_path")
    if path.is_dir():
        _check_folder(path)
        return
    if path.suffix != ".safetensors":
        raise EngineError(
            f"'{path.name}' is not loaded", "only .safetensors files are read; other formats can run code when opened",
            "Use the safetensors version of the model",
        )  # fmt: skip
    if not any(key.startswith(SDXL_KEY) for key in safetensors_keys(path)):
        raise EngineError(
            f"'{path.name}' is no SDXL checkpoint", "it lacks SDXL's second text encoder", "Use an SDXL model"
        )


def check_config(path: Path, config_dir: Path | None) -> None:
    """Raises EngineError when `path` is a single file and `config_dir` is no folder, or asks for code of its own."""
    if path.is_dir():
        return
    if config_dir is not None and config_dir.is_dir():
        check_pipeline(config_dir)
        return
    raise EngineError(
        f"'{path.name}' is a single file and needs the configs and tokenizers of SDXL",
        "image.sdxl_config names no folder",
        "Set image.sdxl_config to a diffusers SDXL folder (its weights are not needed)",
    )


def check_packages() -> None:
    """Raises EngineError when a package that reads the weights is not installed. Imports none of them."""
    missing = [name for name in ("torch", "diffusers", "transformers") if find_spec(name) is None]
    if missing:
        raise EngineError(
            "SDXL needs packages that are not installed", f"there is no {missing[0]}",
            'pip install -c constraints.txt -e ".[gpu]"',
        )  # fmt: skip


def _check_folder(path: Path) -> None:
    index = path / "model_index.json"
    try:
        described = json.loads(index.read_text(encoding="utf-8"))
        if not isinstance(described, dict):
            raise ValueError("it is no table")
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(
            f"{path} is no diffusers folder", "its model_index.json is missing or unreadable", "Set image.sdxl_path"
        ) from error
    if "text_encoder_2" not in described:
        raise EngineError(f"{path} is no SDXL model", f"it is a {described.get('_class_name', 'different model')}")
    missing = [name for name in COMPONENTS if not (described.get(name) or [None])[0]]
    if missing:
        raise EngineError(f"{path} is no whole SDXL model", f"it has no {missing[0]}", "Use the base model's folder")
    if not any((path / "unet").glob("*.safetensors")):
        raise EngineError(f"{path} has no safetensors weights", "only safetensors are read", "Download that variant")
    check_pipeline(path)
