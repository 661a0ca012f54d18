"""From a reading to a plan: the clauses as steps, their calls, and what each needs of the ones before."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from backends.llm.offline import dialogue, slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.lip_calls import PREVIEW
from backends.llm.offline.look_words import only_a_look
from backends.llm.offline.reading import Reader, Reading
from backends.llm.offline.recipes import BUILDERS, build, clauses, cut_out, substitute
from backends.llm.offline.references import called_on
from backends.llm.offline.request import Ask, Call, Made, Request
from backends.llm.offline.wish import FILE_NAME, Wish
from backends.llm.understanding import CLARIFY, DECLINE


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
    answers: bool = False
    """Whether the message was taken as the answer to the open question."""


_DRAWN = ("generate_image", "generate_batch")
_LOOKED_AT = ("analyze_video", "analyze_image", "analyze_audio")
"""'Have a look at it and tell me where it gets shaky' is one look with its question."""
_FREEZES = re.compile(r"\b(?:freez\w+|record scratch|fermo immagine|congela\w*)\b", re.IGNORECASE)
_FEW = 5
"""Words of a clause that names a size and nothing else."""


def _only_size(text: str, reading: Reading) -> bool:
    return reading.intent in ("edit_image", "edit_video") and len(text.split()) <= _FEW and slots.size(text) is not None


@dataclass(frozen=True)
class Step:
    """A clause and what it wants."""

    intent: str
    wish: Wish
    reading: Reading


def offered(reading: Reading, tools: tuple[str, ...]) -> Reading:
    """The reading without tools that are not there, unless one of them is what the wish clearly asks for.

    A refusal that names a missing tool needs more evidence than an action: one word that both have in common would
    otherwise refuse what the studio can do.
    """
    limits = lexicon().words["thresholds"]
    words = lexicon().intents

    def there(name: str) -> bool:
        return name not in BUILDERS or not tools or name in tools or words[name].fallback in tools

    if there(reading.intent) or reading.p >= limits["missing"]:
        return reading
    left = tuple((name, p) for name, p in reading.ranking if there(name))
    if not left or left[0][0] not in BUILDERS or left[0][1] < limits["instead"] * reading.p:
        return reading
    total = sum(p for _, p in left)
    return Reading(tuple((name, p / total) for name, p in left), reading.matched)


def steps_of(reader: Reader, request: Request, whole: Reading) -> list[Step]:
    """The wish's clauses with their intents; clauses of the same edit stay together."""
    wish = request.wish
    if whole.intent == "remix_style" and only_a_look(wish.blank_quotes):
        return [Step(whole.intent, wish, whole)]  # 'noir, and keep the captions' is one
    spans = clauses(wish, whole.intent)
    if len(spans) > 1 and called_on(request):  # 'Captain, say: ...': who is called is no step
        spans = [(spans[0][0], spans[1][1]), *spans[2:]]
    if len(spans) < 2:
        return [Step(whole.intent, wish, whole)]
    floor = lexicon().words["thresholds"]["clause"]
    merged: list[tuple[tuple[int, int], Reading]] = []
    made: tuple[Made, ...] = ()
    for span in spans:
        reading = offered(reader.read(replace(request, wish=cut_out(wish, span), made=made)), request.facts.tools)
        weak = reading.p < floor or reading.intent not in BUILDERS
        same = (
            bool(merged)
            and reading.intent == merged[-1][1].intent
            and (
                reading.intent in ("edit_video", "edit_image", "add_effects", "remember", "search_memory")
                or (reading.intent in _LOOKED_AT and not FILE_NAME.search(wish.text[slice(*span)]))
            )
        )
        if merged and merged[-1][1].intent == "lip_sync" and PREVIEW.search(wish.text[slice(*span)]):
            same = True  # 'and show me a preview with the fox's face' is no picture of its own
        if merged and _only_size(wish.text[slice(*span)], reading) and merged[-1][1].intent in _DRAWN:
            same = True  # 'draw a lion. Make it 1024x768.' is one picture
        if merged and reading.intent == "add_captions" and _FREEZES.search(wish.text[slice(*merged[-1][0])]):
            held = Reading((("add_effects", merged[-1][1].p),), "rule")
            merged[-1] = ((merged[-1][0][0], span[1]), held)  # 'freeze it when he falls and write OOPS' is one effect
            continue
        if merged and (weak or same):
            merged[-1] = ((merged[-1][0][0], span[1]), merged[-1][1])
        else:
            merged.append((span, reading))
        made = _made(made, Call(merged[-1][1].intent, {})) if not (weak or same) else made
    steps = [Step(reading.intent, cut_out(wish, span), reading) for span, reading in merged]
    if len(steps) < 2 or steps[0].intent not in BUILDERS or steps[0].reading.p < floor:
        return [Step(whole.intent, wish, whole)]
    return steps


def plan(steps: list[Step], request: Request) -> Decision:
    """The calls of all steps, or the first question or refusal that comes up."""
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
            new = build(tool, part) if tool == step.intent else _stand_in(step.intent, tool, part)
        except Ask as ask:
            text = lexicon().say(ask.key, language)
            return Decision(
                CLARIFY,
                text=text,
                choices=ask.choices,
                slot=ask.slot,
                language=language,
                p=first.p,
                matched=first.matched,
            )
        for call in new:
            if call.tool == "render_timeline" and call in calls:
                continue
            if facts.tools and call.tool not in facts.tools:
                text = dialogue.no_tool(call.tool, language)
                return Decision(DECLINE, text=text, language=language, p=first.p, matched=first.matched)
            calls.append(call)
            made = _made(made, call)
    return Decision(calls[0].tool, tuple(calls), language=language, p=first.p, matched=first.matched)


def _absorb(steps: list[Step], request: Request) -> list[Step]:
    """Titles and effects that have no tool of their own here join the edit before them."""
    tools, kept = request.facts.tools, list[Step]()
    for step in steps:
        stand_in = substitute(step.intent, tools, request)
        if kept and kept[-1].intent == "edit_video" and stand_in == "edit_video":
            text = f"{kept[-1].wish.text}, {step.wish.text}"
            kept[-1] = replace(kept[-1], wish=Wish(text, text))
        else:
            kept.append(step)
    return kept


def _stand_in(intent: str, tool: str, request: Request) -> list[Call]:
    """The calls of a simpler tool in place of one that is not there."""
    if intent == "edit_image":
        return _redrawn(request)
    if intent != "generate_batch":
        return build(tool, request)
    batch = dict(build(intent, request)[0].args)
    prompts = batch.pop("prompts", None) or [batch.pop("prompt")]
    return [Call(tool, {"prompt": prompt, **batch}) for prompt in prompts]


def _redrawn(request: Request) -> list[Call]:
    """A picture that was drawn here, drawn again with the change: there is no tool that edits pictures."""
    last = next(a.text for a in request.facts.assets if a.tool == "generate_image" and a.text)
    change = re.sub(
        r"^(?:make|turn|change|edit|render|rendi\w*)\s+(?:it|this|that|him|her|them|the (?:picture|image|drawing))\s*",
        "",
        request.command,
        flags=re.I,
    )
    return [Call("generate_image", {"prompt": f"{last.rstrip(' .')}, {change.strip(' .!')}"})]


def _made(made: tuple[Made, ...], call: Call) -> tuple[Made, ...]:
    kind = lexicon().words["makes"].get(call.tool, "")
    return (*made, Made(len(made) + 1, call.tool, kind, call.args))
