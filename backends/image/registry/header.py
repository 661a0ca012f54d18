"""What a .safetensors file says of itself, read without its weights: every size is checked against the file first."""

from __future__ import annotations

import json
import stat
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, TypeGuard

from configs.errors import EngineError

HEADER_LIMIT = 100_000_000
"""Bytes; the limit of the safetensors library itself (safetensors/src/tensor.rs, MAX_HEADER_SIZE)."""
MAX_DIMENSIONS = 16
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of one number, by the format's name of its type."""
FOREIGN = (
    (b"PK\x03\x04", "it is a zip archive of pickled weights under a .safetensors name; pickles can run code"),
    (b"\x80", "it is a pickle under a .safetensors name; pickles can run code"),
    (b"GGUF", "it is a GGUF file"),
    (b"version https://git-lfs", "it is a Git LFS pointer: the weights themselves were not downloaded"),
    (b"<", "it is a web page: the download link asked for a log-in or led nowhere"),
)
"""First bytes of what often lies under this name, and what to call it. A pickle starts with 0x80 and its protocol."""


@dataclass(frozen=True)
class Tensor:
    """One tensor's place in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """First byte, counted from the file's start."""
    end: int


@dataclass(frozen=True)
class Header:
    """All that is known of a file without reading its weights. Its texts come from strangers: they are data."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)
    """As written; use `plain` before it is shown."""
    bytes: int = 0
    """Of the whole file."""


def read_header(path: Path) -> Header:
    """Read and check the header.

    Raises EngineError in one sentence: no such file, another format under this name, cut off, tensors that overlap or
    lie outside of the file, shapes that do not fit their bytes.
    """
    try:
        seen = path.stat()
        if not stat.S_ISREG(seen.st_mode):
            raise IsADirectoryError if stat.S_ISDIR(seen.st_mode) else OSError("it is no plain file")
        size = seen.st_size
        with path.open("rb") as handle:
            start = handle.read(32)
            length = _header_length(start, size)
            handle.seek(8)
            text = handle.read(length)
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_without_doubles)
        tensors, metadata = _checked(content, 8 + length, size)
    except OSError as error:
        cause = "it is a folder" if isinstance(error, IsADirectoryError) else (error.strerror or str(error))
        raise EngineError(f"'{path.name}' cannot be read", cause, "Correct its path") from error
    except UnicodeDecodeError as error:
        raise _refused(path, "its header is no UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _refused(path, f"its header is no JSON ({error.msg})") from error
    except RecursionError as error:
        raise _refused(path, "its header is nested too deeply") from error
    except ValueError as error:
        raise _refused(path, str(error)) from error
    return Header(tensors, metadata, size)


def plain(text: object, limit: int = 120) -> str:
    """Text from a header as one line without control, format (bidirectional) and private characters, cut at `limit`."""
    if not isinstance(text, str):
        return ""
    text = text[: limit * 20]
    if not text.isprintable():
        text = "".join(" " if c.isspace() else c for c in text if c.isspace() or not _unseen(c))
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def scalar(path: Path, tensor: Tensor) -> float | None:
    """The value of a tensor of one number (a LoRA's alpha); None when it is no float of 16, 32 or 64 bits."""
    if prod(tensor.shape) != 1 or tensor.dtype not in ("F16", "BF16", "F32", "F64"):
        return None
    with path.open("rb") as handle:
        handle.seek(tensor.begin)
        raw = handle.read(tensor.end - tensor.begin)
    if tensor.dtype == "BF16":  # the upper half of a float32
        raw, form = b"\x00\x00" + raw, "<f"
    else:
        form = {"F16": "<e", "F32": "<f", "F64": "<d"}[tensor.dtype]
    return float(struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else None


def _refused(path: Path, cause: str) -> EngineError:
    fix = "Get the safetensors version of the model" if "pickle" in cause else "Download it again"
    return EngineError(f"'{path.name}' is no safetensors file", cause, fix)


def _header_length(start: bytes, size: int) -> int:
    if size == 0:
        raise ValueError("it is empty")
    for mark, told in FOREIGN:
        # a header's own length may begin with any of these bytes, but its ninth byte is always '{'
        if start.startswith(mark) and start[8:9] != b"{":
            raise ValueError(told)
    if size < 10:
        raise ValueError(f"it has {size} bytes only")
    length = int(struct.unpack("<Q", start[:8])[0])
    if start[8:9] != b"{":
        raise ValueError("it does not begin with a safetensors header")
    if length > HEADER_LIMIT:
        raise ValueError(f"its header claims to have {length} bytes, more than the {HEADER_LIMIT} that are allowed")
    if length > size - 8:
        raise ValueError(f"its header is longer than the file ({length} of {size} bytes): the file is cut off")
    return length


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("its header names a tensor twice")
    return found


def _checked(content: Any, data: int, size: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a header; `data`: where the weights begin in the file. Raises ValueError."""
    if not isinstance(content, dict):
        raise ValueError("its header is no table")
    metadata = content.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is no table of texts")
    tensors = {name: _tensor(name, entry, data) for name, entry in content.items()}
    at = data
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != at:
            fault = "overlaps another" if tensor.begin < at else "leaves a gap before it"
            raise ValueError(f"its tensor '{plain(name)}' {fault}")
        at = tensor.end
    if at > size:
        raise ValueError(f"it is cut off: it has {size} bytes where its header speaks of {at}")
    if at < size:
        raise ValueError(f"it has {size - at} bytes after its last tensor")
    return tensors, metadata


def _tensor(name: str, entry: Any, data: int) -> Tensor:
    shown = plain(name)
    if not isinstance(entry, dict):
        raise ValueError(f"its tensor '{shown}' is not described")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"its tensor '{shown}' has the unknown type '{plain(str(dtype), 40)}'")
    if not _counts(shape) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"its tensor '{shown}' has no proper shape")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"its tensor '{shown}' has no proper place in the file")
    if prod(shape) * BITS[dtype] != (offsets[1] - offsets[0]) * 8:
        raise ValueError(f"the shape of its tensor '{shown}' does not fit its {offsets[1] - offsets[0]} bytes")
    return Tensor(dtype, tuple(shape), data + offsets[0], data + offsets[1])


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")
