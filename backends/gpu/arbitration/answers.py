"""How the arbiter's loop hands an outcome to whoever asked: a blocked thread, or another event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable

from backends.gpu.lease import Lease

Deliver = Callable[[Lease | BaseException], bool]
"""False when nobody takes the outcome any more."""


def to_thread(answer: concurrent.futures.Future[Lease]) -> Deliver:
    """Wakes the thread that waits for `answer`."""

    def deliver(outcome: Lease | BaseException) -> bool:
        if isinstance(outcome, BaseException):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
        return True

    return deliver


def to_loop(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Lease]) -> Deliver:
    """Settles `answer` on its own loop; False when that loop is closed."""

    def settle(outcome: Lease | BaseException) -> None:
        if answer.done():  # cancelled: the caller says so to the arbiter itself
            return
        if isinstance(outcome, BaseException):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    def deliver(outcome: Lease | BaseException) -> bool:
        try:
            loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:
            return False
        return True

    return deliver
