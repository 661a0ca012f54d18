"""One decision for one message: calls, a question, a refusal or small talk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backends.llm.facts import Facts, OpenQuestion
from backends.llm.offline import dialogue
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.reading import Reader, Reading
from backends.llm.offline.recipes import BUILDERS, build, clauses, cut_out, substitute
from backends.llm.offline.references import choice
from backends.llm.offline.request import Ask, Call, Made, Request
from backends.llm.offline.wish import Wish, read_wish
from backends.llm.understanding import CHAT, CLARIFY, DECLINE

_POINTS_BACK = re.compile(
    r"\b(?:again|same|another|more|it|this|that|now|but|instead|ancora|stess[oa]|lo|di nuovo|ora|him|her|he|she)\b", re.IGNORECASE
)
_COMMAND = re.compile(rf"^(?:{'|'.join(entry[1:] for entry in lexicon().words['command_verbs'])})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Decision:
    """What to do about a message."""

    intent: str
    """First tool, or clarify, decline, chat."""
    calls: tuple[Call, ...] = ()
    text: str = ""
    """The question, the reason or the reply, when nothing is called."""
    choices: tuple[str, ...] = ()
    slot: str = ""
    """Which argument the question is about; 'intent' when it is about the whole."""
    language: str = "en"
    p: float = 1.0
    matched: str = "rule"


@dataclass(frozen=True)
class _Step:
    intent: str
    wish: Wish
    reading: Reading


def decide(
    reader: Reader, raw: str, facts: Facts, earlier: Sequence[str] = (), said: Sequence[Call] = ()
) -> Decision:
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
    if not wish.text.strip(" .!?,"):
        return _unclear(plain, facts.language or "en")
    if question and question.wish:
        merged = _answered(reader, wish, question, plain, earlier)
        if merged:
            return merged
    recent = tuple(said)
    if not recent and earlier and _POINTS_BACK.search(wish.blank_quotes):
        for text in earlier[-3:]:
            recent += decide(reader, text, plain).calls
    return _fresh(reader, wish, plain, recent)


def _wish(reader: Reader, raw: str, facts: Facts) -> Wish:
    names = [name for character in facts.characters for name in (character.name, *character.aliases)]
    return read_wish(raw.strip(), tuple(names), reader.common_words())


def _fresh(
    reader: Reader, wish: Wish, facts: Facts, recent: tuple[Call, ...], answers: dict[str, str] | None = None, forced: str = ""
) -> Decision:
    """A decision about a message on its own."""
    language = wish.language if wish.language != "en" or facts.language in ("", "en") else "en"
    words, request = lexicon(), Request(wish, wish, facts, language, answers or {}, (), recent)
    if key := dialogue.refusal(wish):
        return Decision(DECLINE, text=words.say(key, language), language=language)
    if key := dialogue.small_talk(wish, sure=False):
        intent = reader.read(request).intent if key == "yes_can" else ""
        return Decision(CHAT, text=dialogue.chat_reply(key, facts, language, intent), language=language)
    reading = Reading(((forced, 1.0),), "rule") if forced else _again(request) or reader.read(request)
    intent = reading.intent
    if intent == CHAT and reading.clear:
        key = dialogue.small_talk(wish, sure=True) or "abilities"
        text = dialogue.chat_reply(key, facts, language, "")
        return Decision(CHAT, text=text, language=language, p=reading.p, matched=reading.matched)
    if intent == DECLINE and reading.clear:
        return Decision(DECLINE, text=words.say("outside", language), language=language, p=reading.p, matched=reading.matched)
    if intent == CLARIFY:
        return _vague(facts, language, reading)
    steps = [_Step(intent, wish, reading)] if forced else _steps(reader, request, reading)
    if len(steps) == 1 and not reading.clear:
        return _unsure(facts, language, reading)
    return _plan(steps, request)


def _again(request: Request) -> Reading | None:
    """'again but at night' repeats what made the newest asset."""
    if not re.match(r"(?:again|once more|one more time|same(?: again| thing)?\b|ancora una volta|di nuovo)\b", request.command, re.IGNORECASE):
        return None
    tool = request.recent[-1].tool if request.recent else next((a.tool for a in request.facts.assets if a.tool in BUILDERS), "")
    return Reading(((tool, 1.0),), "rule") if tool in ("generate_image", "speak", "make_film", "edit_video") else None


def _steps(reader: Reader, request: Request, whole: Reading) -> list[_Step]:
    """The wish's clauses with their intents; clauses of the same edit stay together."""
    wish = request.wish
    spans = clauses(wish, whole.intent)
    if len(spans) < 2:
        return [_Step(whole.intent, wish, whole)]
    floor = lexicon().words["thresholds"]["clause"]
    merged: list[tuple[tuple[int, int], Reading]] = []
    made: tuple[Made, ...] = ()
    for span in spans:
        reading = reader.read(replace(request, wish=cut_out(wish, span), made=made))
        weak = reading.p < floor or reading.intent not in BUILDERS
        same = bool(merged) and reading.intent == merged[-1][1].intent and reading.intent in ("edit_video", "edit_image", "remember", "search_memory")
        if merged and (weak or same):
            merged[-1] = ((merged[-1][0][0], span[1]), merged[-1][1])
        else:
            merged.append((span, reading))
        made = _made(made, Call(merged[-1][1].intent, {})) if not (weak or same) else made
    steps = [_Step(reading.intent, cut_out(wish, span), reading) for span, reading in merged]
    if len(steps) < 2 or steps[0].intent not in BUILDERS or steps[0].reading.p < floor:
        return [_Step(whole.intent, wish, whole)]
    return steps


def _plan(steps: list[_Step], request: Request) -> Decision:
    language, facts = request.language, request.facts
    calls: list[Call] = []
    made: tuple[Made, ...] = ()
    first = steps[0].reading
    merged = _absorb(steps, request)
    for step in merged:
        part = replace(request, wish=step.wish, made=made)
        tool = substitute(step.intent, facts.tools, part)
        if tool is None:
            text = dialogue.no_tool(step.intent, language)
            return Decision(DECLINE, text=text, language=language, p=step.reading.p, matched=step.reading.matched)
        try:
            new = build(tool, part) if tool == step.intent or step.intent != "edit_image" else _redrawn(part)
        except Ask as ask:
            text = lexicon().say(ask.key, language)
            return Decision(CLARIFY, text=text, choices=ask.choices, slot=ask.slot, language=language, p=first.p, matched=first.matched)
        for call in new:
            if facts.tools and call.tool not in facts.tools:
                text = dialogue.no_tool(call.tool, language)
                return Decision(DECLINE, text=text, language=language, p=first.p, matched=first.matched)
            calls.append(call)
            made = _made(made, call)
    return Decision(calls[0].tool, tuple(calls), language=language, p=first.p, matched=first.matched)


def _absorb(steps: list[_Step], request: Request) -> list[_Step]:
    """Steps that this studio does inside edit_video (titles or effects without a tool of their own) join the edit before them."""
    tools, kept = request.facts.tools, list[_Step]()
    for step in steps:
        stand_in = substitute(step.intent, tools, request)
        if kept and kept[-1].intent == "edit_video" and stand_in == "edit_video":
            text = f"{kept[-1].wish.text}, {step.wish.text}"
            kept[-1] = replace(kept[-1], wish=Wish(text, text))
        else:
            kept.append(step)
    return kept


def _redrawn(request: Request) -> list[Call]:
    """A picture that was drawn here, drawn again with the change: there is no tool that edits pictures."""
    last = next(a.text for a in request.facts.assets if a.tool == "generate_image" and a.text)
    change = re.sub(r"^(?:make|turn|change|edit|render|rendi\w*)\s+(?:it|this|that|him|her|them|the (?:picture|image|drawing))\s*", "", request.command, flags=re.I)
    return [Call("generate_image", {"prompt": f"{last.rstrip(' .')}, {change.strip(' .!')}"})]


def _made(made: tuple[Made, ...], call: Call) -> tuple[Made, ...]:
    kind = lexicon().words["makes"].get(call.tool, "")
    return (*made, Made(len(made) + 1, call.tool, kind, call.args))


def _answered(reader: Reader, wish: Wish, question: OpenQuestion, facts: Facts, earlier: Sequence[str]) -> Decision | None:
    """The open wish with the answer filled in; None when the message is a wish of its own."""
    language = wish.language
    if dialogue.refusal(wish):
        return None
    if dialogue.small_talk(wish, sure=False) == "nevermind":
        return Decision(CHAT, text=lexicon().say("nevermind", language), language=language)
    open_wish = _wish(reader, question.wish, facts)
    before = _fresh(reader, open_wish, facts, ())
    chosen = choice(wish.text, question.choices) if question.choices else None
    if before.slot == "intent" or (before.intent == CLARIFY and not before.slot):
        intent = _intent_titled(chosen) if chosen else None
        if intent:
            return _fresh(reader, open_wish, facts, (), {}, intent)
        return None if _COMMAND.match(wish.command) else _fresh(reader, _wish(reader, f"{question.wish} {wish.raw}", facts), facts, ())
    if before.intent != CLARIFY:
        return before if before.calls and not _is_command(reader, wish, facts) else None
    if not chosen and before.slot not in ("text", "caption", "fact", "story", "prompt", "lines") and _is_command(reader, wish, facts, before):
        return None
    if not chosen and _COMMAND.match(wish.command) and _is_command(reader, wish, facts, before) and before.slot != "fact":
        return None
    intent = _intent_of(reader, open_wish, facts)
    value = chosen or wish.text
    return _fresh(reader, open_wish, facts, (), {before.slot: value}, intent)


def _intent_of(reader: Reader, wish: Wish, facts: Facts) -> str:
    request = Request(wish, wish, facts, wish.language)
    reading = reader.read(request)
    return reading.intent if len(_steps(reader, request, reading)) == 1 else ""


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
    return Decision(CLARIFY, text=text, language=language, p=reading.p if reading else 1.0, matched=reading.matched if reading else "rule")


def _vague(facts: Facts, language: str, reading: Reading) -> Decision:
    """Too little said: ask about the attached file when there is one."""
    if facts.attachments:
        text = lexicon().say("vague_file", language, name=facts.attachments[0].name or facts.attachments[0].id)
        return Decision(CLARIFY, text=text, language=language, p=reading.p, matched=reading.matched)
    return _unclear(facts, language, reading)


def _unsure(facts: Facts, language: str, reading: Reading) -> Decision:
    """Two readings are close: ask which one."""
    words = lexicon()
    acting = [(name, p) for name, p in reading.ranking if name in BUILDERS and (not facts.tools or name in facts.tools)][:2]
    if reading.p < words.words["thresholds"]["hopeless"] or len(acting) < 2:
        return _unclear(facts, language, reading)
    titles = tuple(words.title(name, language) for name, _ in acting)
    text = words.say("unsure", language, first=titles[0], second=titles[1])
    return Decision(CLARIFY, text=text, choices=titles, slot="intent", language=language, p=reading.p, matched=reading.matched)
