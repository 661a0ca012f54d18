"""Which engine speaks a line: by the character's voice, the language and what is installed; every fallback is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.engines import make_engine
from backends.gpu.engine import Checked
from backends.voice.engine import Reference, VoiceSource
from backends.voice.language import detect_language, language_tag
from configs.errors import StudioError, UsageError
from configs.tts_config import load_tts

if TYPE_CHECKING:
    from memory.records import Entry
    from tools.spec import Studio

ALWAYS_THERE = "espeak"


@dataclass(frozen=True)
class Route:
    """Who speaks a line."""

    engine: str
    """Name in configs/models.yaml, to be leased."""
    source: VoiceSource | None
    """For engines that clone; None: a voice from the description."""
    notes: tuple[str, ...] = ()
    """Every fallback with its reason, for the user."""


def route(studio: Studio, character: str, language: str, emotion: str, *, engine: str = "") -> Route:
    """The engine and voice for one line. Cheap: files are looked for, nothing is loaded.

    Args:
        character: any spelling that memory resolves; '' is the narrator.
        language: primary tag of the line, e.g. 'it'; '' = not known yet.
        emotion: one of EMOTIONS.
        engine: asked for in place of the settings' and the character's own.

    Raises:
        UsageError when a table of the user's is wrong.
    """
    name = character.strip()
    entry = studio.memory.resolve_character(name) if name else None
    notes: list[str] = []
    source = _source(studio, entry, notes)
    chosen = studio.settings.voice.engine
    asked = engine or ("" if chosen == "auto" else chosen) or (source.engine if source else "")
    if not asked and source is None:
        return Route(ALWAYS_THERE, None, tuple(notes))
    table = load_tts(studio.settings)
    for one in dict.fromkeys([*([asked] if asked else []), *table.preferred(language), ALWAYS_THERE]):
        reason = _against(studio, one, language, source)
        if not reason:
            if notes:
                notes.append(f"{one} speaks instead.")
            return Route(one, source if one != ALWAYS_THERE else None, tuple(notes))
        if one == asked or source is not None:
            notes.append(reason)
    return Route(ALWAYS_THERE, None, tuple(notes))


def likely_language(studio: Studio, character: str, wanted: str, text: str) -> str:
    """The language of a line before an engine is chosen: what was asked for, the character's own, or the text's.

    A primary tag; '' where `wanted` names no language at all (the engine says so then).
    """
    entry = studio.memory.resolve_character(character) if character.strip() else None
    own = entry.data.get("language") if entry is not None else None
    named = wanted.strip() or (own if isinstance(own, str) else "")
    if not named:
        return detect_language(text, default=studio.settings.voice.language)
    try:
        return language_tag(named, _all_languages(studio)).split("-")[0]
    except UsageError:
        return ""


def _all_languages(studio: Studio) -> frozenset[str]:
    from backends.voice.espeak import EspeakEngine

    listed = {tag for engine in load_tts(studio.settings).engines.values() for tag in engine.languages}
    return EspeakEngine().capabilities().languages | listed


def _against(studio: Studio, name: str, language: str, source: VoiceSource | None) -> str:
    """Why this engine cannot speak the line; '' when it can."""
    if name == ALWAYS_THERE:
        return ""
    known = load_tts(studio.settings).engines.get(name)  # type: ignore[call-overload]
    if known is None:
        return f"There is no voice engine '{name}'."
    if language and known.languages and language.split("-", maxsplit=1)[0].lower() not in known.languages:
        return f"{name} does not speak the language '{language}'."
    if known.clones and (source is None or not source.references):
        return f"{name} needs a recording of the voice, and there is none."
    return lacking(name, studio)


def lacking(name: str, studio: Studio) -> str:
    """What an engine needs to be started and has not; '' when nothing."""
    try:
        engine = make_engine(name, studio.settings, studio.workspace.cache)
        if isinstance(engine, Checked):
            engine.check_startable()
    except StudioError as error:
        return error.sentence
    return ""


def _source(studio: Studio, entry: Entry | None, notes: list[str]) -> VoiceSource | None:
    """What memory holds of the character's cloned voice; None where there is none."""
    given = entry.data.get("voice_source") if entry is not None else None
    if entry is None or not isinstance(given, Mapping):
        return None
    references: dict[str, Reference] = {}
    for emotion, one in _mapping(given.get("references")).items():
        fields = _mapping(one)
        asset = studio.memory.get_asset(str(fields.get("asset", "")))
        path = studio.workspace.home / asset.path if asset is not None else None
        if path is None or not path.is_file():
            notes.append(f"The {emotion} recording of {entry.name} is gone.")
            continue
        references[str(emotion)] = Reference(
            str(path), str(fields.get("text", "")), str(fields.get("language", "")).lower()
        )
    weights = {str(k): str(v) for k, v in _mapping(given.get("weights")).items() if v}
    if not references and not weights:
        return None
    return VoiceSource(str(given.get("engine", "")), weights, references)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
