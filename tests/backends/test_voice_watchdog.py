"""A training's processes end with the studio that started them, also when it is killed outright."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.gpu.servers.child import Child, Command
from backends.gpu.servers.processes import birth, members
from backends.voice.training.watchdog import Watchdog

FAMILY = "import subprocess, sys, time; subprocess.Popen(['sleep', '300'], start_new_session=True); {}; time.sleep(300)"
"""A script with a helper in a session of its own, as data loaders have them."""
STUDIO = """
import sys, time
from pathlib import Path
from backends.voice.training.runner import run_step
from backends.voice.training.steps import Step

folder = Path(sys.argv[1])
step = Step("gpt", (sys.executable, "-c", sys.argv[2]), {}, folder, {}, folder / "log.txt")
run_step(step, folder / "run", folder, on_line=print, beat=lambda: None, stop_s=0.5, quiet_s=60.0)
"""


def _until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


@pytest.mark.parametrize("stubborn", [False, True], ids=["obedient", "deaf to SIGTERM"])
def test_a_killed_studio_leaves_no_training_behind(tmp_path: Path, stubborn: bool) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" if stubborn else "pass"
    script = f"import os; print('pid', os.getpid(), flush=True); {FAMILY.format(deaf)}"
    studio = subprocess.Popen(
        [sys.executable, "-c", STUDIO, str(tmp_path), script],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert studio.stdout is not None
    pid = int(studio.stdout.readline().split()[1])

    def family() -> list[int]:
        return [int(p.name) for p in Path("/proc").glob("[0-9]*") if _carries(p, token)]

    token = next(part for part in _environment(pid) if part.startswith(b"STUDIO_CHILD="))
    assert _until(lambda: len(family()) >= 2), "the script and its helper run"
    assert _until(lambda: len(_watchdogs(pid)) == 1)
    os.kill(studio.pid, signal.SIGKILL)
    studio.wait()
    assert _until(lambda: not family()), "both ended with the studio"
    assert _until(lambda: not _watchdogs(pid)), "and the watchdog after them"


def test_a_dismissed_watchdog_ends_nothing(tmp_path: Path) -> None:
    command = Command("kept", (sys.executable, "-c", "import time; time.sleep(300)"), {}, tmp_path / "log.txt")
    child = Child.start(command)
    try:
        watchdog = Watchdog.over(child.identity, 0.5)
        watchdog.dismiss()
        assert not birth(watchdog.pid), "it has ended itself"
        assert members(child.identity) == [child.identity.pid]
    finally:
        child.stop(0.5)


def _environment(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def _carries(process: Path, token: bytes) -> bool:
    try:
        return bool(birth(int(process.name))) and token in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _watchdogs(pid: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"backends.voice.training.watchdog" in words and str(pid).encode() in words:
            found.append(int(process.name))
    return [one for one in found if birth(one)]
