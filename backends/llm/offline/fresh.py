"""A decision about a message on its own: its form, its reading, its parts."""

from __future__ import annotations

import dataclasses
import re

from backends.llm.facts import CharacterFact, Facts
from backends.llm.offline import dialogue
from backends.llm.offline.asking import essential
from backends.llm.offline.at_hand import of_the_film
from backends.llm.offline.corrections import corrected, subtitles_in
from backends.llm.offline.film_follow_ups import (
    one_shot_of_it,
    said_in_its_language,
    sound_for_the_film,
    untranslated,
    weather_in_the_film,
)
from backends.llm.offline.follow_ups import asked_more, followed_up, last_work
from backends.llm.offline.introductions import Introductions, introductions, named_instead
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.lines import holds_script, is_script
from backends.llm.offline.naming import renamed, renamed_character
from backends.llm.offline.on_screen import about_the_picture
from backends.llm.offline.planning import Decision, Step, offered, plan, steps_of
from backends.llm.offline.reading import Reader, Reading
from backends.llm.offline.recipes import BUILDERS
from backends.llm.offline.references import called_on, mentioned_kind
from backends.llm.offline.repeats import adjusted, asks_what_was_done, moved_caption, other_file, retold
from backends.llm.offline.request import Call, Request, shifted
from backends.llm.offline.samples import voice_samples
from backends.llm.offline.script_parts import about_the_dialogue
from backends.llm.offline.second_thoughts import settled
from backends.llm.offline.timeline_calls import bare_span
from backends.llm.offline.voice_manage import TOLD, only_a_change, only_details
from backends.llm.offline.wish import Wish, read_wish
from backends.llm.understanding import CHAT, CLARIFY, DECLINE

_OF_FILES = frozenset({"edit_video", "edit_image", "add_effects", "add_captions", "remix_style", "analyze_video",
                       "analyze_image", "analyze_audio", "rate_asset", "rename_asset", "export_timeline", "undo",
                       "change_voice"})  # fmt: skip
"""What is done to a file: there, what a message tells beside its wish is background, not content."""


_USES_OF_LINES = frozenset({"make_film", "write_storyboard", "make_parody", "remember", "speak_dialogue", "lip_sync",
                            "add_captions", "generate_image", "generate_batch", "edit_video"})  # fmt: skip
"""What a message with a script's lines under it may be about; anything else wants them spoken."""


_FORMS = (
    voice_samples, other_file, adjusted, followed_up, asked_more, moved_caption, renamed_character, renamed,
    weather_in_the_film, sound_for_the_film, said_in_its_language, corrected,
)  # fmt: skip
"""What the form of a message decides alone, first come first served."""


def wish_of(reader: Reader, raw: str, facts: Facts) -> Wish:
    names = [name for character in facts.characters for name in (character.name, *character.aliases)]
    return read_wish(settled(raw.strip(), tuple(names)), tuple(names), reader.common_words())


def fresh(
    reader: Reader,
    wish: Wish,
    facts: Facts,
    recent: tuple[Call, ...],
    answers: dict[str, str] | None = None,
    forced: str = "",
) -> Decision:
    """A decision about a message on its own."""
    language = wish.language if wish.language != "en" or facts.language in ("", "en") else "en"
    words, request = lexicon(), Request(wish, wish, facts, language, answers or {}, (), recent)
    if key := dialogue.refusal(wish):
        return Decision(DECLINE, text=words.say(key, language), language=language)
    if not forced and (text := one_shot_of_it(request)):
        return Decision(CHAT, text=text, language=language)
    if dialogue.asks_redo(wish):
        forced = "redo"
    if key := dialogue.small_talk(wish, sure=False):
        able = [name for name, _ in reader.read(request).ranking if name in BUILDERS] if key == "yes_can" else []
        intent = able[0] if able else ""
        return Decision(CHAT, text=dialogue.chat_reply(key, facts, language, intent), language=language)
    if not forced and (told := introductions(wish.raw)) and told.certain:
        return _introduced(reader, told, wish, facts, recent, answers)
    if not forced and (text := (untranslated(request) if last_work(request) is None else "") or subtitles_in(request)):
        return Decision(CHAT, text=text, language=language)
    if not forced and (again := next((calls for form in _FORMS if (calls := form(request))), None)):
        return Decision(again[0].tool, tuple(again), language=language)
    reading = Reading(((forced, 1.0),), "rule") if forced else _by_form(request) or reader.read(request)
    if not forced and reading.matched != "rule" and (core := essential(wish)):
        part = dataclasses.replace(request, wish=core)
        seen = reader.read(part)
        if seen.clear and seen.intent in _OF_FILES:
            request, wish, reading = part, core, seen
    if not forced and holds_script(request) and (not reading.clear or reading.intent not in _USES_OF_LINES):
        reading = Reading((("speak_dialogue", 1.0),), "rule")
    if not forced and (shown := about_the_picture(request, reading)):
        forced, reading = shown, Reading(((shown, 1.0),), "rule")
        if facts.tools and shown not in facts.tools:
            forced, reading = "", offered(reading, facts.tools)
    reading = reading if forced else offered(reading, facts.tools)
    intent = reading.intent
    tool = "" if forced or reading.matched == "rule" else _film_tool(request, reading)
    if tool:
        reading = Reading(((tool, 1.0),), "rule")
        intent = tool
    if intent == DECLINE and _says_nothing(reader, wish):
        return unclear(facts, language, reading)
    if intent == CHAT and reading.clear:
        key = dialogue.small_talk(wish, sure=True) or "abilities"
        text = dialogue.chat_reply(key, facts, language, "")
        return Decision(CHAT, text=text, language=language, p=reading.p, matched=reading.matched)
    if intent == DECLINE and reading.clear:
        return Decision(
            DECLINE, text=words.say("outside", language), language=language, p=reading.p, matched=reading.matched
        )
    if intent == CLARIFY:
        return _vague(facts, language, reading)
    steps = [Step(intent, wish, reading)] if forced else steps_of(reader, request, reading)
    if len(steps) == 1 and not reading.clear:
        if len(wish.text.split()) < 2:
            return unclear(facts, language, reading)
        return _unsure(facts, language, reading)
    return plan(steps, request)


def _film_tool(request: Request, reading: Reading) -> str:
    """What a wish does to the film at hand where the reading is in doubt, or takes it for no work at all."""
    if reading.intent == CLARIFY:
        return of_the_film(request, ())
    if reading.p < _DOUBTED and reading.matched == "classifier" and (tool := of_the_film(request, ())):
        return tool  # its own words weigh more than a guess
    if reading.intent in (CHAT, DECLINE) and reading.clear:
        terse = reading.intent == DECLINE and len(request.wish.text.split()) <= _TERSE
        shown = any(file.kind == "video" for file in request.facts.attachments)
        return of_the_film(request, ()) if shown else of_the_film(request, reading.ranking) if terse else ""
    return "" if reading.clear else of_the_film(request, reading.ranking)


def _introduced(
    reader: Reader,
    told: Introductions,
    wish: Wish,
    facts: Facts,
    recent: tuple[Call, ...],
    answers: dict[str, str] | None,
) -> Decision:
    """Everybody is remembered; then comes the wish that the message goes on with."""
    calls = tuple(Call("remember", {"kind": one.kind, "name": one.name, "text": one.text}) for one in told.everyone)
    language = wish.language if wish.language != "en" or facts.language in ("", "en") else "en"
    if facts.tools and "remember" not in facts.tools:
        return Decision(DECLINE, text=dialogue.no_tool("remember", language), language=language)
    if not told.rest:
        return Decision("remember", calls, language=language)
    new = tuple(CharacterFact(name=one.name, text=one.text) for one in told.everyone if one.kind == "character")
    known = facts.model_copy(update={"characters": (*facts.characters, *new)})
    rest = fresh(reader, wish_of(reader, named_instead(told.rest, told.everyone), known), known, recent, answers)
    if not rest.calls:
        own = rest.slot and rest.slot != "fact"  # 'remember that' behind it adds no fact
        return rest if own else Decision("remember", calls, language=language)
    moved = tuple(Call(call.tool, shifted(call.args, len(calls))) for call in rest.calls)
    return dataclasses.replace(rest, intent="remember", calls=(*calls, *moved))


def _says_nothing(reader: Reader, wish: Wish) -> bool:
    """No word that is known: signs, or keys hit at random."""
    known = lexicon().vocabulary() | reader.common_words()
    return not any(word in known for word in re.findall(r"[^\W\d_]{2,}", f"{wish.text.lower()} {wish.match}"))


_DOUBTED = 0.6
"""A guess below this gives way to the words of the film's tools."""
_TERSE = 4
"""Words of a wish that is too short to be known as none of the studio's business."""
_REPEATS = re.compile(
    r"(?:(?:(?:do|make|try) (?:it|that|this|the (?:picture|drawing|line|film)) )?(?:again|once more|"
    r"one more time)|(?:do |try )?(?:the )?same\b|"
    r"(?:that|this|it)(?: one)?,? but\b|ancora una volta|di nuovo|(?:la |lo )?stess[ao]\b)",
    re.IGNORECASE,
)


_REPEATABLE = ("generate_image", "speak", "make_film", "edit_video")


def _by_form(request: Request) -> Reading | None:
    """What the form alone decides: a script's lines; 'again but at night' repeats what made the newest asset."""
    if is_script(request):
        return Reading((("speak_dialogue", 1.0),), "rule")
    if (request.wish.quotes or ":" in request.text) and called_on(request):
        return Reading((("speak", 1.0),), "rule")
    if done := asks_what_was_done(request):
        return Reading(((done, 1.0),), "rule")
    if bare_span(request):
        return Reading((("edit_video", 1.0),), "rule")
    made = [call.tool for call in reversed(request.recent)] or [
        a.tool for a in request.facts.assets if a.tool in BUILDERS
    ]
    if made and made[0] == "speak" and retold(request):
        return Reading((("speak", 1.0),), "rule")
    if made and made[0] in ("speak", "change_voice") and only_a_change(request):
        return Reading((("change_voice", 1.0),), "rule")
    if request.recent and made[0] in TOLD and only_details(request):
        return Reading((("list_voices", 1.0),), "rule")
    if made and made[0] == "speak_dialogue" and request.recent and about_the_dialogue(request):
        return Reading((("speak_dialogue", 1.0),), "rule")
    if not (match := _REPEATS.match(request.command)):
        return None
    noun = mentioned_kind(" ".join(request.command[match.start() :].split()[:3]))
    wanted = {"image": "generate_image", "audio": "speak", "video": "make_film"}.get(noun or "")
    tool = wanted if wanted in made else made[0] if made and not wanted else ""
    return Reading(((tool, 1.0),), "rule") if tool in _REPEATABLE else None


def unclear(facts: Facts, language: str, reading: Reading | None = None) -> Decision:
    text = lexicon().say("unclear", language, examples=dialogue.examples(facts, language))
    return Decision(
        CLARIFY,
        text=text,
        language=language,
        p=reading.p if reading else 1.0,
        matched=reading.matched if reading else "rule",
    )


def _vague(facts: Facts, language: str, reading: Reading) -> Decision:
    """Too little said: ask about the attached file when there is one."""
    if facts.attachments:
        text = lexicon().say("vague_file", language, name=facts.attachments[0].name or facts.attachments[0].id)
        return Decision(CLARIFY, text=text, language=language, p=reading.p, matched=reading.matched)
    return unclear(facts, language, reading)


def _unsure(facts: Facts, language: str, reading: Reading) -> Decision:
    """Two readings are close: ask which one."""
    words = lexicon()
    acting = [
        (name, p) for name, p in reading.ranking if name in BUILDERS and (not facts.tools or name in facts.tools)
    ][:2]
    if reading.p < words.words["thresholds"]["hopeless"] or len(acting) < 2:
        return unclear(facts, language, reading)
    titles = tuple(words.title(name, language) for name, _ in acting)
    text = words.say("unsure", language, first=titles[0], second=titles[1])
    return Decision(
        CLARIFY, text=text, choices=titles, slot="intent", language=language, p=reading.p, matched=reading.matched
    )
