"""Segments encoded side by side, kept by content, and joined with the mixed sound into one file."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import open_container, sniff
from configs.errors import Cancelled, StudioError
from tools.editing.ass import font_folder, script
from tools.editing.drawing.spare import hands_over, spare_args, spare_bytes, whole_spare
from tools.editing.encoder import encoder_args, ticks
from tools.editing.presets import EncodePreset, editing_presets
from tools.editing.seeing import seen_args, seen_file, whole
from tools.editing.segments import Files, Frame, Segment, scripts_of, segment_args, segment_key

T = TypeVar("T")
POLL_SECONDS = 0.2
IN_USE_SECONDS = 3600
"""Pieces used this recently are never pruned: another render may be reading them."""
WORKER_BYTES = 400 * 2**20
"""Free memory for each encoder: at 1080p it takes some 250 MB, with two pictures that are mixed some 300."""
SPARE_DISK = 2 * 2**30
"""Bytes that stay free on the disk beside frames that are written down for the next piece."""
PIECE_SECONDS = 3600
"""Longest time that one piece may take."""
NO_DECODER = ["-codec_whitelist", "none"]
"""Pieces are only copied: each would be opened and decoded for what its header says (35 ms a piece at 1080p)."""


@dataclass(frozen=True)
class Bench:
    """What an encode runs with."""

    cache: Path
    """The workspace's cache folder."""
    profile: EncodePreset
    check: Callable[[], None]
    """Raises when the work should stop."""
    report: Callable[[float, float], None]
    """Called from the caller's thread with the seconds of picture that are ready, and how many of them were before."""
    encoder: str = "libx264"


Job = Callable[[Callable[[], None]], None]
"""Work that is done beside the encoding; what it is handed raises when it should stop."""


def encode_segments(
    segments: Sequence[Segment], frame: Frame, bench: Bench, beside: Sequence[Job] = ()
) -> tuple[list[Path], set[Path]]:
    """One file per segment, in order, and those that were not made before; `beside` is done in between.

    Raises what `bench.check`, ffmpeg or a job raises; then the other workers are stopped, and only whole pieces are
    kept.
    """
    folder = bench.cache / "segments"
    folder.mkdir(parents=True, exist_ok=True)
    encoder = encoder_args(bench.encoder, bench.profile, frame.fps)
    paths = [folder / f"{segment_key(segment, frame, encoder)}.mp4" for segment in segments]
    todo: dict[Path, Segment] = {}
    for path, segment in zip(paths, segments, strict=True):
        if path.exists() and seen_file(path).exists():
            os.utime(path)
            os.utime(seen_file(path))
        else:
            todo.setdefault(path, segment)
    missing = set(todo)
    ready = float(sum(s.frames for s, p in zip(segments, paths, strict=True) if p not in missing) / frame.fps)
    done = dict.fromkeys(todo, 0.0)
    stop = threading.Event()

    def check() -> None:
        bench.check()
        if stop.is_set():
            raise Cancelled("Stopped because another part of the render failed")

    def work(path: Path, segment: Segment, spare: Spare) -> None:
        def note(seconds: float) -> None:
            done[path] = min(seconds, float(segment.frames / frame.fps))

        check()
        _encode(segment, frame, path, spare, bench.cache, encoder, check, note)
        done[path] = float(segment.frames / frame.fps)

    def work_through(one: Path, two: Path | None) -> None:
        """A piece, and perhaps the transition after it."""
        if two is None:
            return work(one, todo[one], Spare())
        raw = folder / f".{uuid.uuid4().hex}.spare"
        try:
            work(one, todo[one], Spare(todo[two].frames, raw))
            work(two, todo[two], Spare(file=raw))
        finally:
            raw.unlink(missing_ok=True)

    with ThreadPoolExecutor(workers(), thread_name_prefix="encode") as pool:
        jobs: set[Future[None]] = {pool.submit(job, check) for job in beside}
        jobs |= {pool.submit(work_through, *job) for job in _jobs(todo, frame, folder)}
        try:
            while jobs:
                ended, jobs = wait(jobs, POLL_SECONDS, FIRST_EXCEPTION)
                for job in ended:
                    job.result()
                bench.report(ready + sum(done.values()), ready)
        except BaseException:
            stop.set()
            for job in jobs:
                job.cancel()
            raise
    return paths, set(todo)


@dataclass(frozen=True)
class Spare:
    """Frames that are written for the next piece, or (without a count) that were written for this one."""

    frames: int = 0
    file: Path | None = None


def _jobs(todo: dict[Path, Segment], frame: Frame, folder: Path) -> list[tuple[Path, Path | None]]:
    """The pieces to make, in order; a transition goes with the body before it where that can hand its frames over."""
    made: list[tuple[Path, Path | None]] = []
    for path, segment in todo.items():
        last = made[-1] if made else None
        if (
            last is not None
            and last[1] is None
            and hands_over(todo[last[0]], segment, frame)
            and shutil.disk_usage(folder).free > SPARE_DISK + spare_bytes(segment, frame)
        ):
            made[-1] = (last[0], path)
        else:
            made.append((path, None))
    return made


def side_by_side(work: Callable[[Callable[[], None]], T], job: Job, check: Callable[[], None]) -> T:
    """What `work` returns, with `job` done in a thread beside it; the failure of one stops the other."""
    stop = threading.Event()

    def checked() -> None:
        check()
        if stop.is_set():
            raise Cancelled("Stopped because another part of the render failed")

    def done() -> None:
        try:
            job(checked)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        other = pool.submit(done)
        try:
            made = work(checked)
        except BaseException:
            failed_first = stop.is_set()
            stop.set()
            if failed_first:
                other.result()
            raise
        other.result()
    return made


def workers() -> int:
    """How many pieces are encoded side by side: one per core, within what the presets and the free memory allow."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    room = psutil.virtual_memory().available // WORKER_BYTES
    return max(1, min(editing_presets().encode.workers, cores, room))


def _encode(
    segment: Segment,
    frame: Frame,
    path: Path,
    spare: Spare,
    cache: Path,
    encoder: list[str],
    check: Callable[[], None],
    note: Callable[[float], None],
) -> None:
    own = uuid.uuid4().hex
    draft, small = path.with_name(f".{own}.part"), path.with_name(f".{own}.seen")
    texts: list[Path] = []
    try:
        fonts = cache / "fonts"
        for number, text in enumerate(scripts_of(segment)):
            fonts = font_folder(cache)
            texts.append(path.with_name(f".{own}.{number}.ass"))
            texts[-1].write_text(script(text.words, frame.width, frame.height, frame.fps), encoding="utf-8")
        given = None if spare.frames else whole_spare(spare.file, segment, frame)
        files = Files(cache / "cubes", fonts, tuple(texts))
        args = segment_args(segment, frame, files, seen=True, spare=spare.frames, given=given)
        args += [*encoder, "-f", "mp4", str(draft), *seen_args(segment, small)]
        if spare.frames and spare.file is not None:
            args += spare_args(spare.frames, spare.file)
        run_ffmpeg(args, cancel=check, on_progress=note, timeout_s=PIECE_SECONDS)
        if not whole(small, segment, frame):
            raise StudioError("A piece of the film came out too short", "its sources hold no picture there")
        small.replace(seen_file(path))
        draft.replace(path)
    finally:
        for file in (draft, small, *texts):
            file.unlink(missing_ok=True)


def join_segments(
    paths: Sequence[Path],
    segments: Sequence[Segment],
    frame: Frame,
    sound: Path | None,
    target: Path,
    check: Callable[[], None],
    comment: str = "",
) -> None:
    """Join the pieces without encoding them again, and put the finished sound (AAC in an mp4) under them.

    comment: written inside the film, for players to show.
    """
    listing = target.with_suffix(".ffconcat")
    lines = ["ffconcat version 1.0"]
    for path, segment in zip(paths, segments, strict=True):
        # Without it, the demuxer takes the length from the file's header, which counts in milliseconds.
        begin, end = (round(at * 1_000_000 / frame.fps) for at in (segment.start, segment.start + segment.frames))
        lines += [f"file '{_quoted(path)}'", f"duration {(end - begin) / 1_000_000:.6f}"]
    listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
    args = ["-protocol_whitelist", "file", "-format_whitelist", "concat,mov", "-f", "concat", "-safe", "0"]
    args += [*NO_DECODER, "-i", str(listing)]
    if sound is not None:
        args += [*input_args(sound, sniff(sound)), "-map", "0:v:0", "-map", "1:a:0", "-c:a", "copy"]
    else:
        args += ["-map", "0:v:0"]
    args += ["-c:v", "copy", *_even_clock(paths, segments, frame), "-map_metadata", "-1", "-map_chapters", "-1"]
    args += ["-metadata", f"comment={comment}"] if comment else []
    args += ["-fflags", "+bitexact"]
    args += ["-movflags", "+faststart", "-video_track_timescale", str(ticks(frame.fps)), "-f", "mp4", str(target)]
    try:
        run_ffmpeg(args, cancel=check, timeout_s=1800)
    finally:
        listing.unlink(missing_ok=True)


def _even_clock(paths: Sequence[Path], segments: Sequence[Segment], frame: Frame) -> list[str]:
    """Decode times that advance by a frame each from one end to the other.

    A container counts its length in decode times, and pieces differ in how many frames they hold back: a film that
    begins or ends with another sort of piece would be too short or too long by as many.
    """
    longest = max(range(len(segments)), key=lambda number: segments[number].frames)
    held = held_back(paths[longest], frame.fps)
    each = f"{frame.fps.denominator}/{frame.fps.numerator}/TB"
    return ["-bsf:v", f"setts=pts=PTS:dts='round((N-{held})*{each})'"]


def held_back(piece: Path, fps: Fraction) -> int:
    """By how many frames an encoder decodes ahead of what is shown, for the sake of B-frames."""
    return _held_back(piece, piece.stat().st_size, fps)


@lru_cache(maxsize=512)
def _held_back(piece: Path, size: int, fps: Fraction) -> int:
    """Read once: pieces are named by what is in them."""
    with open_container(piece, "mov", quick=True) as container:
        packet = next(container.demux(video=0))
        return max(0, round(-float((packet.dts or 0) * packet.time_base) * fps))


def prune(cache: Path) -> None:
    """Remove the least recently used pieces and mixes above the size that `configs/editing.yaml` allows."""
    kept = [path for folder in ("segments", "sounds", "sheets") for path in (cache / folder).glob("[!.]*")]
    facts = {path: path.stat() for path in kept}
    room = editing_presets().encode.cache_mib * 2**20
    for piece in sorted(facts, key=lambda path: facts[path].st_mtime, reverse=True):
        room -= facts[piece].st_size
        if room < 0 and time.time() - facts[piece].st_mtime > IN_USE_SECONDS:
            piece.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "'\\''")
