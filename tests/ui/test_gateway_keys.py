"""`studio keys`: made once, listed without the key, worthless once removed."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from backends.llm.gateway.keys import KeyStore
from ui.cli_keys import keys_app


def keys(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(keys_app, [*arguments, "--home", str(home)])


def test_a_key_is_shown_once_and_can_be_removed(tmp_path: Path) -> None:
    assert "No keys yet" in keys(tmp_path, "list").output
    made = json.loads(keys(tmp_path, "add", "laptop", "--json").output)
    assert KeyStore.of_home(tmp_path).owner(made["key"]) == "laptop"
    shown = keys(tmp_path, "list").output
    assert "laptop" in shown and made["key"][-4:] in shown and made["key"] not in shown
    assert [row["name"] for row in json.loads(keys(tmp_path, "list", "--json").output)["keys"]] == ["laptop"]
    assert keys(tmp_path, "remove", "laptop").exit_code == 0
    assert KeyStore.of_home(tmp_path).owner(made["key"]) == ""


def test_the_plain_key_can_be_copied(tmp_path: Path) -> None:
    first = keys(tmp_path, "add", "phone").output.splitlines()[0]
    assert KeyStore.of_home(tmp_path).owner(first) == "phone"


def test_wrong_names_end_with_code_2(tmp_path: Path) -> None:
    keys(tmp_path, "add", "laptop")
    for arguments in (("add", "laptop"), ("add", "two words"), ("remove", "phone")):
        assert keys(tmp_path, *arguments).exit_code == 2
