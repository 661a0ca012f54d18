"""The door for every file that a reader is about to open: what it really is, or one sentence why not."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.container import (
    MediaLimits,
    damaged,
    decoded,
    film_stream,
    is_cover,
    open_container,
    refuse_more_pixels,
    sound_stream,
    too_long,
)
from backends.media.signatures import (
    HEAD_BYTES,
    MediaKind,
    Signature,
    as_text,
    binary_signature,
    playlist_name,
    text_signature,
)
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = [
    "MEDIA_ENDINGS",
    "MediaLimits",
    "OpenMedia",
    "SniffedFile",
    "damaged",
    "film_stream",
    "open_container",
    "open_media",
    "sniff",
]

MEDIA_ENDINGS = frozenset(
    {"mp4", "m4v", "m4a", "mov", "mkv", "webm", "avi", "flv", "wmv", "ts", "mts", "mpg", "mpeg", "ogv", "3gp"}
    | {"mp3", "wav", "flac", "ogg", "opus", "aac", "aiff", "wma"}
    | {"png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "avif", "heic"}
)
"""File endings that promise a picture, a sound or a film; a text with such a name is refused."""
_BROKEN_PACKETS = 250
"""So many packets may be unreadable before the first frame: a recording can begin in the middle of its pictures."""

_MP4_BOXES = frozenset(
    {b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"free", b"skip", b"wide", b"uuid", b"meta"}
)


@dataclass(frozen=True)
class SniffedFile:
    """What a file is by its content."""

    kind: MediaKind
    format: str
    """ffmpeg's demuxer to force ('' = not for ffmpeg)."""
    mime: str


@dataclass
class OpenMedia:
    """A sound or a film that was let in and is open, and what was read of it so far."""

    found: SniffedFile
    container: InputContainer
    film: VideoStream | None
    sound: AudioStream | None
    first: VideoFrame | AudioFrame
    """Of the film, else of the sound."""
    pts: list[int] = field(default_factory=list)
    """Of the packets that were read for it."""


def sniff(path: Path, limits: MediaLimits | None = None) -> SniffedFile:
    """What the file is, by its content and never by its name; pictures are judged by their header only.

    Raises UsageError in one sentence for a missing, empty, too large, damaged or unknown file, and for playlists
    and other texts that would make a media reader open further files.
    """
    found, stream = _look(path, limits or MediaLimits())
    if stream is None:
        return found
    with _let_in(path, stream, limits or MediaLimits()) as media:
        return media.found


@contextmanager
def open_media(path: Path, limits: MediaLimits | None = None) -> Iterator[OpenMedia | SniffedFile]:
    """What `sniff` says, and a sound or a film stays open, so that whoever needs more facts need not open it again."""
    found, stream = _look(path, limits or MediaLimits())
    if stream is None:
        yield found
        return
    with _let_in(path, stream, limits or MediaLimits()) as media:
        yield media


def _look(path: Path, limits: MediaLimits) -> tuple[SniffedFile, Signature | None]:
    """The file by its first bytes; a signature when its streams must be looked at too."""
    head, size = _read_head(path, limits)
    signature = binary_signature(head)
    if signature is None:
        return _sniff_other(path, head), None
    if signature.kind == "image":
        _check_picture(path, limits)
        return _sniffed(signature), None
    if signature.demuxer == "mov":
        _check_boxes(path, size)
    return _sniffed(signature), signature


def _read_head(path: Path, limits: MediaLimits) -> tuple[bytes, int]:
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(f"'{path.name}' is not a file", fix="Name a picture, sound, film or text file")
        if info.st_size == 0:
            raise UsageError(f"'{path.name}' is empty", "it has 0 bytes", "Attach the file again")
        if info.st_size > limits.max_mib * 1024 * 1024:
            raise UsageError(
                f"'{path.name}' is too large",
                f"{info.st_size / 1024 / 1024:.0f} MiB, the limit is {limits.max_mib:g} MiB",
                "Shorten it, or raise uploads.max_mib",
            )
        with path.open("rb") as file:
            return file.read(HEAD_BYTES), info.st_size
    except FileNotFoundError as error:
        if len(path.parts) > 1 and len(path.parts[0]) > 2 and path.parts[0].endswith(":"):
            raise UsageError(
                f"'{path.name}' is an address, not a file",
                "the studio reads nothing from the network",
                "Download it first",
            ) from error
        raise UsageError(f"There is no file '{path.name}'", fix="Check its name") from error
    except OSError as error:
        raise UsageError(f"'{path.name}' cannot be read", error.strerror or "the system refused") from error


def _sniffed(signature: Signature) -> SniffedFile:
    return SniffedFile(signature.kind, signature.demuxer, signature.mime)


def _sniff_other(path: Path, head: bytes) -> SniffedFile:
    """Text, an archive, or garbage."""
    promises_media = path.suffix.lower().lstrip(".") in MEDIA_ENDINGS
    text = as_text(head)
    if text is not None:
        if found := playlist_name(text):
            raise UsageError(
                f"'{path.name}' is {found}, not a media file",
                "it would make the studio open other files",
                "Attach the film or the sound itself",
            )
        if promises_media:
            raise UsageError(
                f"'{path.name}' is a text file, whatever its name says", "no picture, sound or film is in it"
            )
        return _sniffed(text_signature(text))
    if head.startswith(b"PK\x03\x04") and _is_timeline_bundle(path):
        return SniffedFile("timeline", "", "application/vnd.otioz+zip")
    import filetype

    guess = filetype.guess(head)
    if guess is None or promises_media or guess.mime.split("/")[0] in ("image", "audio", "video"):
        raise UsageError(
            f"'{path.name}' is not a picture, sound, film, subtitle, timeline or text that the studio can read",
            f"it looks like {guess.mime}" if guess else "its contents match no known format",
            "Convert it to PNG, WAV or MP4 first",
        )
    return SniffedFile("unknown", "", guess.mime)


def _is_timeline_bundle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as bundle:
            return "content.otio" in bundle.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _check_picture(path: Path, limits: MediaLimits) -> None:
    """Read the header (and a PNG's checksums); never the pixels."""
    from PIL import Image

    too_many = f"'{path.name}' has too many pixels"
    allowed = f"{limits.max_pixels / 1e6:g} megapixels are allowed"
    fix = "Make it smaller first, or raise uploads.max_pixels"
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > limits.max_pixels:
                raise UsageError(too_many, f"{width}x{height}; {allowed}", fix)
            image.verify()
    except Image.DecompressionBombError as error:
        raise UsageError(too_many, allowed, fix) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise damaged(path) from error


def _check_boxes(path: Path, size: int) -> None:
    """Walk the top-level boxes of an MP4/MOV: one that is longer than the file means it was cut short."""
    at = 0
    names: set[bytes] = set()
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, name = struct.unpack(">I4s", file.read(8))
            if length == 1:
                length = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))[0]
            elif length == 0:
                length = size - at
            if name not in _MP4_BOXES and {b"moov", b"mdat"} <= names:
                break  # junk that a sloppy program left after a whole film
            if length < 8 or at + length > size:
                raise damaged(path, "it ends in the middle")
            names.add(name)
            at += length
    if b"moov" not in names:
        raise damaged(path, "its index is missing")


@contextmanager
def _let_in(path: Path, signature: Signature, limits: MediaLimits) -> Iterator[OpenMedia]:
    """Open it with the forced reader, check its limits and decode one frame of its main stream."""
    import av

    with open_container(path, signature.demuxer, quick=True) as container:
        film = film_stream(container)
        sound = sound_stream(container)
        if film is not None:
            _check_pixels(path, film.width, film.height, limits)
            refuse_more_pixels(film, limits.max_pixels)
        seconds = (container.duration or 0) / av.time_base
        if seconds > limits.max_seconds:
            raise too_long(path, seconds, limits)
        pts: list[int] = []
        first = _first_frame(path, container, film or sound, pts)
        if film is not None and isinstance(first, av.VideoFrame):
            _check_pixels(path, first.width, first.height, limits)
        yield OpenMedia(_named(signature, film is not None), container, film, sound, first, pts)


def _check_pixels(path: Path, width: int, height: int, limits: MediaLimits) -> None:
    if width * height > limits.max_pixels:
        raise UsageError(
            f"'{path.name}' has too many pixels",
            f"{width}x{height}; {limits.max_pixels / 1e6:g} megapixels are allowed",
            "Make it smaller first, or raise uploads.max_pixels",
        )


def _first_frame(
    path: Path, container: InputContainer, main: VideoStream | AudioStream | None, pts: list[int]
) -> VideoFrame | AudioFrame:
    """The first frame that can be decoded; the pts of the packets that it took are added to `pts`."""
    import av

    unknown = any(stream.codec_context is None and not is_cover(stream) for stream in container.streams.video)
    if main is None or (unknown and main.type != "video"):
        raise _nothing_to_decode(path, container)
    broken: list[int] = []
    try:
        for packet in container.demux(main):
            if packet.pts is not None:
                pts.append(packet.pts)
            for frame in decoded(packet, lambda: broken.append(1)):
                if isinstance(frame, av.VideoFrame | av.AudioFrame):
                    return frame
            if len(broken) > _BROKEN_PACKETS:
                break
    except (av.FFmpegError, ValueError) as error:
        raise damaged(path) from error
    raise damaged(path)


def _nothing_to_decode(path: Path, container: InputContainer) -> UsageError:
    streams = [*container.streams.video, *container.streams.audio]
    if not streams:
        return damaged(path, "it has neither pictures nor sound")
    if any(stream.codec_context is None for stream in streams):
        return UsageError(
            f"'{path.name}' cannot be decoded", "its format is not known here", "Convert it to H.264 first"
        )
    return UsageError(f"'{path.name}' has a cover picture only", "there is neither a film nor a sound in it")


def _named(signature: Signature, film: bool) -> SniffedFile:
    if film:
        mime = "video/ogg" if signature.demuxer == "ogg" else signature.mime
        return SniffedFile("video", signature.demuxer, mime)
    mime = {"mov": "audio/mp4", "matroska": "audio/x-matroska"}.get(signature.demuxer, signature.mime)
    return SniffedFile("audio", signature.demuxer, mime)
