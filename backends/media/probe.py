"""What is in a media file: lengths, sizes, rates, codecs. Read through PyAV with the sniffed format forced."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.container import film_stream, open_container, sound_stream, too_long
from backends.media.guard import MediaLimits, OpenMedia, open_media
from backends.media.signatures import MediaKind
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.video.stream import VideoStream

VFR_PACKETS = 240
"""Packets looked at to tell a constant from a variable frame rate."""
REORDER_PACKETS = 16
"""H.264 and H.265 reorder at most this many frames."""
VFR_TOLERANCE = 0.25
"""Frame intervals further than this share from their median make a variable frame rate (container rounding is less)."""


_ENDS_NOT_LENGTHS = "matroska"
"""What it calls its duration is the time of its end, also when its first picture comes late."""
_HEARSAY = frozenset({"aac", "mp3", "flac", "aiff", "flv"})
"""Their lengths are worked out from the rate of the first piece, which may change, or told by a header that knows
nothing of what was lost since: packets are counted instead."""
_SEGMENT = b"\x18\x53\x80\x67"
_HEADER_BYTES = 4096
"""Within so many bytes the first of Matroska's data begin."""


@dataclass(frozen=True)
class MediaInfo:
    kind: MediaKind
    format: str
    """ffmpeg's demuxer."""
    seconds: float = 0.0
    """0 for a picture."""
    width: int = 0
    """As shown, after rotation."""
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    """As the container says, else seconds x fps."""
    video_codec: str = ""
    audio_codec: str = ""
    sample_rate: int = 0
    channels: int = 0
    rotation: int = 0
    """0, 90, 180 or 270 degrees counter-clockwise, that a player must turn the stored pictures."""
    has_audio: bool = False
    sound_tracks: int = 0
    """That can be decoded; the first is the one that is heard."""
    vfr: bool = False
    """True when frames are not evenly spaced."""


def probe(path: Path, limits: MediaLimits | None = None) -> MediaInfo:
    """Facts about a picture, a sound or a film. Raises UsageError for anything else and for damaged files."""
    with open_media(path, limits) as media:
        if isinstance(media, OpenMedia):
            return probe_streams(path, media, limits)
    if media.kind == "image":
        return _probe_picture(path, media.format)
    raise UsageError(f"'{path.name}' is not a picture, sound or film", f"it is {media.mime}")


def _probe_picture(path: Path, demuxer: str) -> MediaInfo:
    from PIL import Image

    with Image.open(path) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        width, height = image.size[::-1] if turned else image.size
        codec = (image.format or "").lower()
    return MediaInfo("image", demuxer, width=width, height=height, frames=1, video_codec=codec)


def probe_streams(path: Path, media: OpenMedia, limits: MediaLimits | None = None) -> MediaInfo:
    """Facts about a sound or a film that is open already. Raises UsageError when it proves longer than allowed."""
    import av

    film, sound = media.film, media.sound
    seconds = (media.container.duration or 0) / av.time_base
    width = height = frames = rotation = 0
    fps, vfr, counted = 0.0, False, 0
    if film is not None:
        stream_seconds = float(film.duration * film.time_base) if film.duration and film.time_base else 0.0
        seconds = seconds or stream_seconds
        gap, vfr = _timing(path, media, film)
        if seconds and media.found.format == _ENDS_NOT_LENGTHS and media.pts and film.time_base:
            stream_seconds = seconds = seconds - max(0.0, float(min(media.pts) * film.time_base))
        fps = float(film.average_rate or film.base_rate or 0) or (1 / gap if gap else float(film.guessed_rate or 0))
        if not seconds or media.found.format in _HEARSAY or _is_torn(path, media.found.format):
            counted, seconds = _counted(path, media.found.format, "video", limits)
            stream_seconds = seconds
        frames = counted or film.frames or round((stream_seconds or seconds) * fps)
        rotation = round(media.first.rotation / 90) * 90 % 360 if isinstance(media.first, av.VideoFrame) else 0
        width, height = (film.height, film.width) if rotation in (90, 270) else (film.width, film.height)
    elif sound is not None and (not seconds or media.found.format in _HEARSAY or _is_torn(path, media.found.format)):
        seconds = _counted(path, media.found.format, "audio", limits)[1] or seconds
    return MediaInfo(
        kind=media.found.kind,
        format=media.found.format,
        seconds=seconds,
        width=width,
        height=height,
        fps=fps,
        frames=frames,
        video_codec=film.codec_context.name if film is not None else "",
        audio_codec=sound.codec_context.name if sound is not None else "",
        sample_rate=sound.sample_rate if sound is not None else 0,
        channels=sound.channels if sound is not None else 0,
        rotation=rotation,
        has_audio=sound is not None,
        sound_tracks=sum(stream.codec_context is not None for stream in media.container.streams.audio),
        vfr=vfr,
    )


def _timing(path: Path, media: OpenMedia, film: VideoStream) -> tuple[float, bool]:
    """The usual seconds between two frames (0 = unknown) and whether they vary, from packet times."""
    import av

    times = media.pts
    try:
        for packet in media.container.demux(film):
            if len(times) >= VFR_PACKETS:
                break
            if packet.pts is not None:
                times.append(packet.pts)
    except av.FFmpegError:
        pass  # A broken tail is told by whoever reads on; what came before it is enough here.
    times = sorted(times)
    if len(times) >= VFR_PACKETS:
        # Frames are stored out of order: the latest times seen may still have gaps that later packets fill.
        times = times[:-REORDER_PACKETS]
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    middle = gaps[len(gaps) // 2] if gaps else 0
    vfr = middle > 0 and any(abs(gap - middle) > max(VFR_TOLERANCE * middle, 1) for gap in gaps)
    return middle * float(film.time_base or 0), vfr


def _is_torn(path: Path, demuxer: str) -> bool:
    """Whether a Matroska file (WebM too) or an AVI is shorter than it says, as a broken download is."""
    if demuxer not in (_ENDS_NOT_LENGTHS, "avi"):
        return False
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if demuxer == "avi":
        return 8 + int.from_bytes(head[4:8], "little") > path.stat().st_size + 1  # a last odd byte may be missing
    at = head.find(_SEGMENT)
    if at < 0 or at + 12 > len(head):
        return False
    at += len(_SEGMENT)
    length = 9 - head[at].bit_length()
    if length > 8:
        return False
    bits = 7 * length
    size = int.from_bytes(head[at : at + length], "big") & ((1 << bits) - 1)
    unknown = size == (1 << bits) - 1  # it was recorded in one go, and its length is counted anyway
    return not unknown and at + length + size > path.stat().st_size


def _counted(path: Path, demuxer: str, kind: str, limits: MediaLimits | None) -> tuple[int, float]:
    """How many packets the first such stream has, and its seconds, for files that do not tell (recorded by browsers,
    or written into a pipe). Nothing is decoded.
    """
    import av

    most = limits or MediaLimits()
    count, first, last = 0, None, 0.0
    with open_container(path, demuxer) as container:
        stream = film_stream(container) if kind == "video" else sound_stream(container)
        if stream is None:
            return 0, 0.0
        base, gap = float(stream.time_base or 0), 0.0
        try:
            for packet in container.demux(stream):
                count += packet.size > 0
                if packet.pts is None:
                    continue
                at = packet.pts * base
                first = at if first is None else min(first, at)
                gap = (packet.duration or 0) * base or gap
                last = max(last, at + gap)
                if last - first > most.max_seconds:
                    raise too_long(path, last - first, most)
        except av.FFmpegError:
            pass  # a broken tail; what came before it counts
    return count, max(0.0, last - (first or 0.0))
