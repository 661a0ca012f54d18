"""What a file's first bytes say it is. Names and endings are never looked at here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MediaKind = Literal["image", "audio", "video", "subtitle", "timeline", "text", "unknown"]

HEAD_BYTES = 65_536
"""How much of a file is read to recognise it."""


@dataclass(frozen=True)
class Signature:
    """A recognised format: `demuxer` is ffmpeg's name for its reader ('' = ffmpeg must not read it)."""

    kind: MediaKind
    demuxer: str
    mime: str


_IMAGES: tuple[tuple[bytes, Signature], ...] = (
    (b"\x89PNG\r\n\x1a\n", Signature("image", "png_pipe", "image/png")),
    (b"\xff\xd8\xff", Signature("image", "jpeg_pipe", "image/jpeg")),
    (b"GIF87a", Signature("image", "gif", "image/gif")),
    (b"GIF89a", Signature("image", "gif", "image/gif")),
    (b"BM", Signature("image", "bmp_pipe", "image/bmp")),
    (b"II*\x00", Signature("image", "tiff_pipe", "image/tiff")),
    (b"MM\x00*", Signature("image", "tiff_pipe", "image/tiff")),
)
_STREAMS: tuple[tuple[bytes, Signature], ...] = (
    (b"\x1aE\xdf\xa3", Signature("video", "matroska", "video/x-matroska")),
    (b"OggS", Signature("audio", "ogg", "audio/ogg")),
    (b"fLaC", Signature("audio", "flac", "audio/flac")),
    (b"ID3", Signature("audio", "mp3", "audio/mpeg")),
    (b"FLV\x01", Signature("video", "flv", "video/x-flv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Signature("video", "asf", "video/x-ms-asf")),
    (b"\x00\x00\x01\xba", Signature("video", "mpeg", "video/mpeg")),
    (b"#!AMR", Signature("audio", "amr", "audio/amr")),
    (b"caff", Signature("audio", "caf", "audio/x-caf")),
    (b"YUV4MPEG2", Signature("video", "yuv4mpegpipe", "video/x-yuv4mpeg")),
)
_RIFF = {
    b"WEBP": Signature("image", "webp_pipe", "image/webp"),
    b"WAVE": Signature("audio", "wav", "audio/wav"),
    b"AVI ": Signature("video", "avi", "video/x-msvideo"),
}
_AIFF = Signature("audio", "aiff", "audio/aiff")
_MPEGTS = Signature("video", "mpegts", "video/mp2t")
_MP3 = Signature("audio", "mp3", "audio/mpeg")
_ADTS = Signature("audio", "aac", "audio/aac")
_MPEG_AUDIO = frozenset(b"\xf0\xf1\xf8\xf9\xfa\xfb\xf2\xf3\xe2\xe3\xfc\xfd\xf4\xf5")
"""Second bytes of an ADTS or an MPEG layer II/III frame; 0xFE is left out: with 0xFF it marks a UTF-16 text."""
_QUICKTIME = Signature("video", "mov", "video/mp4")
_QUICKTIME_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_STILL_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1"})


def binary_signature(head: bytes) -> Signature | None:
    """The picture, sound or film format that `head` (a file's first bytes) begins, or None."""
    for magic, signature in _IMAGES + _STREAMS:
        if head.startswith(magic) and not (len(magic) < 4 and as_text(head[:512]) is not None):
            return signature
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _AIFF
    if head[:1] in (b"\0", b"\1") and head[4:8] in _QUICKTIME_BOXES:
        if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
            return Signature("image", "", "image/avif" if head[8:11] == b"avi" else "image/heic")
        return _QUICKTIME
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47 and as_text(head[:512]) is None:
        return _MPEGTS
    if len(head) > 1 and head[0] == 0xFF and head[1] in _MPEG_AUDIO:
        return _ADTS if head[1] & 0xF6 == 0xF0 else _MP3
    return None


PLAYLISTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\A\s*ffconcat\s+version", re.I), "an ffconcat playlist"),
    (re.compile(r"^\s*#EXT(?:M3U|INF|-X-)", re.M), "an M3U playlist"),
    (re.compile(r"<\s*(?:\w+:)?MPD[\s>]"), "a DASH manifest"),
    (re.compile(r"<\s*SmoothStreamingMedia[\s>]", re.I), "a streaming manifest"),
    (re.compile(r"\A\s*\[playlist\]", re.I), "a PLS playlist"),
    (re.compile(r"<\s*(?:asx|smil|playlist)[\s>]", re.I), "a playlist"),
    (re.compile(r"\A\s*(?:RTSPtext|SMILtext|\[reference\])", re.I), "a stream redirection"),
    (re.compile(r"\Av=\d+\r?\no=", re.I), "a stream description (SDP)"),
    (re.compile(r"^\s*file\s+(?:'[^'\n]+'|\S+)\s*$", re.M | re.I), "a list of files"),
)
"""Texts that make a media reader open other files or addresses (facts: FFmpeg follows the first three locally)."""

_NAMES_A_FILE = re.compile(
    r"^\s*[^\s<>{}\"]*[/\\.][^<>{}\"]*\.(?:mp4|m4[av]|mov|mkv|webm|avi|ts|mp3|wav|flac|ogg|m3u8?|mpd)\s*$", re.I
)


def playlist_name(text: str) -> str:
    """What kind of playlist `text` is, or '' when it names no other files to play."""
    for pattern, name in PLAYLISTS:
        if pattern.search(text):
            return name
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and all(_NAMES_A_FILE.match(line) for line in lines):
        return "a list of files"
    return ""


_TEXTS: tuple[tuple[re.Pattern[str], Signature], ...] = (
    (re.compile(r"\AWEBVTT"), Signature("subtitle", "webvtt", "text/vtt")),
    (re.compile(r"\A\s*\[Script Info\]", re.I), Signature("subtitle", "ass", "text/x-ass")),
    (
        re.compile(r"\A\s*\d+\s*\n\s*\d+:\d\d:\d\d[,.]\d{1,3}\s*-->"),
        Signature("subtitle", "srt", "application/x-subrip"),
    ),
    (re.compile(r"\A\s*\{.*\"OTIO_SCHEMA\"", re.S), Signature("timeline", "", "application/vnd.otio+json")),
    (
        re.compile(r"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE [^>]*>\s*)?<(?:fcpxml|xmeml)\b", re.I),
        Signature("timeline", "", "application/xml"),
    ),
    (re.compile(r"\A\s*TITLE:.*\n\s*(?:FCM:|\d{3})", re.I), Signature("timeline", "", "text/x-edl")),
)
PLAIN_TEXT = Signature("text", "", "text/plain")


def text_signature(text: str) -> Signature:
    """Which kind of text this is: subtitles, a timeline, or plain text."""
    for pattern, signature in _TEXTS:
        if pattern.search(text):
            return signature
    return PLAIN_TEXT


def as_text(head: bytes) -> str | None:
    """`head` as text (UTF-8, UTF-16 with a mark, or Windows-1252 without control characters), or None for binary."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    if b"\x00" in head:
        return None
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) == HEAD_BYTES and error.start >= HEAD_BYTES - 4:
            return head[: error.start].decode("utf-8-sig")
        try:
            text = head.decode("cp1252")  # Latin-1 with curly quotes and dashes, as many subtitles have
        except UnicodeDecodeError:
            return None
        if "\x7f" in text or sum(ord(letter) > 0x7F for letter in text) > len(text) / 4:
            return None
    control = sum(ord(letter) < 32 and letter not in "\t\n\r\f\x1b" for letter in text)
    return text if control == 0 else None
