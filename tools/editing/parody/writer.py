"""Jokes by a served language model: structured, checked against each slot's limits, repaired once, else left out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError
from configs.settings import PROMPT_DIR
from tools.editing.parody.beats import Beat
from tools.editing.parody.jokes import subject_names
from tools.editing.parody.material import Material
from tools.editing.parody.recipes import Recipe, parody_presets
from tools.editing.parody.script import SPOKEN_PER_SECOND

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from configs.settings import Settings

TOOL = "write_lines"
CAPITALS = ("title", "meme", "lower_third")
Words = dict[str, dict[str, str]]


def write_words(
    settings: Settings,
    name: str,
    recipe: Recipe,
    beats: Sequence[Beat],
    found: Material,
    tone: str,
    language: str,
    subject: str,
) -> tuple[Words, str]:
    """Words for the recipe's slots by the model behind `llm.base_url`: slot -> {'say', 'text'}, and why there are none.

    What does not fit its slot is asked for once more, then left to the library. Raises nothing: a model that fails
    costs a film its words, not the film.
    """
    slots = _slots(beats)
    facts = {
        "recipe": name,
        "structure": recipe.about,
        "call_back": recipe.call_back,
        "tone": tone or "any",
        "language": language,
        "subject": subject_names(subject, language)["subject"],
        "clip": {key: feature.said for key, feature in found.features.items()},
        "slots": [{key: value for key, value in slot.items() if key != "kind_of"} for slot in slots],
    }
    return ask_for_words(settings, "write.md", facts, slots)


def ask_for_words(
    settings: Settings, prompt: str, facts: Mapping[str, Any], slots: Sequence[Mapping[str, Any]]
) -> tuple[Words, str]:
    """Words for slots ('id', 'kind', 'most_characters' ...): slot -> {'say', 'text'}, and why some are missing.

    prompt: a file of prompts/parody. What does not fit is asked for once more. Raises nothing.
    """
    if settings.brain == "offline":
        return {}, "the built-in brain writes no jokes"
    if not settings.llm.base_url:
        return {}, "no language model is set (llm.base_url)"
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    from backends.llm.facts import facts_block
    from backends.llm.remote import make_llm_brain

    system = SystemMessage((PROMPT_DIR / "parody" / prompt).read_text(encoding="utf-8") + "\n\n" + facts_block(facts))
    ask: list[BaseMessage] = [system, HumanMessage("Write the words for every slot.")]
    try:
        brain, _ = make_llm_brain(settings.llm)
        bound = brain.bind_tools([_schema(slots)], tool_choice=TOOL)
        answer: AIMessage = bound.invoke(ask)
        words, wrong = read_words(answer, slots)
        if wrong:
            complaint = f"Some texts cannot be used: {'; '.join(wrong[:8])}. Call `{TOOL}` again with these slots only."
            again: AIMessage = bound.invoke([*ask, AIMessage(str(words)[:1500]), HumanMessage(complaint)])
            mended, wrong = read_words(again, slots)
            for slot, texts in mended.items():
                words.setdefault(slot, {}).update(texts)
    except StudioError as error:
        return {}, error.sentence
    missing = dict.fromkeys(slot["id"] for slot in slots if slot["kind"] not in words.get(slot["id"], {}))
    return words, f"the library filled in {', '.join(missing)}" if missing else ""


def _slots(beats: Sequence[Beat]) -> list[dict[str, Any]]:
    """What the model may write: one entry per spoken line and per text on the picture."""
    reading = parody_presets().reading
    made: list[dict[str, Any]] = []
    for beat in beats:
        if beat.round or beat.number:
            continue
        slot = beat.slot
        common = {"id": slot.id, "role": slot.role, "shows": slot.show, "happens": beat.why}
        if slot.line:
            most = int(min(160, max(20.0, min(beat.most, slot.seconds[2]) * SPOKEN_PER_SECOND)))
            made.append({**common, "kind": "say", "voice": slot.voice, "most_characters": most})
        if slot.text:
            most = int(min(80, (slot.seconds[1] - reading.tail) * reading.characters_per_second))
            made.append(
                {
                    **common,
                    "kind": "text",
                    "style": slot.style,
                    "most_characters": most,
                    "line_break": slot.show == "card",
                }
            )
    return made


def _schema(slots: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    item = {
        "type": "object",
        "properties": {
            "slot": {"type": "string", "enum": sorted({slot["id"] for slot in slots}), "description": "Which slot"},
            "kind": {"type": "string", "enum": ["say", "text"], "description": "Spoken, or written on the picture"},
            "words": {"type": "string", "description": "The words, within the slot's most_characters"},
        },
        "required": ["slot", "kind", "words"],
        "additionalProperties": False,
    }
    parameters = {
        "type": "object",
        "properties": {"lines": {"type": "array", "items": item, "description": "One entry per slot and kind"}},
        "required": ["lines"],
        "additionalProperties": False,
    }
    about = {"name": TOOL, "description": "Hand in the words of the parody.", "parameters": parameters}
    return {"type": "function", "function": about}


def read_words(message: AIMessage, slots: Sequence[Mapping[str, Any]]) -> tuple[Words, list[str]]:
    """The usable words of an answer, and what is wrong with the rest or missing, in words that a model can act on."""
    known = {(slot["id"], slot["kind"]): slot for slot in slots}
    words: Words = {}
    wrong: list[str] = []
    for call in message.tool_calls:
        lines = call["args"].get("lines") if call["name"] == TOOL else None
        for line in lines if isinstance(lines, list) else []:
            if not isinstance(line, Mapping):
                continue
            key = (str(line.get("slot", "")), str(line.get("kind", "")))
            slot = known.get(key)
            if slot is None:
                continue
            given = line.get("words", "")
            text = _clean(given, bool(slot.get("line_break"))) if isinstance(given, str) else ""
            fault = _fault(text, int(slot["most_characters"]))
            if fault:
                wrong.append(f"{key[0]} ({key[1]}) {fault}")
            else:
                words.setdefault(key[0], {})[key[1]] = text
    told = {(slot, kind) for slot, texts in words.items() for kind in texts}
    wrong += [
        f"{slot} ({kind}) is missing"
        for slot, kind in known
        if (slot, kind) not in told and not any(w.startswith(f"{slot} ({kind})") for w in wrong)
    ]
    return words, wrong


def _clean(text: str, breaks: bool) -> str:
    """One line (or a few, on cards) without control characters, quotation marks around it, or markup."""
    lines = text.replace("\\n", "\n").splitlines() if breaks else [" ".join(text.split())]
    kept = ["".join(c for c in line if unicodedata.category(c)[0] != "C").strip() for line in lines]
    return "\n".join(line for line in kept if line).strip("\"“”«»' \n")


def _fault(text: str, most: int) -> str:
    if not any(letter.isalnum() for letter in text):
        return "is empty"
    if len(text) > most:
        return f"has {len(text)} characters, {most} are the most"
    if text.count("\n") > 3:
        return "has more than four lines"
    return "contains markup" if any(sign in text for sign in "{}<>*_#`") else ""
