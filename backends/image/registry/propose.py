"""A registry entry for a LoRA, proposed from what its file says; people correct it in the registry."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from backends.image.registry.lora_probe import LoraProbe
from backends.image.registry.naming import bare_name
from configs.lora_registry import Category, LoraSpec
from configs.lora_scan import scan_words

WORD = re.compile(r"[^\W_]+")
MANY_TAGS = 2
"""So many telling tags among the most frequent ones decide."""


@dataclass(frozen=True)
class Proposal:
    name: str
    spec: LoraSpec
    why: str
    """What the category was guessed from."""


def propose(file: Path, path: str, probe: LoraProbe, sha256: str, taken: Collection[str]) -> Proposal:
    """An entry for the file.

    Args:
        path: as it is written into the registry.
        taken: names that are in use, in any case.
    """
    category, why = guess_category(file.stem, probe)
    spec = LoraSpec(
        category=category,
        path=path,
        sha256=sha256,
        triggers=probe.triggers,
        words=_words(file.stem, category),
        about=probe.title if probe.title and probe.title.lower() != file.stem.lower() else "",
    )
    return Proposal(free_name(file.stem, taken), spec, why)


def guess_category(stem: str, probe: LoraProbe) -> tuple[Category, str]:
    """What the LoRA is for and what says so: its name and title, then its trigger words, then its tags."""
    known = scan_words()
    sources = (
        ("its name", bare_name(stem)),
        ("its title", bare_name(probe.title)),
        ("its triggers", " ".join(probe.triggers)),
    )
    for source, text in sources:
        said = {word.lower() for word in WORD.findall(text)}
        if found := said & known.style:
            return "style", f"'{min(found)}' is in {source}"
        if found := said & known.background:
            return "background", f"'{min(found)}' is in {source}"
    tags = {tag.lower() for tag in probe.tags}
    if len(found := tags & known.background_tags) >= MANY_TAGS and len(tags & known.character_tags) < MANY_TAGS:
        return "background", f"its pictures are tagged '{min(found)}'"
    if found := tags & known.character_tags:
        return "character", f"its pictures are tagged '{min(found)}'"
    return "character", "nothing says otherwise"


def is_few_step(stem: str, probe: LoraProbe) -> bool:
    """Whether it is a distilled LoRA (Lightning, Hyper, DMD2, LCM), by its name and title."""
    said = {word.lower() for word in WORD.findall(f"{stem} {probe.title}".replace("_", " "))}
    return bool(said & scan_words().few_step)


def free_name(stem: str, taken: Collection[str]) -> str:
    """A name for the registry made of a file's name, numbered when it is taken."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-")[:56] or "lora"
    used = {name.lower() for name in taken}
    name, number = base, 2
    while name.lower() in used:
        name, number = f"{base}-{number}", number + 1
    return name


def _words(stem: str, category: Category) -> tuple[str, ...]:
    """What in a wish calls for it: its name without version, and for styles and places without those words."""
    bare = bare_name(stem)
    if category != "character":
        special = " ".join(word for word in bare.split() if word.lower() not in scan_words().general)
        bare = special or bare
    return (bare.strip()[:80],) if bare.strip() else ()
