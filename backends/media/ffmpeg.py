"""ffmpeg as a separate program: argument lists only, forced input formats, limits, and never a process left behind."""

from __future__ import annotations

import errno
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from backends.media.font import font_environment
from backends.media.guard import SniffedFile
from configs.errors import StudioError, UsageError

POLL_SECONDS = 0.1
"""How often `cancel` is asked while ffmpeg works."""
MAX_MEMORY_BYTES = 16 * 1024**3
"""Address space of one ffmpeg process; not set for hardware encoders, which map far more than they use."""
MAX_OUTPUT_BYTES = 8 * 1024**3
ENCODER_THREADS = 4
"""Fixed: x264's output depends on its thread count, and the same film should be the same bytes on any machine."""
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""Pictures go back to the system as soon as they are free: glibc else keeps their room, some 25 MB of each encoder."""


class FfmpegKilled(StudioError):
    """ffmpeg was ended by a signal: by somebody, or by a system without memory. The same call may succeed."""


def __getattr__(name: str) -> str:
    if name == "FFMPEG":
        return ffmpeg_path()
    raise AttributeError(name)


@cache
def ffmpeg_path() -> str:
    """Absolute path of imageio-ffmpeg's binary (or IMAGEIO_FFMPEG_EXE). Raises StudioError when there is none."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise StudioError(
            "ffmpeg is missing", "the imageio-ffmpeg package has no binary here", "Run 'make chat' again"
        ) from error


@cache
def ffmpeg_version() -> str:
    """Such as '9.0.2-static'."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_version())


def input_args(
    path: Path, sniffed: SniffedFile, start: float | None = None, duration: float | None = None, *, loop: bool = False
) -> list[str]:
    """Arguments that open one file with the format it was sniffed as, and nothing else.

    `start` and `duration` are seconds of the input (frame-accurate when encoding). `loop` repeats it without end: a
    picture as a still film, a sound as a bed; give `duration` with it.
    """
    if not sniffed.format:
        raise UsageError(f"'{path.name}' is not a picture, sound or film", f"it is {sniffed.mime}")
    args = ["-protocol_whitelist", "file,pipe", "-format_whitelist", sniffed.format, "-f", sniffed.format]
    if loop:
        args += ["-loop", "1"] if sniffed.format.endswith("_pipe") else ["-stream_loop", "-1"]
    if start is not None:
        args += ["-ss", f"{start:.6f}"]
    if duration is not None:
        args += ["-t", f"{duration:.6f}"]
    return [*args, "-i", str(path.absolute())]


def raw_frames_args(width: int, height: int, fps: float) -> list[str]:
    """Arguments that read (H, W, 3) uint8 RGB frames from `run_ffmpeg(..., stdin=)`."""
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-framerate", f"{fps:g}"]
    return ["-protocol_whitelist", "pipe", *raw, "-i", "pipe:0"]


def encode_args(crf: int = 20, preset: str = "veryfast", fps: float = 24, bitexact: bool = True) -> list[str]:
    """The studio's one delivery format: H.264 4:2:0 BT.709 + AAC 48 kHz stereo in a fast-start MP4.

    Frame-exact results need `fps=` as the last filter of the graph (and `-t` on the output): measured, ffmpeg's `-r`
    alone keeps up to two frames too many when it converts a rate.
    With `bitexact` the same input gives the same bytes (no dates, no versions, a fixed number of encoder threads).
    """
    args = ["-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-profile:v", "high", "-pix_fmt", "yuv420p"]
    args += ["-r", f"{fps:g}", "-threads:v", str(ENCODER_THREADS)]
    args += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    args += ["-c:a", "aac", "-b:a", "192k", "-ar", "48000", "-ac", "2"]
    args += ["-movflags", "+faststart", "-map_metadata", "-1", "-map_chapters", "-1"]
    if bitexact:
        args += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    return args


def filter_value(text: str | Path) -> str:
    """`text` escaped as one option value inside a filter graph (both levels of ffmpeg's escaping)."""
    value = str(text)
    if "\n" in value or "\r" in value:
        raise UsageError("A line break cannot be part of a filter", "file names and values are one line")
    first = re.sub(r"([\\':])", r"\\\1", value)
    return re.sub(r"([\\'\[\],;])", r"\\\1", first)


def run_ffmpeg(
    args: Sequence[str],
    *,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
    timeout_s: float = 600,
    stdin: Iterable[bytes] | None = None,
) -> None:
    """Run ffmpeg with `args` (inputs from `input_args`, `raw_frames_args` or `-f lavfi`), then the output path.

    cancel: called about ten times a second in the caller's thread; what it raises stops ffmpeg and goes on to the
        caller. on_progress: called with the seconds written so far. stdin: chunks of bytes for `-i pipe:0`, taken
        as fast as ffmpeg reads them.
    When it is ended by somebody, or by a system that is out of memory for a moment, it is started once more, unless
    it is fed by `stdin`.
    Raises StudioError with ffmpeg's own words in one sentence; however it ends, the whole process group is gone.
    """
    _check_inputs(args)
    try:
        _run(args, cancel, on_progress, timeout_s, stdin)
    except FfmpegKilled:
        if stdin is not None:
            raise
        if cancel is not None:
            cancel()
        _run(args, cancel, on_progress, timeout_s, None)


def _run(
    args: Sequence[str],
    cancel: Callable[[], None] | None,
    on_progress: Callable[[float], None] | None,
    timeout_s: float,
    stdin: Iterable[bytes] | None,
) -> None:
    command = [
        *_dies_with_us(),
        ffmpeg_path(),
        "-hide_banner",
        "-nostdin",
        "-loglevel",
        "error",
        "-nostats",
        "-progress",
        "pipe:1",
        "-y",
    ]
    process = subprocess.Popen(
        [*command, *args],
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**MEMORY, **font_environment()},
    )
    try:
        _limit(process.pid, timeout_s, args)
        errors = _Pump(process, stdin, cancel, on_progress, time.monotonic() + timeout_s, timeout_s).run()
        code = process.wait(timeout=10)
    finally:
        _kill_group(process)
    if code != 0:
        raise _explain(errors, code)


@cache
def _dies_with_us() -> tuple[str, ...]:
    """util-linux' setpriv (part of every Debian) asks the kernel to end ffmpeg when the studio is killed."""
    launcher = shutil.which("setpriv")
    return (launcher, "--pdeathsig", "KILL", "--") if launcher else ()


def _check_inputs(args: Sequence[str]) -> None:
    """Every input must have its format forced: a programming error otherwise."""
    before = 0
    for at, arg in enumerate(args):
        if arg == "-i":
            if "-f" not in args[before:at]:
                raise ValueError("an ffmpeg input without a forced format; build it with input_args()")
            before = at + 2


def _limit(pid: int, timeout_s: float, args: Sequence[str]) -> None:
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: MAX_OUTPUT_BYTES}
    limits[resource.RLIMIT_CPU] = int(timeout_s * (os.cpu_count() or 1)) + 10
    if not any(arg in HARDWARE_ENCODERS or "cuda" in arg for arg in args):
        limits[resource.RLIMIT_AS] = MAX_MEMORY_BYTES
    if not hasattr(resource, "prlimit"):
        return
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, what, (value, value))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


class _Pump:
    """Feeds and drains one ffmpeg's pipes from the caller's thread."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        stdin: Iterable[bytes] | None,
        cancel: Callable[[], None] | None,
        on_progress: Callable[[float], None] | None,
        deadline: float,
        timeout_s: float,
    ) -> None:
        self._process, self._cancel, self._on_progress = process, cancel, on_progress
        self._deadline, self._timeout_s = deadline, timeout_s
        self._chunks: Iterator[bytes] = iter(stdin or ())
        self._pending = memoryview(b"")
        self._rest = b""
        self._errors: deque[bytes] = deque(maxlen=64)

    def run(self) -> str:
        """Work until ffmpeg has closed its outputs; the end of what it said on stderr."""
        assert self._process.stdout is not None and self._process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ, self._read_progress)
            selector.register(self._process.stderr, selectors.EVENT_READ, self._errors.append)
            if self._process.stdin is not None:
                os.set_blocking(self._process.stdin.fileno(), False)
                selector.register(self._process.stdin, selectors.EVENT_WRITE, None)
            asked = 0.0
            while selector.get_map():
                now = time.monotonic()
                if now > self._deadline:
                    raise StudioError(
                        f"ffmpeg was stopped after {self._timeout_s:g} s",
                        "it took longer than this step may",
                        "Try a shorter or smaller film",
                    )
                if self._cancel is not None and now - asked >= POLL_SECONDS:
                    asked = now
                    self._cancel()
                for key, _ in selector.select(POLL_SECONDS):
                    if key.data is None:
                        if not self._feed(self._process.stdin):
                            selector.unregister(key.fileobj)
                        continue
                    data = os.read(key.fd, 65_536)
                    if data:
                        key.data(data)
                    else:
                        selector.unregister(key.fileobj)
        return b"".join(self._errors).decode("utf-8", errors="replace")

    def _feed(self, pipe: IO[bytes] | None) -> bool:
        """Write what the pipe takes now; False when all is written or ffmpeg wants no more."""
        assert pipe is not None
        if not self._pending:
            chunk = next(self._chunks, None)
            if chunk is None:
                pipe.close()
                return False
            self._pending = memoryview(chunk).cast("B")
        try:
            written = os.write(pipe.fileno(), self._pending[: 1 << 20])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self._pending = self._pending[written:]
        return True

    def _read_progress(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._on_progress is None:
            return
        for line in lines:
            name, _, value = line.strip().partition(b"=")
            if name == b"out_time_us" and value.lstrip(b"-").isdigit():
                self._on_progress(max(0.0, int(value) / 1e6))


_PREFIX = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_LAST_WORDS = 6
_ENDED_BY = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that come from outside; a limit of ours or a fault of ffmpeg's sends others."""
_NO_MEMORY = re.compile(r"Cannot allocate memory|malloc of size \d+ failed|out of memory", re.IGNORECASE)
_ENOMEM = 256 - errno.ENOMEM
"""ffmpeg ends with the lowest eight bits of its error, which is below 0."""
_TOLD_TO_STOP = 255
"""ffmpeg's own end after SIGTERM or SIGINT, whatever it complains of then."""
_EMPTY_WORDS = (
    "Codec (",
    "Conversion failed",
    "Error opening output file",
    "Error selecting",
    "Error while",
    "Last message repeated",
    "Nothing was",
    "Task",
    "Terminating thread",
)
"""Lines that only say that something above them went wrong."""


def _explain(errors: str, code: int) -> StudioError:
    if "No space left on device" in errors:
        return StudioError("The disk is full", "ffmpeg could not write its output", "Free some space, then try again")
    if "File too large" in errors or code == -signal.SIGXFSZ:
        return StudioError(
            "The file grew too large", "this system or the studio allows no larger one", "Make it shorter or smaller"
        )
    if _NO_MEMORY.search(errors) or code == _ENOMEM:
        return StudioError(
            "There is not enough memory", "ffmpeg did not get what it needs", "Close other programs, or make it smaller"
        )
    lines = [_PREFIX.sub("", line).strip() for line in errors.splitlines() if line.strip()]
    # The reason comes first in ffmpeg's last words; complaints about damaged frames may fill what is above them.
    telling = [line for line in lines[-_LAST_WORDS:] if not line.startswith(_EMPTY_WORDS)]
    if code == _TOLD_TO_STOP and "not permitted" not in errors:
        return FfmpegKilled("ffmpeg was ended from outside", "it was told to stop", "Try again")
    if code < 0 and -code in _ENDED_BY:
        return FfmpegKilled("ffmpeg was ended from outside", f"signal {-code}, as when the memory is full", "Try again")
    silent = f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"
    reason = (telling or lines or [silent])[0]
    return StudioError("ffmpeg could not make this", reason[:300])


HARDWARE_ENCODERS = ("h264_nvenc", "h264_qsv", "h264_videotoolbox")


@cache
def hardware_encoder() -> str:
    """The first of HARDWARE_ENCODERS that really encodes one frame here, else '' (a listed one may lack its chip)."""
    frame = ["-f", "lavfi", "-i", "color=black:s=256x256:d=0.04:r=25", "-frames:v", "1", "-pix_fmt", "yuv420p"]
    for name in HARDWARE_ENCODERS:
        try:
            run_ffmpeg([*frame, "-c:v", name, "-f", "null", "-"], timeout_s=20)
        except StudioError:
            continue
        return name
    return ""
