"""Colour tables: written by content, read back, looked up as ffmpeg does; CIELAB both ways."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2lab

from backends.media.cielab import lab_of, rgb_of, within_srgb
from backends.media.cube import cube_text, identity, look_up, read_cube, write_cube
from backends.media.ffmpeg import ffmpeg_path
from configs.errors import StudioError, UsageError
from tools.editing.effects.lut import WIDE

RNG = np.random.default_rng(3)


def wavy() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A smooth table that mixes the channels."""
    table = identity()
    mixed = 0.8 * table + 0.2 * table[..., ::-1]
    return np.asarray(mixed + 0.04 * np.sin(6 * table), np.float64).clip(0, 1)


def test_lab_is_that_of_skimage_and_goes_both_ways() -> None:
    rgb = RNG.random((500, 3))
    assert np.abs(lab_of(rgb) - rgb2lab(rgb[None])[0]).max() < 0.01
    assert np.abs(rgb_of(lab_of(rgb)) - rgb).max() < 1e-9


def test_colours_outside_srgb_keep_their_lightness_and_hue() -> None:
    wild = np.stack([RNG.uniform(10, 95, 400), RNG.uniform(-130, 130, 400), RNG.uniform(-130, 130, 400)], axis=1)
    lab = lab_of(within_srgb(wild))
    assert np.abs(lab[:, 0] - wild[:, 0]).max() < 0.1
    kept = np.hypot(lab[:, 1], lab[:, 2]) > 2
    cross = lab[kept, 1] * wild[kept, 2] - lab[kept, 2] * wild[kept, 1]
    turned = np.abs(cross) / np.hypot(lab[kept, 1], lab[kept, 2]) / np.hypot(wild[kept, 1], wild[kept, 2])
    assert turned.max() < 0.02


def test_a_table_is_named_by_its_content_and_read_back(tmp_path: Path) -> None:
    first = write_cube(wavy(), tmp_path)
    assert write_cube(wavy(), tmp_path) == first
    assert write_cube(identity(), tmp_path) != first
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".cube", ".cube"]
    assert np.abs(read_cube(first) - wavy()).max() < 1e-6


def test_tables_of_other_programs_may_have_comments_and_another_size(tmp_path: Path) -> None:
    file = tmp_path / "small.cube"
    file.write_text('TITLE "x"\n# made elsewhere\nLUT_3D_SIZE 2\n' + cube_text(identity(2)).split("\n", 3)[3])
    assert np.abs(read_cube(file) - identity(2)).max() == 0


@pytest.mark.parametrize("text", ["", "LUT_3D_SIZE 3\n0 0 0\n", "LUT_3D_SIZE 2\n" + "0 0\n" * 8, "\x00\xff", "hello"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.cube"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"bad\.cube"):
        read_cube(file)


def test_numbers_out_of_range_never_reach_a_file(tmp_path: Path) -> None:
    for bad in (identity() * 1.1, identity() * np.nan, identity()[:5]):
        with pytest.raises(ValueError, match="table"):
            write_cube(bad, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(StudioError, match="colour table"):
        write_cube(identity(), blocked / "inside")


def test_lookups_are_those_of_ffmpeg(tmp_path: Path) -> None:
    """In the format that the `lut` effect uses."""
    rgb = RNG.random((48, 64, 3)).astype("<f4")
    planes = rgb[..., [1, 2, 0]].transpose(2, 0, 1)  # gbrp has green first
    file = write_cube(wavy(), tmp_path)
    raw = ["-f", "rawvideo", "-pixel_format", "gbrpf32le", "-video_size", "64x48"]
    chain = f"{WIDE},lut3d=file={file}:interp=tetrahedral"
    command = [ffmpeg_path(), "-v", "error", *raw, "-i", "-", "-vf", chain, "-f", "rawvideo", "-"]
    out = subprocess.run(command, input=planes.tobytes(), capture_output=True, check=True).stdout
    drawn = np.frombuffer(out, "<f4").reshape(3, 48, 64)[[2, 0, 1]].transpose(1, 2, 0)
    assert np.abs(drawn - look_up(wavy(), rgb.astype(float))).max() < 1e-5


def test_a_picture_through_a_table_that_changes_nothing_is_the_same_picture(tmp_path: Path) -> None:
    luma = np.tile(np.arange(16, 236, dtype=np.uint8), (64, 1))
    raw = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", "220x64"]
    chain = f"setparams=range=tv:colorspace=bt709,{WIDE},lut3d=file={write_cube(identity(), tmp_path)},format=yuv420p"
    command = [ffmpeg_path(), "-v", "error", *raw, "-i", "-", "-vf", chain, "-f", "rawvideo", "-"]
    whole = luma.tobytes() + b"\x80" * (2 * 110 * 32)
    assert subprocess.run(command, input=whole, capture_output=True, check=True).stdout == whole
