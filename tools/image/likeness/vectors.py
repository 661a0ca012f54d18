"""Vectors worked out once: a stopped calibration goes on from them, and references are not encoded per picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from backends.vision.identity.encoder import IdentityEncoder, Mask, Rgb, Vector

if TYPE_CHECKING:
    from configs.workspace import Workspace


def vector_of(
    workspace: Workspace, encoder: IdentityEncoder, key: str, load: Callable[[], tuple[Rgb, Mask | None]]
) -> Vector | None:
    """The vector of the picture whose content `key` names; None when the encoder finds nothing in it.

    `load` gives picture and mask, and is called only for what is not kept yet. Raises what it raises, EngineError.
    """
    version = hashlib.sha256(encoder.version.encode()).hexdigest()[:16]
    file = workspace.cache / "identity" / "encoded" / version / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
    try:
        kept = np.load(file, allow_pickle=False)
        if kept.ndim == 1 and kept.dtype == np.float32 and np.isfinite(kept).all():
            return kept if len(kept) else None
    except (OSError, ValueError, EOFError):
        pass
    rgb, mask = load()
    vector = encoder.encode(rgb, mask=mask).vector
    file.parent.mkdir(parents=True, exist_ok=True)
    half = workspace.scratch(".npy")
    try:
        np.save(half, vector if vector is not None else np.empty(0, np.float32), allow_pickle=False)
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
    return vector
