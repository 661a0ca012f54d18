"""One decision for one message: calls, a question, a refusal or small talk."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from backends.llm.facts import CharacterFact, Facts, OpenQuestion
from backends.llm.offline import dialogue
from backends.llm.offline.film_follow_ups import (
    said_in_its_language,
    sound_for_the_film,
    untranslated,
    weather_in_the_film,
)
from backends.llm.offline.introductions import Introductions, introductions, named_instead
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.lines import holds_script, is_script
from backends.llm.offline.naming import renamed
from backends.llm.offline.on_screen import about_the_picture
from backends.llm.offline.planning import Decision, Step, offered, plan, steps_of
from backends.llm.offline.price_questions import STAND_INS, agreed_to, asked_about, only_asks
from backends.llm.offline.reading import Reader, Reading
from backends.llm.offline.recipes import BUILDERS
from backends.llm.offline.references import choice, mentioned_kind
from backends.llm.offline.repeats import asks_what_was_done, moved_caption, other_file, retold
from backends.llm.offline.request import Call, Request, shifted
from backends.llm.offline.samples import voice_samples
from backends.llm.offline.script_parts import about_the_dialogue
from backends.llm.offline.timeline_calls import bare_span
from backends.llm.offline.voice_manage import TOLD, only_a_change, only_details
from backends.llm.offline.voice_owner import asks_consent, with_consent
from backends.llm.offline.wish import Wish, read_wish
from backends.llm.understanding import CHAT, CLARIFY, DECLINE, FORECAST

_POINTS_BACK = re.compile(
    r"\b(?:again|same|another|more|it|this|that|now|but|instead|ancora|stess[oa]|lo|di nuovo|ora|him|her|he|she)\b",
    re.IGNORECASE,
)
_LOOKING = frozenset({"analyze_video", "analyze_image", "analyze_audio", "check_identity", "check_voice", "list_voices",
                      "timeline_history", "search_memory", "list_assets", "gpu_status"})  # fmt: skip
"""What a question wants done itself: 'how many cuts are in this film?'."""
_SHORT = 6
"""Words of a wish that says so little that it goes on with the turn before: 'looks good, start training'."""
_USES_OF_LINES = frozenset({"make_film", "write_storyboard", "make_parody", "remember", "speak_dialogue", "lip_sync",
                            "add_captions", "generate_image", "generate_batch", "edit_video"})  # fmt: skip
"""What a message with a script's lines under it may be about; anything else wants them spoken."""
_COMMAND = re.compile(rf"^(?:{'|'.join(entry[1:] for entry in lexicon().words['command_verbs'])})\b", re.IGNORECASE)


def decide(reader: Reader, raw: str, facts: Facts, earlier: Sequence[str] = (), said: Sequence[Call] = ()) -> Decision:
    """What to do about a message.

    Args:
        reader: gives intents their probabilities.
        raw: the message.
        facts: files, characters, tools and an open question.
        earlier: the user's earlier messages that are still shown, oldest first.
        said: calls of earlier turns that are still shown, oldest first.
    """
    question = facts.open_question
    plain = facts.model_copy(update={"open_question": None})
    wish = _wish(reader, raw, plain)
    if priced := _priced(reader, wish, question, plain, earlier, said):
        return priced
    if question and question.wish:
        if agreed := agreed_to(question.wish, earlier[:-1]):
            question = question.model_copy(update={"wish": agreed})
    elif agreed := agreed_to(wish.text, earlier):
        wish, earlier = _wish(reader, agreed, plain), earlier[:-1]
    if not wish.text.strip(" .!?,"):
        return _unclear(plain, facts.language or "en")
    if question and question.wish:
        merged = _answered(reader, wish, question, plain, earlier)
        if merged:
            return dataclasses.replace(merged, answers=True)
    found = _fresh(reader, wish, plain, _recent(reader, wish, plain, earlier, said))
    if found.calls and found.intent not in _LOOKING and only_asks(wish.text):
        return dataclasses.replace(found, intent=FORECAST)
    return found


def _recent(reader: Reader, wish: Wish, facts: Facts, earlier: Sequence[str], said: Sequence[Call]) -> tuple[Call, ...]:
    """Calls of the turns before, where the message goes on with them."""
    recent = tuple(said)
    if not recent and earlier and (_POINTS_BACK.search(wish.blank_quotes) or len(wish.match.split()) <= _SHORT):
        for text in earlier[-3:]:
            recent += decide(reader, text, facts).calls
    return recent


def _priced(
    reader: Reader,
    wish: Wish,
    question: OpenQuestion | None,
    facts: Facts,
    earlier: Sequence[str],
    said: Sequence[Call],
) -> Decision | None:
    """The calls that a question about time or cost is about; None when the message is no such question."""
    asked, answers = asked_about(wish.text, earlier), dict[str, str]()
    answered = asked is None and question is not None and _COMMAND.match(wish.command) is None
    if answered and question and (asked := asked_about(question.wish)):
        answers["file"] = wish.text  # which file it is about
    if asked is None:
        return None
    about = _wish(reader, asked, facts)
    recent = _recent(reader, about, facts, earlier, said)
    found = _with_stand_ins(reader, about, facts, recent, answers) if asked else None
    if found and found.slot == "file" and not answered:
        typical = _with_stand_ins(reader, about, facts, recent, {**answers, "file": "recording.wav"})
        found = typical if {call.tool for call in typical.calls} == {"clone_voice"} else found  # as long for any file
    language = "it" if "it" in (wish.language, about.language) else wish.language
    if found and found.calls:
        return dataclasses.replace(found, intent=FORECAST, language=language, answers=answered)
    if answered or (found and found.intent != CLARIFY):
        return found if not answered else None
    key = "forecast_file" if found and found.slot == "file" else "unclear"
    return Decision(
        CLARIFY, text=lexicon().say(key, language, examples=dialogue.examples(facts, language)), language=language
    )


def _with_stand_ins(
    reader: Reader, wish: Wish, facts: Facts, recent: tuple[Call, ...], answers: dict[str, str]
) -> Decision:
    """The decision with what the wish leaves open filled in, files apart."""
    found = _fresh(reader, wish, facts, recent, answers)
    while found.intent == CLARIFY and found.slot in STAND_INS and found.slot not in answers:
        answers = {**answers, found.slot: STAND_INS[found.slot]}
        found = _fresh(reader, wish, facts, recent, answers)
    return found


def _wish(reader: Reader, raw: str, facts: Facts) -> Wish:
    names = [name for character in facts.characters for name in (character.name, *character.aliases)]
    return read_wish(raw.strip(), tuple(names), reader.common_words())


def _fresh(
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
    if dialogue.asks_redo(wish):
        forced = "redo"
    if key := dialogue.small_talk(wish, sure=False):
        able = [name for name, _ in reader.read(request).ranking if name in BUILDERS] if key == "yes_can" else []
        intent = able[0] if able else ""
        return Decision(CHAT, text=dialogue.chat_reply(key, facts, language, intent), language=language)
    if not forced and (told := introductions(wish.raw)) and told.certain:
        return _introduced(reader, told, wish, facts, recent, answers)
    if not forced and (text := untranslated(request)):
        return Decision(CHAT, text=text, language=language)
    forms = (voice_samples, other_file, moved_caption, renamed, weather_in_the_film, sound_for_the_film,
             said_in_its_language)  # fmt: skip
    if not forced and (again := next((calls for form in forms if (calls := form(request))), None)):
        return Decision(again[0].tool, tuple(again), language=language)
    reading = Reading(((forced, 1.0),), "rule") if forced else _by_form(request) or reader.read(request)
    if not forced and holds_script(request) and (not reading.clear or reading.intent not in _USES_OF_LINES):
        reading = Reading((("speak_dialogue", 1.0),), "rule")
    if not forced and (shown := about_the_picture(request, reading)):
        forced, reading = shown, Reading(((shown, 1.0),), "rule")
        if facts.tools and shown not in facts.tools:
            forced, reading = "", offered(reading, facts.tools)
    reading = reading if forced else offered(reading, facts.tools)
    intent = reading.intent
    if intent == DECLINE and _says_nothing(reader, wish):
        return _unclear(facts, language, reading)
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
            return _unclear(facts, language, reading)
        return _unsure(facts, language, reading)
    return plan(steps, request)


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
    rest = _fresh(reader, _wish(reader, named_instead(told.rest, told.everyone), known), known, recent, answers)
    if not rest.calls:
        return rest if rest.slot else Decision("remember", calls, language=language)
    moved = tuple(Call(call.tool, shifted(call.args, len(calls))) for call in rest.calls)
    return dataclasses.replace(rest, intent="remember", calls=(*calls, *moved))


def _says_nothing(reader: Reader, wish: Wish) -> bool:
    """No word that is known: signs, or keys hit at random."""
    known = lexicon().vocabulary() | reader.common_words()
    return not any(word in known for word in re.findall(r"[^\W\d_]{2,}", f"{wish.text.lower()} {wish.match}"))


_REPEATS = re.compile(
    r"(?:again|once more|one more time|(?:do |try )?(?:the )?same\b|ancora una volta|di nuovo|(?:la |lo )?stess[ao]\b)",
    re.IGNORECASE,
)
_REPEATABLE = ("generate_image", "speak", "make_film", "edit_video")


def _by_form(request: Request) -> Reading | None:
    """What the form alone decides: a script's lines; 'again but at night' repeats what made the newest asset."""
    if is_script(request):
        return Reading((("speak_dialogue", 1.0),), "rule")
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


def _answered(
    reader: Reader, wish: Wish, question: OpenQuestion, facts: Facts, earlier: Sequence[str]
) -> Decision | None:
    """The open wish with the answer filled in; None when the message is a wish of its own."""
    language = wish.language
    if dialogue.refusal(wish):
        return None
    asked = Request(wish, wish, facts, language)
    if about_the_picture(asked, reader.read(asked)) and not (question.choices and choice(wish.text, question.choices)):
        return None
    if dialogue.small_talk(wish, sure=False) == "nevermind":
        return Decision(CHAT, text=lexicon().say("nevermind", language), language=language)
    open_wish = _wish(reader, question.wish, facts)
    before = _fresh(reader, open_wish, facts, ())
    chosen = choice(wish.text, question.choices) if question.choices else None
    alone = reader.read(asked)
    whole = alone.clear and alone.intent in BUILDERS
    if before.slot == "intent" or (before.intent == CLARIFY and not before.slot):
        intent = _intent_titled(chosen) if chosen else None
        if intent:
            return _fresh(reader, open_wish, facts, (), {}, intent)
        return (
            None
            if whole or _COMMAND.match(wish.command)
            else _fresh(reader, _wish(reader, f"{question.wish} {wish.raw}", facts), facts, ())
        )
    if before.intent != CLARIFY:
        own = _is_command(reader, wish, facts) or (whole and alone.matched == "template")
        if not own and asks_consent(before.calls):
            return dataclasses.replace(before, calls=with_consent(before.calls, wish.raw, question.wish))
        return before if before.calls and not own else None
    if (
        not chosen
        and before.slot not in ("text", "caption", "fact", "story", "prompt", "lines")
        and _is_command(reader, wish, facts, before)
    ):
        return None
    if (
        not chosen
        and _COMMAND.match(wish.command)
        and _is_command(reader, wish, facts, before)
        and before.slot != "fact"
    ):
        return None
    intent = _intent_of(reader, open_wish, facts)
    value = chosen or wish.text
    return _fresh(reader, open_wish, facts, (), {before.slot: value}, intent)


def _intent_of(reader: Reader, wish: Wish, facts: Facts) -> str:
    request = Request(wish, wish, facts, wish.language)
    reading = reader.read(request)
    return reading.intent if len(steps_of(reader, request, reading)) == 1 else ""


def _is_command(reader: Reader, wish: Wish, facts: Facts, before: Decision | None = None) -> bool:
    """Whether an answer reads like a new wish."""
    reading = reader.read(Request(wish, wish, facts, wish.language))
    limit = lexicon().words["thresholds"]["new_wish"]
    if reading.intent in (CLARIFY, CHAT, DECLINE) or reading.p < limit or not _COMMAND.match(wish.command):
        return False
    if before is not None and before.slot == "instruction":
        return reading.intent not in ("edit_video", "edit_image", "add_captions", "add_effects")
    return True


def _intent_titled(title: str) -> str | None:
    for name, intent in lexicon().intents.items():
        if title in intent.title.values() and name in BUILDERS:
            return name
    return None


def _unclear(facts: Facts, language: str, reading: Reading | None = None) -> Decision:
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
    return _unclear(facts, language, reading)


def _unsure(facts: Facts, language: str, reading: Reading) -> Decision:
    """Two readings are close: ask which one."""
    words = lexicon()
    acting = [
        (name, p) for name, p in reading.ranking if name in BUILDERS and (not facts.tools or name in facts.tools)
    ][:2]
    if reading.p < words.words["thresholds"]["hopeless"] or len(acting) < 2:
        return _unclear(facts, language, reading)
    titles = tuple(words.title(name, language) for name, _ in acting)
    text = words.say("unsure", language, first=titles[0], second=titles[1])
    return Decision(
        CLARIFY, text=text, choices=titles, slot="intent", language=language, p=reading.p, matched=reading.matched
    )
