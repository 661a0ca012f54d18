"""A sound track as one unbroken row of samples from the film's time 0 on, whatever its time stamps say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.clock import RESET_SECONDS

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

STEREO_RATE, MONO_RATE = 48_000, 16_000
"""Hz."""
BLOCK_SECONDS = 0.5
SLACK_SECONDS = 0.04
"""One frame of a film: containers round times, and less than this is no gap that anybody hears or sees."""
_MONO_IN_STEREO = np.float32(0.5**0.5)
"""ffmpeg's mixing: one channel keeps its power when it is spread over two."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """A piece of the track in three forms; see `SoundBlock`."""

    seconds: float
    stereo: Samples
    """(n, 2) at STEREO_RATE."""
    mono: Samples
    """(m,) at MONO_RATE: the mean of `stereo`, or the one channel as it is."""
    native: Samples
    """(k, channels) at `native_rate`."""
    native_rate: int


class SoundTrack:
    """Puts decoded pieces of sound in their places: gaps become silence, what overlaps or lies before time 0 is cut."""

    def __init__(self, first: AudioFrame, origin: Fraction | None, longest: float) -> None:
        """first: tells rate and channels; origin: the film's time 0 in the file's seconds, None = the track's own
        beginning; longest: seconds, later time stamps are not believed.
        """
        import av

        self._rate, self._layout, self._channels = first.sample_rate, first.layout.name, first.layout.nb_channels
        self._origin, self._longest = origin, longest
        self._shift = 0.0
        self._placed = self._given = self._waiting = 0
        self._parts: list[Samples] = []
        self._mixed = self._channels > 2 and _is_known(self._layout)
        mono_rate = self._rate if self._channels == 1 else STEREO_RATE
        straight = self._rate == STEREO_RATE and not self._mixed
        self._wide = None if straight else av.AudioResampler(format="fltp", layout="stereo", rate=STEREO_RATE)
        self._narrow = (
            None if mono_rate == MONO_RATE else av.AudioResampler(format="fltp", layout="mono", rate=MONO_RATE)
        )
        self.cut_before = 0.0
        """Seconds of sound that lay before the film's time 0."""
        self.late = 0.0
        """Seconds of silence before the first sound."""
        self.gaps = self.overlaps = 0.0
        """Seconds of silence put in, and of sound left out, after that."""

    @property
    def seconds(self) -> float:
        """How much has been placed."""
        return self._placed / self._rate

    def take(self, frame: AudioFrame) -> Iterator[Heard]:
        """The blocks that are full once this piece is in its place."""
        at = None if frame.pts is None or not frame.time_base else frame.pts * frame.time_base
        if at is not None and self._origin is None:
            self._origin = at
        samples = self._as_first(frame)
        if at is not None and self._origin is not None:
            seconds = float(at - self._origin) + self._shift
            drift = seconds - self.seconds
            if (drift < -RESET_SECONDS and self._placed) or seconds > self._longest:
                self._shift -= drift  # The clock began anew: the sound goes on.
            elif abs(drift) > SLACK_SECONDS or not self._placed:
                yield from self._silence(drift)
                samples = self._without_overlap(samples, -drift)
        yield from self._add(samples)

    def finish(self) -> Iterator[Heard]:
        """The rest, when the track is over."""
        if self._given or self._waiting:
            yield self._block(last=True)

    def _as_first(self, frame: AudioFrame) -> Samples:
        """(channels, n) in the first frame's rate and layout, should they change on the way."""
        if frame.sample_rate == self._rate and frame.layout.nb_channels == self._channels:
            return _floats(frame)
        import av

        changed = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        frame.pts = None
        return _joined([*changed.resample(frame), *changed.resample(None)], self._channels)

    def _silence(self, seconds: float) -> Iterator[Heard]:
        missing = round(seconds * self._rate)
        if missing <= 0:
            return
        if self._placed:
            self.gaps += seconds
        else:
            self.late = seconds
        step = round(BLOCK_SECONDS * self._rate)
        for start in range(0, missing, step):
            yield from self._add(np.zeros((self._channels, min(step, missing - start)), np.float32))

    def _without_overlap(self, samples: Samples, seconds: float) -> Samples:
        surplus = min(samples.shape[1], max(0, round(seconds * self._rate)))
        if self._placed:
            self.overlaps += surplus / self._rate
        else:
            self.cut_before += surplus / self._rate
        return samples[:, surplus:]

    def _add(self, samples: Samples) -> Iterator[Heard]:
        self._parts.append(samples)
        self._placed += samples.shape[1]
        self._waiting += samples.shape[1]
        if self._waiting >= BLOCK_SECONDS * self._rate:
            yield self._block()

    def _block(self, *, last: bool = False) -> Heard:
        native = np.concatenate(self._parts, axis=1) if self._parts else np.zeros((self._channels, 0), np.float32)
        self._parts, self._waiting = [], 0
        stereo = _through(self._wide, self._two(native), self._layout if self._mixed else "stereo", self._rate, last)
        if self._channels == 1:
            mono = _through(self._narrow, native, "mono", self._rate, last)
        else:
            # Never the resampler's own stereo-to-mono: it keeps the power, so equal channels would exceed 1.
            mono = _through(self._narrow, stereo.mean(axis=0, keepdims=True), "mono", STEREO_RATE, last)
        heard = Heard(
            self._given / STEREO_RATE,
            np.ascontiguousarray(stereo.T),
            np.ascontiguousarray(mono[0]),
            np.ascontiguousarray(native.T),
            self._rate,
        )
        self._given += stereo.shape[1]
        return heard

    def _two(self, native: Samples) -> Samples:
        """Two channels, unless ffmpeg knows better how to mix them."""
        if self._channels == 1:
            return np.repeat(native * _MONO_IN_STEREO, 2, axis=0)
        if self._channels == 2 or self._mixed:
            return native
        return np.repeat(native.mean(axis=0, keepdims=True, dtype=np.float32), 2, axis=0)


def _is_known(layout: str) -> bool:
    import av

    try:
        return av.AudioLayout(layout).nb_channels > 0
    except ValueError:
        return False


def _through(resampler: AudioResampler | None, samples: Samples, layout: str, rate: int, last: bool) -> Samples:
    """(channels, n) float32 through a resampler, which keeps what it cannot give yet until the `last`."""
    if resampler is None:
        return samples
    import av

    made: list[AudioFrame] = []
    if samples.shape[1]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        made += resampler.resample(frame)
    if last:
        made += resampler.resample(None)
    return _joined(made, resampler.layout.nb_channels)


def _joined(frames: Sequence[AudioFrame], channels: int) -> Samples:
    if not frames:
        return np.zeros((channels, 0), np.float32)
    return np.concatenate([_floats(frame) for frame in frames], axis=1)


def _floats(frame: AudioFrame) -> Samples:
    """(channels, n) float32, full scale = 1, of any sample format."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        samples = samples.astype(np.float32) / 128 - 1
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32)
