"""What is let in and what is refused, with one sentence each."""

import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import av
import pytest
from media_fixtures import make_png, make_png_header, make_video

from backends.media.audio import read_audio
from backends.media.ffmpeg import ffmpeg_path, input_args, run_ffmpeg
from backends.media.frames import read_frames
from backends.media.guard import MediaLimits, SniffedFile, open_container, sniff
from backends.media.images import load_image
from backends.media.probe import probe
from configs.errors import StudioError, UsageError
from configs.workspace import Workspace


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("film") / "film.mp4", 1.0)


@pytest.fixture(scope="module")
def converted(film):
    """The same film in other containers and as sound and picture."""

    def into(name, *args):
        path = film.with_name(name)
        run_ffmpeg([*input_args(film, sniff(film)), *args, str(path)])
        return path

    return into


def playlists(secret: Path) -> dict[str, str]:
    """Texts that make an unguarded reader open `secret`."""
    return {
        "concat.mp4": f"ffconcat version 1.0\nfile {secret.name}\n",
        "headless.mp4": f"file '{secret.name}'\n",
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n",
        "hls.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n",
        "plain.wav": f"{secret}\n",
        "dash.mp4": (
            '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
            f'<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{secret}</BaseURL>'
            "</Representation></AdaptationSet></Period></MPD>"
        ),
        "radio.mp3": f"[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
        "smil.mp4": f'<smil><body><video src="{secret}"/></body></smil>',
    }


@pytest.mark.parametrize("name", sorted(playlists(Path("/x"))))
def test_playlists_are_refused_and_never_followed(tmp_path, film, name):
    secret = shutil.copy(film, tmp_path / "secret.mp4")
    trap = tmp_path / name
    trap.write_text(playlists(Path(secret))[name])
    with pytest.raises(UsageError, match=r"list|manifest|text"):
        sniff(trap)
    with pytest.raises(UsageError):
        probe(trap)
    for reader in (read_audio, lambda path, _: list(read_frames(path)), lambda path, _: load_image(path)):
        with pytest.raises(UsageError):
            reader(trap, 16_000)
    for demuxer in ("mov", "matroska", "wav", "mp3", "mpegts"):
        lie = SniffedFile("video", demuxer, "video/mp4")
        with pytest.raises(UsageError), open_container(trap, demuxer) as opened:
            pytest.fail(f"opened as {opened.format.name}")
        out = tmp_path / "out.mp4"
        with pytest.raises(StudioError):
            run_ffmpeg([*input_args(trap, lie), "-c:v", "libx264", str(out)])
        assert not out.exists() or out.stat().st_size < 400, "pictures of the other file came out"


def test_the_traps_work_without_the_guard(tmp_path, film):
    """The corpus is real: plain ffmpeg does decode the other file through it."""
    secret = Path(shutil.copy(film, tmp_path / "secret.mp4"))
    trap = tmp_path / "concat.mp4"
    trap.write_text(playlists(secret)["concat.mp4"])
    command = [ffmpeg_path(), "-v", "error", "-i", str(trap), "-frames:v", "1", "-f", "null", "-"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    with av.open(str(trap)) as opened:
        assert next(opened.decode(video=0)).width == 320


def test_video_bytes_after_a_playlist_do_not_help(tmp_path, film):
    trap = tmp_path / "mixed.mp4"
    trap.write_bytes(b"ffconcat version 1.0\nfile film.mp4\n#" + film.read_bytes())
    with pytest.raises(UsageError):
        sniff(trap)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.png", b"", "empty"),
        ("empty.mp4", b"", "empty"),
        ("notes.mp4", b"Dear studio,\nplease make a film.\n", "text file"),
        ("page.jpg", b"<html><body>not found</body></html>", "text file"),
        ("garbage.mp4", bytes((7 * i * i + 13) % 256 for i in range(50_000)), "not a picture"),
        ("garbage.bin", bytes((7 * i * i + 13) % 256 for i in range(50_000)), "not a picture"),
        ("archive.mp4", b"PK\x03\x04" + bytes(200), "not a picture"),
        ("program.wav", b"\x7fELF\x02\x01\x01" + bytes(range(256)), "not a picture"),
        ("half.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
        ("fake.mp3", b"\xff\xfb" + bytes((i * 37) % 251 for i in range(20_000)), "damaged"),
        ("fake.mkv", b"\x1aE\xdf\xa3" + bytes(500), "damaged"),
        ("fake.mp4", b"\x00\x00\x00\x18ftypisom" + bytes((i * 37) % 251 for i in range(5_000)), "damaged"),
        ("fake.wav", b"RIFF\x00\x10\x00\x00WAVE" + bytes(300), "damaged"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=sentence) as caught:
        sniff(path)
    text = caught.value.sentence
    assert name in text and "\n" not in text and "Traceback" not in text and text.endswith(".")


def test_a_truncated_film_is_refused(tmp_path, film):
    for share in (0.2, 0.6, 0.98):
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(film.read_bytes()[: int(film.stat().st_size * share)])
        with pytest.raises(UsageError, match="cut short"):
            probe(cut)


def test_junk_after_a_whole_film_does_no_harm(tmp_path, film):
    path = tmp_path / "junk.mp4"
    path.write_bytes(film.read_bytes() + b"left over by some editor, version 1.0")
    assert probe(path).frames == 24


def test_a_giant_picture_is_refused_without_decoding(tmp_path):
    bomb = make_png_header(tmp_path / "bomb.png", 20_000, 20_000)
    with pytest.raises(UsageError, match="too many pixels"):
        sniff(bomb)  # it holds a header and no pixels: decoding would say that it is damaged
    with pytest.raises(UsageError, match=r"9000x8000; 64 megapixels are allowed"):
        sniff(make_png_header(tmp_path / "big.png", 9_000, 8_000))


def test_limits_of_length_size_and_pixels(tmp_path, film):
    with pytest.raises(UsageError, match="too long"):
        sniff(film, MediaLimits(max_seconds=0.5))
    with pytest.raises(UsageError, match="too many pixels"):
        sniff(film, MediaLimits(max_pixels=320 * 180 - 1))
    with pytest.raises(UsageError, match="too large"):
        sniff(film, MediaLimits(max_mib=film.stat().st_size / 1024 / 1024 - 0.001))
    assert sniff(film, MediaLimits(max_pixels=320 * 180)).kind == "video"


def test_the_name_does_not_matter(tmp_path, film):
    picture = make_png(tmp_path / "picture.mp4")
    assert sniff(picture) == SniffedFile("image", "png_pipe", "image/png")
    disguised = Path(shutil.copy(film, tmp_path / "film.txt"))
    assert (sniff(disguised).kind, sniff(disguised).format) == ("video", "mov")


def test_every_format_that_creators_use(tmp_path, converted):
    cases = {
        ("clip.mkv", "-c", "copy"): ("video", "matroska"),
        ("clip.webm", "-c:v", "libvpx", "-c:a", "libopus"): ("video", "matroska"),
        ("clip.avi", "-c:v", "mpeg4"): ("video", "avi"),
        ("clip.ts", "-c", "copy"): ("video", "mpegts"),
        ("clip.mov", "-c", "copy"): ("video", "mov"),
        ("sound.m4a", "-vn", "-c:a", "copy"): ("audio", "mov"),
        ("sound.mp3", "-vn"): ("audio", "mp3"),
        ("sound.flac", "-vn"): ("audio", "flac"),
        ("sound.ogg", "-vn", "-c:a", "libopus"): ("audio", "ogg"),
        ("sound.aac", "-vn", "-c:a", "copy"): ("audio", "aac"),
        ("sound.aiff", "-vn"): ("audio", "aiff"),
        ("still.jpg", "-frames:v", "1"): ("image", "jpeg_pipe"),
        ("still.webp", "-frames:v", "1", "-c:v", "libwebp"): ("image", "webp_pipe"),
        ("still.gif", "-frames:v", "1"): ("image", "gif"),
        ("still.bmp", "-frames:v", "1"): ("image", "bmp_pipe"),
        ("still.tiff", "-frames:v", "1"): ("image", "tiff_pipe"),
    }
    for (name, *args), (kind, demuxer) in cases.items():
        path = converted(name, *args)
        found = sniff(path)
        assert (found.kind, found.format) == (kind, demuxer), name
        again = tmp_path / "again.mkv"
        run_ffmpeg([*input_args(path, found), "-t", "0.1", str(again)])
        assert probe(again).kind in ("video", "audio"), name


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("1\n00:00:01,000 --> 00:00:02,000\nCiao, piccolo!\n", "subtitle"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "subtitle"),
        ("[Script Info]\nTitle: x\n", "subtitle"),
        ('{\n  "OTIO_SCHEMA": "Timeline.1", "tracks": {"target_url": "/a/b.mp4"}}', "timeline"),
        ("<?xml version='1.0'?>\n<!DOCTYPE fcpxml>\n<fcpxml version='1.9'></fcpxml>", "timeline"),
        ("TITLE: demo\nFCM: NON-DROP FRAME\n", "timeline"),
        ("Luca trova un robot. È piccolo.\nHe keeps a file called song.mp3 in his bag.\n", "text"),
        ("BM is how he signs, and the free robot laughs.\n", "text"),
        ("The free robot laughs.\n", "text"),
        ("ID3 is the name of the robot.\n", "text"),
    ],
)
def test_texts(tmp_path, content, kind):
    path = tmp_path / "given.txt"
    path.write_text(content, encoding="utf-8")
    assert sniff(path).kind == kind
    path.write_text(content, encoding="utf-16")
    assert sniff(path).kind == kind


def test_bundles_and_other_archives(tmp_path):
    bundle = tmp_path / "cut.otioz"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("content.otio", "{}")
    assert sniff(bundle).kind == "timeline"
    other = tmp_path / "voices.zip"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.txt", "x")
    other.write_bytes(data.getvalue())
    assert sniff(other).kind == "unknown"


def test_links_folders_and_devices(tmp_path, film):
    space = Workspace.open(tmp_path / "home")
    link = space.assets / "link.mp4"
    link.symlink_to(film)
    with pytest.raises(UsageError, match="outside the workspace"):
        space.inside(link)
    with pytest.raises(UsageError, match="not a file"):
        sniff(tmp_path)
    with pytest.raises(UsageError, match="not a file"):
        sniff(Path("/dev/zero"))
    with pytest.raises(UsageError, match="no file"):
        sniff(tmp_path / "missing.mp4")
    fifo = tmp_path / "fifo.mp4"
    os.mkfifo(fifo)
    with pytest.raises(UsageError, match="not a file"):
        sniff(fifo)


def test_a_file_named_like_an_address_stays_a_file(tmp_path, film, monkeypatch):
    """Paths are made absolute, so that 'concat:...' or '-y' in a name is only a name."""
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a|b.mp4", "-y.mp4", "http:x.mp4", "with 'quotes', [brackets]; and%d.mp4"):
        odd = Path(name)
        shutil.copy(film, tmp_path / name)
        assert probe(odd).kind == "video"
        run_ffmpeg([*input_args(odd, sniff(odd)), "-frames:v", "1", "-f", "null", "-"])
