"""What sounds and films say inside of the synthetic voices in them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from backends.voice.wav import VoiceOrigin, origin_of, read_origin, voice_tags
from configs.errors import UsageError
from tools.voice.consent import CLONING, consent_of

if TYPE_CHECKING:
    from memory.store import Memory

_MOST = 12
"""Voices that are named one by one; a comment is no list of a whole cast."""


def line_tags(memory: Memory, engine: str, character: str) -> dict[str, str]:
    """Tags for a spoken line: engine, character, and the consent under which a cloned voice speaks."""
    entry = memory.resolve_character(character) if engine in CLONING else None
    consent = consent_of(entry.data) if entry is not None else None
    return voice_tags(engine, character, consent.id if consent is not None else "")


def voices_tags(files: Iterable[Path]) -> dict[str, str]:
    """Tags for a sound or film with all synthetic voices of `files` (sounds and films); {} when there is none."""
    origins = [origin for file in dict.fromkeys(files) if (origin := _origin(file)) is not None]
    if not origins:
        return {}
    engines, characters, consents = (
        ", ".join(
            list(dict.fromkeys(part for origin in origins for part in getattr(origin, name).split(", ") if part))[
                :_MOST
            ]
        )
        for name in ("engine", "character", "consent")
    )
    return voice_tags(engines, characters, consents)


def speaks_alone_with(file: Path, engine: str) -> bool:
    """Whether a sound says that one voice of `engine` speaks in it and no other; films have more sound than voices."""
    origin = read_origin(file)
    return origin is not None and origin.engine == engine and bool(origin.character) and ", " not in origin.character


def _origin(file: Path) -> VoiceOrigin | None:
    try:
        facts = file.stat()
    except OSError:
        return None
    return _origin_of(file, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1024)
def _origin_of(file: Path, changed: int, size: int) -> VoiceOrigin | None:
    """Read once while the file stays as it is: opening a film takes longer than many a check."""
    return read_origin(file) or origin_of(film_comment(file))


def film_comment(file: Path) -> str:
    """The comment of an mp4 or mov file; '' when it has none or is another kind of file."""
    if file.suffix.lower() not in (".mp4", ".mov", ".m4a", ".m4v"):
        return ""
    from backends.media.container import open_container

    try:
        with open_container(file, "mov", quick=True) as container:
            return str(container.metadata.get("comment", ""))
    except UsageError:
        return ""
