"""Settings: sources, refusals with the nearest right key, and the workspace's walls."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from configs.errors import StudioError, UsageError
from configs.models import load_models
from configs.settings import known_keys, load_settings
from configs.workspace import Workspace


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "studio.yaml"
    own.write_text("film: {fps: 12}\nimage: {width: 640}\n")
    monkeypatch.setenv("STUDIO_CONFIG", str(own))
    monkeypatch.setenv("STUDIO_IMAGE__WIDTH", "800")
    settings = load_settings(brain="offline")
    assert settings.film.fps == 12 and settings.image.width == 800 and settings.brain == "offline"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image: {widht: 10}", ["no setting 'image.widht'", "image.width"]),
        ("brian: offline", ["no setting 'brian'", "'brain'"]),
        ("film: {fps: fast}", ["'film.fps' is wrong", "fast"]),
        ("brain: [", ["not valid YAML"]),
    ],
)
def test_wrong_files_are_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: list[str]
) -> None:
    own = tmp_path / "studio.yaml"
    own.write_text(text)
    monkeypatch.setenv("STUDIO_CONFIG", str(own))
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert all(w in caught.value.sentence for w in words) and "\n" not in caught.value.sentence


def test_a_named_file_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_CONFIG", "/nowhere/studio.yaml")
    with pytest.raises(UsageError, match="does not exist"):
        load_settings()


def test_every_key_is_known_by_its_dotted_name() -> None:
    assert {"image.width", "brain", "approval.mode", "budget.rounds"} <= known_keys()


def test_sdxl_is_taken_only_when_its_weights_are_there(tmp_path: Path) -> None:
    assert load_settings().image.resolved_engine() == "preview"
    assert load_settings(image={"sdxl_path": str(tmp_path / "none")}).image.resolved_engine() == "preview"
    assert load_settings(image={"sdxl_path": str(tmp_path)}).image.resolved_engine() == "sdxl"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "assets/../../x", "link/x"])
def test_paths_outside_the_workspace_are_refused(tmp_path: Path, path: str) -> None:
    space = Workspace.open(tmp_path / "home")
    (space.home / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="outside the workspace"):
        space.inside(path)
    assert space.inside("assets/a.png") == space.assets / "a.png"


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "Permission denied"), (errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only")],
)
def test_a_home_that_refuses_writing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(StudioError, match="cannot be written") as caught:
        Workspace.open(tmp_path / "home")
    assert words in caught.value.sentence and "--home" in caught.value.sentence


def test_a_file_in_the_way_of_the_home_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(StudioError, match="cannot be written"):
        Workspace.open(tmp_path / "home")


def test_the_engine_table_is_whole() -> None:
    table = load_models()
    assert {"preview", "sdxl", "espeak"} <= set(table.engines)
