"""Sinks in a process of their own: the same numbers, and no child is left behind."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from backends.media.probe import MediaInfo, probe
from backends.vision.apart import Apart, pays
from backends.vision.camera.sink import CameraSink
from backends.vision.coherence.sink import CoherenceSink
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, FrameSink
from backends.vision.watch import watch
from configs.errors import Cancelled, StudioError
from evals.footage.world import look, world, write_clip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = world(3, (360, 640))
    frames = (look(place, (280 + 1.5 * at, 180), 1.0, size=(180, 320)) for at in range(48))
    return write_clip(tmp_path_factory.mktemp("apart") / "film.mp4", frames, fps=24)


def sinks(info: MediaInfo) -> tuple[CameraSink, CoherenceSink]:
    return CameraSink(info), CoherenceSink(info)


def whole(frames: int) -> ShotSpan:
    return ShotSpan(
        index=1, start=0, end=frames / 25, first_frame=0, frames=frames, clean_first=0, clean_frames=frames,
        opening="start",
    )  # fmt: skip


def test_a_child_gives_the_same_numbers(film: Path) -> None:
    info = probe(film)
    here = sinks(info)
    seen = watch(film, here, info=info)
    with Apart(sinks(info)) as apart:
        watch(film, [apart], info=info)
        there = apart.finish()
    shot = whole(seen.frames)
    assert seen.frames > 20
    for one, other in zip(here, there, strict=True):
        assert one is not other and one.report([shot]) == other.report([shot])
    assert there[1].measures(shot) == here[1].measures(shot) != {}


def test_a_killed_child_is_said_and_ends_the_pass(film: Path) -> None:
    info = probe(film)

    class Killing:
        def __init__(self, apart: Apart) -> None:
            self.apart = apart

        def see(self, frame: Frame) -> None:
            if frame.index == 10:
                os.kill(self.apart.process, signal.SIGKILL)

    with pytest.raises(StudioError, match="ended too early"), Apart(sinks(info)) as apart:
        watch(film, [apart, Killing(apart)], info=info)
        apart.finish()
    gone(apart)


def test_a_child_that_dies_before_the_last_bytes_is_said_too() -> None:
    """Little enough was written that only the end, which is the last thing to wait for, meets the broken pipe."""
    said: list[BaseException] = []

    def looked() -> None:
        try:
            with Apart(()) as apart:
                os.kill(apart.process, signal.SIGKILL)
                os.waitid(os.P_PID, apart.process, os.WEXITED | os.WNOWAIT)
                apart.see(Frame(0, 0.0, np.zeros((16, 16, 3), np.uint8)))
                apart.finish()
        except StudioError as error:
            said.append(error)

    thread = Thread(target=looked, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive() and "ended too early" in str(said[0])


def test_a_sink_that_fails_there_is_said(film: Path) -> None:
    info = probe(film)
    broken: list[FrameSink] = [CameraSink(info)]
    del broken[0].__dict__[next(iter(broken[0].__dict__))]
    with pytest.raises(StudioError, match="ended too early"), Apart(broken) as apart:
        watch(film, [apart], info=info)
        apart.finish()
    gone(apart)


def test_a_cancelled_pass_leaves_no_child(film: Path) -> None:
    def stop() -> None:
        raise Cancelled("Stopped")

    with pytest.raises(Cancelled), Apart(sinks(probe(film))) as apart:
        watch(film, [apart], cancel=stop)
    gone(apart)


def test_a_child_that_is_gone_when_the_film_ends_leaves_no_thread_waiting(film: Path) -> None:
    """The last word goes into a closed pipe: whoever writes it must not wait for another one."""
    before = threading.active_count()
    with Apart(sinks(probe(film))) as apart:
        os.kill(apart.process, signal.SIGKILL)
        os.waitid(os.P_PID, apart.process, os.WEXITED | os.WNOWAIT)
    assert threading.active_count() == before
    gone(apart)


def test_a_sink_that_cannot_travel_is_said(film: Path) -> None:
    info = probe(film)
    stuck = CameraSink(info)
    stuck.__dict__["lock"] = threading.Lock()
    with pytest.raises(StudioError, match="ended too early") as raised, Apart([stuck]) as apart:
        watch(film, [apart], info=info)
        apart.finish()
    assert "pickle" in str(raised.value.__cause__)
    gone(apart)


def gone(apart: Apart) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(apart.process, 0)


def test_only_long_films_pay_for_a_process_and_only_beside_two_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert pays(60) and not pays(5)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert not pays(600), "decoding and measuring keep two processors busy"
