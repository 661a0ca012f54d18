"""How a command ends when it is told to from outside."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM, and the SIGHUP of a terminal that is closed, end the block as Ctrl-C does: what it has opened is closed,
    and no model stays on the card. The process then dies of that signal, as its parent expects.
    """
    got: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if not got:
            got.append(number)
            raise SystemExit(128 + number)

    def hang_up(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)  # the server has its own way to heed that one

    for number, handler in ((signal.SIGTERM, end), (signal.SIGHUP, hang_up)):
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, handler)
    try:
        yield
    finally:
        if got:
            signal.signal(got[0], signal.SIG_DFL)
            signal.raise_signal(got[0])
