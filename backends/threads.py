"""Holds the numeric libraries to one thread each where their work comes in small pieces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any


class _Shared:
    """Something of the whole process, changed when the first asks for it and put back when the last has left."""

    def __init__(self, change: Callable[[], Callable[[], None]]) -> None:
        """change: makes the change and gives what puts it back."""
        self._change, self._lock, self._inside = change, Lock(), 0
        self._put_back: Callable[[], None] = lambda: None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._put_back = self._change()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._put_back()


def _limit_blas() -> Callable[[], None]:
    from threadpoolctl import OpenBLASController  # type: ignore[import-untyped]

    limits = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")

    def put_back() -> None:
        # OpenBLAS obeys one thread, the first that asked; whoever leaves last may be another.
        OpenBLASController.clear_controlling_thread(force=True)
        limits.restore_original_limits()
        OpenBLASController.clear_controlling_thread(force=True)

    return put_back


@lru_cache(maxsize=1)
def _libraries(modules: int) -> Any:
    """Those that are loaded; looking for them takes a millisecond, so once for each number of loaded modules."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _limit_opencv() -> Callable[[], None]:
    import cv2

    usual = cv2.getNumThreads()
    cv2.setNumThreads(1)
    return lambda: cv2.setNumThreads(usual)


one_blas_thread = _Shared(_limit_blas)
"""`with one_blas_thread():` BLAS has one thread: those of small products wait for each other in a loop, and take the
cores of those who work. Looking at a film took 10.3 ms of processor per frame with them, and 7.2 without."""
_one_opencv_thread = _Shared(_limit_opencv)


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS and OpenCV on one thread each, in the whole process, until the last who asked for it has left.

    For small pictures more threads of OpenCV take a third more of the processor and no less time.
    """
    with one_blas_thread(), _one_opencv_thread():
        yield
