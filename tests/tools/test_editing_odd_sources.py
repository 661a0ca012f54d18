"""Sources as cameras, browsers and recorders write them: the right frames, in the right colours, with their sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, build, clip, counting_film, frames, numbers, render
from media_fixtures import make_video
from PIL import Image

from backends.media.audio import read_samples
from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.frames import read_frames
from backends.media.guard import sniff
from configs.errors import UsageError
from tools.editing.timeline import save_timeline
from tools.publish import publish


def made_of(film: Path, name: str, *args: str) -> Path:
    made = film.with_name(name)
    run_ffmpeg([*input_args(film, sniff(film)), *args, str(made)])
    return made


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counting_film(tmp_path_factory.mktemp("film") / "counting.mp4", 28)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("far.ts", ("-c:v", "libx264", "-g", "20", "-sc_threshold", "0")),
        ("far.ogv", ("-c:v", "libtheora", "-q:v", "9", "-g", "64", "-c:a", "libvorbis")),
        ("coarse.avi", ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")),
    ],
)
def test_clips_of_films_without_an_index_begin_where_they_should(
    studio: EditingStudio, film: Path, name: str, args: tuple[str, ...]
) -> None:
    source = studio.attach(made_of(film, name, *args))
    freeze = ({"name": "freeze"},)
    timeline = build([clip(source, 0, 0.25, 13 / 24), clip(source, 0.25, 0.125, 17 / 24, effects=freeze)])
    assert numbers(render(studio, timeline)[0]) == [13, 14, 15, 16, 17, 18, 17, 17, 17]


@pytest.mark.parametrize("name", ["end.ogv", "end.mp4"])
def test_a_last_picture_that_stays_is_held(studio: EditingStudio, tmp_path: Path, name: str) -> None:
    """A film that stands still at its end: Theora writes nothing for it, recorders one long frame."""
    still = counting_film(tmp_path / "still.mp4", 40, sound=False)
    codec = ("libtheora", "-q:v", "9", "-g", "24") if name == "end.ogv" else ("libx264",)
    kept = () if name == "end.ogv" else (",select='lte(n,12)+eq(n,39)'", "-fps_mode", "vfr")
    made = made_of(still, name, "-vf", f"trim=end_frame=13,tpad=stop_mode=clone:stop=27{''.join(kept[:1])}", *kept[1:],
                   "-c:v", *codec)  # fmt: skip
    source = studio.attach(made)
    timeline = build([clip(source, 0, 0.125, 11 / 24), clip(source, 0.125, 0.125, 33 / 24)])
    assert numbers(render(studio, timeline)[0]) == [11, 12, 12, 12, 12, 12]


def test_a_picture_that_stays_for_long_is_not_skipped(studio: EditingStudio, film: Path) -> None:
    """Screen recorders write a frame only when something changes."""
    still = made_of(film, "still.mp4", "-vf", "select='lt(n,3)+gt(n,20)'", "-fps_mode", "vfr", "-an")
    source = studio.attach(still)
    timeline = build([clip(source, 0, 0.5, 12 / 24), clip(source, 0.5, 0.125, 15 / 24, effects=({"name": "freeze"},))])
    assert numbers(render(studio, timeline)[0]) == [2] * 9 + [21, 22, 23, 2, 2, 2]


def test_picture_and_sound_of_a_film_whose_picture_begins_late(studio: EditingStudio, tmp_path: Path) -> None:
    """The film begins with its first picture, for what is analysed and for what is rendered."""
    at = np.arange(48_000 * 2) / 48_000
    beep = 0.5 * np.sin(2 * np.pi * 1000 * at) * ((at >= 1) & (at < 1.1))
    flash = lambda t: np.full((90, 160, 3), 235 if 1 <= t < 1.1 else 40, np.uint8)  # noqa: E731
    whole = make_video(tmp_path / "whole.mp4", 2.0, fps=24, width=160, height=90, frame=flash, samples=beep)
    late = made_of(whole, "late.mkv", "-vf", "trim=start=0.5", "-fps_mode", "passthrough")
    source = studio.attach(late)
    cut = [clip(source, 0, 1.0, 0.25)]
    made, _ = render(studio, build(cut, {"source": cut}))
    shown = next(seconds for seconds, rgb in read_frames(made) if rgb.mean() > 140)
    heard = np.flatnonzero(np.abs(read_samples(made, 48_000)[:, 0]) > 0.05)[0] / 48_000
    analysed = next(seconds for seconds, rgb in read_frames(late) if rgb.mean() > 140)
    assert shown == pytest.approx(analysed - 0.25, abs=1 / 24) and heard == pytest.approx(shown, abs=1 / 24)


HDR = "setparams=color_primaries=bt2020:color_trc={}:colorspace=bt2020nc"


@pytest.mark.parametrize(
    ("name", "chain", "codec"),
    [
        ("rgb.mov", "format=rgb24", ("qtrle",)),
        ("sd.webm", "scale=out_color_matrix=bt601,format=yuv420p,setparams=colorspace=unknown", ("libvpx",)),
        ("pq.mp4", f"scale=out_color_matrix=bt2020,format=yuv420p10le,{HDR.format('smpte2084')}", ("libx265",)),
        ("hlg.mp4", f"scale=out_color_matrix=bt2020,format=yuv420p10le,{HDR.format('arib-std-b67')}", ("libx265",)),
    ],
)
def test_colours_are_those_that_are_analysed(
    studio: EditingStudio, tmp_path: Path, name: str, chain: str, codec: tuple[str, ...]
) -> None:
    path = tmp_path / name
    quiet = ("-x265-params", "log-level=none") if codec == ("libx265",) else ()
    run_ffmpeg(["-f", "lavfi", "-i", "color=c=0x806858:s=160x90:r=24:d=0.25,format=rgb24", "-vf", chain,
                "-c:v", *codec, *quiet, str(path)])  # fmt: skip
    seen = next(read_frames(path))[1][40:50, 70:90].reshape(-1, 3).mean(axis=0)
    made, _ = render(studio, build([clip(studio.attach(path), 0, 0.2)]))
    assert np.abs(frames(made)[:, 40:50, 70:90].reshape(-1, 3).mean(axis=0) - seen).max() < 6


def test_two_fields_become_one_picture(studio: EditingStudio, tmp_path: Path) -> None:
    """Of a bar that runs through the picture no comb is left: neighbouring lines show the same moment."""
    path = tmp_path / "fields.mp4"
    running = "color=s=160x96:r=50:d=1,geq=lum='if(lt(mod(X+N*12,160),40),235,16)':cb=128:cr=128"
    run_ffmpeg(["-f", "lavfi", "-i", f"{running},interlace=scan=tff:lowpass=off", "-c:v", "libx264", "-flags",
                "+ildct+ilme", "-x264opts", "tff=1", str(path)])  # fmt: skip
    combed = [float(np.abs(np.diff(rgb[10:80, :, 0].astype(int), axis=0)).mean()) for _, rgb in read_frames(path)]
    made, _ = render(studio, build([clip(studio.attach(path), 0, 0.5)]))
    left = np.abs(np.diff(frames(made)[2:-2, 10:80, :, 0], axis=1)).mean()
    assert min(combed) > 20 and left < 4


def test_of_several_tracks_of_sound_the_first_is_heard_and_that_is_said(studio: EditingStudio, film: Path) -> None:
    """As recorders write them, the voice often on the second."""
    two = made_of(film, "two.mkv", "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy")
    _, outcome = studio.make("edit_video", video=studio.attach(two).id, instruction="keep the first 0.5 seconds")
    assert (
        outcome.result is not None and "'two.mkv' has 2 tracks of sound; the first is heard" in outcome.result.warnings
    )
    _, outcome = studio.make("edit_video", video=studio.attach(film).id, instruction="keep the first 0.5 seconds")
    assert outcome.result is not None and not any("tracks of sound" in text for text in outcome.result.warnings)


def moving(path: Path, size: tuple[int, int] = (160, 90)) -> Path:
    """Red, green and blue, 40, 80 and 40 ms long."""
    pictures = [Image.new("RGB", size, colour) for colour in ((200, 40, 40), (40, 200, 40), (40, 40, 200))]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[40, 80, 40])
    return path


@pytest.mark.parametrize("ending", ["webp", "gif", "png"])
def test_animations_are_taken_in_as_films(studio: EditingStudio, tmp_path: Path, ending: str) -> None:
    source = studio.attach(moving(tmp_path / f"moving.{ending}"))
    assert (source.kind, source.name, source.params["animation"]) == ("video", f"moving.{ending}", ending)
    assert studio.attach(tmp_path / f"moving.{ending}").id == source.id
    assert [file.name for file in studio.workspace.tmp.iterdir()] == []
    film, _ = studio.make("edit_video", video=source.id, instruction="play it backwards")
    shown = frames(film)[:, 40:50, 70:90].mean(axis=(1, 2))
    wanted = [(40, 40, 200), (40, 200, 40), (40, 200, 40), (200, 40, 40)]
    assert np.abs(shown - wanted).max() < 8
    (tmp_path / f"torn.{ending}").write_bytes((tmp_path / f"moving.{ending}").read_bytes()[:-40])
    before = {asset.id for asset in studio.memory.list_assets()}
    with pytest.raises(UsageError, match=rf"^'torn\.{ending}' is damaged or cut short"):
        studio.attach(tmp_path / f"torn.{ending}")
    assert {asset.id for asset in studio.memory.list_assets()} == before and not list(studio.workspace.tmp.iterdir())


def test_of_an_animation_that_was_taken_in_as_a_picture_the_first_is_shown(
    studio: EditingStudio, tmp_path: Path
) -> None:
    """Earlier versions took them in so."""
    file = studio.workspace.scratch(".gif")
    moving(file)
    source = publish(
        studio.workspace, studio.memory, file, "image", "moving.gif", engine="", engine_version="", tool="", params={},
        seed=None, parents=(), scores=(), thread="t", step="upload/moving.gif", summary="",
    )  # fmt: skip
    save_timeline(build([clip(source, 0, 0.25)]), studio.workspace.home / "cut.otio")
    film, outcome = studio.make("render_timeline", timeline="cut.otio")
    assert outcome.result is not None and any("is an animation" in text for text in outcome.result.warnings)
    assert np.abs(frames(film)[:, 40:50, 70:90].mean(axis=(0, 1, 2)) - (200, 40, 40)).max() < 6
