"""Films that are described but never drawn: records of their shots, and how people would ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backends.sound.result import ShotSound, Words
from backends.vision.camera.result import CameraWork
from backends.vision.composition.result import Colour, Composition, Figure
from backends.vision.record import FilmFile, FilmRecord, Shot
from configs.yaml_file import own_table

FILE = Path(__file__).with_name("shots.yaml")
SECONDS, FPS = 4.0, 24
"""Of every shot."""


def described() -> dict[str, Any]:
    """The file: 'characters' (name -> looks), 'films' (name -> shots) and 'queries' (ask, want)."""
    table: dict[str, Any] = own_table(FILE)
    return table


def record_of(name: str, shots: list[dict[str, Any]]) -> FilmRecord:
    """A film of these shots as `analyze_video` would have recorded it."""
    length = SECONDS * len(shots)
    return FilmRecord(
        film=FilmFile(
            name=name,
            seconds=length,
            frames=round(length * FPS),
            width=1280,
            height=720,
            fps=FPS,
            sha256=name.encode().hex(),
        ),
        aspects=("shots", "camera", "composition", "sound", "content"),
        shots=tuple(_shot(at, facts) for at, facts in enumerate(shots)),
    )


def _shot(at: int, facts: dict[str, Any]) -> Shot:
    start, frames = at * SECONDS, round(SECONDS * FPS)
    move, direction, speed = facts["camera"]
    names = [str(colour) for colour in facts["colours"]]
    who = ["" if name == "?" else str(name) for name in facts["who"]]
    return Shot(
        index=at + 1,
        start=start,
        end=start + SECONDS,
        first_frame=at * frames,
        frames=frames,
        clean_first=at * frames,
        clean_frames=frames,
        opening="cut" if at else "start",
        keyframe=start + SECONDS / 2,
        motion=facts["motion"],
        luma=facts["luma"],
        camera=CameraWork(
            start=start, end=start + SECONDS, move=move, direction=direction, speed=speed, confidence=0.9,
            motion=facts["motion"],
        ),
        composition=Composition(
            scale=facts["scale"], key=facts["key"], luma=facts["luma"], saturation=facts.get("saturation", 0.4),
            colours=tuple(Colour(name=name, hex="#000000", share=0.6 / (n + 1)) for n, name in enumerate(names)),
            figures=tuple(Figure(kind="figure", box=(0.3, 0.1, 0.6, 1.0), character=name) for name in who),
        ),
        sound=ShotSound(label=facts["sound"]),
        words=tuple(
            Words(start=start + n, end=start + n + 1, text=text, by="subtitles")
            for n, text in enumerate(facts.get("said", ()))
        ),
        text=facts.get("caption", ""),
        text_by="described" if "caption" in facts else "",
    )  # fmt: skip
