"""Adding entries to a user's lora_registry.yaml: comments, order and everything else in it stay as they are."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends.image.registry.propose import Proposal
from configs.errors import StudioError, UsageError
from configs.lora_registry import LoraRegistry, LoraSpec
from configs.yaml_file import read_table

DEFAULTS = ("weight", "min_weight", "max_weight")
"""Written although they are the defaults: people come to change them."""


def add_loras(
    own: Path, packaged: Path, proposals: tuple[Proposal, ...], hashes: Mapping[str, str] | None = None
) -> Path | None:
    """Add entries to the file `own`, which begins as a copy of `packaged`; whole or not at all.

    Args:
        hashes: new hash of entries that are there already.

    Returns the copy of what was there before (.bak), None when nothing was. Raises UsageError when the file is wrong or
    has such an entry already, StudioError when it cannot be written.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError

    own = own.resolve()  # a link to the file stays one
    source = own if own.is_file() else packaged
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        before = source.read_bytes()
        table = yaml.load(before.decode("utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        cause = " ".join(str(error).split())[:300]
        raise UsageError(f"The LoRA registry {source} cannot be read", cause, "Correct it") from error
    table = table if isinstance(table, CommentedMap) else CommentedMap()
    loras = table.get("loras")
    if not isinstance(loras, CommentedMap):
        loras = table["loras"] = CommentedMap()
    loras.fa.set_block_style()
    for proposal in proposals:
        if proposal.name in loras:
            raise UsageError(
                f"The LoRA registry {own} has a '{proposal.name}' by now", "it was changed meanwhile", "Scan again"
            )
        loras[proposal.name] = _entry(proposal.spec)
    for name, digest in (hashes or {}).items():
        if name not in loras:
            raise UsageError(
                f"The LoRA registry {own} has no '{name}' by now", "it was changed meanwhile", "Scan again"
            )
        loras[name]["sha256"] = digest
    text = io.StringIO()
    yaml.dump(table, text)
    try:
        return _replace(own, source, before, text.getvalue().encode("utf-8"))
    except OSError as error:
        raise StudioError(
            f"The LoRA registry {own} cannot be written", error.strerror or str(error), "It is as it was before"
        ) from error


def entry_of(spec: LoraSpec) -> dict[str, Any]:
    """What is written for an entry: all that is set, and the weights."""
    said = spec.model_dump(mode="json", exclude_defaults=True, exclude={"base"})
    weights = {key: getattr(spec, key) for key in DEFAULTS}
    order = [*(key for key in LoraSpec.model_fields if key in said or key in weights)]
    return {key: said.get(key, weights.get(key)) for key in order}


def _entry(spec: LoraSpec) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    entry = CommentedMap()
    for key, value in entry_of(spec).items():
        entry[key] = value
        if isinstance(value, list):
            entry[key] = CommentedSeq(value)
            entry[key].fa.set_flow_style()
    return entry


def _replace(own: Path, source: Path, before: bytes, after: bytes) -> Path | None:
    """Check the new text as a registry, keep the old one beside it, then put the new one in its place."""
    own.parent.mkdir(parents=True, exist_ok=True)
    half = _written(own, after)
    try:
        read_table(half, LoraRegistry, "LoRA registry", (LoraSpec,))
        if source.read_bytes() != before:
            raise UsageError(f"The LoRA registry {source} was changed meanwhile", "somebody edits it", "Scan again")
        backup = None
        if own.is_file():
            backup = own.with_name(f"{own.name}.bak")
            _written(own, before).replace(backup)
        half.replace(own)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    return backup


def _written(beside: Path, content: bytes) -> Path:
    """A temporary file on the same disk, its content on the disk."""
    descriptor, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name}.")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).chmod(0o644)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
