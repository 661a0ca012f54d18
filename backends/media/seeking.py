"""Where a film has to be entered so that the picture which is on screen at a moment is among what is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.clock import origin_of
from backends.media.container import film_stream, open_container
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

BLIND = frozenset({"mpegts", "mpeg", "ogg"})
"""Formats without an index: their readers seek to any picture, and what is decoded begins with the next key frame."""
_BACK_SECONDS = 1.0
"""How far back the first look for a key frame goes; then twice as far, and so on."""
_ROUNDING = Fraction(1, 2000)
"""Seconds by which a container's clock may round."""
_USUAL_RATE = 25


@dataclass(frozen=True)
class Entry:
    """Both in seconds from the container's beginning, as `-ss` counts them."""

    seek: Fraction
    """Where to seek to: a little before a frame from which decoding can begin."""
    shown: Fraction
    """A little before the frame that is on screen at the moment asked for."""


def entry_before(path: Path, demuxer: str, seconds: Fraction) -> Entry:
    """How to reach the frame on screen at `seconds` (from the container's beginning), however long ago it began.

    Reads packets only, none is decoded. Raises UsageError when the file is damaged or no film.
    """
    with open_container(path, demuxer) as container:
        stream = film_stream(container)
        if stream is None or not stream.time_base:
            raise UsageError(f"'{path.name}' is not a film", f"it is read as {demuxer}")
        begin = _begin(container)
        found = _key_and_shown(container, stream, begin + seconds, begin)
        if found is None:
            return Entry(Fraction(0), Fraction(0))
        key, shown = (max(Fraction(0), at - begin - _ROUNDING) for at in found)
        return Entry(key if demuxer in BLIND else shown, shown)


def seek_blindly(container: InputContainer, stream: VideoStream, pts: int) -> None:
    """Seek in a format without an index, so that the frame on screen at `pts` comes out of the decoder."""
    assert stream.time_base
    begin, target = _begin(container), pts * stream.time_base
    found = _key_and_shown(container, stream, target, begin)
    for at in _steps_back(found[0] if found is not None else begin, begin):
        _seek(container, at)
        keys = (one.pts for one in container.demux(stream) if one.pts is not None and one.is_keyframe)
        first = next(keys, None)
        if found is None or at <= begin or (first is not None and first * stream.time_base <= found[0]):
            _seek(container, at)
            return


def beginnings(path: Path, demuxer: str, first: int | None) -> tuple[Fraction, Fraction]:
    """Time 0 of a film, for its picture and for its sound, in seconds from the container's beginning.

    first: pts of its first frame. A film begins with its first picture, also when its sound begins before. Files that
    store no showing times give the picture some frames late; their sound is not.
    """
    with open_container(path, demuxer) as container:
        stream = film_stream(container)
        if stream is None or not stream.time_base:
            return Fraction(0), Fraction(0)
        base, begin = stream.time_base, _begin(container)
        step = 1 / ((stream.average_rate or stream.guessed_rate or _USUAL_RATE) * base)
        picture = origin_of(stream.start_time, first, float(step))
        sound = stream.start_time if stream.start_time is not None else picture
        found = (at * base - begin if at is not None else Fraction(0) for at in (picture, sound))
        one, two = (at if at > _ROUNDING else Fraction(0) for at in found)
        return one, two


def _begin(container: InputContainer) -> Fraction:
    import av

    return Fraction(container.start_time or 0, av.time_base)


def _seek(container: InputContainer, seconds: Fraction) -> None:
    import av

    container.seek(int(seconds * av.time_base))


def _steps_back(at: Fraction, begin: Fraction) -> Iterator[Fraction]:
    """`at`, then ever earlier moments, the last of them well before `begin`: pictures are stored before they are
    shown.
    """
    back = Fraction(_BACK_SECONDS)
    yield at
    while at > begin:
        at = max(begin - 2, at - back)
        back *= 2
        yield at


def _key_and_shown(
    container: InputContainer, stream: VideoStream, target: Fraction, begin: Fraction
) -> tuple[Fraction, Fraction] | None:
    """Seconds of the last key frame and of the last frame at or before `target`; None when there is no key frame."""
    for at in _steps_back(target, begin):
        _seek(container, at)
        found = _last_before(container, stream, target)
        if found is not None:
            return found
    return None


def _last_before(container: InputContainer, stream: VideoStream, target: Fraction) -> tuple[Fraction, Fraction] | None:
    import av

    key: Fraction | None = None
    shown = Fraction(0)
    base = stream.time_base or Fraction(1)
    try:
        for packet in container.demux(stream):
            if packet.pts is None or not packet.size:  # in Theora, an empty one means that nothing has changed
                continue
            at = packet.pts * base
            if at <= target + _ROUNDING:
                shown = at if key is None else max(shown, at)
                key = at if packet.is_keyframe else key
            elif packet.dts is not None and packet.dts * base > target:
                break
    except av.FFmpegError:
        pass  # what came before the broken part is enough
    return (key, max(shown, key)) if key is not None else None
