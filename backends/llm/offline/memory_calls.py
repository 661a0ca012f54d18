"""Calls about what the studio remembers and has made."""

from __future__ import annotations

import re

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_character, mentioned_kind, need_file
from backends.llm.offline.request import Ask, Call, Request

_ASKING = re.compile(
    r"^(?:(?:what|which|who|how|where|when|do|does|did|have|has|is|are|was|were|can|could|cosa|"
    r"che cosa|chi|quali|quale|che|di che|come)\b[\w'’]*\s+)?"
    r"(?:(?:do|did|does|have|has|are|is|was|were|can|you|we|i|ever|the|still|got|any|there|"
    r"abbiamo|sai|hai|ricordi)\s+)*"
    r"(?:(?:remember|recall|know|note[ds]?|notes|save[ds]?|store[ds]?|decide[ds]?|said|say|told|"
    r"tell|learn(?:ed|t)?|written?|drawn|made|find|search|look|query|check|show|remind|deciso|"
    r"ricordi|ricorda|ricordami|sai|cerca|trova|sappiamo|detto|salvato)\b\s*)*"
    r"(?:(?:me|us|you|up|in|through|for|your|the|our|my|memory|memories|notes|archive|nella|"
    r"memoria|la|le|i|everything|anything|something|what|know|about|on|of|that|by|su|di|del|della|"
    r"dello|sullo|sulla|se|is)\s+)*",
    re.IGNORECASE,
)
_REMEMBER = re.compile(
    r"^(?:(?:remember|memori[sz]e|note(?: down)?|make a note|keep in mind|bear in mind|don['’]?t "
    r"forget|do not forget|for the record|note to self|write down|you should know|learn|save|"
    r"store|add|create|define|introduce|register|"
    r"update|let's define|set|ricordati|ricorda|annota|memorizza|tieni a mente|non dimenticare|"
    r"segnati|salva|aggiungi|crea)\b[\s,:]*)"
    r"(?:(?:that|this|che|it|down|in memory|to memory|to the memory|as a note)\b[\s,:]*)*",
    re.IGNORECASE,
)
_REMEMBER_TAIL = re.compile(
    (
        r"[\s,.;–-]+(?:(?:and\s+)?(?:please\s+)?(?:remember|note|keep|don['’]?t forget|memorize|save|"
        r"store)\s*(?:it|that|this)?(?:\s+(?:in|to)\s+(?:your\s+|the\s+)?memory)?(?:\s+please)?|"
        r"segnatelo|ricordatelo|ricordalo|keep that in mind)[\s.!]*$"
    ),
    re.IGNORECASE,
)
_VERB = (
    r"(?:has|have|is|was|wears|likes|loves|hates|prefers|lives|speaks|talks|beeps|carries|looks|"
    r"sounds|owns|needs|always|never|now|'s|ha|è|porta|indossa|ama|odia|vive|parla|si chiama)"
)


def search_memory(request: Request) -> list[Call]:
    """query."""
    query = request.answers.get("query", "").strip() or _query(request)
    if not query:
        raise Ask("query", "need_query")
    return [Call("search_memory", {"query": query})]


def remember(request: Request) -> list[Call]:
    """kind, name, text."""
    fact = request.answers.get("fact", "").strip() or _fact(request)
    if not fact:
        raise Ask("fact", "need_fact")
    kind, name = _kind_and_name(request, fact)
    return [Call("remember", {"kind": kind, "name": name, "text": fact})]


def rate_asset(request: Request) -> list[Call]:
    """asset, rating."""
    given = request.answers.get("rating", request.wish.blank_quotes)
    rating = slots.rating(given)
    kind = mentioned_kind(request.wish.blank_quotes)
    want = kind if kind in ("video", "image", "audio", "timeline") else "any"
    asset = need_file(request, want, "which_asset")
    if rating is None:
        raise Ask("rating", "need_rating", ("1", "2", "3", "4", "5"))
    return [Call("rate_asset", {"asset": asset, "rating": rating})]


def list_assets(request: Request) -> list[Call]:
    """kind."""
    kind = lexicon().group("asset_kinds").first(request.wish.blank_quotes)
    return [Call("list_assets", {"kind": kind} if kind else {})]


def undo(request: Request) -> list[Call]:
    """steps."""
    return [Call("undo", {"steps": slots.steps(request.wish.blank_quotes)})]


def gpu_status(request: Request) -> list[Call]:
    """No arguments."""
    return [Call("gpu_status", {})]


def _query(request: Request) -> str:
    text = request.wish.text[request.wish.command_start :].strip(" ?.!")
    rest = _ASKING.sub("", text, count=1).strip(" ?.!,")
    rest = re.sub(
        r"\s+(?:in|from|nella|dalla)\s+(?:(?:your|the|our|my)\s+)?(?:memory|notes|archive|memoria)$",
        "",
        rest,
        flags=re.I,
    )
    rest = re.sub(r"^(?:the|our|my|any|il|la|lo)\s+", "", rest, flags=re.I) if len(rest.split()) > 1 else rest
    if not rest or rest.lower() in ("memory", "you", "it", "memoria"):
        rest = text if re.search(r"\b(?:characters?|styles?|notes?|personagg\w+|stil[ei])\b", text, re.I) else rest
    return rest if rest.lower() not in ("memory", "your memory", "memoria", "it") else ""


def _fact(request: Request) -> str:
    wish = request.wish
    text = wish.raw_slice(wish.command_start).strip()
    text = _REMEMBER_TAIL.sub("", text).strip()
    text = _REMEMBER.sub("", text, count=1).strip()
    text = re.sub(
        r"^(?:from now on|always note|da ora in poi)[\s,:]*(?=\S)",
        lambda m: m.group() if re.match(r"always", m.group(), re.I) else "",
        text,
        flags=re.I,
    )
    return text.strip(" \n.;,") if not re.fullmatch(r"(?:this|that|it|something|questo)?[\s.!]*", text, re.I) else ""


def _kind_and_name(request: Request, fact: str) -> tuple[str, str]:
    """What sort of thing is remembered, and under which name."""
    if re.search(lexicon().words["standing"], request.command, re.I) and not find_character(request, fact):
        return "preference", _short_name(fact)
    whole = f"{request.command} "
    kinds = lexicon().group("memory_kinds")
    titled = re.search(r"\b(?:called|named|chiamat[oa]|di nome)\s+(?:the\s+)?[\"'“]?([\w-]+(?:\s[A-Z][\w-]*)?)", whole)
    called_so = _CALLED.search(whole)
    own_name = (called_so["quoted"] or called_so["name"]).strip() if called_so else ""
    as_name = re.search(r"\bas\s+[\"'“]?([\w-]+)[\"'”]?[\s.!]*$", fact)
    declared = re.search(
        r"\b(?:add|create|define|introduce|register|save|new|this|aggiungi|crea|salva|nuov[oa]|questo|"
r"update)\s+(?:an?\s+|the\s+|un\s+|uno\s+|una\s+|this\s+|new\s+|nuovo\s+)*(?:[\w-]+\s+)?"
        r"(character|style|look|place|location|preference|note|personaggio|stile|luogo)\b[\s,:]*(?:to "
r"the memory[\s,:]*)?(?:called\s+|named\s+|chiamato\s+)?[\"'“]?([\w-]+(?:\s[A-Z][\w-]*)?)?",
        whole, re.I,
    )  # fmt: skip
    if declared:
        kind = kinds.canonical(declared.group(1))
        name = (
            own_name
            or (titled.group(1) if titled else None)
            or (as_name.group(1) if as_name and kind == "style" else None)
            or _as_name(declared.group(2))
        )
        return kind, name or _short_name(fact)
    if (
        re.search(rf"\b(?:{_preference()})\b", fact, re.I)
        and not re.match(r"(?:[A-Z][\w-]+)(?:'s)?\s+(?:prefers|likes|loves)", fact)
        and (re.match(r"(?:i|my|always|io|never)\b", fact, re.I) or not find_character(request, fact))
    ):
        return "preference", _short_name(fact)
    if known := find_character(request, fact):
        return "character", known
    if titled and re.search(r"\b(?:village|city|town|place|set|street|villaggio|citt[àa]|luogo)\b", fact, re.I):
        return "place", titled.group(1)
    called = re.search(r"\b(?:name is|is called|si chiama|is named)\s+([A-Z][\w-]*)", fact)
    subject = re.match(
        (
            r"(?:[Tt]he character\s+|[Mm]y hero\s+|[Ii]l personaggio\s+)?([A-Z][\w-]+)(?:['’]s\b|"
            rf"\s+{_VERB}\b|\s*[:,]\s|\s+(?:as|con)\b)"
        ),
        fact,
    )
    if called and re.search(rf"\b(?:{'|'.join(lexicon().words['character_nouns'])})\b", fact, re.I):
        return "character", called.group(1)
    if subject and subject.group(1).lower() not in (
        "the",
        "this",
        "that",
        "scene",
        "my",
        "it",
        "i",
        "every",
        "all",
        "il",
        "la",
        "always",
        "never",
        "here",
        "there",
        "what",
        "who",
        "where",
        "these",
        "those",
        "he",
        "she",
        "they",
        "we",
        "you",
        "ecco",
        "qui",
    ):
        return "character", subject.group(1)
    if re.match(r"(?:this |our |the )?(?:style|look|stile)\b", fact, re.I) or as_name:
        return "style", own_name or (as_name.group(1) if as_name else _short_name(fact))
    noun = re.match(rf"(?:the|our|il|la|lo)\s+({'|'.join(lexicon().words['character_nouns'])})\b", fact, re.I)
    if noun:
        return "character", noun.group(1).lower()
    return "note", _short_name(fact)


_CALLED = re.compile(
    r"\b(?:(?:call|name)\s+(?:it|this|that|them|him|her|the (?:look|style|place|character))|"
    r"(?:under|by|with) the (?:name|title)(?: of)?|as(?=\s+[\"“'‘])|(?:chiamal[oa]|con il nome|col nome))[\s:,]+"
    r"(?:[\"“'‘](?P<quoted>[^\"”’\n]{1,60})[\"”'’]|(?P<name>[^\W\d_][\w'’-]*(?:\s+[A-ZÀ-Þ0-9][\w'’-]*){0,4}))",
)
"""'Save this look and call it Milk Glass': a name of several words in capitals."""


def _preference() -> str:
    return (
        r"i (?:really |always |usually )?(?:prefer|like|love|hate|want|don't like)|my (?:favou?rite|"
        r"preference|preferred)|preferisco|mi piac\w+|always|never|my preferences?"
    )


def _as_name(word: str | None) -> str | None:
    if not word or word.lower() in (
        "who",
        "that",
        "with",
        "is",
        "for",
        "the",
        "a",
        "an",
        "as",
        "in",
        "soft",
        "description",
        "to",
    ):
        return None
    return word if word[0].isupper() else None


def _short_name(fact: str, words: int = 5) -> str:
    plain = re.sub(r"[^\w\s'’-]", " ", fact)
    return " ".join(plain.split()[:words])
