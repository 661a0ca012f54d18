"""What an instruction asks of a picture: changes of pixels and of shape, and what of it is a change of content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from configs.errors import UsageError
from tools.film.lexicon import lexicon, word_index
from tools.film.words import find_phrase

Content = Literal["", "background", "remove", "change"]
Side = Literal["left", "right", "top", "bottom"]
SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")
MOST_ENLARGED = 8.0
MOST_EXTENDED = 2.0
"""Largest share of a side's length that may be added to it."""


@dataclass(frozen=True)
class EditPlan:
    """One instruction, taken apart. Content is done first, then shape, then pixels."""

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
    rest = text
    shape, rest = _shape(rest)
    removed = _removed(rest)
    background = "" if removed else _background(rest)
    if removed or background:
        what, also = _apart(rest, removed or background)
        return EditPlan(text, "remove" if removed else "background", what, also, **shape)
    adjustments, left = _adjustments(rest)
    meaning = _meaning(left)
    if adjustments and (not meaning or _is_region(meaning)) and not _is_attribute(rest):
        return EditPlan(text, adjustments=adjustments, partial=bool(meaning), **shape)
    if meaning:
        return EditPlan(text, "change", rest.strip(" ,.!"), **shape)
    return EditPlan(text, **shape)


# -- shape -------------------------------------------------------------------------------------------------------------

_SIZE = re.compile(r"\b(\d{2,5})\s*(?:x|×|by|per)\s*(\d{2,5})\b", re.I)
_RATIO = re.compile(r"\b(\d{1,2})\s*[:/]\s*(\d{1,2})\b")
_CROP = re.compile(r"\b(?:crop(?:ped)?|cut|trim|ritagli\w*)\b", re.I)
_SHAPES = {
    r"\b(?:square|quadrat[oa])\b": (1, 1),
    r"\b(?:portrait (?:format|orientation|shape)|vertical(?:ly)?|verticale|9:16|for (?:tiktok|reels|stories))\b": (
        9,
        16,
    ),
    r"\b(?:landscape (?:format|orientation|shape)|widescreen|16:9|orizzontale)\b": (16, 9),
}
_ROTATE = re.compile(
    r"\b(?:rotate|turn|ruota|gira)\b.*?\b(left|right|clockwise|counter-?clockwise|anti-?clockwise|upside down|sinistra|"
    r"destra|90|180|270)\b", re.I
)  # fmt: skip
_FLIP = re.compile(r"\b(?:flip|mirror|mirrored|specchia|rifletti|capovolgi)\b", re.I)
_UPSCALE = re.compile(
    r"\b(?:upscale|upsize|enlarge|super-?resolution|higher resolution|more resolution|increase the resolution|"
    r"ingrandisci|risoluzione più alta|in 4k|to 4k|in hd|più risoluzione|bigger (?:picture|image|file|size))\b", re.I
)  # fmt: skip
_FACTOR = re.compile(r"\b(\d{1,4}(?:\.\d)?)\s*(?:x|×|times|volte)(?!\s*\d)|(?:x|×)\s*(\d{1,4}(?:\.\d)?)\b", re.I)
_RESIZE = re.compile(r"\b(?:resize|rescale|scale|ridimensiona)\b", re.I)
_EXTEND = re.compile(
    r"\b(?:outpaint|uncrop|extend|expand|widen|more (?:room|space)|make (?:it|this|the \w+) wider|estendi|espandi|"
    r"più spazio)\b", re.I
)  # fmt: skip
_EXTENT = re.compile(r"\b(\d{1,3})\s*(?:%|percent|per cento)", re.I)
_SIDE_WORDS: dict[str, tuple[Side, ...]] = {
    "left": ("left",), "sinistra": ("left",), "right": ("right",), "destra": ("right",), "top": ("top",),
    "above": ("top",), "up": ("top",), "upwards": ("top",), "alto": ("top",), "bottom": ("bottom",),
    "below": ("bottom",), "down": ("bottom",), "downwards": ("bottom",), "basso": ("bottom",),
    "sides": ("left", "right"), "both sides": ("left", "right"), "lati": ("left", "right"),
    "wider": ("left", "right"), "widen": ("left", "right"), "taller": ("top", "bottom"),
}  # fmt: skip


def _shape(text: str) -> tuple[dict[str, Any], str]:
    found: dict[str, Any] = {}
    size = _SIZE.search(text)
    if _CROP.search(text):
        ratio = next((value for words, value in _SHAPES.items() if re.search(words, text, re.I)), None)
        named = _RATIO.search(text)
        if named and int(named[1]) and int(named[2]):
            ratio = (int(named[1]), int(named[2]))
        if size:
            found |= {"crop": (int(size[1]), int(size[2])), "size": (int(size[1]), int(size[2]))}
        elif ratio:
            found["crop"] = ratio
        if found:
            text = _without(text, _CROP, _SIZE, _RATIO, *(re.compile(words, re.I) for words in _SHAPES))
    if turned := _ROTATE.search(text):
        found["rotate"] = _degrees(turned[0], turned[1].lower())
        text = _without(text, _ROTATE, re.compile(r"\bdegrees|gradi|°", re.I))
    if _FLIP.search(text):
        vertical = re.search(r"\b(?:vertical\w*|upside down|top to bottom)\b", text, re.I)
        found["flip"] = "vertical" if vertical else "horizontal"
        text = _without(text, _FLIP, re.compile(r"\b(?:horizontal\w*|vertical\w*|orizzontal\w*|upside down)\b", re.I))
    if "crop" not in found and (_UPSCALE.search(text) or (_RESIZE.search(text) and (size or _FACTOR.search(text)))):
        factor = _FACTOR.search(text)
        if size:
            found["size"] = (int(size[1]), int(size[2]))
        else:
            found["enlarge"] = _factor(float(factor[1] or factor[2]) if factor else 2.0)
        text = _without(text, _UPSCALE, _RESIZE, _SIZE, _FACTOR)
    elif _EXTEND.search(text) and not _FLIP.search(text):
        found["extend"] = _sides(text)
        words = re.compile(rf"\b(?:{'|'.join(map(re.escape, _SIDE_WORDS))})\b", re.I)
        text = _without(text, _EXTEND, _EXTENT, words)
    return found, text


def _degrees(words: str, amount: str) -> int:
    if amount in ("left", "counterclockwise", "counter-clockwise", "anticlockwise", "anti-clockwise", "sinistra"):
        return 90
    if amount in ("180", "upside down"):
        return 180
    if amount == "270":
        return 90
    if amount == "90" and re.search(r"\b(?:left|counter|anti|sinistra)", words, re.I):
        return 90
    return 270


def _factor(value: float) -> float:
    if not 1 < value <= MOST_ENLARGED:
        raise UsageError(
            f"A picture cannot be enlarged {value:g} times", f"1 to {MOST_ENLARGED:g} times can", "Ask for 2x or 4x"
        )
    return value


def _sides(text: str) -> dict[Side, float]:
    named = _EXTENT.search(text)
    share = int(named[1]) / 100 if named else 0.25
    if not 0 < share <= MOST_EXTENDED:
        raise UsageError(
            f"A picture cannot be extended by {share:.0%}", f"up to {MOST_EXTENDED:.0%} of a side can be added",
            "Ask for 25 % or 50 %",
        )  # fmt: skip
    found: list[Side] = []
    for word, sides in _SIDE_WORDS.items():
        if re.search(rf"\b{re.escape(word)}\b", text, re.I):
            found += sides
    return dict.fromkeys(found or SIDES, share)


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
_BACKGROUND = (
    re.compile(
        r"\b(?:background|backdrop|scenery|setting|sfondo)\b.*?\b(?:with|to|into|by|con|in)\s+(?P<what>.+)", re.I
    ),
    re.compile(r"\b(?:make|turn|change|rendi)\s+(?:the\s+|lo\s+)?(?:background|backdrop|sfondo)\s+(?P<what>.+)", re.I),
    re.compile(r"\b(?:background|sfondo)\s*[:=]\s*(?P<what>.+)", re.I),
    re.compile(r"\b(?:want|prefer|vorrei)\s+(?P<what>.+?)\s+(?:as|for|in) (?:the|its|a) background", re.I),
    re.compile(r"\bbackground\b[^,;]*[,;]\s*(?:make|turn) it\s+(?P<what>.+)", re.I),
    re.compile(
        r"\b(?:put|place|move|set|metti|sposta)\s+"
        r"(?:him|her|it|them|everyone|everybody|[A-Z]\w+|the \w+|lo|la|il \w+)\s+"
        r"(?P<what>(?:on|in|at|inside|under|into|sulla|nella|nel|in|al|alla)\s+.+)"
    ),
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
    for pattern in _BACKGROUND:
        if found := pattern.search(text):
            what = found["what"].strip(" .,!")
            worn = set(word_index("looks", "accessories"))
            # 'put a scarf on her' and 'put him in a spacesuit' dress somebody
            clothes = set(word_index("looks", "tops")) | worn
            if not any(re.search(rf"\b{re.escape(word)}\b", what, re.I) for word in clothes):
                return what
    return ""


_ALSO = re.compile(
    r"\s*(?:[,;]|\b(?:and|then|e|poi)\b)\s*(?=(?:(?:then|also|poi|anche)\s+)*(?:put|place|move|set|get|take|delete|make|add|give|turn|change|let|remove|"
    r"replace|erase|rendi|aggiungi|metti|fai|cambia|togli|more|less|much|a (?:bit|little|lot)|più|meno|\w+en)\b)", re.I
)  # fmt: skip
"""Where an instruction goes on to something else."""


_TRAILING = re.compile(r"[\s,;]+(?:(?:it|this|to|a|and|the|then|in|e|poi|la|lo|il)\b\s*)+$", re.I)
"""What is left behind it of words about the shape."""


def _apart(text: str, what: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    """`what` without what is asked for beside it, and that, as adjustments. Raises UsageError when it is more."""
    # the last part before it is its own verb: 'remove', 'replace the background with'
    *before, _ = _ALSO.split(text.partition(what)[0])
    what, *after = _ALSO.split(_TRAILING.sub("", what))
    found: list[tuple[str, float]] = []
    for other in filter(None, [*before, *after]):
        adjustments, left = _adjustments(other)
        if _meaning(left):
            raise UsageError(
                "More than one change was asked for at once", f"'{what[:60]}' and '{other.strip(' ,.')[:60]}'",
                "Ask for one after the other",
            )  # fmt: skip
        found += adjustments
    return what, tuple(dict.fromkeys(found))


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


def _without(text: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return " ".join(text.split())
