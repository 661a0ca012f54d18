"""Who measures small pictures has one thread of each library, and everybody gets their own back."""

from threading import Barrier, Thread

import cv2
import numpy as np
from threadpoolctl import threadpool_info

from backends.threads import one_thread


def blas() -> set[int]:
    assert np.ones((2, 2)).dot(np.ones(2)).sum() == 4, "BLAS is loaded"
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_threads_come_back_when_the_last_has_left() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    usual, meet, inside = blas(), Barrier(2, timeout=30), []

    def other() -> None:
        with one_thread():
            meet.wait()  # both are inside
            meet.wait()  # the first has left
            inside.append(cv2.getNumThreads())

    thread = Thread(target=other)
    with one_thread():
        thread.start()
        meet.wait()
        assert (cv2.getNumThreads(), blas()) == (1, {1})
    meet.wait()
    thread.join()
    assert inside == [1], "the first to leave takes nothing from the other"
    assert (cv2.getNumThreads(), blas()) == (2, usual)
    cv2.setNumThreads(before)
