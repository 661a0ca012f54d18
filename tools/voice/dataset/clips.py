"""The second pass over a source: pieces cut out of the sound as it came, a few in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import rms_dbfs
from backends.voice.wav import resample, write_wav

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.vision.frame import SoundBlock

_FULL_SCALE = 0.999
_FADE_S = 0.005
_RATE = 48_000

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Cut:
    """A piece as it was cut."""

    file: Path
    """Mono, 16 bit."""
    seconds: float
    sample_rate: int
    clipped_share: float
    """Of its samples at full scale in the file as it came, the worst channel."""
    level_dbfs: float


def cut_clips(
    path: Path,
    spans: Sequence[tuple[float, float]],
    files: Sequence[Path],
    rate: int,
    *,
    info: MediaInfo | None = None,
    tags: dict[str, str] | None = None,
    cancel: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> list[Cut | None]:
    """Write each span (start, end seconds; in order of their starts) to its file; None for one beyond the end.

    rate: Hz of the clips; a source below it keeps its own. tags: of write_wav.
    Raises UsageError when the source cannot be decoded, StudioError when the disk is full.
    """
    from backends.vision.watch import listen

    knife = _Knife(spans, files, rate, tags or {})
    listen(path, [knife], info=info, cancel=cancel, on_progress=on_progress)
    knife.finish()
    return knife.cuts


class _Knife:
    """Keeps the sound that open pieces need, and no more."""

    def __init__(
        self, spans: Sequence[tuple[float, float]], files: Sequence[Path], rate: int, tags: dict[str, str]
    ) -> None:
        self._spans, self._files, self._rate, self._tags = spans, files, rate, tags
        self.cuts: list[Cut | None] = [None] * len(spans)
        self._next, self._open = 0, [0][:0]
        self._parts: list[tuple[int, Samples, NDArray[np.bool_]]] = []
        self._at, self._source_rate = 0, 0

    def hear(self, block: SoundBlock) -> None:
        mono, full, rate = _one_channel(block)
        if not len(mono):
            return
        self._source_rate = rate
        end = self._at + len(mono)
        while self._next < len(self._spans) and self._spans[self._next][0] * rate < end:
            self._open.append(self._next)
            self._next += 1
        if self._open:
            self._parts.append((self._at, mono, full))
        self._at = end
        self._close(end)

    def finish(self) -> None:
        """Pieces that the sound ended in are as long as it is."""
        self._close(self._at, last=True)

    def _close(self, end: int, *, last: bool = False) -> None:
        rate = self._source_rate
        done = [index for index in self._open if last or round(self._spans[index][1] * rate) <= end]
        if not done:
            return
        for index in done:
            self._write(index)
            self._open.remove(index)
        first = min((round(self._spans[index][0] * rate) for index in self._open), default=end)
        self._parts = [part for part in self._parts if part[0] + len(part[1]) > first]

    def _write(self, index: int) -> None:
        rate = self._source_rate
        first, last = (round(second * rate) for second in self._spans[index])
        sound: list[Samples] = []
        full = 0
        for at, mono, over in self._parts:
            begin, stop = max(0, first - at), min(len(mono), last - at)
            if stop > begin:
                sound.append(mono[begin:stop])
                full += int(over[begin:stop].sum())
        if not sound:
            return
        whole = np.concatenate(sound)
        wanted = min(self._rate, rate)
        made = _faded(resample(whole, rate, wanted), wanted)
        write_wav(self._files[index], made, wanted, tags=self._tags)
        self.cuts[index] = Cut(self._files[index], len(made) / wanted, wanted, full / len(whole), rms_dbfs(made))


def _one_channel(block: SoundBlock) -> tuple[Samples, NDArray[np.bool_], int]:
    """Mono samples, which of them are at full scale in any channel, and their rate.

    Of more than two channels ffmpeg's mix is taken: their mean would bury the voice in the middle.
    """
    native = block.native
    if native is None or native.shape[1] > 2:
        over = np.abs(block.stereo).max(axis=1) >= _FULL_SCALE
        return block.stereo.mean(axis=1).astype(np.float32), over, _RATE
    over = np.abs(native).max(axis=1, initial=0.0) >= _FULL_SCALE
    return native.mean(axis=1).astype(np.float32), over, block.native_rate


def _faded(samples: Samples, rate: int) -> Samples:
    """No click where the cut falls into a sound."""
    count = min(len(samples) // 2, round(_FADE_S * rate))
    if not count:
        return samples
    made = samples.copy()
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    made[:count] *= ramp
    made[-count:] *= ramp[::-1]
    return made
