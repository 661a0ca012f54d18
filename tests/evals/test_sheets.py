"""The contact sheets: everything that has a name is on them, and a page of real cells is drawn below the size limit."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene import EXPRESSIONS, HAIR_STYLES, KINDS, POSES, SETS, TIMES, TOPS, LayoutScene
from evals.sheets.draw import MOST_BYTES, WIDTH, save, sheet
from evals.sheets.pages import PAGES, Cell, Page, Row


def scenes(*pages: str) -> list[LayoutScene]:
    return [cell.scene for name in pages for row in PAGES[name]().rows for cell in row.cells]


def test_everything_that_has_a_name_is_on_a_sheet() -> None:
    people = [one for scene in scenes("characters") for one in scene.characters]
    assert {p.look.hair_style for p in people} == set(HAIR_STYLES) and {p.look.top for p in people} == set(TOPS)
    assert {(p.look.age, p.look.build) for p in people} >= {
        (age, build) for age in ("child", "teen", "adult", "elder") for build in ("slim", "average", "stocky")
    }
    assert {s.characters[0].pose for s in scenes("poses")} == set(POSES)
    moods = {(s.characters[0].look.kind, s.characters[0].expression) for s in scenes("expressions")}
    assert {mood for kind, mood in moods if kind == "robot"} == set(EXPRESSIONS)
    assert {s.characters[0].look.kind for s in scenes("kinds")} == set(KINDS)
    assert {(s.set, s.time_of_day) for s in scenes("sets")} == {(a, b) for a in SETS if a != "void" for b in TIMES}
    framing = scenes("framing")
    assert {len(s.characters) for s in framing} >= {1, 2, 3, 4}
    assert {s.camera.angle for s in framing} >= {"eye", "low", "high", "overhead", "dutch", "over_shoulder"}


def test_the_vocabulary_covers_what_was_asked_for() -> None:
    asked = "standing walking running sitting waving pointing jumping arms_crossed thinking cheering cowering talking"
    assert set(asked.split()) <= set(POSES)
    assert len(HAIR_STYLES) >= 8 and len(TOPS) >= 6 and len(EXPRESSIONS) >= 8 and len(KINDS) >= 7
    assert len([name for name in SETS if name != "void"]) >= 10


def test_a_page_is_drawn_and_saved_below_its_limit(tmp_path: Path) -> None:
    page = PAGES["kinds"]()
    cells = tuple(Cell(cell.label, cell.scene) for cell in page.rows[0].cells[:2])
    told: list[str] = []
    small = Page("two", "Two", (Row("greeting", cells, 8, 0.5),))
    picture = sheet(small, LayoutRenderer(tmp_path, samples=2), told.append, scale=0.5)
    assert picture.width == WIDTH and told == ["human", "robot"]
    quality = save(picture, tmp_path / "two.jpg")
    assert quality >= 72 and (tmp_path / "two.jpg").stat().st_size <= MOST_BYTES
    with Image.open(tmp_path / "two.jpg") as opened:
        assert opened.size == picture.size
    assert not list(tmp_path.glob("*.part"))


def test_the_sheets_in_the_guide_exist_and_are_small() -> None:
    root = Path(__file__).parents[2] / "docs"
    guide = (root / "layout.md").read_text(encoding="utf-8")
    for name in PAGES:
        assert f"pictures/{name}.jpg" in guide
        assert 50_000 < (root / "pictures" / f"{name}.jpg").stat().st_size <= MOST_BYTES
