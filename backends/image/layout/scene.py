"""The 3D blocking of one shot: who stands where, in which set and light, seen by which camera.

World: metres, Y up, right-handed. The default camera stands on +Z and looks towards -Z, so +X is screen right.
A character with `facing_deg` 0 looks to +Z (at the default camera); positive turns about +Y, so 90 looks to +X.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

RGB = tuple[float, float, float]
"""sRGB, 0..1."""
_HEX = re.compile(r"#[0-9a-fA-F]{6}")

Scale = Literal["ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS"]
Angle = Literal["eye", "low", "high", "overhead", "dutch", "over_shoulder"]

KINDS = ("human", "robot", "cat", "dog", "fox", "rabbit", "bear", "bird", "seagull", "monster")
HAIR_STYLES = ("curly", "short", "long", "bob", "ponytail", "braids", "bun", "spiky", "afro", "bald")
TOPS = ("tshirt", "shirt", "sweater", "hoodie", "coat", "dress", "overalls", "spacesuit")
BOTTOMS = ("shorts", "trousers", "skirt", "none")
POSES = (
    "standing", "walking", "running", "sitting", "waving", "pointing", "jumping", "arms_crossed",
    "thinking", "cheering", "cowering", "talking", "crouching", "holding",
)  # fmt: skip
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "afraid", "surprised", "tender", "smug")
MOUTHS = ("A", "B", "C", "D", "E", "F", "G", "H", "X")
"""Rhubarb / Preston-Blair mouth shapes: A closed (MBP), B slightly open teeth, C open (E), D wide open (AI),
E rounded (O), F puckered (U), G teeth on lip (FV), H tongue (L), X rest."""
SETS = ("beach", "piazza", "forest", "room", "street", "space", "park", "kitchen", "castle", "snow", "void")
TIMES = ("day", "sunset", "night", "storm")


@dataclass(frozen=True)
class CharacterLook:
    """What a character always looks like, whatever it does. Colours are sRGB 0..1."""

    kind: str = "human"
    age: str = "child"
    """child | teen | adult | elder."""
    build: str = "average"
    """slim | average | stocky."""
    skin: RGB = (0.93, 0.72, 0.58)
    hair_style: str = "short"
    hair: RGB = (0.25, 0.15, 0.08)
    eyes: RGB = (0.30, 0.45, 0.25)
    top: str = "tshirt"
    top_color: RGB = (0.92, 0.86, 0.74)
    bottom: str = "shorts"
    bottom_color: RGB = (0.25, 0.35, 0.55)
    shoes: RGB = (0.55, 0.25, 0.18)
    body: RGB = (0.70, 0.74, 0.78)
    """Main colour of a non-human."""
    accent: RGB = (0.30, 0.75, 0.85)
    """Second colour of a non-human (lights, belly, beak)."""
    accessories: tuple[str, ...] = ()
    """Any of: glasses, hat, cap, scarf, backpack, bow, beard, moustache, freckles, crown, cape; 'hat:#2e7d32' has that
    colour, 'hat' its usual one."""
    height: float = 1.2
    """Metres, top of the head."""

    @property
    def worn(self) -> tuple[str, ...]:
        """Names of the accessories, without colours."""
        return tuple(one.partition(":")[0] for one in self.accessories)

    def accessory_color(self, name: str) -> RGB | None:
        """The colour that the accessory was given; None = its usual one."""
        for one in self.accessories:
            worn, _, colour = one.partition(":")
            if worn == name and _HEX.fullmatch(colour):
                red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
                return (red, green, blue)
        return None


@dataclass(frozen=True)
class PosedCharacter:
    name: str
    look: CharacterLook
    pose: str = "standing"
    expression: str = "neutral"
    mouth: str | None = None
    """One of MOUTHS while talking; None: the expression's own mouth."""
    blink: float = 0.0
    """0 open eyes .. 1 closed lids."""
    x: float = 0.0
    z: float = 0.0
    facing_deg: float = 0.0
    look_at: str | None = None
    """Another character's name, 'camera', or None (straight ahead)."""


@dataclass(frozen=True)
class CameraSpec:
    scale: Scale = "MS"
    angle: Angle = "eye"
    lens_mm: float = 40.0
    """Full-frame equivalent (36 mm wide film)."""
    target: str | None = None
    """Name of the character to frame; None: all characters."""
    yaw_deg: float = 0.0
    """Orbit about the target: 0 = from +Z, 30 = three-quarter from screen right."""


@dataclass(frozen=True)
class LayoutScene:
    set: str = "void"
    time_of_day: str = "day"
    characters: tuple[PosedCharacter, ...] = ()
    camera: CameraSpec = field(default_factory=CameraSpec)
    props: tuple[str, ...] = ()
    """Extra props by name (ball, umbrella, box, lantern, ...); unknown ones are ignored with a warning."""
    seed: int = 0
    """Places small details (shells, leaves, stars) reproducibly."""
