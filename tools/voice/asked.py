"""A line as it is asked for: who speaks it, in which language, with which engine, and whether it was spoken before.

All of it is told from memory, tables and files; nothing is loaded.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from backends.engines import make_engine
from backends.voice.engines.protocol import VoiceProfile
from backends.voice.profile import voice_from_description, voice_from_fields
from backends.voice.texts.language import detect_language, language_tag
from backends.voice.texts.script import sounds_lexicon
from backends.voice.texts.written import clean_name, without_codes, without_markup
from configs.character_voices import has_own_voices, load_character_voices
from configs.errors import UsageError
from configs.tts_config import load_tts
from tools.spec import Studio
from tools.voice.judges import Judges, find_judges
from tools.voice.line import check_text
from tools.voice.line_cache import LineCache, line_key
from tools.voice.routing import Route, likely_language, own_language, preset_voice, route, spoken_language

if TYPE_CHECKING:
    from collections.abc import Callable

    from backends.voice.engines.protocol import VoiceEngine
    from tools.spec import ToolContext

NARRATOR = "Narrator"
MOST_NAME = 80
_SHAPES_NO_SOUND = {"languages", "licence", "line_seconds", "tries", "start_seconds", "shared_here", "shared_there"}
"""Options of engines that may change without the lines being others."""


@dataclass(frozen=True)
class Speaker:
    """Who speaks, resolved from memory."""

    voice: VoiceProfile
    name: str
    language: str = ""
    """The character's own, '' when it has none."""
    remembered: bool = True


@dataclass(frozen=True)
class AskedLine:
    """Everything that decides how a line sounds."""

    route: Route
    speaker: Speaker
    text: str
    """The words to speak; '' when there are none."""
    language: str
    how: dict[str, Any]
    """Further arguments of `synthesise_line`."""
    judges: Judges
    options: dict[str, Any]
    """Of the engine, as far as they shape the sound."""
    key: str
    """Of the cache of lines."""
    notes: tuple[str, ...]
    """For the user: fallbacks, doubtful input."""


def asked_line(studio: Studio, args: Any) -> AskedLine:
    """What `args` (of speak) ask for.

    Raises UsageError for an unknown language, a wrong table, and a text with nothing to say.
    """
    notes: list[str] = []
    speaker = find_speaker(studio, args.character, notes.append)
    likely = likely_language(studio, args.character, args.language, args.text)
    chosen = route(studio, args.character, likely, args.emotion, engine=args.engine)
    notes += chosen.notes
    text = _shown_text(args.text, notes.append) if args.text else _sound_instead(speaker, notes.append)
    engine = cast("VoiceEngine", make_engine(chosen.engine, studio.settings, studio.workspace.cache))
    can = engine.capabilities()
    language = choose_language(
        args.language, text, speaker, can.languages, studio.settings.voice.language, notes.append
    )
    check_text(text, speaker.voice, language)
    how = {
        "language": language, "emotion": args.emotion, "intensity": args.intensity,
        "target_lufs": studio.settings.voice.loudness_lufs, "source": chosen.source if can.clones else None,
    }  # fmt: skip
    judges, options = find_judges(studio.settings), _options(studio, chosen.engine)
    key = line_key(
        engine, text, speaker.voice, how, judges=judges, options=options,
        notes=LineCache.of(studio.workspace).notes,
    )  # fmt: skip
    return AskedLine(chosen, speaker, text, language, how, judges, options, key, tuple(dict.fromkeys(notes)))


def engine_needed(studio: Studio, args: Any) -> str:
    """The engine that `args` (of speak) need loaded; '' for a line that lies in the cache.

    Also '' for arguments that are wrong: that is told when they run, and nothing is loaded for it.
    """
    try:
        asked = asked_line(studio, args)
    except UsageError:
        return ""
    return "" if LineCache.of(studio.workspace).has(asked.key) else asked.route.engine


def find_speaker(studio: Studio | ToolContext, character: str, tell: Callable[[str], None] | None = None) -> Speaker:
    """The character's voice from memory or the table of voices; for others one from the name, which is told."""
    studio = Studio(studio.settings, studio.workspace, studio.memory)
    name = clean_name(character, MOST_NAME)
    if not name:
        return Speaker(voice_from_description(NARRATOR, ""), NARRATOR)
    entry = studio.memory.resolve_character(name)
    preset = preset_voice(studio, name, entry)
    language = own_language(studio, name)
    if entry is not None:
        data = dict(entry.data)
        if preset is not None and has_own_voices(studio.settings):  # the user's own table; memory's own fields win
            data["voice"] = {**preset[1].voice.fields(), **(data.get("voice") or {})}
        return Speaker(voice_from_fields(entry.name, entry.text, data), entry.name, language)
    if preset is not None:
        written, voice = preset
        profile = voice_from_fields(written, voice.description, {"voice": voice.voice.fields()})
        return Speaker(profile, written, language)
    if tell is not None:
        meant = difflib.get_close_matches(name, load_character_voices(studio.settings).characters, n=1, cutoff=0.7)
        near = list(dict.fromkeys((*meant, *studio.memory.nearest_characters(name, 3))))[:3]
        hint = f"; known are {', '.join(near)}" if near else ""
        tell(f"No character '{name[:60]}' is remembered, so the voice was made from the name alone{hint}.")
    # The name is all there is: it may itself be a description ('the old robot').
    return Speaker(replace(voice_from_description(name, name), name=name), name, remembered=False)


def choose_language(
    wanted: str, text: str, speaker: Speaker, known: frozenset[str], usual: str, tell: Callable[[str], None]
) -> str:
    """What was asked for, else the character's own, else the text's. Raises UsageError naming the nearest language.

    usual: where the text does not tell, or is in a language outside of `known`.
    """
    if wanted.strip():
        return language_tag(wanted, known)
    if own := spoken_language(speaker.language, text):
        return language_tag(own, known)
    found = detect_language(text, default=usual)
    if found.split("-")[0] in known:
        return found
    tell(f"The voice engine does not speak '{found}', so the line is read in {usual}.")
    return usual


def _options(studio: Studio, engine: str) -> dict[str, Any]:
    table = load_tts(studio.settings).engine(engine)
    found = table.model_dump(exclude=_SHAPES_NO_SOUND) if table is not None else {}
    if engine == "gpt_sovits" and studio.settings.voice.gpt_sovits_url:
        found["url"] = studio.settings.voice.gpt_sovits_url
    return found


def _shown_text(text: str, tell: Callable[[str], None]) -> str:
    """The text without codes and markup; the latter is told."""
    shown = without_markup(text)
    if shown != text:
        tell("Markup such as <b> is not spoken; say how it is spoken with emotion and *sounds*.")
        shown = " ".join(shown.split())
    return without_codes(shown).strip()


def _sound_instead(speaker: Speaker, tell: Callable[[str], None]) -> str:
    """What a robot or an animal without words utters; '' for a human."""
    species = speaker.voice.species
    sound = sounds_lexicon()["default"].get(species, "" if species == "human" else "growl")
    if not sound:
        return ""
    directions = sounds_lexicon()["sounds"][sound]["directions"]
    tell(f"There were no words, so {speaker.name} makes its own sound ({sound}).")
    return f"*{directions[0]}*"
