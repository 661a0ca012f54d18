"""Small valid files of every kind, for a case's `setup.files`."""

from __future__ import annotations

import json
import math
import struct
import wave
from functools import cache
from pathlib import Path

from configs.errors import UsageError

_SECONDS = 6.0


def make_sample(name: str, folder: Path) -> Path:
    """A small real file with this name, its kind taken from the ending. Raises UsageError for an unknown ending."""
    path = folder / Path(name).name
    kind = path.suffix.lower()
    if kind in (".mp4", ".mov", ".mkv", ".webm", ".avi"):
        path.write_bytes(_video(kind))
    elif kind in (".wav", ".mp3", ".flac", ".ogg", ".m4a"):
        _sound(path)
    elif kind in (".png", ".jpg", ".jpeg", ".webp"):
        _picture(path)
    elif kind == ".otio":
        _timeline(path)
    elif kind in (".srt", ".vtt"):
        head = "WEBVTT\n\n" if kind == ".vtt" else "1\n"
        mark = "." if kind == ".vtt" else ","
        path.write_text(f"{head}00:00:00{mark}500 --> 00:00:02{mark}000\nHello there\n", encoding="utf-8")
    elif kind in (".txt", ".md", ".fountain", ".csv", ".json"):
        text = {".json": "{}", ".csv": "name,line\nLuca,Ciao\n"}.get(kind, "Luca: Ciao, piccolo!\nRobot: Beep.\n")
        path.write_text(text, encoding="utf-8")
    else:
        raise UsageError(
            f"The suite asks for '{name}'", f"no sample of kind '{kind}' can be made", "Use .mp4, .wav, .png"
        )
    return path


@cache
def _video(kind: str) -> bytes:
    import tempfile

    from backends.media.ffmpeg import run_ffmpeg

    codec = ["-c:v", "libvpx", "-c:a", "libvorbis"] if kind == ".webm" else ["-c:v", "libx264", "-preset", "ultrafast"]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"sample{kind}"
        run_ffmpeg([
            "-f", "lavfi", "-i", f"testsrc2=s=160x90:r=12:d={_SECONDS}",
            "-f", "lavfi", "-i", f"sine=f=330:d={_SECONDS}", *codec,
            "-pix_fmt", "yuv420p", "-shortest", "-y", str(target),
        ])  # fmt: skip
        return target.read_bytes()


def _sound(path: Path) -> None:
    frames = b"".join(
        struct.pack("<h", int(9000 * math.sin(2 * math.pi * 220 * n / 16000) * math.sin(n / 2600)))
        for n in range(48000)
    )
    raw = path if path.suffix == ".wav" else path.with_suffix(".tmp.wav")
    with wave.open(str(raw), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(frames)
    if raw != path:
        from backends.media.ffmpeg import run_ffmpeg

        run_ffmpeg(["-f", "wav", "-i", str(raw), "-y", str(path)])
        raw.unlink()


def _picture(path: Path) -> None:
    from PIL import Image

    Image.linear_gradient("L").resize((256, 144)).convert("RGB").save(path)


def _timeline(path: Path) -> None:
    import opentimelineio as otio

    span = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(48, 24))
    timeline = otio.schema.Timeline("sample")
    track = otio.schema.Track("picture", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Gap(source_range=span))
    timeline.tracks.append(track)
    path.write_text(json.dumps(json.loads(timeline.to_json_string()), indent=1), encoding="utf-8")
