"""A command from its first to its last byte: what is printed, how it fails, what it ends with."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import typer

from configs.errors import StudioError, UsageError
from ui.ending import ended_in_order
from ui.options import fail, print_error

JSON_FILES = ("eval", "bench")
"""Commands whose --json names a file."""


BROKEN_PIPE = 1
"""What rich and typer leave with when nobody reads; no command of the studio's own ends with it."""


def run_app(app: typer.Typer) -> None:
    """Run the command of `sys.argv` and leave with its exit code; errors are one sentence, never a traceback."""
    as_json = wants_json(sys.argv[1:])
    _print_anything(as_json)
    try:
        with ended_in_order():
            code = app(standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()  # what cannot be written is told, not found out when the process has ended
    except StudioError as error:
        fail(error, as_json)
    except typer.Abort:
        raise SystemExit(130) from None
    except BrokenPipeError:  # the reader has seen enough
        _end_unread()
    except SystemExit as ended:
        if ended.code != BROKEN_PIPE:
            raise
        _end_unread()
    except Exception as error:
        _fail_with(error, as_json)
    else:
        if isinstance(code, int) and code:
            raise SystemExit(code)


def wants_json(args: Sequence[str]) -> bool:
    """Whether standard output shall be one JSON object, also when the arguments are wrong."""
    own = args[: args.index("--")] if "--" in args else args
    return "--json" in own and own[0] not in JSON_FILES


def _print_anything(as_json: bool) -> None:
    """JSON is UTF-8 whatever the locale; words lose no line to a letter that the terminal does not have."""
    for stream, is_json in ((sys.stdout, as_json), (sys.stderr, False)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if is_json else None, errors="backslashreplace")


def _fail_with(error: Exception, as_json: bool) -> None:
    """Wrong options, a full disk under the output, and what nobody expected."""
    if hasattr(error, "format_message"):  # the parser's own errors; their class is no public name of typer's
        _wrong_use(error, as_json)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _silence()
        fail(StudioError("The output could not be written", error.strerror or "the disk is full", "Free space"))
    if os.environ.get("STUDIO_TRACEBACK"):
        raise error
    cause = f"{type(error).__name__}: {error}"
    fix = "This is a bug; run it again with STUDIO_TRACEBACK=1 for the details"
    fail(StudioError("The studio failed unexpectedly", cause, fix), as_json)


def _wrong_use(error: Exception, as_json: bool) -> None:
    from typer import rich_utils

    message = error.format_message()  # type: ignore[attr-defined]
    if as_json:
        print_error(UsageError(message, fix="See --help"))
    rich_utils.rich_format_error(error)  # type: ignore[arg-type]
    raise SystemExit(int(getattr(error, "exit_code", UsageError.exit_code)))


def _end_unread() -> NoReturn:
    """Of 'studio tools | head': what was asked for is done."""
    _silence()
    raise SystemExit(0) from None


def _silence() -> None:
    """What is still in the buffer goes nowhere, or the interpreter complains about it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
