"""How likely each intent is for one clause: templates first, then the classifier, then what 'it' can mean here."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from backends.llm.offline.at_hand import film_at_hand, moved, without_picture
from backends.llm.offline.classify import Classifier
from backends.llm.offline.encoder import MiniLm, packaged_model
from backends.llm.offline.features import Encode
from backends.llm.offline.grammar import grammar
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import mentioned_kind, pronoun_kind, short_names
from backends.llm.offline.request import Request
from backends.llm.offline.wish import matching_form

_CHANGE = {"edit_image": "image", "edit_video": "video"}
_ANALYSE = {"analyze_image": "image", "analyze_video": "video", "analyze_audio": "audio"}
_VIDEO_ONLY = ("add_captions", "add_effects", "remix_style")
_TEMPLATE_GAIN = 3.0
"""How much a template with wildcards multiplies the odds of its intent, per share of the text that it names."""
_QUESTION = re.compile(
    r"(?:have|has|did|do|does|what|who|where|is|are|when|how|which|cosa|chi|dove|quando)\b.*\?\s*$", re.I
)
"""A question is no fact to be kept."""
_WHY = re.compile(r"(?:and |but |e |ma )?(?:why|perch[éè]|how come|come mai)\b", re.IGNORECASE)
_INTO_FILM = re.compile(
    r"\b(?:into|in|to)\s+(?:an?|the|un)\s+(?:[\w-]+\s+){0,3}?(?:films?|movies?|shorts?|videos?|clips?|"
    r"animations?|filmat[oi]|cort[oi])\b",
    re.IGNORECASE,
)
_FRAME_OF_FILM = re.compile(
    r"\b(?:hold|freeze|stop|keep|ferma|congela|tieni)\b.{0,30}\b(?:frame|picture|fotogramma|"
    r"immagine)\b",
    re.IGNORECASE,
)
"""A frame that a film stands still on is no picture of its own."""
_WITHIN = re.compile(
    r"^(?:find|show me|look for|where (?:is|are)|tell me where|which|trova|dov['’]è)\b(?!.*\b(?:our|all|any|"
    r"other) (?:films?|videos?|clips?|shots?)\b)"
    r".*\b(?:parts?|shots?|moments?|bits?|place|scenes?|second|inquadratura|momento|parte|scena)\b",
    re.IGNORECASE,
)
_ITS_SHOTS = re.compile(
    r"\b(?:shot ?list|list of (?:the |all )?shots|(?:all )?(?:the|its) shots)\b(?!\s*(?::|about|of an?\b|for "
    r"an?\b|,\s*\w+ \w+ \w+))",
    re.IGNORECASE,
)
_INSIDE = re.compile(r"\b(?:in|on) (?:it|this|that|here|the (?:clip|video|film|movie))\b", re.IGNORECASE)
_ABOUT_IT = re.compile(r"^(?:is|does|do|are) (?:it|this|that|the (?:clip|video|film|movie|picture))\b", re.IGNORECASE)
_LOOKED_AT = re.compile(r"^(?:compare|who(?:['’]s|s| is) in|are the|is the)\b", re.IGNORECASE)
"""A look at the film, not a change of it: 'compare the first and the last shot'."""
_A_VERSION = re.compile(r"^(?:show|let me see|give) (?:me )?(?:the|my) .*\bversions?\b", re.IGNORECASE)
_FOUND_FAULT = re.compile(r"\b(?:is|are|was|were|looks?|comes?|goes)\b.{0,20}\btoo \w+", re.IGNORECASE)
"""'The title is too small': it shall be changed, not be known."""
_STORY_WORDS = 4
_SEED_NAME = "luca"
_SURE = 0.97
"""Probability reported for a reading that a template decided alone."""


@dataclass(frozen=True)
class Reading:
    """The most likely intents of a clause."""

    ranking: tuple[tuple[str, float], ...]
    matched: str
    """template | classifier | rule."""

    @property
    def intent(self) -> str:
        return self.ranking[0][0]

    @property
    def p(self) -> float:
        return self.ranking[0][1]

    @property
    def margin(self) -> float:
        return self.ranking[0][1] - (self.ranking[1][1] if len(self.ranking) > 1 else 0.0)

    @property
    def clear(self) -> bool:
        """Sure enough to act."""
        limits = lexicon().words["thresholds"]
        return bool(self.p >= limits["sure"] or self.margin >= limits["margin"])


class Reader:
    """Reads clauses. The encoder is loaded when the first clause needs it; without one, n-grams and cues decide.

    Args:
        embed: sentence encoder; None = the packaged MiniLM when it is installed.
        cache_dir: where the fitted classifier is kept.
        packaged: False = never use the packaged encoder.
    """

    def __init__(self, embed: Encode | None = None, cache_dir: Path | None = None, *, packaged: bool = True) -> None:
        self._embed, self._cache_dir = embed, cache_dir
        self._folder = packaged_model() if packaged and embed is None else None
        self._lock = threading.Lock()
        self._classifier: Classifier | None = None
        self._common: frozenset[str] | None = None

    @property
    def stands_on(self) -> str:
        """What it reads with, in words."""
        if self._embed is not None:
            return "sentence encoder"
        return "all-MiniLM-L6-v2" if self._folder else "TF-IDF"

    def common_words(self) -> frozenset[str]:
        """Words that are never typos, from the packaged encoder's vocabulary; empty without it."""
        if self._common is None:
            self._common = _vocabulary(self._folder) if self._folder else frozenset()
        return self._common

    def read(self, request: Request) -> Reading:
        """The ranking for this clause in this situation."""
        text = _familiar(request.wish.match, request)
        head = _familiar(_head(request.command), request)
        for form in dict.fromkeys((head, text)):
            words = max(1, len(form.replace(",", " ").split()))
            parsed = grammar().parse(form)
            if parsed and (form == head != text or len(parsed) == 1 or parsed[0].literal > parsed[1].literal):
                share = parsed[0].literal / words
                if share >= lexicon().words["thresholds"]["template"]:
                    return self._in_context(request, {parsed[0].intent: _SURE}, "template")
        parsed = grammar().parse(text)
        chances = self._guess(text)
        words = max(1, len(text.replace(",", " ").split()))
        for fit in parsed:
            chances[fit.intent] = chances.get(fit.intent, 0.0) * (1 + _TEMPLATE_GAIN * fit.literal / words) + 0.02
        total = sum(chances.values())
        chances = {name: chance / total for name, chance in chances.items()}
        best = max(chances, key=lambda name: chances[name])
        supported = any(fit.intent == best for fit in parsed)
        return self._in_context(request, chances, "template" if supported else "classifier")

    def warm(self) -> None:
        """Load and fit everything now."""
        grammar()
        self._guess("warm up")

    def _guess(self, text: str) -> dict[str, float]:
        with self._lock:
            if self._classifier is None:
                encode = self._embed or (MiniLm(self._folder) if self._folder else None)
                self._classifier = Classifier(encode, self._cache_dir)
        return self._classifier.chances(text)

    def _in_context(self, request: Request, chances: Mapping[str, float], matched: str) -> Reading:
        """Move probability to what the attached and newest files allow."""
        chances = dict(chances)
        text = request.wish.blank_quotes
        named = "video" if _FRAME_OF_FILM.search(text) else mentioned_kind(text)
        if named == "image" and film_at_hand(request) and without_picture(request):
            named = "video"  # 'the picture' of a film
        kind = named if named in ("video", "image", "audio") else None
        pronoun = (
            kind is None or re.search(r"\b(?:it|this|that|them|him|her|lo|la|quest[oa])\b", text, re.I) is not None
        )
        if "remix_style" in chances and _tells_a_story(request):
            # 'Turn this into a cartoon: the fox ...' tells a story; a style has none.
            chances["make_film"] = chances.get("make_film", 0.0) + chances.pop("remix_style")
        meant = kind or (pronoun_kind(request) if pronoun else None)
        if meant in ("video", "image", "audio"):
            for group in (_CHANGE, _ANALYSE):
                target = next((name for name, wanted in group.items() if wanted == meant), None)
                if target:
                    chances[target] = sum(chances.pop(name, 0.0) for name in group)
            if meant == "image" and kind is None:
                for name in _VIDEO_ONLY:
                    if name in chances and not (name == "add_captions" and _has_video(request)):
                        chances["edit_image"] = chances.get("edit_image", 0.0) + chances.pop(name)
        if "remember" in chances and _QUESTION.match(request.command):
            chances["search_memory"] = chances.get("search_memory", 0.0) + chances.pop("remember")
        if _WHY.match(request.command) and any(file.kind == "timeline" for file in request.facts.assets):
            # 'Why did you cut out the first shot?' asks about the cut, and cuts nothing.
            for name in ("edit_video", "change_timeline"):
                chances["timeline_history"] = chances.get("timeline_history", 0.0) + chances.pop(name, 0.0)
        if any(file.kind == "video" for file in request.facts.attachments):
            # what is looked for in the attached film is not in the memory, and its shots are no new story
            for name, shape in (("search_memory", _WITHIN), ("list_assets", _WITHIN), ("list_assets", _INSIDE),
                                ("write_storyboard", _ITS_SHOTS), ("decline", _ABOUT_IT)):  # fmt: skip
                if name in chances and shape.search(request.command):
                    chances["analyze_video"] = chances.get("analyze_video", 0.0) + chances.pop(name)
        if meant == "video" and "edit_video" in chances and _LOOKED_AT.search(request.command):
            chances["analyze_video"] = chances.get("analyze_video", 0.0) + chances.pop("edit_video")
        if "remember" in chances and _FOUND_FAULT.search(request.command) and meant == "video":
            chances["edit_video"] = chances.get("edit_video", 0.0) + chances.pop("remember")
        if _A_VERSION.search(request.command) and any(file.kind == "timeline" for file in request.facts.assets):
            chances["timeline_history"] = chances.get("timeline_history", 0.0) + chances.pop("generate_image", 0.0)
        moved(request, chances, meant)
        ranking = sorted(((name, chance) for name, chance in chances.items() if chance > 0), key=lambda item: -item[1])
        return Reading(tuple(ranking), matched)


def _familiar(text: str, request: Request) -> str:
    """Known characters under the names that the seeds use: what holds for Luca holds for everybody."""
    for character in request.facts.characters:
        for name in (character.name, *character.aliases):
            if len(name) > 2:
                text = re.sub(rf"(?<!\w){re.escape(name.lower())}(?!\w)", _SEED_NAME, text)
    for word in short_names(request.facts.characters):
        text = re.sub(rf"(?<!\w){re.escape(word.lower())}(?!\w)", _SEED_NAME, text)
    return text


def _tells_a_story(request: Request) -> bool:
    """Several words after a colon, or something that is no video yet and shall become one."""
    _, colon, tail = request.command.partition(":")
    attached = any(file.kind == "video" for file in request.facts.attachments)
    if attached:
        return False
    return (bool(colon) and len(tail.split()) >= _STORY_WORDS) or (
        _INTO_FILM.search(request.command) is not None and pronoun_kind(request) != "video"
    )


def _has_video(request: Request) -> bool:
    return any(file.kind == "video" for file in (*request.facts.attachments, *request.facts.assets))


def _head(command: str) -> str:
    """The matching form of what stands before a colon: 'make a 15 second film: ...' is decided by its head."""
    head, colon, _ = command.partition(":")
    if colon and len(head.split()) <= 12 and not re.search(r"\d$", head):
        return matching_form(head)
    return matching_form(command)


@lru_cache(maxsize=2)
def _vocabulary(folder: Path) -> frozenset[str]:
    import json

    data: dict[str, Any] = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return frozenset(word for word in data["model"]["vocab"] if word.isalpha())
