"""Segments encoded by two workers, kept by content, and joined with the mixed sound into one file."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from backends.media.ffmpeg import encode_args, input_args, run_ffmpeg
from backends.media.guard import sniff
from configs.errors import Cancelled
from tools.editing.ass import font_folder, script
from tools.editing.presets import EncodePreset, editing_presets
from tools.editing.segments import Frame, Segment, segment_args, segment_key

POLL_SECONDS = 0.2
IN_USE_SECONDS = 3600
"""Pieces used this recently are never pruned: another render may be reading them."""


@dataclass(frozen=True)
class Bench:
    """What an encode runs with."""

    cache: Path
    """The workspace's cache folder."""
    profile: EncodePreset
    check: Callable[[], None]
    """Raises when the work should stop."""
    report: Callable[[float], None]
    """Called with the seconds of picture finished so far, from the caller's thread."""


def encode_segments(segments: Sequence[Segment], frame: Frame, bench: Bench) -> tuple[list[Path], int]:
    """One file per segment, in order, and how many of them were not made before.

    Raises what `bench.check` or ffmpeg raises; then the other workers are stopped, and only whole pieces are kept.
    """
    folder = bench.cache / "segments"
    folder.mkdir(parents=True, exist_ok=True)
    encoder = [*encode_args(bench.profile.crf, bench.profile.preset, float(frame.fps)), "-an", *_timing(frame.fps)]
    paths = [folder / f"{segment_key(segment, frame, encoder)}.mp4" for segment in segments]
    todo: dict[Path, Segment] = {}
    for path, segment in zip(paths, segments, strict=True):
        if path.exists():
            os.utime(path)
        else:
            todo.setdefault(path, segment)
    missing = set(todo)
    finished = float(sum(s.frames for s, p in zip(segments, paths, strict=True) if p not in missing) / frame.fps)
    done = dict.fromkeys(todo, 0.0)
    stop = threading.Event()

    def check() -> None:
        bench.check()
        if stop.is_set():
            raise Cancelled("Stopped because another part of the render failed")

    def work(path: Path, segment: Segment) -> None:
        def note(seconds: float) -> None:
            done[path] = min(seconds, float(segment.frames / frame.fps))

        check()
        _encode(segment, frame, path, bench.cache, encoder, check, note)
        done[path] = float(segment.frames / frame.fps)

    with ThreadPoolExecutor(editing_presets().encode.workers, thread_name_prefix="encode") as pool:
        jobs: set[Future[None]] = {pool.submit(work, path, segment) for path, segment in todo.items()}
        try:
            while jobs:
                ended, jobs = wait(jobs, POLL_SECONDS, FIRST_EXCEPTION)
                for job in ended:
                    job.result()
                bench.report(finished + sum(done.values()))
        except BaseException:
            stop.set()
            for job in jobs:
                job.cancel()
            raise
    return paths, len(todo)


def _encode(
    segment: Segment,
    frame: Frame,
    path: Path,
    cache: Path,
    encoder: list[str],
    check: Callable[[], None],
    note: Callable[[float], None],
) -> None:
    own = uuid.uuid4().hex
    draft = path.with_name(f".{own}.part")
    texts = path.with_name(f".{own}.ass")
    try:
        captions = None
        if segment.words:
            texts.write_text(script(segment.words, frame.width, frame.height, frame.fps), encoding="utf-8")
            captions = (texts, font_folder(cache))
        args = segment_args(segment, frame, captions)
        run_ffmpeg([*args, *encoder, "-f", "mp4", str(draft)], cancel=check, on_progress=note, timeout_s=3600)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
        texts.unlink(missing_ok=True)


def join_segments(
    paths: Sequence[Path], frame: Frame, sound: Path | None, target: Path, check: Callable[[], None]
) -> None:
    """Join the pieces without encoding them again, and put the finished sound under them."""
    listing = target.with_suffix(".ffconcat")
    lines = ["ffconcat version 1.0", *(f"file '{_quoted(path)}'" for path in paths)]
    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    args = ["-protocol_whitelist", "file", "-format_whitelist", "concat,mov", "-f", "concat", "-safe", "0"]
    args += ["-i", str(listing)]
    if sound is not None:
        args += [*input_args(sound, sniff(sound)), "-map", "0:v:0", "-map", "1:a:0"]
        args += ["-c:a", "aac", "-b:a", "192k", "-ar", "48000", "-ac", "2", "-flags:a", "+bitexact"]
    else:
        args += ["-map", "0:v:0"]
    args += ["-c:v", "copy", "-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"]
    args += ["-movflags", "+faststart", *_timing(frame.fps)[2:], "-f", "mp4", str(target)]
    try:
        run_ffmpeg(args, cancel=check, timeout_s=1800)
    finally:
        listing.unlink(missing_ok=True)


def prune(cache: Path) -> None:
    """Remove the least recently used pieces above the size that `configs/editing.yaml` allows."""
    pieces = sorted((cache / "segments").glob("*.mp4"), key=lambda path: path.stat().st_mtime, reverse=True)
    room = editing_presets().encode.cache_mib * 2**20
    for piece in pieces:
        facts = piece.stat()
        room -= facts.st_size
        if room < 0 and time.time() - facts.st_mtime > IN_USE_SECONDS:
            piece.unlink(missing_ok=True)


def _timing(fps: Fraction) -> list[str]:
    """The exact rate (encode_args has it as a decimal), and a clock on which every frame is a whole number of ticks."""
    ticks = fps.numerator * max(1, -(-10_000 // fps.numerator))
    return ["-r", f"{fps.numerator}/{fps.denominator}", "-video_track_timescale", str(ticks)]


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "'\\''")
