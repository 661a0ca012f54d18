"""Tables that the user may write: read, checked, and what is wrong with them in one sentence."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from configs.errors import UsageError
from configs.yaml_faults import fault_of

T = TypeVar("T", bound=BaseModel)

MOST_BYTES = 4 << 20
"""No table that a person writes is larger."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of engines become names of files, containers and models."""


def read_table(path: Path, kind: type[T], what: str, parts: Iterable[type[BaseModel]] = ()) -> T:
    """The file as `kind`.

    Args:
        what: how the file is called in messages, e.g. 'engine table'.
        parts: models inside of `kind`, whose keys are suggested for unknown ones.

    Raises UsageError that names the place, e.g. 'services.qwen3-8b.contxt'.
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UsageError(
                f"The {what} {path} is too large", f"{size // 2**20} MiB, {MOST_BYTES // 2**20} are the most",
                "Start from the packaged one",
            )  # fmt: skip
        content = yaml.load(path.read_text(encoding="utf-8"), _EachKeyOnce)
    except OSError as error:
        raise UsageError(
            f"The {what} {path} cannot be read", error.strerror or str(error), "Correct its path"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"The {what} {path} is no YAML", " ".join(str(error).split())[:300], "Correct it") from error
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise fault_of(path, what, error, (kind, *parts)) from error


def users_table(home: Path, name: str, packaged: Path) -> Path:
    """`<home>/configs/<name>` where the user has one, else the packaged one.

    Raises UsageError where something stands there that is no file, such as a folder or a link to nowhere.
    """
    own = home.expanduser() / "configs" / name
    if own.is_file():
        return own
    if own.is_symlink() or own.exists():
        kind = "a folder" if own.is_dir() else "a link to nowhere" if not own.exists() else "no plain file"
        raise UsageError(f"{own} cannot be read", f"it is {kind}", "Put a file there, or take it away")
    return packaged / name


def own_table(path: Path) -> Any:
    """A file that comes with the studio, read by libyaml where PyYAML has it: in a tenth of the time.

    Never one of a user: libyaml crashes on brackets nested a million deep, where PyYAML raises.
    """
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def refuse_name(name: str, path: Path) -> None:
    """Raises UsageError for a name that cannot be one of a file or a container."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{path} has the name {name[:80]!r}",
            "a name is up to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
            "Choose another; what is shown to people goes into 'about'",
        )


class _EachKeyOnce(yaml.SafeLoader):
    """YAML asks for unique keys; PyYAML takes the last one without a word, and an entry of the user is gone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise yaml.YAMLError(f"'{key.value}' is there twice, the second time in line {line}")
                seen.add(key.value)
        return super().construct_mapping(node, deep)
