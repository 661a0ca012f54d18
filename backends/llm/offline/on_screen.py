"""Wishes that point at the picture on the screen without calling it one: 'make the sky purple', 'is this Luca?'."""

from __future__ import annotations

import re

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.reading import Reading
from backends.llm.offline.references import mentioned_kind, pronoun_kind
from backends.llm.offline.request import Request
from backends.llm.understanding import CHAT, CLARIFY, DECLINE

_OWNED = (
    r"(?:his|her|its|their|the|my|that|this|him|her|it|them|everything|everyone|lo|la|il|i|gli|le|l'|quest[oa]|"
    r"quell[oa]|{names})"
)
_CHANGES = (
    r"(?:make|turn|paint|colou?r|recolou?r|dye|rendi|fai|cambia|trasforma|colora|dipingi)\s+{owned}\b"
    r"(?!\s+(?:say|speak|talk|sing|dire|parlare|cantare)\b)\s+\w",
    r"(?:give|put|dress|let|have)\s+{owned}\b(?!\s+(?:say|speak|talk|sing)\b)\s+\w",
    r"(?:put|add|place)\s+(?:an?|some|two|three|more|the)\s+\w+",
    r"(?:remove|erase|delete|take off|take away|get rid of|replace|swap|take)\s+(?:an?|{owned})\b",
    r"(?:zoom|move|go|come)\s+(?:in|out|closer|back)\b|closer\b|wider\b|further away\b",
    r"(?:now\s+|ora\s+|adesso\s+)?(?:at|by|in|di|al|con la)\s+(?:the\s+)?(?:night|day|daylight|sunset|dusk|dawn|noon|"
    r"rain|storm|snow|notte|giorno|tramonto|alba|pioggia|neve)\b.{{0,20}}$",
    r"(?:metti|mettigli|mettile|mettici|dagli|dalle|aggiungi|aggiungigli|togli|togligli|rimuovi|sostituisci|"
    r"schiarisci\w*|scurisci\w*|sfoca\w*|ritaglia\w*|ingrandisci\w*|avvicina\w*)\b",
    r"(?:brighter|darker|warmer|cooler|sharper|brighten|darken|sharpen|blur|crop|upscale|mirror|flip|rotate|lighten)\b",
)
"""Beginnings of a change, after polite words."""
_OTHER_WORK = re.compile(
    r"\b(?:films?|movies?|videos?|clips?|animations?|storyboards?|voice|audio|captions?|subtitles?|music|song|filmat[oi]|"
    r"cortometragg\w+|voce|sottotitol\w+|says?|speaks?|tells?|sings?)\b", re.I
)  # fmt: skip
_KEEPS = frozenset({"speak", "speak_dialogue", "make_film", "write_storyboard", "undo", "rate_asset", "remember",
                    "search_memory", "list_assets", "export_timeline", "lip_sync", "make_control_maps",
                    "analyze_image", "check_identity", "generate_batch", "remake_image", "gpu_status"})  # fmt: skip
"""Intents that stand when the reader is sure of them."""
_ASKS = re.compile(
    r"^(?:is|does|do|would|could|are|did|has|è|e'|sembra|somiglia|assomiglia|quest[oa]|quell[oa]|"
    r"how (?:much|close|similar))\b.*\b(?:this|that|it|he|she|these|quest[oa]|quell[oa]|è|sembra|\w*somiglia)\b", re.I
)  # fmt: skip
_MEASURES = re.compile(
    r"\b(?:look(?:s|ing)? like|still|really|same|match\w*|resembl\w*|recogni\w+|ancora|davvero|\w*somiglia\w*|"
    r"sembra)\b", re.I
)  # fmt: skip
_EXACTLY = re.compile(
    r"\b(?:pixel (?:for|by|per) pixel|bit for bit|exactly (?:the same|as|like|this|that)|identical(?:ly)?|"
    r"identic[oa])\b", re.I
)  # fmt: skip
_MADE_AGAIN = re.compile(
    r"\b(?:again|once more|remake|recreate|reproduce|rifai\w*|ricrea\w*|rigenera\w*|di nuovo)\b", re.I
)


def about_the_picture(request: Request, reading: Reading) -> str:
    """'edit_image', 'check_identity' or 'remake_image' when the newest thing is a picture and the wish is about it."""
    text = request.wish.blank_quotes
    named = mentioned_kind(text)
    if pronoun_kind(request) != "image" or named not in (None, "image"):
        return ""
    command = request.command.strip()
    if _EXACTLY.search(text) and _MADE_AGAIN.search(text) and not _OTHER_WORK.search(text):
        return "remake_image"
    if reading.intent == "check_identity" and reading.clear:
        return "check_identity"
    names = [name for one in request.facts.characters for name in (one.name, *one.aliases) if name]
    if _ASKS.match(command) and _names_one(command, names) and (
        _MEASURES.search(command) or re.match(r"^(?:is|è|e'|quest[oa] è)\s", command, re.I)
    ):  # fmt: skip
        return "check_identity"
    sure = reading.clear and reading.intent not in (CHAT, CLARIFY, DECLINE)
    if (sure and reading.intent in _KEEPS) or _OTHER_WORK.search(text) or (named is not None and sure):
        return ""
    known = "|".join(re.escape(name) for name in names) or "(?!)"
    owned = _OWNED.format(names=rf"(?:{known})(?:'s)?")
    changes = "|".join(f"(?:{pattern.format(owned=owned)})" for pattern in _CHANGES)
    return (
        "edit_image" if re.match(rf"(?:and\s+|then\s+|now\s+|e\s+|ora\s+|poi\s+)*(?:{changes})", command, re.I) else ""
    )


def _names_one(text: str, names: list[str]) -> bool:
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) for name in names):
        return True
    nouns = lexicon().vocabulary()
    # 'is this Zorblax?': a name that nobody told is still asked about
    return any(word.lower() not in nouns for word in re.findall(r"(?<=[a-zà-ù] )[A-Z][\w'-]+", text))
