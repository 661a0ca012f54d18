"""Telling processes apart for certain, and ending all that belong to one.

A number alone says nothing: the system gives it to somebody else once its owner is gone. A process is known by its
number *and* its moment of birth; what it started, by the session that it leads and by a token in the environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TOKEN = "STUDIO_CHILD"
"""Variable in the environment of everything that a child starts."""
KILL_WAIT_S = 15.0
"""After SIGKILL the driver may take seconds to tear a GPU context down."""
POLL_S = 0.02


@dataclass(frozen=True)
class Identity:
    """A process that leads a session of its own."""

    pid: int
    born: str
    token: str = ""


def birth(pid: int) -> str:
    """When the process `pid` was born, in a form that no other process has; '' when there is none (or a zombie).

    On Linux the boot and the clock tick (proc(5), field 22 of /proc/pid/stat): unlike psutil's create_time it does
    not move when the machine's clock is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _birth_by_clock(pid)
    rest = stat.rpartition(")")[2].split()
    return "" if rest[0] in ("Z", "X") else f"{_boot()}:{rest[19]}"


def is_alive(who: Identity) -> bool:
    """Whether the process itself lives; with a token it must show that, too."""
    return bool(who.born) and birth(who.pid) == who.born and (not who.token or _shows(who) is not False)


def members(who: Identity) -> list[int]:
    """Numbers of the living processes that belong to `who`, itself first; never those of a stranger.

    A number and a birth alone make nobody ours: a damaged note may name any process.
    """
    if not who.token:
        return []
    now = birth(who.pid) if who.pid > 1 else ""
    theirs = bool(now) and not is_alive(who)
    led = bool(now) and not theirs
    found = [who.pid] if led else []
    for pid in _all_pids():
        if pid == who.pid or not birth(pid):
            continue
        shows = _shows(who, pid)
        # Without an environment the session decides.
        in_session = not theirs and who.pid > 1 and _session(pid) == who.pid and (bool(found) or shows is None)
        if shows or in_session:
            found.append(pid)
    return [pid for pid in found if pid not in (1, os.getpid())]


def end(who: Identity, stop_seconds: float, parent: subprocess.Popen[bytes] | None = None) -> list[int]:
    """SIGTERM, `stop_seconds`, SIGKILL for all members; returns those that are alive even then."""
    family = members(who)
    _signal(family, signal.SIGTERM)
    _wait_for_end(family, stop_seconds, parent)
    family = members(who)
    _signal(family, signal.SIGKILL)
    _wait_for_end(family, KILL_WAIT_S, parent)
    return members(who)


def kill(who: Identity) -> None:
    """SIGKILL for all members, without waiting for their end."""
    _signal(members(who), signal.SIGKILL)


def resident_mib(who: Identity) -> int:
    """Main memory of all members together, MiB."""
    import psutil

    total = 0
    for pid in members(who):
        with suppress(psutil.Error):
            total += int(psutil.Process(pid).memory_info().rss)
    return total // 2**20


def _wait_for_end(pids: list[int], seconds: float, parent: subprocess.Popen[bytes] | None) -> None:
    until = time.monotonic() + seconds
    while True:
        if parent is not None:
            parent.poll()  # a dead child of ours stays a zombie until it is asked
        if not any(birth(pid) for pid in pids) or time.monotonic() > until:
            return
        time.sleep(POLL_S)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _all_pids() -> list[int]:
    import psutil

    return psutil.pids()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _shows(who: Identity, pid: int = 0) -> bool | None:
    """Whether `pid`, else `who` itself, carries the token of `who` in its environment.

    None when it shows no environment: it is another user's, or its title is written over it (setproctitle does that).
    """
    environment = _environment(pid or who.pid).strip(b"\0 ")
    return f"{TOKEN}={who.token}".encode() in environment.split(b"\0") if environment else None


def _environment(pid: int) -> bytes:
    """As it was at the start; b'' where it cannot be read (another user's)."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@lru_cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "boot"


def _birth_by_clock(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""
