"""Made films whose scenes are known: places with several camera set-ups that alternate, and the sound of each place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backends.sound.result import Sound, SoundSegment
from backends.vision.cuts.result import Transition, TransitionKind
from backends.vision.record import Shot
from evals.footage.world import look, world

Rgb = NDArray[np.uint8]
FPS = 24
SIZE = (180, 320)
"""Height and width of the pictures."""
Pattern = Literal["dialogue", "wide_dialogue", "three", "coverage", "single"]
_PATTERNS: tuple[Pattern, ...] = ("dialogue", "wide_dialogue", "three", "coverage", "single")
_PATTERN_SHARE = (0.3, 0.25, 0.15, 0.2, 0.1)
_PHOTOGRAPHS = ("china", "flower", "astronaut", "coffee", "rocket", "motorcycle")


@dataclass(frozen=True)
class SetUp:
    """One position of the camera: what it sees, where, and who stands there."""

    place: Rgb
    centre: tuple[float, float]
    scale: float
    figure: tuple[float, float, tuple[int, int, int], tuple[int, int, int]] | None
    """Across (0-1), height (share of the picture), colours of skin and clothes; None without anybody."""


@dataclass
class SceneFilm:
    """A film as a pass would know it, with the truth."""

    shots: list[Shot] = field(default_factory=list)
    pictures: list[Rgb] = field(default_factory=list)
    """One per shot, (180, 320, 3) uint8."""
    transitions: list[Transition] = field(default_factory=list)
    sound: Sound | None = None
    first_shots: list[int] = field(default_factory=list)
    """Index, from 1, of each scene's first shot: the truth."""
    set_ups: list[tuple[int, int]] = field(default_factory=list)
    """Scene and set-up of each shot."""


def scene_film(seed: int, scenes: int | None = None) -> SceneFilm:
    """A made film of some scenes. The same seed gives the same film.

    Every fourth film uses photographs as places. Reverse angles show another side of the place: in three of ten scenes
    it shares nothing with the first but the light. Neighbouring scenes may play in one place by another light, music
    and speech may run on over a border, and more than half of the borders are plain cuts.
    """
    pick = np.random.default_rng(seed)
    film = SceneFilm()
    count = scenes or int(pick.integers(4, 9))
    places = _places(seed, count, pick)
    at, levels = 0.0, []
    for scene in range(count):
        set_ups = _set_ups(places[scene], places[count + scene], pick)
        light = _light(pick)
        order = _order(_PATTERNS[int(pick.choice(len(_PATTERNS), p=_PATTERN_SHARE))], len(set_ups), pick)
        film.first_shots.append(len(film.shots) + 1)
        began = at
        for turn, which in enumerate(order):
            seconds = float(pick.uniform(1.2, 6.0))
            _add_shot(film, at, seconds, _opening(film, turn, pick), scene + 1)
            film.pictures.append(_picture(set_ups[which], light, pick))
            film.set_ups.append((scene, which))
            at += seconds
        levels.append((began, at, float(pick.uniform(-48, -28))))
    film.sound = _sound(levels, pick)
    return film


def _places(seed: int, count: int, pick: np.random.Generator) -> list[Rgb]:
    """Two per scene: the place and what lies behind the camera; some scenes come back to the place before."""
    if seed % 4 == 3:
        names = [_PHOTOGRAPHS[int(at)] for at in pick.permutation(len(_PHOTOGRAPHS))]
        made = [_photograph(names[at % len(names)]) for at in range(2 * count)]
    else:
        made = [_world(seed * 64 + at) for at in range(2 * count)]
    for scene in range(1, count):
        if pick.random() < 0.12:
            made[scene] = made[scene - 1]
    return made


@lru_cache(maxsize=24)
def _world(seed: int) -> Rgb:
    return world(seed, (720, 1280))


@lru_cache(maxsize=8)
def _photograph(name: str) -> Rgb:
    """A photograph of installed packages, 1280 pixels wide."""
    import cv2
    from skimage import data
    from sklearn.datasets import load_sample_image

    if name in ("china", "flower"):
        rgb = load_sample_image(f"{name}.jpg")
    else:
        rgb = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    height = round(rgb.shape[0] * 1280 / rgb.shape[1])
    return np.asarray(cv2.resize(rgb, (1280, height), interpolation=cv2.INTER_AREA), np.uint8)


def _set_ups(place: Rgb, behind: Rgb, pick: np.random.Generator) -> list[SetUp]:
    """A wide one and some nearer ones; the second is the reverse angle."""
    turned = pick.random() < 0.3
    found = []
    for index in range(int(pick.integers(3, 6))):
        seen = behind if index == 2 and turned else place
        scale = float(pick.uniform(0.3, 0.42)) if index == 0 else float(pick.uniform(0.5, 1.1))
        height, width = seen.shape[:2]
        reach_x, reach_y = SIZE[1] / scale / 2, SIZE[0] / scale / 2
        centre = (
            float(pick.uniform(min(reach_x, width / 2), max(width - reach_x, width / 2))),
            float(pick.uniform(min(reach_y, height / 2), max(height - reach_y, height / 2))),
        )
        skin, clothes = (tuple(int(v) for v in pick.integers(low, 250, 3)) for low in (90, 10))
        figure = (float(pick.uniform(0.25, 0.75)), float(pick.uniform(0.35, 0.9)), skin, clothes)
        someone = index in (1, 2) or pick.random() < 0.4
        found.append(SetUp(seen, centre, scale, figure if someone else None))  # type: ignore[arg-type]
    return found


def _order(pattern: Pattern, set_ups: int, pick: np.random.Generator) -> list[int]:
    turns = int(pick.integers(2, 5))
    match pattern:
        case "dialogue":
            return [1, 2] * turns
        case "wide_dialogue":
            return [0, *([1, 2] * turns), *([0] if pick.random() < 0.5 else [])]
        case "three":
            return [int(at) for at in pick.choice([0, 1, 2], size=2 * turns + 1)]
        case "coverage":
            return [int(at) for at in pick.permutation(set_ups)]
        case _:
            return [int(pick.integers(0, set_ups))]


def _light(pick: np.random.Generator) -> NDArray[np.float32]:
    """Gain of red, green and blue: the hour of the day and the grade."""
    return np.asarray(pick.uniform(0.45, 1.2) * pick.uniform(0.85, 1.15, 3), np.float32)


def _picture(set_up: SetUp, light: NDArray[np.float32], pick: np.random.Generator) -> Rgb:
    """A frame of a shot: the set-up, a little moved, with who is there in a pose of the moment."""
    import cv2

    shift = pick.normal(0, 14, 2) / set_up.scale
    centre = (set_up.centre[0] + float(shift[0]), set_up.centre[1] + float(shift[1]) / 2)
    rgb = look(set_up.place, centre, set_up.scale * float(pick.uniform(0.93, 1.07)), size=SIZE)
    if set_up.figure is not None:
        across, share, skin, clothes = set_up.figure
        tall = share * SIZE[0]
        x, floor = int((across + pick.normal(0, 0.04)) * SIZE[1]), SIZE[0]
        rgb = np.ascontiguousarray(rgb)
        cv2.ellipse(rgb, (x, floor), (int(0.42 * tall), int(0.62 * tall)), 0, 180, 360, clothes, -1, cv2.LINE_AA)
        head = (x + int(pick.normal(0, 3)), int(floor - 0.78 * tall))
        cv2.ellipse(rgb, head, (int(0.17 * tall), int(0.22 * tall)), 0, 0, 360, skin, -1, cv2.LINE_AA)
    lit = rgb.astype(np.float32) * light * float(pick.uniform(0.95, 1.05)) + pick.normal(0, 2, rgb.shape)
    return np.asarray(lit.clip(0, 255), np.uint8)


def _opening(film: SceneFilm, turn: int, pick: np.random.Generator) -> tuple[TransitionKind | None, float]:
    """How a shot comes in, and the seconds that it takes."""
    if not film.shots:
        return None, 0.0
    if turn:
        return ("dissolve", 0.5) if pick.random() < 0.05 else ("cut", 0.0)
    kind = pick.choice(["cut", "dissolve", "fade", "wipe"], p=[0.55, 0.18, 0.22, 0.05])
    return kind, 0.0 if kind == "cut" else float(pick.uniform(0.4, 1.2))


def _add_shot(
    film: SceneFilm, at: float, seconds: float, opening: tuple[TransitionKind | None, float], scene: int
) -> None:
    kind, mix = opening
    first, frames = round(at * FPS), max(1, round((at + seconds) * FPS) - round(at * FPS))
    half = min(round(mix * FPS / 2), frames // 3, film.shots[-1].frames // 3 if film.shots else 0)
    if kind is not None:
        detail = {"fade": "through black", "wipe": "left to right"}.get(kind, "")
        film.transitions.append(
            Transition(
                kind=kind, first_frame=first - half, frames=2 * half, start=(first - half) / FPS,
                end=(first + half) / FPS, confidence=1.0, detail=detail, by="made",
            )
        )  # fmt: skip
    film.shots.append(
        Shot(
            index=len(film.shots) + 1, start=at, end=at + seconds, first_frame=first, frames=frames,
            clean_first=first + half, clean_frames=max(1, frames - half), opening=kind or "start", scene=scene,
            keyframe=at + seconds / 2,
        )
    )  # fmt: skip


def _sound(spans: Sequence[tuple[float, float, float]], pick: np.random.Generator) -> Sound:
    """Each scene's own level of ambience with speech in it; music in and over scenes; a fifth of the borders J-cuts."""
    step = 0.1
    end = spans[-1][1]
    level = np.full(int(np.ceil(end / step)), -60.0)
    labels = np.full(len(level), 0)

    def heard(start: float, stop: float) -> slice:
        return slice(round(max(0.0, start) / step), round(min(end, stop) / step))

    def add(span: slice, db: float, spread: float, label: int) -> None:
        level[span] = np.logaddexp(level[span], db + pick.normal(0, spread, len(level[span])))
        labels[span] |= label

    for start, stop, db in spans:
        add(heard(start, stop), db, 1.2, 0)
        at = start - float(pick.uniform(0.5, 1.5)) if pick.random() < 0.2 else start + float(pick.uniform(0.2, 2))
        while at < stop - 1:
            until = min(stop, at + float(pick.uniform(0.8, 4)))
            add(heard(at, until), -24, 3, _SPEECH)
            at = until + float(pick.uniform(0.3, 3))
        if pick.random() < 0.35:
            add(heard(start + float(pick.uniform(-1, 3)), stop + float(pick.uniform(-3, 1))), -27, 1, _MUSIC)
        if pick.random() < 0.3:
            add(heard(stop - float(pick.uniform(2, 8)), stop + float(pick.uniform(3, 8))), -27, 1, _MUSIC)
    return Sound(
        seconds=end, loudness_lufs=-23.0, curve_step=step, curve_dbfs=tuple(level.round(2).tolist()),
        segments=tuple(_segments(labels, step)),
    )  # fmt: skip


_SPEECH, _MUSIC = 1, 2


def _segments(labels: NDArray[np.int_], step: float) -> list[SoundSegment]:
    names = ("noise", "speech", "music", "speech+music")
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [
        SoundSegment(start=a * step, end=b * step, label=names[int(labels[a])], confidence=0.9)
        for a, b in pairwise(edges)
    ]
