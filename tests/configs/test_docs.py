"""The documentation holds together: links lead somewhere, and every page is reached from another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and heading ('' for the whole page) of each link that stays in the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """As a browser addresses them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") for text in found}


def test_every_link_leads_to_a_page_and_its_heading() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}#{heading}"
        for page in PAGES
        for target, heading in links(page)
        if not target.exists() or (heading and target.suffix == ".md" and heading not in headings(target))
    ]
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page.is_file() and page not in reached:
            reached.add(page)
            ahead += [target for target, _ in links(page)]
    assert [page for page in PAGES if page.parent != ROOT and page not in reached] == []
