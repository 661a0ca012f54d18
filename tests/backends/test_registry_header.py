"""Headers of .safetensors files: good ones as the library writes them, and all the ways of lying in one."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from model_files import kohya, raw_file, write_model
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from backends.image.registry.hashing import file_sha256
from backends.image.registry.header import plain, read_header, scalar
from configs.errors import EngineError


def _tensor(begin: int = 0, end: int = 4, shape: Any = None, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [1] if shape is None else shape, "data_offsets": [begin, end]}


def test_what_the_library_wrote_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    tensors = {"x": np.ones((2, 3), np.float16), "y": np.zeros((0, 4), np.float32), "z": np.array(7.5, np.float64)}
    save_file(tensors, str(file), {"ss_x": "y"})
    header = read_header(file)
    assert {name: (t.dtype, t.shape) for name, t in header.tensors.items()} == {
        "x": ("F16", (2, 3)), "y": ("F32", (0, 4)), "z": ("F64", ())
    }  # fmt: skip
    assert header.metadata == {"ss_x": "y"} and header.bytes == file.stat().st_size
    assert scalar(file, header.tensors["z"]) == 7.5 and scalar(file, header.tensors["x"]) is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_number_is_read_in_every_float(tmp_path: Path, dtype: torch.dtype) -> None:
    save_torch({"a.alpha": torch.tensor(12.0, dtype=dtype)}, tmp_path / "a.safetensors")
    header = read_header(tmp_path / "a.safetensors")
    assert scalar(tmp_path / "a.safetensors", header.tensors["a.alpha"]) == 12.0


def _told(path: Path) -> str:
    with pytest.raises(EngineError) as caught:
        read_header(path)
    sentence = caught.value.sentence
    assert "\n" not in sentence and len(sentence) < 400
    return sentence


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        ({"a": _tensor(0, 8)}, b"1234", "shape of its tensor 'a' does not fit its 8 bytes"),
        ({"a": _tensor(), "b": _tensor(0, 4)}, b"1234", "'b' overlaps another"),
        ({"a": _tensor(4, 8)}, b"12345678", "'a' leaves a gap before it"),
        ({"a": _tensor()}, b"12", "it is cut off: it has"),
        ({"a": _tensor()}, b"12345678", "4 bytes after its last tensor"),
        ({"a": _tensor(4, 0)}, b"1234", "no proper place"),
        ({"a": _tensor(-4, 0)}, b"1234", "no proper place"),
        ({"a": _tensor(shape=[-1])}, b"1234", "no proper shape"),
        ({"a": _tensor(shape=[True])}, b"1234", "no proper shape"),
        ({"a": _tensor(shape=[1.0])}, b"1234", "no proper shape"),
        ({"a": _tensor(shape="1")}, b"1234", "no proper shape"),
        ({"a": _tensor(shape=[1] * 17)}, b"1234", "no proper shape"),
        ({"a": _tensor(shape=[2**62, 2**62])}, b"1234", "does not fit its 4 bytes"),
        ({"a": _tensor(shape=[2**70])}, b"1234", "no proper shape"),
        ({"a": _tensor(dtype="F33")}, b"1234", "unknown type 'F33'"),
        ({"a": 5}, b"", "'a' is not described"),
        ({"__metadata__": {"x": 5}}, b"", "metadata is no table of texts"),
        ({"__metadata__": [1]}, b"", "metadata is no table of texts"),
        (b'{"a": {}, "a": {}}', b"", "names a tensor twice"),
        (b"{nonsense", b"", "its header is no JSON"),
        (b'{"\xff": 1}', b"", "no UTF-8 text"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"", "nested too deeply"),
        (b'{"a": {"shape": [' + b"9" * 5000 + b"]}}", b"", "no safetensors file"),
    ],
)  # fmt: skip
def test_lies_are_told(tmp_path: Path, header: Any, data: bytes, words: str) -> None:
    assert words in _told(raw_file(tmp_path / "a.safetensors", header, data))


def test_lengths_that_no_file_has_cost_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    assert "more than the 100000000" in _told(raw_file(file, {}, length=2**63))
    assert "the file is cut off" in _told(raw_file(file, {}, length=5000))


def test_other_formats_under_this_name_are_named(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(pickle.dumps({"x": 1}))
    assert "pickle under a .safetensors name" in _told(file) and "Get the safetensors version" in _told(file)
    torch.save({"x": torch.zeros(2)}, file)
    assert "zip archive of pickled weights" in _told(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", "x")
    assert "zip archive" in _told(file)
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    assert "Git LFS pointer" in _told(file)
    file.write_bytes(b"<!DOCTYPE html><html>log in</html>")
    assert "web page" in _told(file)
    file.write_bytes(b"GGUF" + bytes(60))
    assert "GGUF" in _told(file)
    file.write_bytes(b"")
    assert "it is empty" in _told(file)
    file.write_bytes(b"short")
    assert "5 bytes only" in _told(file)


def test_what_is_no_file_is_told_and_never_waited_for(tmp_path: Path) -> None:
    assert "it is a folder" in _told(tmp_path)
    assert "No such file" in _told(tmp_path / "none.safetensors")
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "no plain file" in _told(tmp_path / "pipe.safetensors")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "a.safetensors", kohya(), {"ss_x": "y"}).read_bytes()
    for length in {*range(0, 120, 7), len(whole) // 2, len(whole) - 1}:
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(whole[:length])
        _told(cut)


@limits(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.dictionaries(
            st.text(max_size=5) | st.just("__metadata__"),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets"]), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=4,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    data=st.binary(max_size=40),
)
def test_any_bytes_are_read_or_refused_in_one_sentence(tmp_path: Path, content: bytes, data: bytes) -> None:
    file = raw_file(tmp_path / "a.safetensors", content, data)
    try:
        header = read_header(file)
    except EngineError as error:
        assert "\n" not in error.sentence
    else:
        assert sum(tensor.end - tensor.begin for tensor in header.tensors.values()) == len(data)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[31mred\x07", "[31mred"),
        ("ab\u202ecd\u200b", "abcd"),
        ("x" * 200, "x" * 119 + "…"),
        (5, ""),
        (None, ""),
        ("  ", ""),
        ("perché 漢字", "perché 漢字"),
    ],
)
def test_text_of_strangers_becomes_one_plain_line(text: object, shown: str) -> None:
    assert plain(text) == shown


def test_a_hash_is_kept_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"one")
    seen: list[int] = []
    first = file_sha256(file, seen.append)
    assert first == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed" and seen == [3]
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert file_sha256(file) != first
    with pytest.raises(EngineError, match="cannot be read"):
        file_sha256(tmp_path / "none")


def test_a_hash_is_not_computed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "b.bin"
    file.write_bytes(bytes(1000))
    first = file_sha256(file)
    monkeypatch.setattr("hashlib.sha256", None)
    assert file_sha256(file) == first


def test_a_file_that_grows_meanwhile_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "c.bin"
    file.write_bytes(bytes(10))

    def grow(count: int) -> None:
        with file.open("ab") as handle:
            handle.write(b"more")

    with pytest.raises(EngineError, match="changed while it was read"):
        # the second piece is read before the end is seen: one growth is enough
        file_sha256(file, lambda count: grow(count) if file.stat().st_size == 10 else None)
