"""Captions in scripts that no font here has: told in one sentence, and no half letters are drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backends.media import font
from configs.errors import UsageError
from tools.editing import lettering
from tools.editing.lettering import set_text


@pytest.fixture
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_fallbacks", tuple)


@pytest.mark.usefixtures("no_other_fonts")
@pytest.mark.parametrize("text", ["नमस्ते दुनिया", "สวัสดี", "你好", "مرحبًا"])
def test_marks_are_not_drawn_without_their_letters(text: str) -> None:
    with pytest.raises(UsageError, match="no font here has its letters"):
        set_text(text, "subtitle", 640, 360)


@pytest.mark.usefixtures("no_other_fonts")
def test_what_is_left_out_is_named_with_all_that_belongs_to_it() -> None:
    set_up = set_text("Hello 👩\u200d👩\u200d👧 नि x\u0301", "subtitle", 640, 360)
    assert set_up.missing == "👩👧न"
    assert "".join(text for line in set_up.lines for _, text in line) == "Hello x\u0301"


def test_a_font_is_found_by_its_name_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "opentype" / "noto-cjk"
    deep.mkdir(parents=True)
    shutil.copy(font.font_file("Bold"), deep / "NotoSomething-Regular.ttf")
    monkeypatch.setattr(font, "FONT_FOLDERS", (str(tmp_path / "gone"), str(tmp_path)))
    font._installed.cache_clear()
    try:
        assert font.find_font("NotoSomething-Regular.ttf") == deep / "NotoSomething-Regular.ttf"
        assert not font.find_font("NotThere.ttf").is_file()
        assert font.find_font("/etc/hostname") == Path("/etc/hostname")
    finally:
        font._installed.cache_clear()
