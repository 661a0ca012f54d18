"""A film or a sound played once from its beginning: its pictures, made small, and its sound, as the file holds them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.media.container import (
    TORN_BY_THREADS,
    MediaLimits,
    damaged,
    decoded,
    film_streams,
    open_container,
    refuse_more_pixels,
    sound_stream,
    too_long,
)
from backends.media.notes import Damage, Lengths, damage_notes, length_notes, sound_notes, stream_notes
from backends.media.picture_track import PictureTrack, Shown
from backends.media.sound_track import Heard, SoundTrack
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

_DECODER_THREADS = 2
_LARGE_PIXELS = 4096 * 2304
_MUCH_LARGER = 3
"""Times its size that a picture is decoded at: then edges of coded blocks need no smoothing where no other picture
builds on them. It spares a sixth of the decoding, and moves a level of one pixel in a hundred by one."""
"""Decoding frames side by side keeps more of them in memory: larger ones are decoded one after the other."""


class Playback:
    """One pass over a file's first film and first sound track."""

    def __init__(
        self, path: Path, demuxer: str, *, longest_side: int, picture: bool, sound: bool, limits: MediaLimits
    ) -> None:
        """demuxer: what the guard found; longest_side: of the pictures, pixels; picture, sound: what is wanted, a
        film without sound is played silently; limits: past which the film is refused as too long.
        """
        self._path, self._demuxer, self._longest_side, self._limits = path, demuxer, longest_side, limits
        self._wants_picture, self._wants_sound = picture, sound
        self._lost, self._lost_sound = Damage(), Damage()
        self._broken_off = False
        self._pictures: PictureTrack | None = None
        self._track: SoundTrack | None = None
        self._origin: Fraction | None = None
        self._promised = 0.0
        self._notes: list[str] = []

    @property
    def seconds(self) -> float:
        """How much has been played."""
        return max(
            self._pictures.seconds if self._pictures is not None else 0.0,
            self._track.seconds if self._track is not None else 0.0,
        )

    @property
    def picture_seconds(self) -> float:
        """How much of the picture has been played."""
        return self._pictures.seconds if self._pictures is not None else 0.0

    def warnings(self) -> tuple[str, ...]:
        """What the reader should know of the file, when all has been played."""
        pictures, track = self._pictures, self._track
        notes = [*self._notes, *(pictures.notes() if pictures is not None else [])]
        notes += damage_notes("piece of the picture", "pieces of the picture", "could not be read", self._lost)
        notes += damage_notes("piece of the sound", "pieces of the sound", "could not be read", self._lost_sound)
        lengths = Lengths(
            self.picture_seconds, track.seconds if track is not None and pictures is not None else None, self._promised
        )
        notes += length_notes(lengths, end=self.seconds, broken_off=self._broken_off)
        if track is not None:
            notes += sound_notes(track.late, track.cut_before, track.gaps, track.overlaps)
        return tuple(f"{note}." for note in notes)

    def play(self) -> Generator[Shown | Heard, None, None]:
        """Raises UsageError when the file has nothing of what is wanted, cannot be decoded, or is too long."""
        with open_container(self._path, self._demuxer) as container:
            films = film_streams(container)
            if films and films[0].start_time is not None and films[0].time_base:
                self._origin = films[0].start_time * films[0].time_base
            film = films[0] if films and self._wants_picture else None
            sound = sound_stream(container) if self._wants_sound else None
            if film is None and (sound is None or self._wants_picture):
                missing = "picture" if self._wants_picture else "sound"
                raise UsageError(f"'{self._path.name}' has no {missing}", f"there is no {missing} track in it")
            self._prepare(container, film, sound)
            for packet in self._demuxed(container, [stream for stream in (film, sound) if stream is not None]):
                yield from self._played(packet)
            yield from self._finish()

    def _prepare(self, container: InputContainer, film: VideoStream | None, sound: AudioStream | None) -> None:
        from av.stream import Discard

        for stream in container.streams:
            if stream is not film and stream is not sound:
                stream.discard = Discard.all
        if film is not None:
            whole = film.width * film.height <= _LARGE_PIXELS and film.codec_context.name != TORN_BY_THREADS
            film.thread_type = "AUTO" if whole else "SLICE"
            film.codec_context.thread_count = _DECODER_THREADS
            if max(film.width, film.height) >= _MUCH_LARGER * (self._longest_side or film.width):
                film.codec_context.options = {"skip_loop_filter": "noref"}
            refuse_more_pixels(film, self._limits.max_pixels)
            self._pictures = PictureTrack(film, self._longest_side)
        self._promised = _promised_end(container, film, sound, self._origin)
        self._notes = stream_notes(
            films=len(film_streams(container)) if film is not None else 0,
            sounds=len(container.streams.audio) if sound is not None else 0,
            unknown_sound=self._wants_sound and sound is None and bool(container.streams.audio),
        )

    def _demuxed(self, container: InputContainer, streams: list[VideoStream | AudioStream]) -> Iterator[Packet[Any]]:
        import av

        try:
            yield from container.demux(*streams)
        except (av.FFmpegError, OSError):
            self._broken_off = True

    def _played(self, packet: Packet[Any]) -> Iterator[Shown | Heard]:
        import av

        lost = self._lost if packet.stream.type == "video" else self._lost_sound
        for frame in decoded(packet, lambda: lost.add(self._seconds_of(packet))):
            if isinstance(frame, av.VideoFrame) and self._pictures is not None:
                yield from self._pictures.take(frame)
            elif isinstance(frame, av.AudioFrame) and frame.samples:
                if self._track is None:
                    self._track = SoundTrack(frame, self._origin, self._limits.max_seconds)
                yield from self._track.take(frame)
        if self.seconds > self._limits.max_seconds:
            raise too_long(self._path, self.seconds, self._limits)

    def _finish(self) -> Iterator[Shown | Heard]:
        if self._pictures is not None:
            if not self._pictures.count:
                raise damaged(self._path, "not one of its frames can be shown")
            yield from self._pictures.finish()
        if self._track is not None:
            yield from self._track.finish()
        elif self._pictures is None:
            raise damaged(self._path, "its sound track is empty")

    def _seconds_of(self, packet: Packet[Any]) -> float:
        if packet.pts is None or not packet.time_base:
            return self.seconds
        return max(0.0, float(packet.pts * packet.time_base - (self._origin or 0)))


def _promised_end(
    container: InputContainer, film: VideoStream | None, sound: AudioStream | None, origin: Fraction | None
) -> float:
    """When the played streams end by the file's own word, seconds from the film's time 0; 0 = it says nothing."""
    import av

    played = [stream for stream in (film, sound) if stream is not None]
    ends = [_promised_by(stream) for stream in played]
    if not all(ends) and len(played) == len(container.streams):
        ends = [((container.duration or 0) + (container.start_time or 0)) / av.time_base]
    return max(0.0, max(ends) - float(origin or 0)) if all(ends) else 0.0


def _promised_by(stream: Stream) -> float:
    if stream.duration and stream.time_base:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")  # Matroska's tag, as mkvmerge and ffmpeg write
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
