"""Loopback ports for started servers, and who sits on one that is taken."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from configs.errors import EngineError

HOST = "127.0.0.1"
_REACHED_BY_HOST = frozenset({HOST, "0.0.0.0", "::", f"::ffff:{HOST}"})
"""Addresses whose listeners get the connections to HOST."""
_LISTENS = "0A"
"""TCP_LISTEN in /proc/net/tcp (proc(5))."""


class PortTaken(EngineError):
    """Somebody else holds the port."""


def free_port() -> int:
    """A port of this machine where nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def claim(port: int, name: str) -> int:
    """`port` when it is free, any free one for 0. Raises EngineError, PortTaken naming the port and who holds it."""
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        # As servers do: the remains of closed connections are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise EngineError(
                    f"'{name}' cannot be started on port {port}",
                    "the system gives that port to its own programs only",
                    "Set a port above 1023 (0 takes any free one)",
                ) from error
            if error.errno != errno.EADDRINUSE:
                raise
            raise taken(port, name) from error
    return port


def taken(port: int, name: str) -> PortTaken:
    """The error for a port that somebody else holds."""
    return PortTaken(
        f"'{name}' cannot be started on port {port}",
        f"{holder(port) or 'another program'} holds that port",
        "Stop that program, or set another port (0 takes any free one)",
    )


def holder(port: int) -> str:
    """'python3 (pid 12)' when it can be found out, else ''."""
    pid = next((pid for pid in listeners(port) if pid is not None), None)
    if pid is None:
        return ""
    import psutil

    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"


def listeners(port: int) -> list[int | None]:
    """Numbers of the processes that take connections to `port` of HOST; None for one that is hidden from us.

    Empty when nobody does, or the system does not tell.
    """
    import psutil

    try:
        sockets = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return []
    return [
        found.pid
        for found in sockets
        if found.status == psutil.CONN_LISTEN
        and found.laddr
        and found.laddr.port == port
        and found.laddr.ip in _REACHED_BY_HOST
    ]


def socket_users(port: int) -> set[int]:
    """User numbers of all listeners on `port`, whatever the address; empty where the system does not tell."""
    users: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        fields = [row.split() for row in rows]
        users |= {int(f[7]) for f in fields if f[3] == _LISTENS and int(f[1].rpartition(":")[2], 16) == port}
    return users
