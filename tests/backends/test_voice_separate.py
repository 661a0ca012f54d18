"""Voices without the music, by programs that behave as demucs' and audio-separator's commands do."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backends.voice.speakers.separate import Separator, find_separator
from backends.voice.wav import write_wav
from configs.errors import Cancelled, EngineError
from configs.settings import Settings

AUDIO_SEPARATOR = """
    import argparse, os, shutil, sys, time
    parser = argparse.ArgumentParser()
    parser.add_argument("audio")
    for name in ("model_filename", "model_file_dir", "output_dir", "output_format", "single_stem"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    if os.environ.get("STAND_IN") == "hangs":
        time.sleep(60)
    if os.environ.get("STAND_IN") == "fails":
        sys.exit("CUDA out of memory")
    assert os.path.isfile(os.path.join(given.model_file_dir, given.model_filename))
    os.makedirs(given.output_dir, exist_ok=True)
    if os.environ.get("STAND_IN") != "empty":
        shutil.copy(given.audio, os.path.join(given.output_dir, f"sound_({given.single_stem})_UVR.wav"))
"""
DEMUCS = """
    import argparse, os, shutil
    parser = argparse.ArgumentParser()
    parser.add_argument("--two-stems"); parser.add_argument("-n"); parser.add_argument("--repo")
    parser.add_argument("-o"); parser.add_argument("tracks", nargs="+")
    given = parser.parse_args()
    assert os.path.isfile(os.path.join(given.repo, f"{given.n}.yaml"))
    folder = os.path.join(given.o, given.n, "sound")
    os.makedirs(folder)
    for stem in (given.two_stems, f"no_{given.two_stems}"):
        shutil.copy(given.tracks[0], os.path.join(folder, f"{stem}.wav"))
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path that packages can be put into, for this process and its children."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def install(packages: Path, module: str, text: str) -> None:
    file = packages.joinpath(*module.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    for parent in file.relative_to(packages).parents:
        if parent.name:
            (packages / parent / "__init__.py").touch()
    file.write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.fixture
def separator(packages: Path, settings: Settings, tmp_path: Path) -> Separator:
    install(packages, "audio_separator.utils.cli", AUDIO_SEPARATOR)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "UVR.onnx").write_bytes(b"x")
    settings.voice.separator = str(weights)
    found, why = find_separator(settings)
    assert found is not None and why == "" and found.name == "audio-separator UVR"
    return found


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    write_wav(tmp_path / "film.wav", (0.2 * np.sin(np.arange(16_000) * 0.1)).astype(np.float32), 16_000)
    return tmp_path / "film.wav"


def test_voices_are_made_once(separator: Separator, sound: Path, tmp_path: Path) -> None:
    made = separator.voices(sound, tmp_path / "cache")
    samples, rate = soundfile.read(made)
    assert rate == 44_100 and samples.shape == (44_100, 2)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["voices.wav"]
    before = made.stat().st_mtime_ns
    assert separator.voices(sound, tmp_path / "cache").stat().st_mtime_ns == before


def test_demucs_gives_the_vocals(packages: Path, settings: Settings, sound: Path, tmp_path: Path) -> None:
    install(packages, "demucs.separate", DEMUCS)
    weights = tmp_path / "weights"
    weights.mkdir()
    settings.voice.separator = str(weights)
    none, why = find_separator(settings)
    assert none is None and "has no weights here" in why
    (weights / "htdemucs.yaml").touch()
    (weights / "955717e8.th").touch()
    found, _ = find_separator(settings)
    assert found is not None and found.name == "demucs htdemucs"
    assert found.voices(sound, tmp_path / "cache").is_file()


@pytest.mark.parametrize(("how", "said"), [("fails", "CUDA out of memory"), ("empty", "gave no voices")])
def test_a_failure_is_one_sentence(
    separator: Separator, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    monkeypatch.setenv("STAND_IN", how)
    with pytest.raises(EngineError, match=said):
        separator.voices(sound, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_stop_ends_the_program(
    separator: Separator, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "hangs")
    began = time.monotonic()

    def cancel() -> None:
        if time.monotonic() - began > 1.5:
            raise Cancelled("Stopped")

    with pytest.raises(Cancelled):
        separator.voices(sound, tmp_path / "cache", cancel=cancel)
    assert time.monotonic() - began < 30 and list((tmp_path / "cache").iterdir()) == []
