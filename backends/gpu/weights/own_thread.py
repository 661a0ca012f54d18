"""One thread that stays, for work whose caches belong to the thread that does it.

torch keeps cuDNN's plans and cuBLAS's handles per thread (and OpenMP its pool), while the arbiter and the tools call
from a new thread each time: the first convolutions of every picture would be planned anew.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class OwnThread:
    """Calls in order, in a daemon thread that starts with the first one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, work: Callable[[], T]) -> T:
        """The result of `work()`, run there with the caller's context variables; what it raises is raised here."""
        context, done = contextvars.copy_context(), Future[T]()
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=_serve, args=(self._calls,), name=self._name, daemon=True)
                self._thread.start()
            self._calls.put((done, lambda: context.run(work)))
        return done.result()

    def end(self) -> None:
        """Let the thread go once it is done; the next call starts another."""
        with self._guard:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._calls.put(None)
                self._calls = queue.SimpleQueue()


def _serve(calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]) -> None:
    while (order := calls.get()) is not None:
        done, work = order
        try:
            done.set_result(work())
        except BaseException as error:  # handed over to the caller, whatever it is
            done.set_exception(error)
        del order, done, work  # else the last picture's tensors stay until the next one
