"""Each file of tests runs alone, and in any order: what it imports stands beside it or in `tests`.

pytest puts only those two folders in the path of a file; a helper of another folder would be found
or not by which files were collected before.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = [path for path in sorted(TESTS.rglob("*.py")) if "stand_ins" not in path.parts]
FOLDERS: dict[str, list[Path]] = {}
for _path in FILES:
    FOLDERS.setdefault(_path.stem, []).append(_path.parent)


def imported(path: Path) -> set[str]:
    """The modules that a file imports, at its top or within its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda folder: folder.name)
def test_helpers_stand_beside_the_tests_or_above(folder: Path) -> None:
    for path in folder.glob("*.py"):
        for module in imported(path) & FOLDERS.keys():
            assert {folder, TESTS} & set(FOLDERS[module]), f"{path.name} imports {module} of another folder"


def test_no_two_helpers_share_a_name() -> None:
    shared = {name for name, folders in FOLDERS.items() if len(folders) > 1 and name != "conftest"}
    assert not shared
