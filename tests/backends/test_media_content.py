"""What is read from media, and what is written: probe, frames, pictures, sheets, sound."""

import os
import resource
from pathlib import Path

import numpy as np
import pytest
from media_fixtures import gradient, make_png, make_video, make_wav
from PIL import Image

from backends.media.audio import read_audio, read_samples
from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.frames import frame_at, read_frames
from backends.media.guard import MediaLimits, sniff
from backends.media.images import contact_sheet, load_image, save_png
from backends.media.probe import probe
from configs.errors import StudioError, UsageError


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("film") / "film.mp4", 3.0)


def convert(path: Path, name: str, *args: str) -> Path:
    out = path.with_name(name)
    run_ffmpeg([*input_args(path, sniff(path)), *args, str(out)])
    return out


def test_probe_of_a_film(film):
    info = probe(film)
    assert (info.kind, info.format, info.width, info.height, info.frames) == ("video", "mov", 320, 180, 72)
    assert info.seconds == pytest.approx(3.0, abs=0.03) and info.fps == pytest.approx(24)
    assert (info.has_audio, info.rotation, info.vfr) == (True, 0, False)


def test_probe_knows_rotation_and_variable_rates(film):
    turned = film.with_name("turned.mp4")
    run_ffmpeg(["-display_rotation", "90", *input_args(film, sniff(film)), "-c", "copy", str(turned)])
    info = probe(turned)
    assert (info.width, info.height, info.rotation) == (180, 320, 90)
    upright = frame_at(turned, 0.5)
    assert upright.shape == (320, 180, 3)
    assert np.abs(upright.astype(int) - np.rot90(frame_at(film, 0.5))).mean() < 2
    assert frame_at(turned, 0.5, width=90).shape == (160, 90, 3)
    uneven = convert(film, "uneven.mp4", "-vf", "select='not(eq(mod(n,5),2))'", "-fps_mode", "vfr")
    assert probe(uneven).vfr and not probe(turned).vfr
    assert not probe(convert(film, "ntsc.mkv", "-r", "30000/1001")).vfr


def test_probe_of_sounds_and_pictures(tmp_path, film):
    sound = probe(make_wav(tmp_path / "a.wav", 1.5, rate=22_050, channels=2))
    assert (sound.kind, sound.sample_rate, sound.channels, sound.width) == ("audio", 22_050, 2, 0)
    assert sound.seconds == pytest.approx(1.5)
    song = tmp_path / "song.mp3"
    cover = make_png(tmp_path / "cover.png")
    tone = make_wav(tmp_path / "b.wav")
    args = [*input_args(tone, sniff(tone)), *input_args(cover, sniff(cover)), "-map", "0", "-map", "1"]
    run_ffmpeg([*args, "-c:v", "copy", "-disposition:v:0", "attached_pic", str(song)])
    assert probe(song).kind == "audio", "a cover picture does not make a song a film"
    turned = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient(0)).save(turned, exif=exif)
    assert (probe(turned).width, probe(turned).height) == (180, 320)
    assert load_image(turned).shape == (320, 180, 3)
    text = tmp_path / "a.srt"
    text.write_text("1\n00:00:01,000 --> 00:00:02,000\nHi\n")
    with pytest.raises(UsageError, match="not a picture, sound or film"):
        probe(text)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi", "a.flv", "a.flac", "a.aiff"])
def test_what_is_lost_at_the_end_is_not_counted(film, name):
    """Their headers still tell the whole length; a cut of it would end with a picture that stands, or in silence."""
    codecs = ("-c:v", "libvpx", "-b:v", "300k", "-c:a", "libopus") if name == "a.webm" else ()
    whole = convert(film, name, *(("-c:a", "aac") if name == "a.flv" else codecs))
    info = probe(whole)
    assert info.seconds == pytest.approx(3.0, abs=0.08)
    raw = whole.read_bytes()
    whole.write_bytes(raw[: len(raw) // 2])
    torn = probe(whole)
    assert 0.5 < torn.seconds < 2.5
    if info.frames:
        assert torn.frames == pytest.approx(torn.seconds * 24, abs=2)


def test_frames_by_time_and_by_rate(film):
    every = [at for at, _ in read_frames(film)]
    assert len(every) == 72 and every[0] == 0 and every[-1] == pytest.approx(71 / 24)
    part = [at for at, _ in read_frames(film, start=1.0, end=2.0)]
    assert len(part) == 24 and part[0] == pytest.approx(1.0)
    for fps, count in ((2, 6), (24, 72), (60, 180), (7.5, 23)):
        sampled = list(read_frames(film, fps=fps, width=64))
        assert len(sampled) == count
        assert [at for at, _ in sampled] == pytest.approx([k / fps for k in range(count)])
        assert sampled[0][1].shape == (36, 64, 3)
    inside = [at for at, _ in read_frames(film, start=0.51, end=1.0, fps=10)]
    assert inside == pytest.approx([0.51, 0.61, 0.71, 0.81, 0.91])


def test_the_sampled_frame_is_the_one_on_screen(film):
    shown = dict(read_frames(film))
    for at, picture in read_frames(film, fps=10):
        on_screen = max(time for time in shown if time <= at + 1e-4)
        assert np.array_equal(picture, shown[on_screen])
    assert np.array_equal(frame_at(film, 1.5), shown[1.5])
    with pytest.raises(UsageError, match="no frame at 9"):
        frame_at(film, 9.0)
    with pytest.raises(UsageError, match="no frame"):
        frame_at(film, -1.0)


def test_reading_keeps_little_memory(tmp_path):
    big = make_video(
        tmp_path / "big.mp4", 10, width=960, height=540, frame=lambda at: gradient(at, 960, 540), sound=False
    )
    list(read_frames(big, end=1.0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in read_frames(big)) == 240
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 80, "240 frames of 1.5 MB each would be 373 MB"


def test_damage_in_the_middle_is_one_sentence(tmp_path, film):
    data = bytearray(film.read_bytes())
    start = data.find(b"mdat") + 2000
    data[start : start + 40_000] = bytes(40_000)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    try:
        count = sum(1 for _ in read_frames(broken))
    except UsageError as error:
        assert "damaged" in error.sentence
    else:
        assert count <= 72


def test_pictures_keep_their_facts_and_are_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "out.png"
    save_png(path, gradient(0), {"prompt": "Luca è felice", "seed": "7"})
    assert np.array_equal(load_image(path), gradient(0))
    with Image.open(path) as image:
        image.load()
        assert image.text == {"prompt": "Luca è felice", "seed": "7"}

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(StudioError, match="No space left"):
        save_png(path, gradient(1))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["out.png"]


def test_modes_become_rgb(tmp_path):
    half = np.zeros((4, 4, 4), np.uint8)
    half[..., 0] = 255
    half[:, :2, 3] = 255
    Image.fromarray(half, "RGBA").save(tmp_path / "alpha.png")
    shown = load_image(tmp_path / "alpha.png")
    assert shown[0, 0].tolist() == [255, 0, 0] and shown[0, 3].tolist() == [255, 255, 255]
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "deep.png")
    assert load_image(tmp_path / "deep.png")[0, 0].tolist() == [156, 156, 156]
    Image.fromarray(np.full((4, 4), 90, np.uint8), "L").save(tmp_path / "grey.png")
    assert load_image(tmp_path / "grey.png")[0, 0].tolist() == [90, 90, 90]
    with pytest.raises(UsageError, match="too many pixels"):
        load_image(tmp_path / "grey.png", MediaLimits(max_pixels=15))


def test_a_cut_jpeg_is_refused(tmp_path):
    whole = tmp_path / "whole.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole.read_bytes()[:1500])
    with pytest.raises(UsageError, match="damaged"):
        load_image(cut)


def test_contact_sheet_layout():
    images = [np.full((90, 160, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    sheet = contact_sheet(images, ["uno", "due", "perché è così " * 20], columns=2, cell_width=100)
    assert sheet.shape[1] == 2 * 116 + 16
    for colour in images:
        assert (np.abs(sheet.astype(int) - colour[0, 0]).max(axis=2) < 4).sum() == pytest.approx(100 * 56, rel=0.05)
    right_edge = sheet[:, -14:]
    assert (right_edge == right_edge[0, 0]).all(), "a long caption must be cut"
    with pytest.raises(ValueError):
        contact_sheet([], [], 2)


def test_sound_is_mono_float_at_the_asked_rate(tmp_path):
    wav = make_wav(tmp_path / "a.wav", 1.0, frequency=1000, level=0.5, rate=44_100, channels=2)
    sound = read_audio(wav, 16_000)
    assert sound.dtype == np.float32 and sound.shape == (16_000,)
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) == 1000
    assert np.abs(sound[2000:-2000]).max() == pytest.approx(0.5, abs=0.02)
    assert read_samples(wav, 48_000, 2).shape == (48_000, 2)


def test_surround_and_late_sound(tmp_path, film):
    wav = make_wav(tmp_path / "six.wav", 1.0, channels=6)
    assert read_audio(wav, 8_000).shape == (8_000,)
    late = tmp_path / "late.mkv"
    tone = make_wav(tmp_path / "tone.wav", 1.0)
    args = [*input_args(film, sniff(film)), "-itsoffset", "0.5", *input_args(tone, sniff(tone))]
    run_ffmpeg([*args, "-map", "0:v", "-map", "1:a", "-c:a", "flac", str(late)])
    sound = read_audio(late, 8_000)
    assert np.abs(sound[:3_900]).max() < 0.01 < np.abs(sound[4_200:8_000]).max()


def test_no_sound_is_said(tmp_path):
    silent = make_video(tmp_path / "silent.mp4", 0.5, sound=False)
    with pytest.raises(UsageError, match="has no sound"):
        read_audio(silent, 16_000)
    with pytest.raises(UsageError, match="has no sound"):
        read_audio(make_png(tmp_path / "p.png"), 16_000)
    with pytest.raises(UsageError, match="not a film"):
        list(read_frames(tmp_path / "p.png"))
