"""Camera moves named in words: 'slow pan to the left', 'tilts up', 'push-in or zoom in', 'panoramica lenta'."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PACES = {
    "slow": r"slow(?:ly|er)?|gent(?:le|ly)|gradual(?:ly)?|creeping|lent[oaie]|lentamente",
    "fast": r"fast(?:er)?|quick(?:ly)?|rapid(?:ly)?|swift(?:ly)?|whip|veloc[ei]|velocemente|rapid[oaie]",
}
_MOVES = {
    "tilt": r"tilt(?:s|ed|ing)?(?: shots?)?|panoramic(?:a|he) vertical[ei]",
    "pan": r"pan(?:s|ned|ning)?(?: shots?)?|panoramic(?:a|he)",
    "zoom": r"zoom(?:s|ed|ing)?|zoomat[ae]",
    "push out": r"pull(?:s|ed|ing)? (?:slowly |quickly )?(?:outs?|backs?|away)|push outs?",
    "push": r"push(?:es|ed|ing)?|doll(?:y|ies|ied|ying)|carrellat[ae]",
    "tracking": r"tracking(?: shots?)?|trucking",
    "roll": r"(?:camera|dutch) rolls?|rolls? (?:counter )?clockwise|rolling shots?",
    "static": r"static|locked off|(?:fixed|still|steady) (?:camera|shots?)|(?:camera|inquadratur[ae]) f(?:iss|erm)[ae]",
    "handheld": r"hand ?held|shaky|camera a mano",
}
_WAYS = {
    "left": r"left(?:wards?)?|sinistra", "right": r"right(?:wards?)?|destra",
    "up": r"up(?:wards?)?|l alto", "down": r"down(?:wards?)?|il basso",
    "in": r"ins?|inwards?|closer|forwards?|avanti|towards?", "out": r"outs?|outwards?|backs?|backwards?|away|indietro",
    "clockwise": r"clockwise", "counter-clockwise": r"(?:counter |anti)clockwise",
}  # fmt: skip
_TURNS = ("counter-clockwise", "clockwise")
_WAYS_OF: dict[str, tuple[str, ...]] = {
    "pan": ("left", "right"), "tilt": ("up", "down"), "zoom": ("in", "out"), "push": ("in", "out"),
    "tracking": ("left", "right", "in", "out"), "roll": _TURNS,
}  # fmt: skip
_APART = re.compile(r"[,;:.?!()]|\b(?:with|then|and|while|but|con|poi|e|mentre)\b|(?P<either>\b(?:or|o)\b)")
# 'in' of 'a zoom in the second shot' is no direction
_PLACE = re.compile(r"\bin (?:the|this|that|these|it|its|my|a|an|any|there|shots?|scenes?|which|what)\b")


@dataclass(frozen=True)
class Move:
    """A camera move; '' for a direction or a pace that is not said."""

    kind: str
    """pan, tilt, zoom, push, tracking, roll, static or handheld."""
    direction: str = ""
    pace: str = ""
    """slow or fast."""

    def is_in(self, other: Move) -> bool:
        """Whether the other move has all that is said of this one."""
        same = self.direction in ("", other.direction) and self.pace in ("", other.pace)
        return self.kind == other.kind and same

    @property
    def words(self) -> str:
        """'slow pan left', 'push-in', 'static camera'."""
        name = {"static": "static camera", "handheld": "handheld camera", "tracking": "tracking shot"}.get(
            self.kind, self.kind
        )
        if self.kind == "push":
            name = {"in": "push-in", "out": "pull-out"}.get(self.direction, "push")
        elif self.direction:
            name += f" {self.direction}"
        return f"{self.pace} {name}".strip()


def moves_in(text: str) -> list[Move]:
    """The moves that a question or a shot's text names, in order, each once. A pace holds for what 'or' adds, too."""
    plain = re.sub(r"[-’'_/]", " ", text.casefold())
    found: list[Move] = []
    pace, start, either = "", 0, False
    for gap in [*_APART.finditer(plain), None]:
        clause = plain[start : gap.start() if gap else len(plain)]
        own = _first(_PACES, clause)
        pace = own or (pace if either else "")
        if (move := _move(clause, pace)) is not None:
            found.append(move)
        start, either = (gap.end(), gap["either"] is not None) if gap else (len(plain), False)
    return list(dict.fromkeys(found))


def _move(clause: str, pace: str) -> Move | None:
    for kind, pattern in _MOVES.items():
        if (said := re.search(rf"\b(?:{pattern})\b", clause)) is None:
            continue
        if kind == "push out":
            return Move("push", "out", pace)
        if kind == "roll":
            return Move("roll", _first({way: _WAYS[way] for way in _TURNS}, clause), pace)
        after = _PLACE.sub(" ", clause[said.end() :])
        ways = {way: _WAYS[way] for way in _WAYS_OF.get(kind, ())}
        return Move(kind, _first(ways, after), pace if kind in _WAYS_OF else "")
    return None


def _first(patterns: dict[str, str], text: str) -> str:
    """The name whose pattern comes first in the text, '' for none."""
    at = {name: said.start() for name, pattern in patterns.items() if (said := re.search(rf"\b(?:{pattern})\b", text))}
    return min(at, key=lambda name: at[name]) if at else ""
