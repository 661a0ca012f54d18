"""Holds the numeric libraries to one thread each while small pictures are measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class _OpenCv:
    """One thread of OpenCV from the first who asks for it until the last has left."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = self._usual = 0

    def enter(self) -> None:
        import cv2

        with self._lock:
            if not self._inside:
                self._usual = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._inside += 1

    def leave(self) -> None:
        import cv2

        with self._lock:
            self._inside -= 1
            if not self._inside:
                cv2.setNumThreads(self._usual)


_OPENCV = _OpenCv()


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV and BLAS on one thread each, in the whole process; enter and leave it in one thread of your own.

    For small pictures more of OpenCV's take a third more of the processor and no less time. BLAS' threads wait for
    each other in a loop, which takes the decoder's core: 10.3 instead of 7.2 ms of processor per frame. OpenBLAS obeys
    the first thread that limits it until that one has left; for others nothing changes.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    _OPENCV.enter()
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _OPENCV.leave()
