"""One pass over a film, and the record it gives: shots, camera, composition, coherence, sound, the liveliest part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from configs.errors import UsageError
from tools.analysis.aspects import ASPECTS, Aspect

if TYPE_CHECKING:
    from backends.media.guard import MediaLimits
    from backends.media.probe import MediaInfo
    from backends.vision.composition.keyframes import Keyframe
    from backends.vision.frame import FrameSink, SoundSink
    from backends.vision.record import FilmRecord

Rgb = NDArray[np.uint8]
STRIP_PICTURES = 48
"""Pictures of the report's timeline."""


@dataclass(frozen=True)
class Wishes:
    """What is asked of a reading."""

    aspects: tuple[Aspect, ...] = ASPECTS
    sensitivity: float = 0.5
    window: float = 3.0
    """Length of the liveliest part, seconds."""
    figures: Any = None
    """A FigureFinder, when somebody can be found in the pictures."""
    identity: Any = None
    """An IdentityTrack, when characters can be told apart."""
    identity_mark: float | None = None
    """1 - cosine from which one of its looks is another; None: as `CoherenceSink` has it."""
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """What cannot be measured here, and why."""


class Stills(Sequence[Rgb]):
    """Small pictures, each read when it is looked at: those of a long film would not fit into memory together."""

    def __init__(self, kept: Sequence[Keyframe]) -> None:
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, at: int) -> Rgb: ...

    @overload
    def __getitem__(self, at: slice) -> Stills: ...

    def __getitem__(self, at: int | slice) -> Rgb | Stills:
        return Stills(self._kept[at]) if isinstance(at, slice) else self._kept[at].rgb


@dataclass(frozen=True)
class FilmReading:
    """What was measured of a film, and the pictures that show it; they can be looked at while the reading is open."""

    record: FilmRecord
    keyframes: Sequence[Rgb]
    """One per shot, small."""
    strip: Sequence[Rgb]
    """Evenly spaced in time."""


class Sinks:
    """The measures that one pass feeds; those that were not asked for are None."""

    def __init__(self, info: MediaInfo, wishes: Wishes) -> None:
        from backends.sound.meter import SoundMeter
        from backends.vision.apart import Apart, pays
        from backends.vision.camera.sink import CameraSink
        from backends.vision.coherence.identity import IdentityWatch
        from backends.vision.coherence.sink import CoherenceSink
        from backends.vision.composition.keyframes import PictureSink
        from backends.vision.composition.measure import CompositionSink
        from backends.vision.motion import MotionSink
        from backends.vision.quality import QualitySink
        from backends.vision.shots import CutSink

        asked = wishes.aspects
        self.cuts, self.quality = CutSink(info, wishes.sensitivity), QualitySink()
        self.keyframes = PictureSink(info)
        # What a shot shows is told with its camera, as it is searched for.
        self.camera = CameraSink(info) if {"camera", "content"} & set(asked) else None
        self.motion = MotionSink(self.camera)
        composed = {"composition", "shots", "content"} & set(asked)
        self.composition = CompositionSink(info, wishes.figures) if composed else None
        coherent = "coherence" in asked
        self.coherence = CoherenceSink(info, identity_mark=wishes.identity_mark) if coherent else None
        # Who is who is asked of an engine that this process holds.
        self.identity = IdentityWatch(wishes.identity) if coherent and wishes.identity is not None else None
        self.apart = Apart(self._movement) if coherent and pays(info.seconds) else None
        # Always heard: what is loud is lively, whatever was asked.
        self.sound = SoundMeter() if info.has_audio else None

    @property
    def pictures(self) -> list[FrameSink]:
        movement = [self.apart] if self.apart is not None else self._movement
        every = (self.cuts, self.quality, self.keyframes, self.composition, self.identity, *movement)
        return [sink for sink in every if sink is not None]

    @property
    def _movement(self) -> list[FrameSink]:
        """Those that need optical flow: about half of the work."""
        every = (self.camera, self.motion, self.coherence)
        return [sink for sink in every if sink is not None]

    @contextmanager
    def open(self) -> Iterator[None]:
        """What the sinks hold while they are looked into: a file of pictures, a process."""
        with self.keyframes, self.apart or nullcontext():
            yield

    def finish(self) -> None:
        """Call it when every frame was seen."""
        if self.apart is not None:
            *camera, self.motion, self.coherence = self.apart.finish()
            self.camera = camera[0] if camera else None
        if self.coherence is not None and self.identity is not None:
            self.coherence.join(self.identity)

    @property
    def sounds(self) -> list[SoundSink]:
        return [self.sound] if self.sound is not None else []


@contextmanager
def read_film(
    path: Path,
    wishes: Wishes,
    *,
    name: str = "",
    sha256: str = "",
    limits: MediaLimits | None = None,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float, float], None] = lambda seen, whole: None,
) -> Iterator[FilmReading]:
    """Decode the film once and measure what `wishes` asks for; the reading is open inside of `with`.

    on_progress: called with the seconds seen and the whole length. Raises UsageError when there is no picture in it.
    """
    from backends.media.probe import probe
    from backends.threads import one_thread
    from backends.vision.watch import watch
    from tools.analysis.assemble import assemble

    name = name or path.name
    info = probe(path, limits)
    if info.kind != "video":
        raise UsageError(f"'{name}' is not a film", f"it is {info.kind}", "Name a video")
    sinks = Sinks(info, wishes)
    with sinks.open():
        watched = watch(
            path,
            sinks.pictures,
            sinks.sounds,
            info=info,
            limits=limits,
            cancel=cancel,
            on_progress=lambda seconds: on_progress(min(seconds, info.seconds), info.seconds),
        )
        with one_thread():
            sinks.finish()
            shots = sinks.cuts.shots()
            if not shots:
                raise UsageError(f"'{name}' has no picture to look at", "not one of its frames can be shown")
            keyframes = Stills(kept := sinks.keyframes.pictures(shots))
            record = assemble(info, wishes, sinks, shots, kept.seconds, keyframes, watched, name=name, sha256=sha256)
        yield FilmReading(record, keyframes, Stills(sinks.keyframes.strip(STRIP_PICTURES)))
