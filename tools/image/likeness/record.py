"""What is kept of a character's identity: the calibrations in memory, the reference vectors in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import CharacterLook
from backends.image.preview import LOOK_VERSION
from backends.vision.identity.calibration import Calibration, calibration_from
from tools.film.look import describe_look, look_from_data, look_to_data

if TYPE_CHECKING:
    from configs.workspace import Workspace
    from memory.records import Entry
    from memory.store import Memory

Domain = Literal["layout", "pictures"]
"""Layout drawings and painted or photographed pictures score differently, so each has its own calibration."""
KEY = "identity"
"""In a character's data."""


@dataclass(frozen=True)
class Known:
    """A character as one encoder knows it."""

    calibration: Calibration | None
    """None: references without a calibration."""
    references: NDArray[np.float32]
    """(N, D) unit vectors."""
    of: Domain


def look_of(entry: Entry) -> CharacterLook | None:
    """The remembered look, else the one that its description gives; None when there is neither."""
    stored = entry.data.get("look")
    if isinstance(stored, dict) and stored:
        return look_from_data(stored)
    return describe_look(entry.name, entry.text) if entry.text.strip() else None


def basis(domain: Domain, look: CharacterLook | None, sources: Sequence[str] = ()) -> str:
    """Names what a calibration was made from; another basis makes it void."""
    facts: Any = sorted(sources)
    if domain == "layout":
        facts = [LOOK_VERSION, look_to_data(look) if look is not None else None]
    return hashlib.sha256(json.dumps([domain, facts], sort_keys=True).encode()).hexdigest()[:16]


def store(
    memory: Memory, workspace: Workspace, entry: Entry, domain: Domain, on: str,
    made: Mapping[str, tuple[Calibration, NDArray[np.float32]]],
) -> None:  # fmt: skip
    """Keep calibrations made on the basis `on`, each with its reference vectors (N, D). Others of that basis stay."""
    fresh = memory.get_entry(entry.id) or entry
    data = dict(fresh.data)
    kept = dict(data[KEY]) if isinstance(data.get(KEY), dict) else {}
    before = kept.get(domain)
    encoders = dict(before["encoders"]) if isinstance(before, dict) and before.get("basis") == on else {}
    for name, (calibration, vectors) in made.items():
        file = _vectors_file(workspace, entry.id, domain, calibration, on)
        file.parent.mkdir(parents=True, exist_ok=True)
        half = workspace.scratch(".npy")
        try:
            np.save(half, vectors.astype(np.float32), allow_pickle=False)
            half.replace(file)
        finally:
            half.unlink(missing_ok=True)
        encoders[name] = calibration.to_data()
    data[KEY] = {**kept, domain: {"basis": on, "encoders": encoders}}
    memory.remember("character", fresh.name, fresh.text, data=data, source=fresh.source)


def stored(
    workspace: Workspace, entry: Entry, domain: Domain, on: str, versions: Mapping[str, str]
) -> dict[str, Known]:
    """Encoder -> what is known, as far as it still holds: same basis, same version of the encoder, vectors there."""
    kept = entry.data.get(KEY)
    part = kept.get(domain) if isinstance(kept, dict) else None
    if not isinstance(part, dict) or part.get("basis") != on or not isinstance(part.get("encoders"), dict):
        return {}
    found: dict[str, Known] = {}
    for name, version in versions.items():
        data = part["encoders"].get(name)
        calibration = calibration_from(data) if isinstance(data, dict) else None
        if calibration is None or calibration.version != version or calibration.encoder != name:
            continue
        try:
            vectors = np.load(_vectors_file(workspace, entry.id, domain, calibration, on), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            continue
        if vectors.ndim == 2 and len(vectors) and vectors.dtype == np.float32:
            found[name] = Known(calibration, vectors, domain)
    return found


def has_record(entry: Entry) -> bool:
    """Whether a calibration was ever stored for this character."""
    return isinstance(entry.data.get(KEY), dict) and bool(entry.data[KEY])


def _vectors_file(workspace: Workspace, entry_id: str, domain: str, calibration: Calibration, on: str) -> Any:
    digest = hashlib.sha256(f"{calibration.version}|{on}".encode()).hexdigest()[:12]
    return workspace.cache / "identity" / "vectors" / f"{entry_id}-{domain}-{calibration.encoder}-{digest}.npy"
