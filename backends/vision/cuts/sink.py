"""The one sink that finds cuts, dissolves, fades and wipes in a pass, with bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

from backends.media.probe import MediaInfo, probe
from backends.vision.cuts.blends import BlendTest
from backends.vision.cuts.doubts import Doubts
from backends.vision.cuts.fades import FadeTest
from backends.vision.cuts.found import Found
from backends.vision.cuts.pushes import PushTest
from backends.vision.cuts.result import ShotSpan, Transition
from backends.vision.cuts.settle import settled, shots_between, transitions_of
from backends.vision.cuts.steps import StepTest
from backends.vision.cuts.transnet import NetworkTest, installed
from backends.vision.cuts.window import AT_ONCE, Window, thumbnails
from backends.vision.cuts.wipes import WipeTest
from backends.vision.frame import Frame, Frames
from backends.vision.thresholds import thresholds
from backends.vision.watch import watch
from configs.errors import UsageError

_EASE = 0.2
"""How much the shares that a blend or a wipe must reach fall from sensitivity 0 to 1."""


class CutSink:
    """Looks for all kinds of transitions at once; keeps thumbnails of the last few seconds and every frame's time."""

    def __init__(self, info: MediaInfo, sensitivity: float = 0.5, network: str | None = None) -> None:
        """sensitivity: 0 (only what is plain) to 1 (also weak ones); raises UsageError outside of that.

        network: 'own' (none), 'transnetv2', or 'auto' (when its package is there); None is what `vision.yaml` says.
        """
        if not 0 <= sensitivity <= 1:
            raise UsageError(f"The sensitivity {sensitivity:g} is out of range", "it must lie between 0 and 1")
        table = thresholds().cuts
        fps = info.fps or 25.0
        ratio = table.ratio_at_lowest + sensitivity * (table.ratio_at_highest - table.ratio_at_lowest)
        ease = _EASE * (0.5 - sensitivity)
        self._steps = StepTest(ratio)
        self._tests = (
            self._steps,
            FadeTest(),
            BlendTest(min(0.99, table.blend_share + ease)),
            WipeTest(min(0.99, table.wipe_order + ease)),
            PushTest(min(0.99, table.wipe_seam + ease)),
        )
        network = network or table.network
        wanted = network == "transnetv2" or (network == "auto" and installed())
        self._network = NetworkTest() if wanted else None
        self._shortest = max(1, round(table.min_shot_seconds * fps))
        self._frame_seconds = 1 / fps
        self._window = Window()
        self._doubts = Doubts()
        self._told: list[Found] = []
        """What the tests found and is not in doubt."""
        self._times = array("d")
        self._settled: list[Found] | None = None

    def see(self, frame: Frame) -> None:
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        """What is found does not depend on how many are seen at once."""
        self._times.extend(frame.seconds for frame in frames)
        self._steps.look(frames)
        colours, greys = thumbnails(frames)
        for at in range(0, len(frames), AT_ONCE):
            self._window.add(colours[at : at + AT_ONCE], greys[at : at + AT_ONCE])
            for test in self._tests:
                test.see(self._window)
            self._told += self._doubts.sift(self._window, self._taken())
        if self._network is not None:
            for frame in frames:
                self._network.look(frame)

    def transitions(self) -> list[Transition]:
        """All transitions of what was seen, in order, also a fade from the film's start and to its end."""
        return transitions_of(self._found(), self._times, self._end)

    def shots(self) -> list[ShotSpan]:
        """The shots of what was seen, without gaps, in order; one when nothing was found, none without frames."""
        return shots_between(self._found(), self._times, self._end) if self._times else []

    @property
    def _end(self) -> float:
        return self._times[-1] + self._frame_seconds if self._times else 0.0

    def _taken(self) -> list[Found]:
        """What the tests have found since the last time."""
        found = [item for test in self._tests for item in test.found]
        for test in self._tests:
            test.found.clear()
        return found

    def _found(self) -> list[Found]:
        """Asked for when the pass is over."""
        if self._settled is None:
            for test in self._tests:
                test.finish(self._window)
            found = self._told + self._doubts.sift(self._window, self._taken()) + self._doubts.settle(self._window)
            if self._network is not None:
                self._network.finish()
                found += self._network.found
            self._settled = settled(found, self._shortest)
        return self._settled


def detect_shots(
    path: Path,
    *,
    sensitivity: float = 0.5,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[list[ShotSpan], list[Transition]]:
    """The film's shots, covering it without gaps, and the transitions between them, both in order.

    sensitivity: 0 (only what is plain) to 1 (also weak ones). Raises UsageError when the file is not a film.
    """
    info = probe(path)
    sink = CutSink(info, sensitivity)
    watch(path, [sink], info=info, cancel=cancel, on_progress=on_progress)
    return sink.shots(), sink.transitions()
