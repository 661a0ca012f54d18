"""What each contact sheet shows: rows of labelled scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast as typed

from backends.image.layout.scene import (
    EXPRESSIONS,
    HAIR_STYLES,
    KINDS,
    POSES,
    SETS,
    TIMES,
    TOPS,
    CameraSpec,
    CharacterLook,
    LayoutScene,
    PosedCharacter,
    Scale,
)
from backends.image.layout.staging import apart
from evals.sheets import cast


@dataclass(frozen=True)
class Cell:
    label: str
    scene: LayoutScene


@dataclass(frozen=True)
class Row:
    """Cells of one height; `heading` stands above them."""

    heading: str
    cells: tuple[Cell, ...]
    columns: int
    ratio: float
    """Height of a cell per width."""


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    rows: tuple[Row, ...]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _alone(
    look: CharacterLook, scale: str = "LS", pose: str = "standing", expression: str = "neutral", facing: float = 22.0,
    yaw: float = 0.0, place: str = "void", time: str = "day", name: str = "One", lens: float = 55.0,
    look_at: str | None = None,
) -> LayoutScene:  # fmt: skip
    posed = PosedCharacter(name, look, pose, expression, facing_deg=facing, look_at=look_at)
    return LayoutScene(place, time, (posed,), CameraSpec(typed(Scale, scale), "eye", lens, None, yaw))


def characters() -> Page:
    """Hair styles, clothes, accessories, ages by builds."""
    hair = tuple(
        Cell(_words(style), _alone(cast.HAIR_PEOPLE[style], "MCU", expression="happy" if i % 2 else "tender",
                                   facing=18.0 if i % 2 else -18.0, look_at="camera"))
        for i, style in enumerate(HAIR_STYLES)
    )  # fmt: skip
    tops = tuple(Cell(top, _alone(cast.WARDROBE[top], expression="happy", facing=15, look_at="camera")) for top in TOPS)
    extras = tuple(
        Cell(label, _alone(look, expression="happy", facing=-20, look_at="camera"))
        for label, look in cast.EXTRAS.items()
    )
    return Page("characters", "Characters: hair, clothes, accessories, ages and builds", (
        Row("10 hair styles", hair, 5, 0.86), Row("8 outfits", tops, 8, 1.7), Row("accessories", extras, 5, 1.2),
        Row("4 ages by 3 builds: child, teen, adult, elder", _ages(), 3, 0.75)))  # fmt: skip


def _ages() -> tuple[Cell, ...]:
    """The same man at every age, side by side at his true heights, once per build."""
    cells = []
    for build in ("slim", "average", "stocky"):
        family = apart([
            PosedCharacter(age, replace(look, build=build), expression="tender", x=0.5 * i, facing_deg=12.0 - 8 * i)
            for i, (age, look) in enumerate(cast.AGES.items())
        ])  # fmt: skip
        cells.append(Cell(build, LayoutScene("void", "day", family, CameraSpec("LS", "eye", 50.0))))
    return tuple(cells)


def poses() -> Page:
    """All poses of a child, an adult, a robot and a cat."""
    who = {"child": cast.LUCA, "adult": cast.MARTA, "robot": cast.BIP, "cat": cast.MICIO}
    mood = {"cheering": "happy", "waving": "happy", "cowering": "afraid", "jumping": "happy", "arms_crossed": "smug",
            "running": "happy", "talking": "happy", "holding": "tender"}  # fmt: skip
    side = {"walking": 50.0, "running": 55.0, "sitting": 35.0, "pointing": 0.0, "crouching": 35.0, "cowering": 25.0}
    rows = tuple(
        Row(kind, tuple(
            Cell(_words(pose), _alone(look, "LS", pose, mood.get(pose, "neutral"), side.get(pose, 18.0)))
            for pose in POSES), 7, 1.0)
        for kind, look in who.items()
    )  # fmt: skip
    return Page("poses", f"{len(POSES)} poses", rows)


def expressions() -> Page:
    """All expressions close up."""
    who = {"child": cast.GIULIA, "adult": cast.OMAR, "elder": cast.NONNO, "robot": cast.BIP, "cat": cast.MICIO}
    rows = tuple(
        Row(kind, tuple(Cell(mood, _alone(look, "CU", expression=mood, facing=14.0, look_at="camera"))
                        for mood in EXPRESSIONS), 8, 0.95)
        for kind, look in who.items()
    )  # fmt: skip
    return Page("expressions", f"{len(EXPRESSIONS)} expressions", rows)


def kinds() -> Page:
    """Every kind: whole, close, and from the side."""
    whole = tuple(Cell(kind, _alone(cast.KINDS[kind], "LS", "waving", "happy", look_at="camera")) for kind in KINDS)
    close = tuple(Cell(kind, _alone(cast.KINDS[kind], "CU", expression="tender", look_at="camera")) for kind in KINDS)
    side = tuple(Cell(kind, _alone(cast.KINDS[kind], "LS", "walking", "happy", 65.0)) for kind in KINDS)
    return Page("kinds", f"{len(KINDS)} kinds of characters", (
        Row("greeting", whole, 5, 1.25), Row("close up", close, 5, 0.9), Row("walking", side, 5, 1.1)))  # fmt: skip


def sets() -> Page:
    """Every set in every light, with somebody in it."""
    people = (cast.LUCA, cast.GIULIA, cast.NIA, cast.ADA, cast.KENJI, cast.MARTA)
    moods = ("happy", "tender")
    rows = tuple(
        Row("", tuple(
            Cell(f"{name}, {time}", LayoutScene(name, time, (
                PosedCharacter("One", people[i % len(people)], "standing" if i % 2 else "waving", moods[i % 2],
                               x=0.0, facing_deg=24.0 if i % 2 else 14.0),),
                CameraSpec("LS", "eye", 32.0)))
            for time in TIMES), 4, 9 / 16)
        for i, name in enumerate(s for s in SETS if s != "void")
    )  # fmt: skip
    return Page("sets", f"{len(SETS) - 1} sets by {len(TIMES)} lights", rows)


def framing() -> Page:
    """Scales, angles, over the shoulder, groups, looks; and one character in every light."""
    luca = PosedCharacter("Luca", cast.LUCA, "standing", "happy", facing_deg=20.0)
    scales = tuple(
        Cell(scale, LayoutScene("beach", "day", (luca,), CameraSpec(scale, "eye", 35.0)))
        for scale in ("ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS", "LS")
    )
    scales = (*scales[:7], Cell("LS from behind", LayoutScene(
        "beach", "day", (replace(luca, facing_deg=160.0),), CameraSpec("LS", "eye", 35.0))))  # fmt: skip
    angles = tuple(
        Cell(_words(angle), LayoutScene("piazza", "sunset", (luca,), CameraSpec("MS", angle, 35.0)))
        for angle in ("eye", "low", "high", "overhead", "dutch")
    )
    turned = tuple(
        Cell(f"MCU, camera at {yaw:+.0f}°", LayoutScene("park", "day", (replace(luca, facing_deg=0.0),),
                                                        CameraSpec("MCU", "eye", 45.0, None, yaw)))
        for yaw in (-70.0, 35.0, 75.0)
    )  # fmt: skip
    return Page("framing", "Framing and staging", (
        Row("7 scales", scales, 4, 9 / 16), Row("angles", (*angles, *turned), 4, 9 / 16),
        Row("two to four people, looks, over the shoulder", _groups(), 4, 9 / 16),
        Row("one character in every light", _lights(luca), 4, 9 / 16)))  # fmt: skip


def _lights(luca: PosedCharacter) -> tuple[Cell, ...]:
    return tuple(
        Cell(f"{place}, {time}", LayoutScene(place, time, (luca,), CameraSpec("MCU", "eye", 40.0)))
        for time, place in zip((*TIMES, *TIMES), ("beach", "forest", "street", "castle", "room", "kitchen", "space",
                                                  "park"), strict=True)
    )  # fmt: skip


def _groups() -> tuple[Cell, ...]:
    def at(name: str, look: CharacterLook, x: float, z: float, facing: float, **more: str) -> PosedCharacter:
        return PosedCharacter(name, look, more.get("pose", "standing"), more.get("mood", "happy"), x=x, z=z,
                              facing_deg=facing, look_at=more.get("sees"))  # fmt: skip

    luca = at("Luca", cast.LUCA, -0.38, 0, 50, sees="Giulia", pose="talking")
    giulia = at("Giulia", cast.GIULIA, 0.38, 0, -50, sees="Luca", mood="tender")
    bip = at("Bip", cast.BIP, 0.42, 0.1, -44, sees="Luca")
    marta = at("Marta", cast.MARTA, 0.5, 0, -44, sees="Luca", mood="tender")
    pair, small = (luca, giulia), (luca, bip)
    # Over a shoulder the near one turns its back.
    away = [(replace(luca, facing_deg=90.0), giulia), (luca, replace(giulia, facing_deg=-90.0)),
            (luca, replace(marta, facing_deg=-90.0)), (replace(luca, facing_deg=90.0), bip)]  # fmt: skip
    three = (at("Omar", cast.OMAR, -0.62, -0.1, 25, sees="Nia"), at("Nia", cast.NIA, 0.0, 0.1, 0, pose="cheering"),
             at("Ada", cast.ADA, 0.55, -0.1, -30, sees="Nia", mood="tender"))  # fmt: skip
    four = (at("Luca", cast.LUCA, -0.75, 0.0, 20), at("Nonno", cast.NONNO, -0.15, -0.5, 5, mood="tender"),
            at("Nia", cast.NIA, 0.42, 0.0, -10, pose="waving"), at("Micio", cast.MICIO, 0.95, 0.15, -15))  # fmt: skip
    mixed = (at("Grok", cast.GROK, -0.8, -0.2, 35, sees="Kenji"), at("Kenji", cast.KENJI, 0.2, 0.1, -40, sees="Grok",
             mood="surprised"), at("Scuttle", cast.SCUTTLE, 0.75, 0.2, -40, sees="Grok"))  # fmt: skip

    def shot(label: str, place: str, time: str, cast_: tuple[PosedCharacter, ...], camera: CameraSpec) -> Cell:
        return Cell(label, LayoutScene(place, time, cast_, camera))

    return (
        shot("two, MS, looking at each other", "beach", "sunset", pair, CameraSpec("MS", "eye", 40.0)),
        shot("over the shoulder: Giulia", "beach", "sunset", away[0],
             CameraSpec("MCU", "over_shoulder", 45.0, "Giulia")),
        shot("over the shoulder: Luca", "beach", "sunset", away[1], CameraSpec("MCU", "over_shoulder", 45.0, "Luca")),
        shot("over a grown-up's shoulder", "room", "day", away[2],
             CameraSpec("MS", "over_shoulder", 40.0, "Luca")),
        shot("child and robot, MLS", "park", "day", small, CameraSpec("MLS", "eye", 40.0)),
        shot("over the shoulder: robot", "park", "day", away[3], CameraSpec("MCU", "over_shoulder", 40.0, "Bip")),
        shot("three, MS", "piazza", "day", three, CameraSpec("MS", "eye", 35.0)),
        shot("three, MLS", "street", "night", mixed, CameraSpec("MLS", "eye", 35.0)),
        shot("four, MLS", "kitchen", "day", four, CameraSpec("MLS", "eye", 35.0)),
        shot("four, LS", "park", "sunset", four, CameraSpec("LS", "eye", 35.0)),
        shot("close-up of one of two", "forest", "day", pair, CameraSpec("CU", "eye", 50.0, "Giulia")),
        shot("group, high", "castle", "day", three, CameraSpec("LS", "high", 32.0)),
    )  # fmt: skip


PAGES: dict[str, Callable[[], Page]] = {
    "characters": characters, "poses": poses, "expressions": expressions, "kinds": kinds, "sets": sets,
    "framing": framing,
}  # fmt: skip
