"""One pass over a film's sound: where somebody speaks, how loud it is, and vectors of the voices.

Works on pieces of two minutes, cut where it is quiet, so that a film of any length takes little memory; pieces that
were done before a stop are read from the cache.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.voice.speakers.activity import FRAME_S, RATE, spans_of, speech_probability
from backends.voice.speakers.likeness import SHORTEST_S, SpeakerEncoder

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.vision.frame import SoundBlock

PIECE_S, _SEARCH_S = 120.0, 15.0
HOP_S = 0.4
"""Between windows in running speech."""
_LENGTHS_S = (0.4, 0.6, 0.8, 1.2)
"""Of windows in speech too short for a whole one; the encoder's own length follows."""
_FRAME = round(FRAME_S * RATE)
_SILENT_DB = -100.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class VoiceTrack:
    """What was heard, on the film's time."""

    seconds: float
    probability: Floats
    """(F,) of speech, one per FRAME_S."""
    level_db: Floats
    """(F,) dBFS."""
    starts: Floats
    """(W,) seconds at which the windows begin, in order; no window holds a pause."""
    lengths: Floats
    """(W,) seconds."""
    vectors: Floats
    """(W, D) unit vectors."""
    clipped_s: float = 0.0
    """Seconds at full scale in the file as it came."""

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """Stretches of speech, (start, end) seconds."""
        return spans_of(self.probability, self.seconds)


def track_voices(
    path: Path,
    encoder: SpeakerEncoder,
    *,
    info: MediaInfo | None = None,
    cache: Path | None = None,
    cancel: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> VoiceTrack:
    """Hear a sound's or a film's first sound track once.

    cache: a folder of this file and this encoder; finished pieces are kept there. on_progress: seconds done.
    Raises UsageError when the file has no sound or cannot be decoded, Cancelled through `cancel`.
    """
    from backends.vision.watch import listen

    ear = TrackEar(encoder, cache, cancel, on_progress)
    listen(path, [ear], info=info, cancel=cancel)
    return ear.finish()


def windows_in(spans: tuple[tuple[float, float], ...], whole_s: float) -> list[tuple[float, float]]:
    """(start, length) of the windows that cover each span without leaving it; the shortest spans have none."""
    made: list[tuple[float, float]] = []
    for start, end in spans:
        size = end - start
        if size >= whole_s:
            last = end - whole_s
            firsts = [*np.arange(start, last, HOP_S).tolist(), last]
            if len(firsts) > 1 and last - firsts[-2] < HOP_S / 4:
                del firsts[-2]
            made += [(first, whole_s) for first in firsts]
        elif size >= SHORTEST_S:
            fitting = max(length for length in _LENGTHS_S if length <= size + 1e-6)
            made += [(start + (size - fitting) / 2, fitting)]
    return made


class TrackEar:
    """Collects the sound in pieces and measures each; others may hear the same sound beside it.

    Arguments as those of `track_voices`.
    """

    def __init__(
        self,
        encoder: SpeakerEncoder,
        cache: Path | None = None,
        cancel: Callable[[], None] = lambda: None,
        on_progress: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._encoder, self._cache, self._cancel, self._on_progress = encoder, cache, cancel, on_progress
        self._parts: list[Floats] = []
        self._held = self._given = 0
        self._pieces: list[tuple[Floats, ...]] = []
        self._clipped_s = 0.0

    def hear(self, block: SoundBlock) -> None:
        self._parts.append(block.mono)
        self._held += len(block.mono)
        if block.native is not None and block.native_rate:
            self._clipped_s += float((np.abs(block.native).max(axis=1, initial=0.0) >= 0.999).sum()) / block.native_rate
        if self._held >= PIECE_S * RATE:
            whole = np.concatenate(self._parts)
            cut = _quiet_cut(whole)
            self._measure(whole[:cut])
            self._parts, self._held = [whole[cut:]], len(whole) - cut

    def finish(self) -> VoiceTrack:
        """What was heard, once the sound has ended."""
        if self._held:
            self._measure(np.concatenate(self._parts))
        columns = [np.concatenate(column) for column in zip(*self._pieces, strict=True)] if self._pieces else []
        if not columns:
            columns = [np.zeros(0, np.float32)] * 4 + [np.zeros((0, 1), np.float32)]
        probability, level, starts, lengths, vectors = columns
        return VoiceTrack(self._given / RATE, probability, level, starts, lengths, vectors, self._clipped_s)

    def _measure(self, mono: Floats) -> None:
        """mono: a piece; its length is a whole number of frames, but for the last one."""
        self._cancel()
        offset = self._given / RATE
        file = self._cache / f"{len(self._pieces):04d}-{self._given}-{len(mono)}.npz" if self._cache else None
        found = _read(file) if file else None
        if found is None:
            found = self._heard(mono)
            if file:
                _write(file, found)
        probability, level, starts, lengths, vectors = found
        self._pieces.append((probability, level, (starts + offset).astype(np.float32), lengths, vectors))
        self._given += len(mono)
        self._on_progress(self._given / RATE)

    def _heard(self, mono: Floats) -> tuple[Floats, ...]:
        probability = speech_probability(mono, RATE)
        frames = np.pad(mono, (0, -len(mono) % _FRAME)).reshape(-1, _FRAME)
        power = (frames.astype(np.float64) ** 2).mean(axis=1)
        level = np.maximum(10 * np.log10(power + 1e-12), _SILENT_DB).astype(np.float32)
        windows = windows_in(spans_of(probability, len(mono) / RATE), self._encoder.window_s)
        by_length: dict[float, list[int]] = {}
        for index, (_, length) in enumerate(windows):
            by_length.setdefault(length, []).append(index)
        rows: dict[int, Floats] = {}
        for length, indices in sorted(by_length.items()):
            self._cancel()
            found = self._encoder.embed_windows(mono, RATE, [windows[i][0] for i in indices], length)
            rows |= dict(zip(indices, found, strict=True))
        heard = [i for i in range(len(windows)) if np.linalg.norm(rows[i]) > 0.5]
        starts = np.array([windows[i][0] for i in heard], np.float32)
        lengths = np.array([windows[i][1] for i in heard], np.float32)
        width = len(next(iter(rows.values()))) if rows else 0
        vectors = np.stack([rows[i] for i in heard]) if heard else np.zeros((0, width), np.float32)
        return probability, level, starts, lengths, vectors


def _quiet_cut(mono: Floats) -> int:
    """A whole number of frames: the middle of the quietest quarter second of the last part."""
    first = max(0, len(mono) - round(_SEARCH_S * RATE)) // _FRAME
    frames = len(mono) // _FRAME
    power = (mono[first * _FRAME : frames * _FRAME].reshape(-1, _FRAME).astype(np.float64) ** 2).mean(axis=1)
    calm = np.convolve(power, np.ones(8) / 8, mode="valid")
    return int((first + int(np.argmin(calm)) + 4) * _FRAME)


def _read(file: Path) -> tuple[Floats, ...] | None:
    """A piece's five arrays; None when it is not there or damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            return tuple(np.asarray(kept[name], np.float32) for name in _NAMES)
    except (OSError, KeyError, ValueError, EOFError):
        return None
    except Exception as error:  # zipfile's and zlib's own, of a file cut short
        del error
        return None


_NAMES = ("probability", "level", "starts", "lengths", "vectors")


def _write(file: Path, arrays: tuple[Floats, ...]) -> None:
    """Through a temporary file; a full disk only costs the resume."""
    draft = file.with_suffix(".part")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as handle:
            np.savez(handle, **dict(zip(_NAMES, arrays, strict=True)))  # type: ignore[arg-type]
        draft.replace(file)
