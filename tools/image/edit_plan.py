"""What an instruction asks of a picture: changes of pixels and of shape, and what of it is a change of content."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from configs.errors import UsageError
from tools.film.lexicon import lexicon, word_index
from tools.film.words import find_phrase
from tools.image.edit_clauses import clauses
from tools.image.edit_shape import Side, read_shape

Content = Literal["", "background", "remove", "change"]
_SHAPE_FIELDS = ("crop", "size", "rotate", "flip", "enlarge", "extend")


@dataclass(frozen=True)
class EditPlan:
    """One instruction, taken apart. Content is done first, then pixels, then shape."""

    text: str
    content: Content = ""
    """'background': another one; 'remove': something goes; 'change': anything else."""
    what: str = ""
    """The new background, what goes, or what changes, in the instruction's own words."""
    adjustments: tuple[tuple[str, float], ...] = ()
    """(name, strength), strength 1 = the usual amount."""
    partial: bool = False
    """Whether the adjustments are for a part that the text names."""
    crop: tuple[int, int] | None = None
    """Aspect ratio to cut to."""
    rotate: int = 0
    """Degrees, counter-clockwise: 90, 180 or 270."""
    flip: Literal["", "horizontal", "vertical"] = ""
    size: tuple[int, int] | None = None
    """Width and height to bring it to."""
    enlarge: float = 0.0
    """Factor; 0 = not asked for."""
    extend: Mapping[Side, float] | None = None
    """Share of width or height that is added at each side."""

    clauses: tuple[EditPlan, ...] = ()
    """The changes one by one, when there are several; `content` and `what` are the first's, the rest is of all."""

    @property
    def each(self) -> tuple[EditPlan, ...]:
        """The clauses, or this plan alone."""
        return self.clauses or (self,)

    @property
    def empty(self) -> bool:
        """Whether nothing was understood."""
        shaped = self.crop or self.rotate or self.flip or self.size or self.enlarge or self.extend
        return not (self.content or self.adjustments or shaped)


def read_edit(instruction: str) -> EditPlan:
    """Raises UsageError for an empty instruction, and for one that asks for more than can be."""
    text = " ".join(instruction.replace("’", "'").split())
    if not text:
        raise UsageError("There is nothing to change", "the instruction is empty", "Say what should be different")
    plans = [plan for plan in map(_read_clause, clauses(text)) if not plan.empty]
    if len(plans) < 2:
        return replace(plans[0], text=text) if plans else EditPlan(text)
    return _together(text, plans)


def _read_clause(text: str) -> EditPlan:
    shape, rest = read_shape(text)
    removed = _removed(rest)
    background = "" if removed else _background(rest)
    if removed or background:
        what = removed or background
        also, _ = _adjustments(rest.partition(what)[0]) if what in rest else ((), "")
        return EditPlan(text, "remove" if removed else "background", _TRAILING.sub("", what), also, **shape)
    adjustments, left = _adjustments(rest)
    meaning = _meaning(left)
    if adjustments and (not meaning or _is_region(meaning)) and not _is_attribute(rest):
        return EditPlan(text, adjustments=adjustments, partial=bool(meaning), **shape)
    if meaning:
        return EditPlan(text, "change", rest.strip(" ,.!"), **shape)
    return EditPlan(text, **shape)


def _together(text: str, plans: Sequence[EditPlan]) -> EditPlan:
    """One plan of several clauses. Raises UsageError when two of them ask for one thing of the picture's shape."""
    shape: dict[str, Any] = {}
    shaped: dict[str, EditPlan] = {}
    for plan in plans:
        for name in _SHAPE_FIELDS:
            if value := getattr(plan, name):
                before = shaped.get(name) or (shaped.get("size") if name in ("crop", "enlarge") else None)
                if before is None and name == "size":
                    before = next(
                        (one for key in ("crop", "enlarge") if (one := shaped.get(key)) not in (None, plan)), None
                    )
                if before is not None and before is not plan:
                    raise UsageError(
                        "Two changes of the picture's shape do not go together",
                        f"'{before.text[:60]}' and '{plan.text[:60]}'", "Ask for one after the other",
                    )  # fmt: skip
                shape[name], shaped[name] = value, plan
    first = next((plan for plan in plans if plan.content), None)
    return EditPlan(
        text,
        first.content if first else "",
        first.what if first else "",
        tuple(dict.fromkeys(one for plan in plans for one in plan.adjustments)),
        partial=any(plan.partial for plan in plans),
        clauses=tuple(plans),
        **shape,
    )


# -- content -----------------------------------------------------------------------------------------------------------

_REMOVE = (
    re.compile(r"\b(?:remove|erase|delete|get rid of|wipe (?:out|away)?|paint out|take (?:away|out|off)|cancella|togli|"
               r"rimuovi|elimina)\s+(?P<what>.+)", re.I),
    re.compile(r"\btake\s+(?P<what>.+?)\s+(?:off|away|out)\b", re.I),
    re.compile(r"\b(?:without|senza)\s+(?P<what>.+)", re.I),
)  # fmt: skip
_FROM = re.compile(
    r"\s+(?:from|in|out of|off|on|of|da|dal|dalla|dall'|nel|nella|nell')\s+(?:(?:this|that|the|my|his|her|their|it|"
    r"last|quest[ao]|la|il|l')\s*)*(?:\w+\s*)?$", re.I
)  # fmt: skip
_PLACE = r"(?:background|backdrop|scenery|setting|sfondo)"
_BACKGROUND = (
    *(re.compile(words, re.I)
    for words in (
        rf"\b{_PLACE}\b.*?\b(?:with|to|into|by|con|in)\s+(?P<what>.+)",
        rf"\b(?:make|turn|change|rendi)\s+(?:the\s+|lo\s+)?{_PLACE}\s+(?P<what>.+)",
        rf"\b{_PLACE}\s*[:=]\s*(?P<what>.+)",
        rf"\b(?:metti\w*|usa|dai|dagli|dalle|voglio|vorrei|give|put|add|use|want)\b.*?\b(?:lo|uno|a|the)\s+{_PLACE}\s+"
        r"(?:of|di|del|della|dello|da)\s+(?P<what>.+)",
        rf"\b(?:want|prefer|use|put|add|set|place|make|give|vorrei|voglio|usa|metti\w*)\s+(?:(?:it|us|me)\s+)?(?P<what>.+?)\s+"
        rf"(?P<how>(?:as|for|in|behind|come|per|sullo|nello)\s+)(?:(?:the|its|a|lo)\s+)?{_PLACE}\s*$",
        rf"\b(?:give|use|want|make|put)\b.*?(?P<what>\ban?\s+.+?)(?P<how>\s){_PLACE}\s*$",
        rf"\b{_PLACE}\b[^,;]*[,;]\s*(?:make|turn) it\s+(?P<what>.+)",
        rf"\b{_PLACE}\s+(?:should|must|shall|could|deve|dovrebbe)\s+(?:be|show|essere)\s+(?P<what>.+)",
    )),
    re.compile(
        r"\b(?:put|place|move|set|metti|sposta)\s+"
        r"(?:him|her|it|them|everyone|everybody|[A-Z]\w+|the \w+|lo|la|il \w+)\s+"
        r"(?P<what>(?:on|in|at|inside|under|into|sulla|nella|nel|in|al|alla)\s+.+)"
    ),
)  # fmt: skip


@cache
def _whose() -> re.Pattern[str]:
    """'of this picture' behind a part's name."""
    pictures = "|".join(sorted((re.escape(str(word)) for word in lexicon("edits")["picture"]), key=len, reverse=True))
    return re.compile(
        r"\s+(?:of|in|on|from|for|di|del|della|dell'|nella|nell')\s*"
        rf"(?:(?:this|that|the|my|our|last|it|quest[ao]|quest'|la|il|l'|mia|mio)\s*)*\b(?:{pictures})\b", re.I
    )  # fmt: skip


def _removed(text: str) -> str:
    for pattern in _REMOVE:
        if found := pattern.search(text):
            what = found["what"].strip(" .,!")
            return _FROM.sub("", what).strip() or what
    return ""


def _background(text: str) -> str:
    if re.search(r"\b(?:blur|sfoca|darken|brighten|lighten|desaturate)\b", text, re.I):
        return ""
    text = _whose().sub("", text).rstrip(" .,!")
    for pattern in _BACKGROUND:
        if found := pattern.search(text):
            what = found["what"].strip(" .,!")
            told = found.groupdict().get("how")
            inside = told is not None and told.strip().lower() not in ("as", "for", "come", "per")
            # 'put a castle in the background' is another background, 'add a cat in the background' is not
            if inside and not find_phrase(what, word_index("world", "sets")):
                continue
            adjusted, left = _adjustments(what)
            if adjusted and not _meaning(left):
                return ""
            worn = set(word_index("looks", "accessories"))
            # 'put a scarf on her' and 'put him in a spacesuit' dress somebody
            clothes = set(word_index("looks", "tops")) | worn
            if not any(re.search(rf"\b{re.escape(word)}\b", what, re.I) for word in clothes):
                return what
    return ""


_TRAILING = re.compile(r"[\s,;]+(?:(?:it|this|to|a|and|the|then|in|e|poi|la|lo|il)\b\s*)+$", re.I)
"""What is left behind it of words about the shape."""


def _adjustments(text: str) -> tuple[tuple[tuple[str, float], ...], str]:
    found = find_phrase(text, _phrases("adjustments"))
    amounts = find_phrase(text, _phrases("amounts"))
    strength = float(amounts[0][1]) if amounts and found else 1.0
    names = dict.fromkeys(name for _, name, _ in found)
    for _, _, phrase in [*found, *(amounts if found else [])]:
        text = re.sub(rf"(?<!\w){re.escape(phrase)}(?!\w)", " ", text.replace("’", "'"), flags=re.I)
    return tuple((name, strength) for name in names), text


@cache
def _phrases(section: str) -> dict[str, str]:
    return {str(word).lower(): str(key) for key, words in lexicon("edits")[section].items() for word in words}


def _meaning(text: str) -> list[str]:
    """What is left of a text without words that say 'the picture' or nothing."""
    empty = {str(word).lower() for word in (*lexicon("edits")["fillers"], *lexicon("edits")["picture"])}
    words = re.findall(r"[^\W_]+(?:[-'][^\W_]+)*", text.lower())
    return [word for word in words if word not in empty and word.split("'")[-1] not in empty | {"s"}]


def _is_region(words: list[str]) -> bool:
    """Whether the words name a part of a picture: 'the sky', 'everything behind her', 'Luca's face'."""
    known = {**word_index("edits", "regions"), **word_index("edits", "places")}
    return any(word in known for word in words) and len(words) <= 4


def _is_attribute(text: str) -> bool:
    """'a darker coat' is another coat, not a darker picture."""
    pictures = {str(word).lower() for word in lexicon("edits")["picture"]}
    for at, _, phrase in find_phrase(text, _phrases("adjustments")):
        noun = re.match(r"\s+(\w+)", text[at + len(phrase) :])
        if re.search(r"\b(?:an?|una?)\s+$", text[:at], re.I) and noun and noun[1].lower() not in pictures:
            return True
    return False
