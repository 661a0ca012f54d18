"""Where the processor time of looking at a film goes: decoding, sound, what the measures share, each measure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.vision.frame import Frames, FrameSink, SoundBlock

FRAMES = 240
"""Of the film, that the measures are timed with."""
ROUNDS = 3
_SHARED = ("rgb", "grey", "hsv", "flow_cells", "flow_back_cells")
"""What several measures ask of frames: worked out before any of them is timed."""
_MEASURES = ("cuts", "quality", "keyframes", "composition", "camera", "coherence")


def parts_of(film: Path) -> dict[str, float]:
    """CPU milliseconds per frame of each part, the best of a few rounds; measures in batches as in a pass."""
    from backends.media.probe import probe
    from backends.vision.watch import listen, watch

    info = probe(film)
    frames: list[Any] = []
    blocks: list[SoundBlock] = []

    class Keep:
        def see(self, frame: Any) -> None:
            if len(frames) < FRAMES:
                frames.append((frame.index, frame.seconds, frame.rgb, frame.duration))

        def hear(self, block: SoundBlock) -> None:
            blocks.append(block)

    watch(film, [Keep()], info=info)
    listen(film, [Keep()], info=info)
    rounds = [_measures(info, frames) for _ in range(ROUNDS)]
    found = {
        "probe": _cpu(lambda: probe(film)),
        "decode": _cpu(lambda: watch(film, [], info=info)),
        "sound_decoded": _cpu(lambda: listen(film, [Nobody()], info=info)),
        "sound_measured": _cpu(lambda: _heard(blocks)),
    }
    per_frame = {name: 1000 * seconds / info.frames for name, seconds in found.items()}
    per_frame |= {name: 1000 * min(one[name] for one in rounds) / len(frames) for name in rounds[0]}
    return {name: round(milliseconds, 3) for name, milliseconds in per_frame.items()}


class Nobody:
    """Hears all and keeps nothing."""

    def hear(self, block: SoundBlock) -> None:
        pass


def _heard(blocks: list[SoundBlock]) -> Any:
    from backends.sound.meter import SoundMeter

    meter = SoundMeter()
    for block in blocks:
        meter.hear(block)
    return meter.report()


def _measures(info: MediaInfo, kept: list[Any]) -> dict[str, float]:
    from backends.threads import one_thread
    from backends.vision.frame import BatchSink, Frame, Frames
    from backends.vision.watch import AT_ONCE
    from tools.analysis.reading import Sinks, Wishes

    # As of a short film, which is never measured in a second process: its time could not be told apart.
    sinks = Sinks(replace(info, seconds=1.0), Wishes())
    spent = dict.fromkeys((*_SHARED, *_MEASURES), 0.0)
    before: Frame | None = None
    with sinks.open(), one_thread():
        for start in range(0, len(kept), AT_ONCE):
            taken = [
                Frame(index, seconds, rgb, None if number else before, duration)
                for number, (index, seconds, rgb, duration) in enumerate(kept[start : start + AT_ONCE])
            ]
            frames, before = Frames(taken), taken[-1]
            for name in _SHARED:
                spent[name] += _once(partial(getattr, frames, name))
            for name in _MEASURES:
                sink = getattr(sinks, name)
                one_by_one = not isinstance(sink, BatchSink)
                spent[name] += _once(partial(_each, sink, frames) if one_by_one else partial(sink.see_all, frames))
            frames.release()
    return spent


def _each(sink: FrameSink, frames: Frames) -> None:
    for frame in frames:
        sink.see(frame)


def _once(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _cpu(work: Callable[[], Any]) -> float:
    return min(_once(work) for _ in range(ROUNDS))
