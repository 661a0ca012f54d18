"""A memory on a real SQLite file; the letters embedder and the numpy index keep most tests fast."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from configs.workspace import Workspace
from memory.records import Asset
from memory.store import Memory


@pytest.fixture
def memory(workspace: Workspace) -> Iterator[Memory]:
    with Memory.open(workspace, index="numpy", embedder="letters") as opened:
        yield opened


@pytest.fixture
def make_asset(workspace: Workspace) -> Callable[..., Asset]:
    """An asset with a real file of its own below assets/."""
    made = 0

    def make(name: str = "picture", kind: Any = "image", **more: Any) -> Asset:
        nonlocal made
        made += 1
        content = f"{name} {kind} {made}".encode()
        file = workspace.assets / f"{kind}-{made}.bin"
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        path = file.relative_to(workspace.home).as_posix()
        return Asset(
            **{"id": "", "kind": kind, "path": path, "name": name, "sha256": digest, "bytes": len(content), **more}
        )

    return make
