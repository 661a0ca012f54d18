"""One pass over a film that feeds any number of measures of its picture and its sound, so that it is decoded once.

A thread decodes and scales ahead, by a few pictures, while the measures look at those before.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from types import TracebackType

from backends.media.guard import MediaLimits, sniff
from backends.media.picture_track import Shown
from backends.media.playback import Playback
from backends.media.probe import MediaInfo
from backends.media.sound_track import Heard
from backends.threads import one_thread
from backends.vision.frame import Frame, Frames, FrameSink, SoundBlock, SoundSink, show
from backends.vision.thresholds import thresholds
from configs.errors import UsageError

__all__ = ["FrameSink", "Watched", "listen", "watch"]

AT_ONCE = 16
"""Frames that the sinks are shown together."""
_TOGETHER = 8
"""Pictures and pieces of sound that the reader hands over at once: each time two threads must meet."""
_AHEAD = 3 * AT_ONCE // _TOGETHER
"""So often at most, not yet seen and heard: the reader goes on while the measures look at many frames together."""
_PROGRESS_SECONDS = 0.5
"""Of the film, between two calls of `on_progress`."""


@dataclass(frozen=True)
class Watched:
    """What a pass went over."""

    frames: int
    seconds: float
    """Of the picture; of the sound where there is no picture."""
    warnings: tuple[str, ...] = ()
    """What was odd about the file, one sentence each."""


def watch(
    path: Path,
    sinks: Sequence[FrameSink],
    sounds: Sequence[SoundSink] = (),
    *,
    info: MediaInfo | None = None,
    limits: MediaLimits | None = None,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Watched:
    """Show every frame of the film, made small, to all `sinks`, and let all `sounds` hear its first sound track.

    info: of `probe`, which spares looking at the file again. limits: a film whose header says nothing of its length is
    refused once it gets too long. cancel: called with every frame and every piece of sound; what it raises ends the
    pass. on_progress: called with the seconds seen.
    Raises UsageError when the file is no film, too long, or nothing of it can be decoded; a film that is damaged in
    part is measured as far as it can be read, which the warnings tell.
    """
    kind, demuxer = (info.kind, info.format) if info is not None else _sniffed(path, limits)
    if kind != "video":
        raise UsageError(f"'{path.name}' is not a film", f"it is {_A_KIND.get(kind, 'something else')}")
    playback = _playback(path, demuxer, picture=True, sound=bool(sounds), info=info, limits=limits)
    frames = _played(playback, sinks, sounds, cancel, on_progress)
    return Watched(frames, playback.picture_seconds, playback.warnings())


def listen(
    path: Path,
    sounds: Sequence[SoundSink],
    *,
    info: MediaInfo | None = None,
    limits: MediaLimits | None = None,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Watched:
    """Let all `sounds` hear the first sound track of a sound, or of a film from the film's time 0 on.

    The arguments are those of `watch`. Raises UsageError when it has none, is too long, or cannot be decoded.
    """
    kind, demuxer = (info.kind, info.format) if info is not None else _sniffed(path, limits)
    if kind not in ("audio", "video"):
        raise UsageError(f"'{path.name}' has no sound", f"it is {_A_KIND.get(kind, 'something else')}")
    playback = _playback(path, demuxer, picture=False, sound=True, info=info, limits=limits)
    _played(playback, (), sounds, cancel, on_progress)
    return Watched(0, playback.seconds, playback.warnings())


_A_KIND = {"image": "a picture", "audio": "a sound without pictures", "text": "a text", "subtitle": "subtitles"}


def _sniffed(path: Path, limits: MediaLimits | None) -> tuple[str, str]:
    found = sniff(path, limits)
    return found.kind, found.format


def _playback(
    path: Path, demuxer: str, *, picture: bool, sound: bool, info: MediaInfo | None, limits: MediaLimits | None
) -> Playback:
    limits = limits or MediaLimits()
    if info is not None:  # Whoever probed it may have let it in by other limits.
        seconds, pixels = max(limits.max_seconds, info.seconds + 60), max(limits.max_pixels, info.width * info.height)
        limits = replace(limits, max_seconds=seconds, max_pixels=pixels)
    side = thresholds().motion.width
    return Playback(path, demuxer, longest_side=side, picture=picture, sound=sound, limits=limits)


def _played(
    playback: Playback,
    sinks: Sequence[FrameSink],
    sounds: Sequence[SoundSink],
    cancel: Callable[[], None] | None,
    on_progress: Callable[[float], None] | None,
) -> int:
    """Hand around what is played; how many frames there were."""
    count, told = 0, 0.0
    taken: list[Frame] = []
    before: Frame | None = None
    with one_thread(), _Ahead(playback.play()) as pieces:
        for piece in pieces:
            if cancel is not None:
                cancel()
            if isinstance(piece, Shown):
                first = before if not taken else None
                taken.append(before := Frame(count, piece.seconds, piece.rgb, first, piece.duration))
                count += 1
                if len(taken) == AT_ONCE:
                    show(Frames(taken), sinks)
                    taken = []
            else:
                block = SoundBlock(piece.seconds, piece.stereo, piece.mono, piece.native, piece.native_rate)
                for sound in sounds:
                    sound.hear(block)
            if on_progress is not None and piece.seconds - told >= _PROGRESS_SECONDS:
                told = piece.seconds
                on_progress(told)
        if taken:
            show(Frames(taken), sinks)
    if on_progress is not None:
        on_progress(playback.picture_seconds or playback.seconds)
    return count


class _Ahead:
    """Iterates over `pieces` with a thread of its own that stays a little ahead, and ends with the `with` block.

    What the thread raises is raised here, after all that came before it.
    """

    def __init__(self, pieces: Generator[Shown | Heard, None, None]) -> None:
        self._pieces = pieces
        self._queue: Queue[list[Shown | Heard] | BaseException | None] = Queue(_AHEAD)
        self._stop = Event()
        self._thread = Thread(target=self._work, name="film ahead", daemon=True)

    def __enter__(self) -> Iterator[Shown | Heard]:
        self._thread.start()
        return self._taken()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        try:
            while True:
                self._queue.get_nowait()  # The thread may wait for room; it puts two more things at most.
        except Empty:
            self._thread.join()

    def _taken(self) -> Iterator[Shown | Heard]:
        while True:
            pieces = self._queue.get()
            if pieces is None:
                return
            if isinstance(pieces, BaseException):
                raise pieces
            yield from pieces

    def _work(self) -> None:
        end: BaseException | None = None
        some: list[Shown | Heard] = []
        try:
            with closing(self._pieces):
                for piece in self._pieces:
                    some.append(piece)
                    if len(some) == _TOGETHER:
                        self._queue.put(some)
                        some = []
                    if self._stop.is_set():
                        break
        except BaseException as error:  # raised again where the pieces are taken
            end = error
        if some:
            self._queue.put(some)
        self._queue.put(end)
