"""ffmpeg as a process: output, progress, cancel, time limit, errors, captions without system fonts."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from media_fixtures import gradient, make_png, make_video, make_wav

from backends.media import ffmpeg
from backends.media.ffmpeg import (
    HARDWARE_ENCODERS,
    FfmpegKilled,
    encode_args,
    ffmpeg_path,
    filter_value,
    hardware_encoder,
    input_args,
    raw_frames_args,
    run_ffmpeg,
)
from backends.media.font import FONT_FAMILY, font_file, fonts_dir
from backends.media.frames import frame_at, read_frames
from backends.media.guard import sniff
from backends.media.probe import probe
from configs.errors import Cancelled, StudioError, UsageError

ENDLESS = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-c:v", "libx264", "-preset", "ultrafast"]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("film") / "film.mp4", 2.0)


def children() -> list[psutil.Process]:
    """Processes that this one started and that still run."""
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]


def test_same_input_same_bytes_and_progress(tmp_path, film):
    seen: list[float] = []
    outs = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for out in outs:
        run_ffmpeg([*input_args(film, sniff(film), 0.5, 1.0), *encode_args(), str(out)], on_progress=seen.append)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert max(seen) == pytest.approx(1.0, abs=0.1)
    info = probe(outs[0])
    assert (info.video_codec, info.audio_codec, info.sample_rate, info.channels) == ("h264", "aac", 48_000, 2)
    assert outs[0].read_bytes().find(b"moov") < outs[0].read_bytes().find(b"mdat"), "not fast-start"
    assert b"Lavf" not in outs[0].read_bytes(), "a version in the file would change its bytes"


def test_input_window_is_frame_exact(tmp_path, film):
    out = tmp_path / "cut.mp4"
    run_ffmpeg([*input_args(film, sniff(film), 0.5, 1.0), "-vf", "fps=24", *encode_args(crf=10), str(out)])
    frames = list(read_frames(out))
    assert len(frames) == 24
    assert np.abs(frames[0][1].astype(int) - frame_at(film, 0.5)).mean() < 3
    assert np.abs(frames[-1][1].astype(int) - frame_at(film, 0.5 + 23 / 24)).mean() < 3


def test_raw_frames_keep_their_colours(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40)]
    picture = np.repeat(np.asarray(colours, np.uint8), 32, axis=0)[None].repeat(64, axis=0)
    out = tmp_path / "colours.mp4"
    args = [*raw_frames_args(128, 64, 24), *encode_args(crf=4), str(out)]
    run_ffmpeg(args, stdin=(picture.tobytes() for _ in range(6)))
    assert probe(out).frames == 6
    middle = frame_at(out, 0.1)[32, [16, 48, 80, 112]].astype(int)
    assert np.abs(middle - colours).max() <= 6


def test_a_picture_becomes_a_still_film(tmp_path):
    picture, tone, out = make_png(tmp_path / "p.png"), make_wav(tmp_path / "t.wav", 0.2), tmp_path / "still.mp4"
    args = input_args(picture, sniff(picture), duration=1.0, loop=True)
    args += input_args(tone, sniff(tone), duration=1.0, loop=True)
    run_ffmpeg([*args, *encode_args(), str(out)])
    info = probe(out)
    assert info.seconds == pytest.approx(1.0, abs=0.05) and info.has_audio


def test_cancel_stops_the_process_at_once(tmp_path):
    calls = []

    def cancel():
        calls.append(1)
        if len(calls) == 4:
            raise Cancelled("Stopped at your request")

    started = time.monotonic()
    with pytest.raises(Cancelled):
        run_ffmpeg([*ENDLESS, str(tmp_path / "x.mp4")], cancel=cancel)
    assert time.monotonic() - started < 3
    assert children() == []


def test_time_limit_and_failing_callbacks_leave_no_process(tmp_path):
    with pytest.raises(StudioError, match=r"stopped after 0\.6 s"):
        run_ffmpeg([*ENDLESS, str(tmp_path / "x.mp4")], timeout_s=0.6)

    def broken():
        yield gradient(0).tobytes()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_ffmpeg([*raw_frames_args(320, 180, 24), *encode_args(), str(tmp_path / "x.mp4")], stdin=broken())

    def progress(_):
        raise KeyError("progress")

    with pytest.raises(KeyError):
        run_ffmpeg([*ENDLESS, str(tmp_path / "x.mp4")], on_progress=progress)
    assert children() == []


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv on this machine")
def test_ffmpeg_ends_when_the_studio_is_killed(tmp_path):
    code = (
        "from backends.media.ffmpeg import run_ffmpeg\n"
        f"run_ffmpeg(['-re', *{ENDLESS!r}, '-t', '60', {str(tmp_path / 'x.mp4')!r}])"
    )
    studio = psutil.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 10
    while not (found := [child for child in studio.children() if "ffmpeg" in child.name()]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    studio.kill()
    studio.wait()
    gone, alive = psutil.wait_procs(found, timeout=5)
    assert gone and not alive


def test_cancel_works_while_ffmpeg_does_not_read(tmp_path):
    """A writer that is blocked on a full pipe must still notice."""

    def cancel():
        if time.monotonic() - started > 0.5:
            raise Cancelled("Stopped at your request")

    started = time.monotonic()
    endless = (bytes(1 << 20) for _ in iter(int, 1))
    args = ["-re", *raw_frames_args(320, 180, 2), *encode_args(), str(tmp_path / "x.mp4")]
    with pytest.raises(Cancelled):
        run_ffmpeg(args, stdin=endless, cancel=cancel)
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-c:v", "nonsense"], "Unknown encoder 'nonsense'"),
        (["-vf", "scale=0:notanumber"], "notanumber"),
        (["-map", "0:s"], "matches no streams"),
    ],
)
def test_errors_are_one_sentence(tmp_path, film, args, words):
    with pytest.raises(StudioError, match=words) as caught:
        run_ffmpeg([*input_args(film, sniff(film)), *args, str(tmp_path / "x.mp4")])
    assert "\n" not in caught.value.sentence and " @ 0x" not in caught.value.sentence


def test_a_full_disk_is_told(film):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(StudioError, match="disk is full"):
        run_ffmpeg([*input_args(film, sniff(film)), "-f", "rawvideo", "/dev/full"])


def test_inputs_without_a_forced_format_are_a_programming_error(film, tmp_path):
    with pytest.raises(ValueError, match="forced format"):
        run_ffmpeg(["-i", str(film), str(tmp_path / "x.mp4")])
    text = tmp_path / "story.txt"
    text.write_text("Once upon a time.")
    with pytest.raises(UsageError, match="not a picture, sound or film"):
        input_args(text, sniff(text))


def test_hardware_encoder_is_proved_not_listed(tmp_path):
    listed = subprocess.run(
        [ffmpeg_path(), "-hide_banner", "-encoders"], capture_output=True, text=True, check=True
    ).stdout
    assert "h264_nvenc" in listed
    encoder = hardware_encoder()
    assert encoder in ("", *HARDWARE_ENCODERS)
    if encoder:
        run_ffmpeg([*ENDLESS[:4], "-t", "0.2", "-c:v", encoder, str(tmp_path / "x.mp4")])


def test_the_font_has_italian_and_european_letters():
    from PIL import ImageFont

    font = ImageFont.truetype(str(font_file("Bold")), 24)
    missing = bytes(font.getmask("\uffff"))
    assert [letter for letter in "àèéìòùÀÈÉÌÒÙçñüößøåłőžЖΩ’“”«»…—€" if bytes(font.getmask(letter)) == missing] == []


def burn(path: Path, out: Path, text: str, style: str) -> np.ndarray:
    """The film's frame at 0.5 s with `text` burned in by libass or drawtext."""
    if style == "ass":
        subtitles = out.with_suffix(".srt")
        subtitles.write_text(f"1\n00:00:00,000 --> 00:00:02,000\n{text}\n", encoding="utf-8")
        look = f"force_style='FontName={FONT_FAMILY},FontSize=40,Bold=1'"
        graph = f"subtitles=filename={filter_value(subtitles)}:fontsdir={filter_value(fonts_dir())}:{look}"
    else:
        words = out.with_suffix(".txt")
        words.write_text(text, encoding="utf-8")
        graph = f"drawtext=fontfile={filter_value(font_file('Bold'))}:textfile={filter_value(words)}"
        graph += ":expansion=none:fontsize=28:fontcolor=white:x=(w-tw)/2:y=h-60"
    run_ffmpeg([*input_args(path, sniff(path)), "-vf", graph, *encode_args(crf=12), str(out)])
    return frame_at(out, 0.5).astype(int)


@pytest.mark.parametrize("style", ["ass", "drawtext"])
def test_captions_burn_in_without_system_fonts(tmp_path, style):
    """The runner hides all system fonts from ffmpeg, so this is what a bare machine draws."""
    folder = tmp_path / "it's [odd], Luca: 1"
    folder.mkdir()
    dark = make_video(folder / "dark.mp4", 1.0, frame=lambda _: np.full((180, 320, 3), 40, np.uint8), sound=False)
    plain, accents, other = (
        burn(dark, folder / f"{name}.mp4", text, style)
        for name, text in {"none": " ", "accents": "Perché è così", "plain": "Perche e cosi"}.items()
    )
    ink = (accents - plain).max(axis=2) > 100
    assert ink.sum() > 400, "no letters were drawn"
    rows = np.flatnonzero(ink.any(axis=1))
    assert rows.min() > 60, "captions belong at the bottom"
    assert (np.abs(accents - other).max(axis=2) > 60).sum() > 20, "the accents are missing"
    unknown = burn(dark, folder / "boxes.mp4", "\ue000\ue000\ue000\ue000\ue000\ue000", style)
    assert (np.abs(accents - unknown).max(axis=2) > 100).sum() > 400, "letters look like the missing-letter box"


def test_system_fonts_do_not_change_a_caption(tmp_path, film):
    """A family that only the system has falls back to the packaged font: the same pixels everywhere."""
    subtitles = tmp_path / "s.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:02,000\nCiao\n", encoding="utf-8")
    pictures = []
    for family in (FONT_FAMILY, "DejaVu Sans"):
        out = tmp_path / "out.mp4"
        look = f"force_style='FontName={family},FontSize=32'"
        graph = f"subtitles=filename={filter_value(subtitles)}:fontsdir={filter_value(fonts_dir())}:{look}"
        run_ffmpeg([*input_args(film, sniff(film)), "-vf", graph, *encode_args(), str(out)])
        pictures.append(frame_at(out, 0.5))
    assert (np.abs(pictures[0].astype(int) - pictures[1]).max(axis=2) > 60).mean() < 0.02


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, backends.media.ffmpeg, backends.media.probe, backends.media.images, backends.media.audio\n"
        "print([name for name in ('av', 'PIL', 'cv2', 'scipy', 'filetype') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("times", [1, 2])
def test_what_is_ended_from_outside_is_started_once_more(tmp_path, how, times):
    """Told to stop, ffmpeg ends by itself with a code, and with complaints about what it was reading then."""
    out, ended, over = tmp_path / "out.mkv", [], threading.Event()

    def end() -> None:
        while not over.is_set() and len(ended) < times:
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    if child.pid not in ended and str(out) in child.cmdline() and child.cpu_times().user > 0.05:
                        child.send_signal(how)
                        ended.append(child.pid)
            time.sleep(0.01)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        call = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=24:d=2", "-c:v", "ffv1", str(out)]
        with pytest.raises(FfmpegKilled, match="ended from outside") if times == 2 else nullcontext():
            run_ffmpeg(call)
    finally:
        over.set()
        thread.join()
    assert len(ended) == times
    if times == 1:
        assert probe(out).frames == 48


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("x264 [error]: malloc of size 8088064 failed\n[vost#0:0/libx264 @ 0x5] Error submitting video frame", 187),
        ("[vf#0:0 @ 0x5] Error while filtering: Cannot allocate memory", 244),
        ("", 244),
    ],
)
def test_too_little_memory_is_said_so(said, code):
    """As ffmpeg 9 said it under a limit of 700 MB; how it says it depends on how many threads it starts."""
    assert ffmpeg._explain(said, code).sentence.startswith("There is not enough memory")
