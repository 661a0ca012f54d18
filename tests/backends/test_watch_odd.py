"""Odd and broken films in the one pass: a right answer with a warning, or one clear sentence."""

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_sinks import Listener, Looker, make, moving, tone
from media_fixtures import make_png, make_wav
from numpy.typing import NDArray

from backends.media.guard import MediaLimits, sniff
from backends.media.probe import probe
from backends.vision.watch import Watched, listen, watch
from configs.errors import UsageError

X264 = ("-pix_fmt", "yuv420p", "-preset", "ultrafast")


def looked_at(path: Path) -> tuple[Looker, Watched]:
    looker = Looker()
    return looker, watch(path, [looker])


def coded(path: Path, codec: str, form: str, planes: list[NDArray[np.generic]], **tags: int) -> Path:
    """A film of three equal frames whose planes hold just these samples; tags: H.273 numbers for the encoder."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = form
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for _ in range(3):
            frame = av.VideoFrame(stream.width, stream.height, form)
            for name, value in tags.items():
                setattr(frame, name, value)
            for plane, samples in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size // samples.itemsize), samples.dtype)
                rows[: samples.shape[0], : samples.shape[1]] = samples
                plane.update(rows.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def patches(levels: list[int], dtype: type, neutral: int) -> list[NDArray[np.generic]]:
    """The planes of a 4:2:0 picture of grey columns, 32 pixels wide each."""
    luma = np.repeat(np.array(levels, dtype), 32)[None].repeat(64, axis=0)
    return [luma, *(np.full((32, luma.shape[1] // 2), neutral, dtype) for _ in range(2))]


def columns(picture: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The colour in the middle of each of `count` columns, (count, 3)."""
    width = picture.shape[1] // count
    return picture[picture.shape[0] // 2, width // 2 :: width]


# Sizes, shapes, kinds of pixels


def test_one_frame(tmp_path: Path) -> None:
    looker, seen = looked_at(make(tmp_path / "one.mp4", *moving(1.0), *X264, "-frames:v", "1"))
    assert (looker.seconds, seen.frames) == ([0.0], 1) and seen.seconds == pytest.approx(1 / 24)
    assert seen.warnings == ("The film has only one frame: nothing can move in it.",)


@pytest.mark.parametrize(
    ("size", "shape"), [("16x16", (32, 32)), ("16x90", (180, 32)), ("2048x16", (32, 320)), ("180x320", (320, 180))]
)
def test_tiny_and_narrow_films_have_room_for_the_measures(tmp_path: Path, size: str, shape: tuple[int, int]) -> None:
    looker, seen = looked_at(make(tmp_path / "narrow.mp4", *moving(0.25, size), *X264))
    assert {picture.shape for picture in looker.pictures} == {(*shape, 3)}
    assert bool(seen.warnings) == (min(int(side) for side in size.split("x")) < 32)


def test_8k_is_allowed_and_more_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "8k.mp4", *moving(0.125, "7680x4320"), *X264)
    looker, seen = looked_at(path)
    assert seen == Watched(3, pytest.approx(0.125), ()) and looker.pictures[0].shape == (180, 320, 3)
    with pytest.raises(UsageError, match="7680x4320; 30 megapixels are allowed"):
        watch(path, [], limits=MediaLimits(max_pixels=30_000_000))


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = make(tmp_path / "wide.mp4", *moving(0.2, "720x576"), *X264, "-vf", "setsar=64/45")
    assert looked_at(path)[0].pictures[0].shape == (180, 320, 3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_films_are_seen_upright(tmp_path: Path, degrees: int) -> None:
    straight = make(tmp_path / "straight.mp4", *moving(0.2), *X264)
    turned = tmp_path / "turned.mp4"
    make(turned, "-display_rotation", str(degrees), "-i", str(straight), "-c", "copy")
    for one, other in zip(looked_at(straight)[0].pictures, looked_at(turned)[0].pictures, strict=True):
        assert np.array_equal(np.rot90(one, degrees // 90), other)


def test_full_and_limited_range_look_the_same(tmp_path: Path) -> None:
    limited = patches([16, 71, 126, 180, 235], np.uint8, 128)
    full = patches([0, 64, 128, 191, 255], np.uint8, 128)
    wanted = np.array([0, 64, 128, 191, 255])
    for name, planes, levels in (("limited", limited, 1), ("full", full, 2), ("untagged", limited, 0)):
        path = coded(tmp_path / f"{name}.mkv", "ffv1", "yuv420p", planes, color_range=levels)
        seen = columns(looked_at(path)[0].pictures[0], 5)
        assert np.abs(seen.astype(int) - wanted[:, None]).max() <= 1, name


def test_ten_bits_and_grey_look_like_eight(tmp_path: Path) -> None:
    wanted = np.array([0, 64, 128, 191, 255])
    deep = patches([64, 284, 504, 720, 940], np.uint16, 512)
    seen = columns(looked_at(coded(tmp_path / "deep.mkv", "ffv1", "yuv420p10le", deep))[0].pictures[0], 5)
    assert np.abs(seen.astype(int) - wanted[:, None]).max() <= 1
    grey = patches([0, 64, 128, 191, 255], np.uint8, 0)[:1]
    seen = columns(looked_at(coded(tmp_path / "grey.mkv", "ffv1", "gray", grey))[0].pictures[0], 5)
    assert np.abs(seen.astype(int) - wanted[:, None]).max() <= 1


def test_large_films_without_tags_have_the_colours_of_hd(tmp_path: Path) -> None:
    """Y 63, Cb 102, Cr 240 is pure red in BT.709; read by BT.601 it would be darker and purple."""
    for height, tags in ((720, {}), (64, {"colorspace": 1})):
        shapes = ((height, 128), (height // 2, 64), (height // 2, 64))
        planes: list[NDArray[np.generic]] = [
            np.full(shape, level, np.uint8) for shape, level in zip(shapes, (63, 102, 240), strict=True)
        ]
        looker, _ = looked_at(coded(tmp_path / f"{height}.mkv", "ffv1", "yuv420p", planes, **tags))
        red, green, blue = looker.pictures[0][10, 10].astype(int)
        assert red >= 252 and green <= 4 and blue <= 4


# PQ and HLG codes (10 bits, limited range) of 0, 10, 100, 203 and 1000 nits: ITU-R BT.2100, on a 1000-nit screen
@pytest.mark.parametrize(
    ("name", "transfer", "codes"), [("PQ", 16, [64, 327, 509, 573, 723]), ("HLG", 18, [64, 287, 616, 721, 940])]
)
def test_hdr_is_brought_to_an_ordinary_screen(tmp_path: Path, name: str, transfer: int, codes: list[int]) -> None:
    path = coded(
        tmp_path / f"{name}.mkv",
        "ffv1",
        "yuv420p10le",
        patches(codes, np.uint16, 512),
        color_trc=transfer,
        color_primaries=9,
        colorspace=9,
    )
    looker, seen = looked_at(path)
    assert seen.warnings == (f"The film is HDR ({name}): its light was brought to the range of an ordinary screen.",)
    shown = columns(looker.pictures[0], 5).astype(int)
    assert np.ptp(shown, axis=1).max() <= 2, "greys stay grey"
    levels = shown[:, 1]
    assert levels[0] == 0 and levels[4] >= 250
    assert 55 <= levels[1] <= 75, "10 nits of 203 is 4.9 % of the light: 65"
    assert 170 <= levels[2] <= 190, "100 nits of 203 is half of the light: 185"
    assert 205 <= levels[3] <= 245, "white keeps room for highlights"


def test_transparent_parts_count_as_black(tmp_path: Path) -> None:
    half = "color=c=white:size=64x64:rate=24:duration=0.2,format=rgba,geq=r=255:g=255:b=255:a='if(lt(X,32),0,255)'"
    looker, seen = looked_at(make(tmp_path / "alpha.mov", "-f", "lavfi", "-i", half, "-c:v", "qtrle"))
    assert columns(looker.pictures[0], 2).tolist() == [[0, 0, 0], [255, 255, 255]]
    assert seen.warnings == ("The film is transparent in parts: they count as black where they are.",)


def test_fields_look_neither_like_flicker_nor_like_motion(tmp_path: Path) -> None:
    """Fields of 50 per second against the same film in 25 whole frames per second."""
    source = "testsrc2=size=360x288:rate=50:duration=1,scroll=horizontal=0.02"
    coder = ("-c:v", "mpeg2video", "-q:v", "2", "-pix_fmt", "yuv420p")
    fields = make(
        tmp_path / "fields.mkv",
        "-f",
        "lavfi",
        "-i",
        source,
        "-vf",
        "interlace=lowpass=0",
        "-flags",
        "+ilme+ildct",
        *coder,
    )
    whole = make(tmp_path / "whole.mkv", "-f", "lavfi", "-i", source, "-vf", "fps=25:round=down", *coder)
    looker, seen = looked_at(fields)
    wanted, _ = looked_at(whole)
    assert seen.warnings == ("The film is interlaced: one field of each frame was measured.",)
    assert len(looker.pictures) == len(wanted.pictures) == 25

    def unrest(pictures: list[NDArray[np.uint8]]) -> float:
        return float(np.abs(np.diff(np.stack(pictures).astype(float), n=2, axis=0)).mean())

    assert unrest(looker.pictures) < 1.15 * unrest(wanted.pictures)
    combs = [float(np.abs(np.diff(picture.astype(float), n=2, axis=0)).mean()) for picture in looker.pictures]
    smooth = [float(np.abs(np.diff(picture.astype(float), n=2, axis=0)).mean()) for picture in wanted.pictures]
    assert np.mean(combs) < 1.15 * np.mean(smooth), "no comb of alternating lines"


def test_a_size_that_changes_on_the_way(tmp_path: Path) -> None:
    one = make(tmp_path / "one.ts", *moving(0.5), *X264)
    other = make(tmp_path / "other.ts", *moving(0.5, "640x360"), *X264, "-output_ts_offset", "0.5")
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() + other.read_bytes())
    looker, seen = looked_at(both)
    assert seen.frames >= 23, "the decoder itself may lose the last one before the change"
    assert {picture.shape for picture in looker.pictures} == {(180, 320, 3)}


# Times


def test_files_without_showing_times(tmp_path: Path) -> None:
    """AVI knows only the order in which frames are stored."""
    path = make(tmp_path / "reordered.avi", *moving(2.0), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "2")
    looker, seen = looked_at(path)
    assert seen.frames == 48 and seen.seconds == pytest.approx(2.0, abs=0.1)
    assert looker.seconds[0] == 0 and np.diff(looker.seconds) == pytest.approx(np.full(47, 1 / 24), abs=1 / 23)
    assert np.diff(looker.seconds).min() > 0.04


def test_a_gap_of_hours_is_refused_in_one_sentence(tmp_path: Path) -> None:
    slow = ("-f", "lavfi", "-i", "color=size=64x64:rate=1:duration=11", "-vf", "setpts=N*3600/TB", "-fps_mode", "vfr")
    for name in ("hours.mp4", "hours.mkv"):
        path = make(tmp_path / name, *slow, *X264)
        with pytest.raises(UsageError, match=r"too long: 600 minutes; 240 are allowed") as caught:
            watch(path, [])
        assert "\n" not in caught.value.sentence
        assert watch(path, [], limits=MediaLimits(max_seconds=11 * 3600)).seconds >= 36_000
        info = probe(path, MediaLimits(max_seconds=11 * 3600))
        assert watch(path, [], info=info).frames == 11, "whoever probed it let it in"


# Damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Three seconds with sound in each container."""
    folder = tmp_path_factory.mktemp("whole")
    codecs = {
        "mkv": (*X264, "-g", "24", "-c:a", "aac", "-cluster_time_limit", "400"),
        "ts": (*X264, "-g", "24", "-c:a", "aac"),
        "webm": (
            "-c:v",
            "libvpx",
            "-deadline",
            "realtime",
            "-g",
            "24",
            "-c:a",
            "libopus",
            "-cluster_time_limit",
            "400",
        ),
        "mp4": (*X264, "-g", "24", "-c:a", "aac"),
    }

    def of(ending: str) -> Path:
        path = folder / f"whole.{ending}"
        return path if path.exists() else make(path, *moving(3.0), *tone(3.0), *codecs[ending])

    return of


@pytest.mark.parametrize("ending", ["mkv", "ts", "webm"])
def test_of_a_broken_tail_the_rest_is_measured(tmp_path: Path, whole: Callable[[str], Path], ending: str) -> None:
    data = whole(ending).read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    looker, listener = Looker(), Listener()
    seen = watch(cut, [looker], [listener])
    assert 32 <= seen.frames <= 52 and seen.seconds == pytest.approx(seen.frames / 24, abs=0.2)
    assert looker.seconds == sorted(looker.seconds)
    assert len(listener.mono) / 16_000 == pytest.approx(seen.seconds, abs=0.4)
    if ending != "ts":  # which promises no length
        assert any(f"breaks off at {seen.seconds:.2f} s of the 3.0" in warning for warning in seen.warnings)


@pytest.mark.parametrize("ending", ["mkv", "ts", "webm", "mp4"])
def test_damage_in_the_middle_is_passed_over(tmp_path: Path, whole: Callable[[str], Path], ending: str) -> None:
    data = bytearray(whole(ending).read_bytes())
    pick, start = random.Random(5), int(len(data) * 0.5)
    for at in range(start, start + 3_000):
        data[at] = pick.randrange(256)
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes(data)
    looker, listener = Looker(), Listener()
    seen = watch(broken, [looker], [listener])
    assert looker.seconds[-1] > 2.8 and seen.frames >= 48, "what comes after the damage is seen too"
    assert np.diff(looker.seconds).min() > 0
    assert len(listener.mono) / 16_000 == pytest.approx(3.0, abs=0.25)
    assert any("the first at 1." in warning or "gaps" in warning for warning in seen.warnings)


def test_a_film_whose_beginning_is_broken(tmp_path: Path, whole: Callable[[str], Path]) -> None:
    """A recording that begins in the middle of its pictures."""
    data = whole("ts").read_bytes()
    late = tmp_path / "late.ts"
    late.write_bytes(data[188 * int(len(data) * 0.2 / 188) :])
    looker, seen = looked_at(late)
    assert 40 <= seen.frames <= 62 and 0 <= looker.seconds[0] < 1


def test_a_picture_that_grows_beyond_the_limit_is_not_decoded(tmp_path: Path) -> None:
    """The header says 64x64; the second packet is a larger PNG."""
    bomb = make_png(tmp_path / "bomb.png", 640, 360).read_bytes()
    path = tmp_path / "bomb.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        container.mux(stream.encode(av.VideoFrame(64, 64, "rgb24")))
        packet = av.Packet(bomb)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 1, 1, Fraction(1, 24)
        container.mux(packet)
    assert looked_at(path)[1].frames == 2
    seen = watch(path, [], limits=MediaLimits(max_pixels=640 * 360 - 1))
    assert seen.frames == 1 and "1 piece of the picture could not be read" in " ".join(seen.warnings)


def test_formats_that_are_not_known(tmp_path: Path, whole: Callable[[str], Path]) -> None:
    data = whole("mkv").read_bytes()
    path = tmp_path / "odd.mkv"
    path.write_bytes(data.replace(b"A_AAC", b"A_XXX"))
    listener = Listener()
    seen = watch(path, [], [listener])
    assert (seen.frames, listener.blocks) == (72, [])
    assert seen.warnings == ("The sound is in a format that is not known here: it was not heard.",)
    assert not probe(path).has_audio
    path.write_bytes(data.replace(b"V_MPEG4/ISO/AVC", b"V_XPEG4/ISO/AVC"))
    with pytest.raises(UsageError, match=r"'odd\.mkv' cannot be decoded: its format is not known here"):
        watch(path, [])


# What is no film


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tone.wav", "'tone.wav' is not a film: it is a sound without pictures"),
        ("song.m4a", "'song.m4a' is not a film: it is a sound without pictures"),
        ("picture.png", "'picture.png' is not a film: it is a picture"),
        ("cover.m4a", "'cover.m4a' has a cover picture only: there is neither a film nor a sound in it"),
        ("list.mp4", "'list.mp4' is an ffconcat playlist"),
        ("https://example.org/film.mp4", "'film.mp4' is an address, not a file"),
        ("missing.mp4", "There is no file 'missing.mp4'"),
    ],
)
def test_what_is_no_film_is_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    cover = make_png(tmp_path / "picture.png")
    sound = make_wav(tmp_path / "tone.wav")
    attached = ("-c:v", "copy", "-disposition:v:0", "attached_pic")
    match name:
        case "song.m4a":
            make(tmp_path / name, "-i", str(sound), "-i", str(cover), "-map", "0", "-map", "1", *attached)
        case "cover.m4a":
            make(tmp_path / name, "-i", str(cover), *attached)
        case "list.mp4":
            (tmp_path / name).write_text("ffconcat version 1.0\nfile tone.wav\n")
    path = Path(name) if "//" in name else tmp_path / name
    with pytest.raises(UsageError) as caught:
        watch(path, [Looker()], [Listener()])
    assert caught.value.sentence.startswith(sentence) and "\n" not in caught.value.sentence
    if name in ("tone.wav", "song.m4a"):
        assert sniff(path).kind == "audio" and listen(path, [Listener()]).seconds == pytest.approx(1.0, abs=0.05)


def test_hours_without_pictures_are_told(tmp_path: Path) -> None:
    """Two holes in the time stamps; slides of some seconds are none."""

    def film(name: str, jumps: dict[int, int], step: int) -> Path:
        with av.open(str(path := tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 25)
            at = 0
            for k in range(40):
                at += step + jumps.get(k, 0)
                frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 5 * k, np.uint8), format="rgb24")
                frame.pts, frame.time_base = at, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    looker, watched = looked_at(film("holes.mkv", {20: 25 * 600, 30: 25 * 3600}, 1))
    assert len(looker.seconds) == 40
    (note,) = [note for note in watched.warnings if "no pictures" in note]
    assert "2 stretches" in note and "3600 s" in note
    assert not [note for note in looked_at(film("slides.mkv", {}, 150))[1].warnings if "no pictures" in note]
