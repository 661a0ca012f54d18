"""Names of attached files are one line that reads as it is written, wherever they are shown later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from editing_context import EditingStudio
from media_fixtures import make_png

from backends.media.guard import sniff
from configs.errors import UsageError
from configs.settings import Settings
from tools import intake


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines\r.png", "two lines .png"),
        ("\u202egnp.elif\u202c.png", "gnp.elif .png"),
        ("bell\x07\x1b[2J.png", "bell [2J.png"),
        ("caffè 🎬 'uno'.png", "caffè 🎬 'uno'.png"),
        ("half \udcff.png", "half \ufffd.png"),
        ("\u2066\u2069", "a file without a name"),
    ],
)
def test_a_name_is_one_plain_line(settings: Settings, tmp_path: Path, name: str, shown: str) -> None:
    studio = EditingStudio(settings)
    try:
        file = make_png(tmp_path / "picture.png", 16, 16, (200, 100, 50)).rename(tmp_path / name)
        asset = studio.attach(file)
        assert asset.name == shown
        assert shown in asset.summary and "\n" not in asset.summary and "\n" not in asset.path
        asked = shown if shown.startswith("a file") else name
        assert studio.memory.find_asset(asked, ("image",), thread="t").id == asset.id
        assert studio.path(asset).is_file()
    finally:
        studio.close()


@pytest.mark.parametrize("how", ["written on", "another file", "a pipe"])
def test_what_is_taken_in_is_what_was_looked_at(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    studio = EditingStudio(settings)
    file = make_png(tmp_path / "picture.png", 16, 16, (200, 100, 50))

    def looked_at(path: Path, limits: object) -> object:
        found = sniff(path)
        if how == "written on":
            with file.open("ab") as out:
                out.write(b"more")
        else:
            file.unlink()
            os.mkfifo(file) if how == "a pipe" else file.symlink_to("/etc/hostname")
        return found

    monkeypatch.setattr(intake, "sniff", looked_at)
    try:
        with pytest.raises(UsageError, match="was changed while it was taken in"):
            studio.attach(file)
        assert studio.memory.list_assets() == [] and list(studio.workspace.tmp.iterdir()) == []
    finally:
        studio.close()
