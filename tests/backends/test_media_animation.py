"""Animated pictures as films: every pixel, every moment, within limits; what is no animation stays a picture."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from backends.media import animation
from backends.media.animation import is_animation, make_film
from backends.media.container import MediaLimits
from backends.media.frames import read_frames
from backends.media.probe import probe
from configs.errors import UsageError

COLOURS = [(20 + 20 * k, 220 - 20 * k, 40) for k in range(6)]


def animated(path: Path, delays: list[int], *, clear: bool = False, size: tuple[int, int] = (33, 17)) -> Path:
    pictures = []
    for colour in COLOURS[: len(delays)]:
        pixels = np.full((size[1], size[0], 4), (*colour, 255), np.uint8)
        if clear:
            pixels[size[1] // 2 :, :, 3] = 0
        pictures.append(Image.fromarray(pixels).convert("RGBA" if clear else "RGB"))
    more = {".webp": {"lossless": True}, ".gif": {"disposal": 2}}.get(path.suffix, {})
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays, loop=0, **more)
    return path


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
@pytest.mark.parametrize("clear", [False, True])
def test_every_pixel_at_its_moment(tmp_path: Path, ending: str, clear: bool) -> None:
    source = animated(tmp_path / f"a.{ending}", [40, 80, 40, 120, 40, 40], clear=clear)
    assert is_animation(source)
    made = make_film(source, tmp_path / "a.mov", MediaLimits(), source.name)
    assert (made.frames, made.seconds, made.clear, made.format) == (6, pytest.approx(0.36), clear, ending)
    info = probe(tmp_path / "a.mov")
    assert (info.kind, info.fps, info.frames, info.width, info.height, info.vfr) == ("video", 25, 9, 33, 17, False)
    assert info.seconds == pytest.approx(0.36)
    seen = [tuple(rgb[3, 5].tolist()) for _, rgb in read_frames(tmp_path / "a.mov")]
    wanted = [colour for colour, times in zip(COLOURS, (1, 2, 1, 3, 1, 1), strict=True) for _ in range(times)]
    assert seen == wanted
    with av.open(str(tmp_path / "a.mov")) as film:
        first = next(film.decode(video=0)).to_ndarray(format="rgba")
    assert (first[2, 2, 3], first[-2, 2, 3]) == (255, 0 if clear else 255)
    again = tmp_path / "b.mov"
    make_film(source, again, MediaLimits(), source.name)
    assert again.read_bytes() == (tmp_path / "a.mov").read_bytes(), "taken in twice, it is known again"


@pytest.mark.parametrize(
    ("delays", "fps", "frames"),
    [
        ([0] * 4, 10, 4),  # as browsers do
        ([50] * 4, 20, 4),
        ([3000, 3000], 10, 60),  # too slow to be cut
        ([70, 60, 70, 70, 60, 70], 15, 6),  # as a GIF says 15
        ([30, 50, 30], 50, 6),  # 110 ms on a grid of 20
    ],
)
def test_rates_are_even(tmp_path: Path, delays: list[int], fps: float, frames: int) -> None:
    source = animated(tmp_path / "a.gif", delays)
    make_film(source, tmp_path / "a.mov", MediaLimits(), source.name)
    info = probe(tmp_path / "a.mov")
    assert (info.fps, info.frames, info.vfr) == (fps, frames, False)


def test_pictures_that_stand_for_long_are_not_repeated_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = animated(tmp_path / "a.gif", [60_000, 60_000, 90_000])
    small = MediaLimits(max_mib=0.01)
    made = make_film(source, tmp_path / "a.mov", small, source.name)
    assert made.seconds == 210 and probe(tmp_path / "a.mov").frames == 3
    with pytest.raises(UsageError, match=r"^'a\.gif' is too large an animation: as a film it has more than"):
        make_film(source, tmp_path / "b.mov", MediaLimits(max_mib=0.0001), source.name)
    with pytest.raises(UsageError, match=r"^'a\.gif' is too long: 4 minutes; 1 are allowed"):
        make_film(source, tmp_path / "b.mov", MediaLimits(max_seconds=60), source.name)
    monkeypatch.setattr(animation, "MAX_SHOWN_PIXELS", 33 * 17 * 2)
    with pytest.raises(UsageError, match="pixels in all of them are the limit"):
        make_film(source, tmp_path / "b.mov", MediaLimits(), source.name)
    assert not (tmp_path / "b.mov").exists()


def test_a_later_picture_that_is_larger_than_the_first(tmp_path: Path) -> None:
    """A GIF may say so; the reader then makes the picture as large, up to 65535 pixels a side."""
    source = animated(tmp_path / "a.gif", [40, 40, 40])
    raw = bytearray(source.read_bytes())
    last = raw.rindex(b"\x2c\x00\x00\x00\x00")
    raw[last + 5 : last + 9] = b"\xff\xff\xff\xff"
    source.write_bytes(raw)
    with pytest.raises(UsageError, match=r"'a\.gif' is (too large an animation|damaged)"):
        make_film(source, tmp_path / "a.mov", MediaLimits(), source.name)
    assert not (tmp_path / "a.mov").exists()


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_cut_short(tmp_path: Path, ending: str) -> None:
    source = animated(tmp_path / f"a.{ending}", [40] * 6)
    raw = source.read_bytes()
    source.write_bytes(raw[: len(raw) * 2 // 3])
    try:
        made = make_film(source, tmp_path / "a.mov", MediaLimits(), source.name)
    except UsageError as error:
        assert error.sentence.startswith(f"'a.{ending}' is damaged or cut short")
        assert not (tmp_path / "a.mov").exists()
    else:
        assert 0 < made.frames < 6, "whole pictures before the break may be taken"


def test_pages_and_stills_are_no_animations(tmp_path: Path) -> None:
    one, two = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    one.save(tmp_path / "pages.tif", save_all=True, append_images=[two])
    one.save(tmp_path / "still.gif")
    one.save(tmp_path / "telephone.mpo", format="MPO", save_all=True, append_images=[two])
    assert not any(is_animation(tmp_path / name) for name in ("pages.tif", "still.gif", "telephone.mpo"))
