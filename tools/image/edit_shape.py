"""What an instruction asks of a picture's shape: cropping, turning, mirroring, size, more room at a side."""

from __future__ import annotations

import re
from typing import Any, Literal

from configs.errors import UsageError

Side = Literal["left", "right", "top", "bottom"]
SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")
MOST_ENLARGED = 8.0
MOST_EXTENDED = 2.0
"""Largest share of a side's length that may be added to it."""

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


def read_shape(text: str) -> tuple[dict[str, Any], str]:
    """Fields of an `EditPlan` about the shape, and the text without them. Raises UsageError for too much."""
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


def _without(text: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return " ".join(text.split())
