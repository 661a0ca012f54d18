"""The studio's command line in the process of the tests, where starting one of its own would only take time."""

from __future__ import annotations

import io
import signal
import subprocess
from contextlib import redirect_stderr, redirect_stdout

import pytest

from ui.cli import main


def studio_here(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m ui.cli args` with these variables: its exit code and what it wrote."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.argv", ["studio", *args])
        for name, value in {"COLUMNS": "200", **env}.items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return subprocess.CompletedProcess(list(args), code, out.getvalue(), err.getvalue())
