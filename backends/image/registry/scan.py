"""Looking through a folder of models: what is there, what the registry knows of it, what it could take in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from backends.image.registry.hashing import file_sha256
from backends.image.registry.header import plain, read_header
from backends.image.registry.kinds import Kind, Recognised, recognise_file
from backends.image.registry.lora_probe import LoraProbe, probe_lora
from backends.image.registry.places import place_for
from backends.image.registry.propose import Proposal, is_few_step, propose
from backends.image.registry.walk import Item, model_items
from configs.errors import StudioError
from configs.lora_registry import LoraSpec

Status = Literal["new", "registered", "changed", "named", "found", "refused"]


@dataclass(frozen=True)
class Row:
    """One model file or folder."""

    path: str
    """Below the warehouse, else absolute."""
    kind: Kind
    status: Status
    """new: a LoRA that the registry could take in; registered: one that it has; changed: not the file that was
    registered; named: another model, which a table names; found: one that no table names yet; refused: of no use, and
    `told` says why."""
    told: str
    file: Path
    bytes: int = 0
    name: str = ""
    """In the registry."""
    sha256: str = ""
    """Of a LoRA that could be used."""
    proposal: Proposal | None = None
    probe: LoraProbe | None = None


@dataclass(frozen=True)
class Gone:
    """A LoRA of the registry whose file does not exist."""

    name: str
    path: str
    now: str = ""
    """Where a file of the same hash lies."""


@dataclass(frozen=True)
class ScanReport:
    folder: Path
    rows: tuple[Row, ...]
    gone: tuple[Gone, ...]


class Scan:
    """One look through a folder: `read` the headers, then `report`, which hashes the LoRAs."""

    def __init__(
        self,
        folder: Path,
        warehouse: Path,
        loras: Mapping[str, LoraSpec],
        locate: Callable[[str], Path],
        named: Mapping[Path, str],
    ) -> None:
        """
        Args:
            folder: where to look.
            warehouse: what paths are written relative to.
            loras: the registry.
            locate: absolute path of a path in it.
            named: other models that the tables name, and the key that names them.
        """
        self._root, self._warehouse = folder.resolve(), warehouse.resolve()
        self._loras, self._locate, self._named = loras, locate, named
        self._rows: list[Row] = []

    @property
    def to_hash(self) -> int:
        """Bytes that `report` will read."""
        return sum(row.bytes for row in self._rows if row.status == "new")

    def read(self, on_file: Callable[[Path], None] = lambda path: None) -> None:
        """Look at everything, headers only. What is wrong with a file is told in its row."""
        for item in model_items(self._root):
            on_file(item.path)
            self._rows.append(self._look(item))

    def report(self, on_hash: Callable[[Path, int], None] = lambda path, count: None) -> ScanReport:
        """Compare the LoRAs with the registry. `on_hash`: called with a file and the bytes read since the last call."""
        known = {self._locate(spec.path).resolve(): name for name, spec in self._loras.items()}
        by_hash = {spec.sha256: name for name, spec in self._loras.items() if spec.sha256}
        names, rows = set(self._loras), []
        where: dict[str, str] = {}
        for row in self._rows:
            name = known.get(row.file.resolve(), "")
            if row.status != "new":
                registered = f"; the registry has it as '{name}'" if name else ""
                rows.append(replace(row, name=name, told=row.told + registered))
                continue
            try:
                digest = file_sha256(row.file, partial(on_hash, row.file))
            except StudioError as error:
                rows.append(replace(row, status="refused", told=error.sentence.rstrip(".")))
                continue
            where.setdefault(digest, row.path)
            rows.append(self._compared(replace(row, sha256=digest), name, by_hash, names))
            by_hash.setdefault(digest, rows[-1].name)
            names.add(rows[-1].name)
        missing = ((n, s) for n, s in self._loras.items() if not self._locate(s.path).is_file())
        gone = tuple(Gone(name, spec.path, where.get(spec.sha256, "")) for name, spec in missing)
        return ScanReport(self._root, tuple(rows), gone)

    def _look(self, item: Item) -> Row:
        path = self._shown(item.path)
        if item.problem:
            return Row(path, "other", "refused", item.problem, item.path)
        if item.folder is not None:
            size = sum(f.stat().st_size for f in item.path.rglob("*.safetensors") if f.is_file())
            return self._other(path, item.path, item.folder, size)
        try:
            header = read_header(item.path)
            found = recognise_file(header)
            if found.kind != "lora":
                return self._other(path, item.path, found, header.bytes)
            probe = probe_lora(item.path, header)
        except StudioError as error:
            return Row(path, "other", "refused", error.sentence.rstrip("."), item.path)
        row = Row(path, "lora", "new", "", item.path, header.bytes, probe=probe)
        if item.path.resolve() in self._named or is_few_step(item.path.stem, probe):
            return replace(
                self._other(path, item.path, Recognised("few-step lora", probe.problem), header.bytes), probe=probe
            )
        if probe.problem or probe.base != "sdxl":
            return replace(row, status="refused", told=probe.problem or _unknown(probe))
        return row

    def _other(self, path: str, file: Path, found: Recognised, size: int) -> Row:
        """A model that belongs into another table than the registry."""
        key = self._named.get(file.resolve(), "")
        note = f" ({found.note})" if found.note else ""
        if found.problem:
            named = f", but {key} names it" if key else ""
            return Row(path, found.kind, "refused", f"{found.problem}{named}", file, size)
        if key:
            return Row(path, found.kind, "named", f"{key}{note}", file, size)
        return Row(path, found.kind, "found", f"{place_for(path, found.kind)}{note}", file, size)

    def _compared(self, row: Row, name: str, by_hash: Mapping[str, str], names: set[str]) -> Row:
        assert row.probe is not None
        digest = row.sha256
        conflict = f"; {row.probe.conflict}" if row.probe.conflict else ""
        if name:
            said = self._loras[name].sha256
            if said and said != digest:
                told = f"the file is not the one that was registered: its hash is {digest}, the registry has {said}"
                return replace(row, status="changed", name=name, told=told)
            told = f"as '{name}'" + ("" if said else f"; the registry has no hash, it is {digest}")
            return replace(row, status="registered", name=name, told=told + conflict)
        if (same := by_hash.get(digest)) and (
            same not in self._loras or self._locate(self._loras[same].path).is_file()
        ):
            return replace(row, status="refused", told=f"it is the same file as that of '{same}'")
        proposal = propose(row.file, row.path, row.probe, digest, names)
        told = f"a {proposal.spec.category}: {proposal.why}{conflict}"
        return replace(row, name=proposal.name, proposal=proposal, told=told)

    def _shown(self, path: Path) -> str:
        inside = path.is_relative_to(self._warehouse)
        text = path.relative_to(self._warehouse).as_posix() if inside else str(path)
        return text if text.isprintable() else plain(text, 500)


def _unknown(probe: LoraProbe) -> str:
    if probe.token_width is not None:
        return f"it works on text tokens of {probe.token_width} numbers, SDXL's have 2048"
    return "neither its tensors nor its header say that it is for SDXL"
