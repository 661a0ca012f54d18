"""Datasets that others packed: taken in whatever their form, and never more than sounds and words."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voice_studio import VoiceStudio
from voice_training import SENTENCES, dataset, installed, training_studio

from configs.errors import QuestionOpen, UsageError
from tools.intake import attach
from tools.voice.dataset.manifest import read_manifest, unpack
from tools.voice.dataset.packed_words import Row, read_rows, stem_of

LINES = "".join(f"C:\\set\\line{at}.wav|Anna|en|{text}\n" for at, text in enumerate(SENTENCES))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    folder = tmp_path_factory.mktemp("packed")
    installed(folder / "warehouse")
    with training_studio(folder) as made:
        yield made


def _wav(seconds: float = 3.0, rate: int = 16_000, channels: int = 1, form: str = "WAV") -> bytes:
    tone = 0.2 * np.sin(np.arange(round(seconds * rate)) / 20)
    out = io.BytesIO()
    soundfile.write(out, np.repeat(tone[:, None], channels, axis=1), rate, format=form)
    return out.getvalue()


def _zip(path: Path, files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _taken(studio: VoiceStudio, path: Path):  # type: ignore[no-untyped-def]
    return attach(path, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")


def test_a_zip_of_sounds_and_a_list_is_trained_on(studio: VoiceStudio, tmp_path: Path) -> None:
    sounds = {f"set/line{at}.wav": _wav() for at in range(len(SENTENCES))}
    asset = _taken(studio, _zip(tmp_path / "anna.zip", {**sounds, "set/anna.list": LINES}))
    assert asset.kind == "dataset" and asset.params["clips"] == 10 and asset.params["character"] == "Anna"
    manifest = read_manifest(studio.file(asset))
    assert [clip.text for clip in manifest.clips] == list(SENTENCES) and manifest.language == "en"
    asked = studio.call("train_voice", character="Luca", dataset=asset.id)
    assert isinstance(asked.error, QuestionOpen), "what a zip says of itself is no consent"
    wish = {"character": "Luca", "dataset": asset.id, "sovits_epochs": 1, "gpt_epochs": 1, "consent": "my own voice"}
    outcome = studio.call("train_voice_model", **wish)
    assert outcome.error is None and outcome.result is not None
    assert outcome.result.summary.startswith("GPT-SoVITS v2ProPlus was trained on 9 clips")


@pytest.mark.parametrize(
    ("texts", "text", "language"),
    [
        ({"metadata.csv": "a|Dr. No.|Doctor No.\nb|Good bye.|Good bye."}, "Doctor No.", ""),
        ({"t.csv": 'file_name,sentence,lang\nwavs/a.wav,"Hello, there.",EN\n'}, "Hello, there.", "en"),
        ({"t.csv": "file;text\na.wav;Hello there.\n"}, "Hello there.", ""),
        ({"t.tsv": "audio\ttext\na.WAV\tHello there.\n"}, "Hello there.", ""),
        ({"a.txt": "Hello\nthere."}, "Hello there.", ""),
        ({"x/a.lab": "Hello there.", "l.list": "/data/a.wav|b|en|Listed | first."}, "Listed | first.", "en"),
        ({"l.list": "a.wav|b|EN|Perché no?".encode("utf-16")}, "Perché no?", "en"),
        ({"l.list": "a.wav|b|it|Perché no?".encode("cp1252")}, "Perché no?", "it"),
    ],
)  # fmt: skip
def test_words_come_in_many_forms(texts: dict[str, str | bytes], text: str, language: str) -> None:
    rows = read_rows({name: one.encode() if isinstance(one, str) else one for name, one in texts.items()})
    assert (rows["a"].text, rows["a"].language) == (text, language)


def test_names_with_dots_and_odd_tables() -> None:
    assert stem_of("a\\b\\Clip.01.WAV") == "clip.01" and stem_of("clip.01") == "clip.01"
    assert read_rows({"empty.csv": b"", "no.csv": b"x,y\n1,2\n", "bad.csv": b'file,text\n"a.wav,open'}) == {}
    assert read_rows({"a.txt": b"One line only."}) == {"a": Row("One line only.")}


def test_a_datasets_own_form_stays_as_it_is(studio: VoiceStudio, tmp_path: Path) -> None:
    dataset(tmp_path / "luca.zip", count=6, seconds=4.0)
    asset = _taken(studio, tmp_path / "luca.zip")
    assert studio.file(asset).read_bytes() == (tmp_path / "luca.zip").read_bytes() and asset.params["clips"] == 6


def test_sounds_of_any_form_are_written_anew(studio: VoiceStudio, tmp_path: Path) -> None:
    files = {"a.flac": _wav(form="FLAC"), "B/a.wav": _wav(rate=96_000, channels=2), "è.wav": b"no sound", ".x.wav": b""}
    asset = _taken(studio, _zip(tmp_path / "mix.zip", {**files, "__MACOSX/a.wav": b"\0\5", "run.sh": "rm -rf /"}))
    unpack(studio.file(asset), tmp_path / "out")
    found = sorted((tmp_path / "out" / "clips").iterdir())
    assert [one.suffix for one in found] == [".wav"] * 2 and len({one.name for one in found}) == 2
    assert {soundfile.info(one).samplerate for one in found} == {16_000, 48_000}
    assert all(soundfile.info(one).channels == 1 for one in found)
    assert any("1 sounds could not be read" in text for text in asset.params["warnings"])
    assert "have no words" in asset.params["not_ready"]


def _link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a.wav")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return path


def _bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.wav", "w") as member:
        for _ in range(80):
            member.write(bytes(1 << 20))
    return path


def _lying(path: Path) -> Path:
    """Headers that say 100 bytes of what unpacks to much more."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(1 << 20))
    content = path.read_bytes().replace((1 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(content)
    return path


def _locked(path: Path) -> Path:
    _zip(path, {"a.wav": _wav(0.2)})
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.find(mark) + at] |= 1
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: _zip(path, {"../../evil.wav": _wav(0.2)}), "leads out of the archive"),
        (lambda path: _zip(path, {"/etc/evil.wav": _wav(0.2)}), "leads out of the archive"),
        (lambda path: _zip(path, {"..\\evil.wav": _wav(0.2)}), "leads out of the archive"),
        (_link, "is a link"),
        (_bomb, "has more than 64 MiB"),
        (_lying, "can be read|cannot be unpacked"),
        (_locked, "password"),
        (lambda path: _zip(path, {"read.me": "hello"}), "no sound is among its 1 files"),
        (lambda path: _zip(path, {"a.wav": b"#EXTM3U\nfile:///etc/passwd"}), "none of its 1 sounds can be read"),
        (lambda path: _zip(path, {"manifest.json": "{}"}), "no voice dataset"),
        (lambda path: path.write_bytes(_zip(path, {"a.wav": _wav()}).read_bytes()[:-40]) and path, "damaged"),
    ],
)
def test_hostile_and_broken_archives_are_refused_in_one_sentence(
    studio: VoiceStudio,
    tmp_path: Path,
    make,
    words: str,  # type: ignore[no-untyped-def]
) -> None:
    path = make(tmp_path / "set.zip")
    before = len(studio.studio.memory.list_assets(limit=500))
    home = studio.studio.workspace.home
    files = sorted(one for one in home.rglob("*") if one.is_file() and one.suffix in (".wav", ".zip"))
    with pytest.raises(UsageError, match=words):
        _taken(studio, path)
    assert len(studio.studio.memory.list_assets(limit=500)) == before
    assert sorted(one for one in home.rglob("*") if one.is_file() and one.suffix in (".wav", ".zip")) == files
    assert not (tmp_path.parent / "evil.wav").exists() and not (tmp_path / "evil.wav").exists()
