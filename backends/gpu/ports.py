"""Loopback ports for started servers, and who sits on one that is taken."""

from __future__ import annotations

import errno
import socket

from configs.errors import EngineError

HOST = "127.0.0.1"


def free_port() -> int:
    """A port of this machine where nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def claim(port: int, name: str) -> int:
    """`port` when it is free, any free one for 0. Raises EngineError naming the port and who holds it."""
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        # As servers do: the remains of closed connections are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise taken(port, name) from error
    return port


def taken(port: int, name: str) -> EngineError:
    """The error for a port that somebody else holds."""
    return EngineError(
        f"'{name}' cannot be started on port {port}",
        f"{holder(port) or 'another program'} holds that port",
        "Stop that program, or set another port (0 takes any free one)",
    )


def holder(port: int) -> str:
    """'python3 (pid 12)' when it can be found out, else ''."""
    pid = listener(port)
    if pid is None:
        return ""
    import psutil

    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"


def listener(port: int) -> int | None:
    """Number of the process that listens on `port`; None when nobody does or the system does not tell."""
    import psutil

    try:
        sockets = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None
    for found in sockets:
        if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port:
            return found.pid
    return None
