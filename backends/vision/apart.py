"""Sinks in a process of their own: where there are more than two processors, measures need not wait for each other.

The frames go through a pipe, and the sinks come back through another when the film is over; they give the same numbers
as they would have given here. The child is this file (`python -m backends.vision.apart`).
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from backends.vision.frame import Frame, Frames, FrameSink, show
from configs.errors import StudioError

_AHEAD = 10
"""Batches of frames that wait for the child at most, 16 small ones of 170 KB each: as many as come while it starts."""
_HEADER = struct.Struct("<iii")
"""Frames, height, width; then each one's index, seconds and duration, then the pictures. 0 frames end the film."""
_LEAST_SECONDS = 40.0
"""Of film: below, the start of a process takes longer than it saves."""
_ENOUGH_PROCESSORS = 3
"""Decoding keeps one of two busy, and the other measures as fast: a second process would only be more work."""
_STUCK_SECONDS = 120.0
_Batch = tuple[NDArray[np.float64], NDArray[np.uint8]]
"""(N, 3) index, seconds and duration of frames, and their pictures (N, H, W, 3)."""


def pays(seconds: float) -> bool:
    """Whether a second process is quicker for a film of that length, on this machine."""
    return seconds >= _LEAST_SECONDS and _processors() >= _ENOUGH_PROCESSORS


def _processors() -> int:
    """Those that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1


class Apart:
    """Lets `sinks` see frames in a child process; use it as a context manager, which ends the child in any case."""

    def __init__(self, sinks: Sequence[FrameSink]) -> None:
        """sinks: as they are before the first frame; they and all that they keep can be pickled."""
        self._sinks = tuple(sinks)
        self._queue: Queue[_Batch | None] = Queue(_AHEAD)
        self._failed = False
        self._cause: Exception | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._feeder = Thread(target=self._feed, name="film apart", daemon=True)

    def __enter__(self) -> Apart:
        paths = os.pathsep.join(dict.fromkeys([str(Path.cwd()), *(path for path in sys.path if path)]))
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "backends.vision.apart"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True,
        )  # fmt: skip
        self._feeder.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._child is not None and self._child.stdin is not None and self._child.stdout is not None
        self._child.kill()
        self._failed = True
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            self._hand_on(None)
        self._feeder.join()
        self._child.wait()
        self._child.stdout.close()

    @property
    def process(self) -> int:
        """The child's number; 0 before there is one."""
        return self._child.pid if self._child is not None else 0

    def see(self, frame: Frame) -> None:
        """Hand on the next frame. Raises StudioError when the child is gone."""
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        """Hand on the next frames. Raises StudioError when the child is gone."""
        times = np.array([(frame.index, frame.seconds, frame.duration) for frame in frames], np.float64)
        # The pictures alone: what was worked out of them is many times as much.
        self._hand_on((times, np.ascontiguousarray(frames.rgb)))

    def finish(self) -> tuple[Any, ...]:
        """The sinks after all frames, in their order. Raises StudioError when the child failed."""
        assert self._child is not None and self._child.stdout is not None
        self._hand_on(None)
        self._feeder.join()
        told = self._child.stdout.read()
        if self._failed or self._child.wait(_STUCK_SECONDS) or not told:
            raise _gone() from self._cause
        # Written by this program's own child, which nobody else can reach.
        return tuple(pickle.loads(told))

    def _hand_on(self, batch: _Batch | None) -> None:
        while not self._failed or batch is None:
            try:
                return self._queue.put(batch, timeout=1.0)
            except Full:
                continue
        raise _gone() from self._cause

    def _feed(self) -> None:
        assert self._child is not None and self._child.stdin is not None
        ended = False
        try:
            with self._child.stdin as pipe:
                pickle.dump(self._sinks, pipe)
                while (batch := self._queue.get()) is not None:
                    times, rgb = batch
                    pipe.write(_HEADER.pack(*rgb.shape[:3]) + times.tobytes())
                    pipe.write(rgb.data)
                ended = True
                pipe.write(_HEADER.pack(0, 0, 0))
        except Exception as error:  # the child is gone, or a sink cannot be pickled: told where frames are handed on
            self._cause, self._failed = error, True
            while not ended and self._queue.get() is not None:
                pass


def _gone() -> StudioError:
    return StudioError("Looking at the film failed", "the process that measured it ended too early", "Try it again")


def _look(read: Callable[[int], bytes], sinks: Sequence[FrameSink]) -> bool:
    """Show the sinks what comes in; whether the film came to its end."""
    before: Frame | None = None
    while len(header := read(_HEADER.size)) == _HEADER.size:
        count, height, width = _HEADER.unpack(header)
        if not count:
            return True
        times, pixels = read(count * 24), read(count * height * width * 3)
        if len(pixels) < count * height * width * 3:
            return False
        rgb = np.frombuffer(pixels, np.uint8).reshape(count, height, width, 3)
        frames = _framed(np.frombuffer(times, np.float64).reshape(count, 3), rgb, before)
        before = frames[-1]
        show(frames, sinks)
    return False


def _framed(times: NDArray[np.float64], rgb: NDArray[np.uint8], before: Frame | None) -> Frames:
    frames = [
        Frame(int(index), seconds, picture, None if number else before, duration)
        for number, ((index, seconds, duration), picture) in enumerate(zip(times.tolist(), rgb, strict=True))
    ]
    return Frames(frames, rgb)


def main(said: BinaryIO, told: BinaryIO) -> int:
    """The child: pickled sinks and frames come in, the sinks go out; ends with its parent."""
    import cv2

    cv2.setNumThreads(1)
    sinks: tuple[FrameSink, ...] = pickle.load(said)
    if not _look(said.read, sinks):
        return 1
    pickle.dump(sinks, told)
    told.flush()
    return 0


if __name__ == "__main__":
    _told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    sys.exit(main(sys.stdin.buffer, _told))
