"""Which engine speaks a line: by the character's voice, the language and what is installed; every fallback is told."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from backends.engines import make_engine
from backends.gpu.engine import Checked
from backends.voice.engines.protocol import Reference, VoiceSource
from backends.voice.texts.language import detect_language, language_tag
from configs.character_voices import CharacterVoice, load_character_voices
from configs.errors import StudioError, UsageError
from configs.image_tables import model_path
from configs.tts_config import VoiceEngineName, load_tts
from tools.voice.weights import usable_weights

if TYPE_CHECKING:
    from memory.records import Entry
    from tools.spec import Studio

ALWAYS_THERE = "espeak"
LEAST_LETTERS = 4
"""Of a short name such as 'qwen'."""
VOICE_ENGINES: tuple[str, ...] = get_args(VoiceEngineName)


@dataclass(frozen=True)
class Route:
    """Who speaks a line."""

    engine: str
    """Name in configs/models.yaml, to be leased."""
    source: VoiceSource | None
    """For engines that clone; None: a voice from the description."""
    notes: tuple[str, ...] = ()
    """Every fallback with its reason, for the user: engines passed over, files that are gone."""
    details: tuple[str, ...] = ()
    """What each engine that could not be started here lacks, where the notes say it in short."""


def route(studio: Studio, character: str, language: str, emotion: str, *, engine: str = "") -> Route:
    """The engine and voice for one line. Cheap: files are looked for, nothing is loaded.

    Args:
        character: any spelling that memory resolves; '' is the narrator.
        language: primary tag of the line, e.g. 'it'; '' = not known yet.
        emotion: as `read_emotion` reads it; engines choose the recording by it.
        engine: asked for in place of the one set for the character, that of the settings, and that of its weights.

    Raises:
        UsageError when a table of the user's is wrong, or `engine` is none.
    """
    engine = engine_named(engine)
    notes: list[str] = []
    source = voice_source(studio, character, notes)
    gone = len(notes)
    chosen = studio.settings.voice.engine
    asked = (
        engine
        or _own_engine(studio, character)
        or ("" if chosen == "auto" else chosen)
        or (source.engine if source else "")
    )
    if not asked and source is None:
        if notes:
            notes.append(f"{ALWAYS_THERE} speaks instead.")
        return Route(ALWAYS_THERE, None, tuple(notes))
    preferred = load_tts(studio.settings).preferred(language)
    absent: dict[str, str] = {}
    for one in dict.fromkeys([*([asked] if asked else []), *preferred, ALWAYS_THERE]):
        unfit = _unfit(studio, one, language, source)
        missing = "" if unfit or one == ALWAYS_THERE else lacking(one, studio)
        if not unfit and not missing:
            if absent:
                notes.append(f"{' and '.join(absent)} cannot be started here ('studio doctor' tells why).")
            if len(notes) > gone:
                notes.append(f"{one} speaks instead.")
            return Route(one, source if one != ALWAYS_THERE else None, tuple(notes), tuple(absent.values()))
        if one == asked or (unfit and source is not None):
            notes.append(unfit or missing)
        elif missing and source is not None:
            absent[one] = missing
    return Route(ALWAYS_THERE, None, tuple(notes))


def engine_named(name: str) -> str:
    """The engine that people mean by 'GPT-SoVITS', 'qwen3 tts' or 'eSpeak NG'; '' for ''. Raises UsageError."""
    plain = "".join(sign for sign in name.casefold() if sign.isalnum())
    if not plain or plain == "auto":
        return ""
    for engine in VOICE_ENGINES:
        short = engine.replace("_", "")
        if plain.startswith(short) or (len(plain) >= LEAST_LETTERS and short.startswith(plain)):
            return engine
    known = ", ".join(VOICE_ENGINES)
    near = difflib.get_close_matches(plain, {e.replace("_", ""): e for e in VOICE_ENGINES}, n=1, cutoff=0.5)
    nearest = next((e for e in VOICE_ENGINES if near and e.replace("_", "") == near[0]), "")
    raise UsageError(
        f"There is no voice engine '{name[:40]}'",
        fix=f"Did you mean '{nearest}'? Known are: {known}" if nearest else f"Choose one of: {known}",
    )


def likely_language(studio: Studio, character: str, wanted: str, text: str) -> str:
    """The language of a line before an engine is chosen: what was asked for, the character's own, or the text's.

    A primary tag; '' where `wanted` names no language at all (the engine says so then).
    """
    named = wanted.strip() or spoken_language(own_language(studio, character), text)
    if not named:
        return detect_language(text, default=studio.settings.voice.language)
    try:
        return language_tag(named, known_languages(studio)).split("-")[0]
    except UsageError:
        return ""


def spoken_language(own: str, text: str) -> str:
    """The character's own language for this text.

    A regional one ('en-gb') is an accent: it shapes lines in that language, while an Italian line stays Italian.
    """
    primary, _, region = own.partition("-")
    return "" if region and detect_language(text, default=primary).split("-")[0] != primary else own


def own_language(studio: Studio, character: str) -> str:
    """The language that a character always speaks, as written in memory or the table of voices; '' without one."""
    entry = _entry(studio, character)
    own = entry.data.get("language") if entry is not None else None
    if isinstance(own, str) and own:
        return own
    preset = preset_voice(studio, character, entry)
    return preset[1].language if preset is not None else ""


def known_languages(studio: Studio) -> frozenset[str]:
    """Primary tags that any engine speaks, installed or not."""
    from backends.voice.engines.espeak import EspeakEngine

    table = load_tts(studio.settings)
    listed = {tag for name in VOICE_ENGINES if (one := table.engine(name)) is not None for tag in one.languages}
    return EspeakEngine().capabilities().languages | listed


def preset_voice(studio: Studio, character: str, entry: Entry | None = None) -> tuple[str, CharacterVoice] | None:
    """The name and entry of a character in configs/character_voices.yaml; None when it has none."""
    names = (entry.name, *entry.aliases) if entry is not None else (character,)
    return load_character_voices(studio.settings).find(*names)


def voice_source(studio: Studio, character: str, notes: list[str] | None = None) -> VoiceSource | None:
    """The character's cloned voice: memory's, else that of configs/character_voices.yaml; None where there is none.

    Args:
        notes: told which recordings are gone.
    """
    notes = [] if notes is None else notes
    entry = _entry(studio, character)
    preset = preset_voice(studio, character, entry) if character.strip() else None
    given = entry.data.get("voice_source") if entry is not None else None
    if entry is not None and isinstance(given, Mapping):
        found = _remembered(studio, entry, given, notes)
        if found is not None:
            return found
    return _preset(studio, *preset, notes) if preset is not None else None


def lacking(name: str, studio: Studio) -> str:
    """What an engine needs to be started and has not, in one sentence; '' when nothing."""
    try:
        engine = make_engine(name, studio.settings, studio.workspace.cache)
        if isinstance(engine, Checked):
            engine.check_startable()
    except StudioError as error:
        return error.sentence
    return ""


def _entry(studio: Studio, character: str) -> Entry | None:
    return studio.memory.resolve_character(character) if character.strip() else None


def _own_engine(studio: Studio, character: str) -> str:
    """What change_voice set; '' when nothing, or nothing known."""
    entry = _entry(studio, character)
    own = entry.data.get("voice_engine") if entry is not None else None
    return own if isinstance(own, str) and own in VOICE_ENGINES else ""


def _unfit(studio: Studio, name: str, language: str, source: VoiceSource | None) -> str:
    """Why this engine cannot speak the line, wherever it runs; '' when it can."""
    known = load_tts(studio.settings).engine(name)
    if name == ALWAYS_THERE or known is None:
        return ""
    if language and known.languages and language.split("-", maxsplit=1)[0].lower() not in known.languages:
        return f"{name} does not speak the language '{language}'."
    if known.clones and (source is None or not source.references):
        return f"{name} needs a recording of the voice, and there is none."
    return ""


def _remembered(studio: Studio, entry: Entry, given: Mapping[str, Any], notes: list[str]) -> VoiceSource | None:
    """What memory holds, as far as its files are still there."""
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
    if not references:
        return None
    asked = {str(kind): str(path) for kind, path in _mapping(given.get("weights")).items() if path}
    weights = usable_weights(studio, entry.name, asked, notes)
    prosody = {str(k): float(v) for k, v in _mapping(given.get("prosody")).items() if isinstance(v, int | float)}
    return VoiceSource(str(given.get("engine") or ""), weights, references, prosody)


def _preset(studio: Studio, name: str, voice: CharacterVoice, notes: list[str]) -> VoiceSource | None:
    """What the table holds, as far as its files are there."""
    references: dict[str, Reference] = {}
    for emotion, one in voice.references.items():
        path = model_path(studio.settings, one.path)
        if path.is_file():
            references[emotion] = Reference(str(path), one.text, one.language.lower())
        else:
            notes.append(f"The {emotion} recording of {name} is not there: {path} (character_voices.yaml).")
    if not references:
        return None
    given = {"gpt": voice.weights.gpt, "sovits": voice.weights.sovits}
    weights: dict[str, str] = {}
    warehouse = studio.settings.warehouse.expanduser().resolve()
    for kind, written in ((kind, written) for kind, written in given.items() if written):
        path = model_path(studio.settings, written)
        led_out = not Path(written).expanduser().is_absolute() and not path.resolve().is_relative_to(warehouse)
        if led_out:  # by '..' or a link; an absolute path is what the user means
            notes.append(f"The {kind} weights of {name} are not loaded: '{written}' leads outside of {warehouse}.")
        elif path.is_file():
            weights[kind] = str(path)
        else:
            notes.append(f"The {kind} weights of {name} are not there: {path} (character_voices.yaml).")
    return VoiceSource(voice.engine, weights, references, voice.prosody)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
