"""One decision for one message: calls, a question, a refusal or small talk."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from backends.llm.facts import Facts, OpenQuestion
from backends.llm.offline import dialogue
from backends.llm.offline.fresh import fresh, unclear, wish_of
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.on_screen import about_the_picture
from backends.llm.offline.planning import Decision, steps_of
from backends.llm.offline.price_questions import STAND_INS, agreed_to, asked_about, only_asks
from backends.llm.offline.reading import Reader
from backends.llm.offline.recipes import BUILDERS
from backends.llm.offline.references import choice
from backends.llm.offline.request import Call, Request
from backends.llm.offline.voice_owner import asks_consent, with_consent
from backends.llm.offline.wish import Wish
from backends.llm.understanding import CHAT, CLARIFY, DECLINE, FORECAST

_POINTS_BACK = re.compile(
    r"\b(?:again|same|another|more|it|this|that|now|but|instead|ancora|stess[oa]|lo|di nuovo|ora|him|her|he|she|"
    r"sorry|meant|wait|oops|scusa)\b",
    re.IGNORECASE,
)
_LOOKING = frozenset({"analyze_video", "analyze_image", "analyze_audio", "check_identity", "check_voice", "list_voices",
                      "timeline_history", "search_memory", "list_assets", "gpu_status"})  # fmt: skip
"""What a question wants done itself: 'how many cuts are in this film?'."""

_SHORT = 6
"""Words of a wish that says so little that it goes on with the turn before: 'looks good, start training'."""

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
    wish = wish_of(reader, raw, plain)
    if priced := _priced(reader, wish, question, plain, earlier, said):
        return priced
    if question and question.wish:
        if agreed := agreed_to(question.wish, earlier[:-1]):
            question = question.model_copy(update={"wish": agreed})
    elif agreed := agreed_to(wish.text, earlier):
        wish, earlier = wish_of(reader, agreed, plain), earlier[:-1]
    if not wish.text.strip(" .!?,"):
        return unclear(plain, facts.language or "en")
    if question and question.wish:
        merged = _answered(reader, wish, question, plain, earlier)
        if merged:
            return dataclasses.replace(merged, answers=True)
    found = fresh(reader, wish, plain, _recent(reader, wish, plain, earlier, said))
    if found.calls and found.intent not in _LOOKING and only_asks(wish.text):
        return dataclasses.replace(found, intent=FORECAST)
    return found


def _recent(reader: Reader, wish: Wish, facts: Facts, earlier: Sequence[str], said: Sequence[Call]) -> tuple[Call, ...]:
    """Calls of the turns before, where the message goes on with them."""
    recent = tuple(said) or tuple(Call(call.tool, dict(call.args)) for call in facts.calls)
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
    about = wish_of(reader, asked, facts)
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
    found = fresh(reader, wish, facts, recent, answers)
    while found.intent == CLARIFY and found.slot in STAND_INS and found.slot not in answers:
        answers = {**answers, found.slot: STAND_INS[found.slot]}
        found = fresh(reader, wish, facts, recent, answers)
    return found


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
    open_wish = wish_of(reader, question.wish, facts)
    before = fresh(reader, open_wish, facts, ())
    chosen = choice(wish.text, question.choices) if question.choices else None
    alone = reader.read(asked)
    whole = alone.clear and alone.intent in BUILDERS
    if before.slot == "intent" or (before.intent == CLARIFY and not before.slot):
        intent = _intent_titled(chosen) if chosen else None
        if intent:
            return fresh(reader, open_wish, facts, (), {}, intent)
        return (
            None
            if whole or _COMMAND.match(wish.command)
            else fresh(reader, wish_of(reader, f"{question.wish} {wish.raw}", facts), facts, ())
        )
    if before.intent != CLARIFY:
        own = _is_command(reader, wish, facts) or (whole and alone.matched == "template")
        if not own and asks_consent(before.calls):
            return dataclasses.replace(before, calls=with_consent(before.calls, wish.raw, question.wish))
        if chosen and not own and any(chosen in (file.name, file.id) for file in facts.assets):
            # which of the attached files: they came with the question's turn and are not attached any more
            return fresh(reader, open_wish, facts, (), {"file": chosen})
        return before if before.calls and not own else None
    if not chosen and before.slot == "file" and whole and alone.matched == "template":
        return None  # 'four poses of Luca' names no file
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
    return fresh(reader, open_wish, facts, (), {before.slot: value}, intent)


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
