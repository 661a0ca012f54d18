"""Films and sounds that PyAV has open: which of their streams count, what a packet gives, how large they may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from configs.settings import UploadSettings

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_HAS_AN_INDEX = "mov"
"""Sizes, times and the order of pictures are in it, so that nothing need be decoded to know them."""
TORN_BY_THREADS = "theora"
"""FFmpeg 8's decoder hands frames over before its other threads have finished them, now and then."""
_TELLS_ALL_IN_ITS_HEADER = frozenset({"mov", "matroska"})


@dataclass(frozen=True)
class MediaLimits:
    """What is refused before anything is decoded."""

    max_pixels: int = 64_000_000
    max_seconds: float = 4 * 3600
    max_mib: float = 500

    @classmethod
    def of(cls, uploads: UploadSettings) -> MediaLimits:
        """The limits that the user's settings name."""
        return cls(uploads.max_pixels, uploads.max_video_seconds, uploads.max_mib)


def open_container(path: Path, demuxer: str, *, quick: bool = False) -> InputContainer:
    """The file opened by PyAV with the reader forced, so that it can never become a playlist.

    quick: rely on the header where it tells all, instead of decoding up to twenty frames ahead.
    Raises UsageError when it is damaged.
    """
    import av

    options = {"protocol_whitelist": "file"}
    if demuxer == _HAS_AN_INDEX:
        # Else it decodes pictures, for 50 ms at 1080p, to tell the kind of pixels, which nobody asks that early.
        options["skip_frame"] = "all"
    if quick and demuxer in _TELLS_ALL_IN_ITS_HEADER:
        options["probesize"] = "32"
    try:
        return av.open(str(path.absolute()), format=demuxer, options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        raise damaged(path) from error


def film_streams(container: InputContainer) -> list[VideoStream]:
    """The real video streams that can be decoded; a song's cover picture is none."""
    return [stream for stream in container.streams.video if not is_cover(stream) and stream.codec_context is not None]


def film_stream(container: InputContainer) -> VideoStream | None:
    """The first real video stream."""
    return next(iter(film_streams(container)), None)


def refuse_more_pixels(film: VideoStream, most: int) -> None:
    """Tell the decoder how large a picture may be: what is in a packet may be larger than any header says."""
    film.codec_context.options = {**film.codec_context.options, "max_pixels": str(most)}


def decoded(packet: Packet[Any], on_error: Callable[[], None] | None = None) -> Sequence[Any]:
    """The frames that come out with this packet; of a packet that is broken none, and `on_error` is called."""
    import av

    try:
        return packet.decode()
    except EOFError:  # a decoder that was already emptied
        return ()
    except (av.FFmpegError, ValueError):
        if on_error is not None:
            on_error()
        return ()


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound track that can be decoded."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def is_cover(stream: VideoStream) -> bool:
    """Whether it is a song's cover picture."""
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def damaged(path: Path, cause: str = "its contents cannot be read") -> UsageError:
    """The one sentence for a broken file."""
    return UsageError(f"'{path.name}' is damaged or cut short", cause, "Export or download it again")


def too_long(path: Path, seconds: float, limits: MediaLimits) -> UsageError:
    """The one sentence for a film or a sound of too many `seconds`."""
    return UsageError(
        f"'{path.name}' is too long",
        f"{seconds / 60:.0f} minutes; {limits.max_seconds / 60:g} are allowed",
        "Cut it first, or raise uploads.max_video_seconds",
    )
