"""What a command prints and ends with, whatever stands behind its pipes: real processes where the streams matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from in_process import studio_here
from test_cli import ENV, one_sentence

from agent.wish import checked_wish
from memory.store import Memory
from ui.cli import app
from ui.commands.ask import _ask_user
from ui.running import wants_json

FAST = {"STUDIO_MEMORY__INDEX": "numpy", "STUDIO_MEMORY__EMBEDDER": "letters"}


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "ui.cli", *args]


def commands(app: typer.Typer, before: str = "") -> Iterator[tuple[str, str]]:
    """Every command's name and help."""
    for one in app.registered_commands:
        assert one.callback is not None
        yield before + (one.name or one.callback.__name__), one.callback.__doc__ or ""
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{before}{group.name} ")


def test_every_command_has_an_example() -> None:
    found = dict(commands(app))
    assert {"ask", "tool", "mcp", "serve", "eval", "bench", "memory rebuild", "models logs"} <= set(found)
    assert [name for name, text in found.items() if f"studio {name}" not in text] == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ask", "hello", "--json", "--bogus"], "--bogus"),
        (["ask", "--json"], "text"),
        (["memory", "search", "--json"], "query"),
        (["models", "--json"], "--json"),
    ],
)
def test_wrong_use_is_json_where_json_is_wanted(args: list[str], said: str) -> None:
    result = studio_here(*args)
    error = json.loads(result.stdout)["error"]
    assert result.returncode == error["exit_code"] == 2 and said.lower() in error["problem"].lower(), error
    assert "Usage:" in result.stderr


def test_the_json_of_suites_is_a_file() -> None:
    assert not wants_json(["eval", "--json", "report.json"]) and not wants_json(["ask", "--", "--json"])
    assert studio_here("eval", "--json", "report.json").stdout == "", "the suite is missing"


@pytest.mark.parametrize(("raised", "code"), [(ValueError("odd"), 4), (KeyboardInterrupt(), 130)])
def test_json_also_of_bugs_and_of_a_stop(monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int) -> None:
    def fail(as_json: bool) -> None:
        raise raised

    monkeypatch.setattr("ui.commands.tools.list_tools", fail)
    result = studio_here("tools", "--json")
    assert result.returncode == json.loads(result.stdout)["error"]["exit_code"] == code
    one_sentence(studio_here("tools"), code)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(command("--help"), stdout=writer, stderr=subprocess.PIPE, text=True, env=ENV, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_full_disk_under_the_output_is_no_bug() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(command("--help"), stdout=full, stderr=subprocess.PIPE, text=True, env=ENV, check=False)
    one_sentence(result, 4, "The output could not be written", "No space left")
    assert "bug" not in result.stderr and "Exception ignored" not in result.stderr


def test_letters_that_the_terminal_lacks(tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / "ein hömä")]
    assert studio_here("memory", "add", "character", "Łuca", "un ragazzo però", *home, **FAST).returncode == 0
    for encoding in ("ascii", "latin-1"):
        env = {**ENV, **FAST, "PYTHONIOENCODING": encoding}
        found = subprocess.run(command("memory", "list", "--json", *home), capture_output=True, env=env, check=True)
        assert json.loads(found.stdout.decode("utf-8"))["items"][0]["name"] == "Łuca"
    shown = subprocess.run(command("memory", "list", *home), capture_output=True, env=env, check=True).stdout
    assert b"\\u0141uca" in shown and "però".encode("latin-1") in shown


def test_half_letters_in_a_wish_are_no_failure() -> None:
    assert checked_wish("draw a caf\udce9", 100) == "draw a caf\ufffd"


@pytest.mark.parametrize(
    "args", [["eval", "smoke", "--html"], ["eval", "smoke", "--junit"], ["bench", "start", "--json"]]
)
def test_a_report_that_could_not_be_written_is_told_before_the_work(tmp_path: Path, args: list[str]) -> None:
    one_sentence(studio_here(*args, str(tmp_path)), 2, "it is a folder")
    (tmp_path / "file").write_text("")
    one_sentence(studio_here(*args, str(tmp_path / "file" / "r")), 2, f"'{tmp_path / 'file'}' may not be written")


def test_a_closed_terminal_leaves_the_plan_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    assert _ask_user({"questions": ["Approve the plan?"]}) is None


def test_the_memory_is_still_whole(tmp_path: Path) -> None:
    """A command that ends badly frees the home for the next one."""
    one_sentence(studio_here("memory", "add", "planet", "Mars", "red", "--home", str(tmp_path), **FAST), 2)
    from configs.workspace import Workspace

    Memory.open(Workspace.open(tmp_path), index="numpy", embedder="letters").close()
