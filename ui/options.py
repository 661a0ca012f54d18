"""Options that many commands have, and how a command ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from configs.errors import Cancelled, StudioError

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

Home = Annotated[
    Path | None, typer.Option("--home", help="The studio's data folder (default ./workspace, or STUDIO_HOME).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
Brain = Annotated[str | None, typer.Option("--brain", help="auto, offline (built in) or llm (a served model).")]

Port = Annotated[int | None, typer.Option("--port", help="Port to listen on (default 8400, or server.port).")]


def file_named(text: str) -> Path | None:
    """The file of this name; None when there is none, or when no file can be called so."""
    try:
        file = Path(text).expanduser()
        return file if file.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return None


def fail(error: StudioError, as_json: bool = False) -> None:
    """Print the error and leave with its exit code."""
    if as_json:
        print_error(error)
    typer.echo(error.sentence, err=True)
    sys.exit(error.exit_code)


def print_error(error: StudioError, exit_code: int | None = None) -> None:
    """What failed, as the one JSON object on standard output."""
    import json

    code = error.exit_code if exit_code is None else exit_code
    shape = {"problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": code}
    typer.echo(json.dumps({"error": shape}))


def guarded(work: Callable[[], Any], as_json: bool = False) -> None:
    """Run a command's body; its value, if an int, is the exit code."""
    try:
        code = work()
    except StudioError as error:
        fail(error, as_json)
    except KeyboardInterrupt as stop:
        if as_json:
            print_error(Cancelled("Stopped", str(stop)), STOPPED)
        typer.echo(f"Stopped: {stop}." if str(stop) else "Stopped.", err=True)
        raise SystemExit(STOPPED) from None
    else:
        if isinstance(code, int) and code:
            raise SystemExit(code)
