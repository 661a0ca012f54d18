"""The tiny SDXL and its nets, once per test file: some files change theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_nets import TinyNets, build_tiny_nets
from tiny_sdxl import build_tiny_sdxl


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder."""
    return build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> TinyNets:
    return build_tiny_nets(tmp_path_factory.mktemp("nets"))
