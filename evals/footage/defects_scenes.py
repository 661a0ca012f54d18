"""Clean made shots of many kinds, frame by frame, for measures that must not find fault with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evals.footage.defects_actors import Actor, Mask, Pose, actor, draw_actor, draw_thing
from evals.footage.world import look, world

Rgb = NDArray[np.uint8]
SIZE = (360, 640)
SECONDS = 3.0
CLEAN = (
    "static", "slow_pan", "fast_pan", "zoom", "roll", "handheld", "on_twos", "walking", "tracking", "talking",
    "parallax", "dark", "low_texture", "drawn", "crf_18", "crf_30", "grain", "light", "fade", "twelve_fps",
)  # fmt: skip
"""Kinds of clean shots."""


@dataclass(frozen=True)
class Scene:
    """A made shot before it is filmed: what is seen at a time, and what film, light and coder do to it."""

    kind: str
    seed: int
    fps: float = 24.0
    hold: int = 1
    """Frames that each drawing is shown."""
    seconds: float = SECONDS
    camera: Callable[[float], tuple[float, float, float, float]] = lambda t: (1280.0, 720.0, 1.0, 0.0)
    """Seconds -> x, y in the world, scale, degrees."""
    background: str = "world"
    things: tuple[Thing, ...] = ()
    actor: Actor | None = None
    role: str = ""
    finish: tuple[str, ...] = ()
    crf: int | None = None

    @property
    def drawings(self) -> int:
        return max(1, round(self.seconds * self.fps / self.hold))

    def time_of(self, drawing: int) -> float:
        return drawing * self.hold / self.fps


@dataclass(frozen=True)
class Thing:
    """Something that moves in the picture: centre and velocity in pixels (per second), radius."""

    seed: int
    centre: tuple[float, float]
    velocity: tuple[float, float]
    radius: float
    spin: float = 0.0

    def at(self, t: float) -> tuple[float, float]:
        """Its centre: it is reflected by the picture's edges."""
        x, y = (c + v * t for c, v in zip(self.centre, self.velocity, strict=True))
        return _bounced(x, self.radius, SIZE[1]), _bounced(y, self.radius, SIZE[0])


def _bounced(value: float, radius: float, size: float) -> float:
    span = size - 2 * radius
    phase = (value - radius) % (2 * span)
    return radius + (phase if phase <= span else 2 * span - phase)


@dataclass
class Drawing:
    """One drawing of a scene with where its parts are."""

    rgb: Rgb
    masks: dict[str, Mask] = field(default_factory=dict)


@lru_cache(maxsize=6)
def backdrop(background: str, seed: int) -> Rgb:
    """(1440, 2560, 3) uint8: a made world, one drawn in flat colours, one nearly empty, or a photograph."""
    import cv2

    if background == "photo":
        return _photograph(seed)
    picture = world(seed)
    if background == "drawn":
        small = cv2.pyrMeanShiftFiltering(cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA), 8, 28)
        return np.asarray(cv2.resize(small, (2560, 1440), interpolation=cv2.INTER_CUBIC), np.uint8)
    if background == "empty":
        pick = np.random.default_rng(seed)
        top, bottom = pick.uniform(60, 220, (2, 3))
        ramp = np.linspace(0, 1, 1440)[:, None, None]
        sky = np.broadcast_to(top + (bottom - top) * ramp, (1440, 2560, 3)).astype(np.uint8).copy()
        for _ in range(4):
            x, y = int(pick.integers(700, 1860)), int(pick.integers(500, 1000))
            cv2.circle(sky, (x, y), int(pick.integers(20, 70)), tuple(map(int, pick.integers(40, 230, 3))), -1, 16)
        return sky
    return picture


def _photograph(seed: int) -> Rgb:
    import cv2
    from skimage import data
    from sklearn.datasets import load_sample_image

    sources: Sequence[Callable[[], Rgb]] = (
        lambda: load_sample_image("china.jpg"), lambda: load_sample_image("flower.jpg"),
        data.astronaut, data.chelsea, data.coffee, data.rocket,
    )  # fmt: skip
    picture = np.asarray(sources[seed % len(sources)](), np.uint8)
    height, width = picture.shape[:2]
    scale = max(854 / width, 480 / height)
    once = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_CUBIC)
    # Mirrored at its edges, so that a camera may go as far as in a made world.
    return np.ascontiguousarray(np.pad(once, ((480, 480), (853, 853), (0, 0)), "symmetric")[:1440, :2560])


def scene(kind: str, seed: int) -> Scene:
    """A clean shot of one of CLEAN; the same seed gives the same shot, and another of the same kind otherwise."""
    import zlib

    if kind not in CLEAN:
        raise ValueError(f"no clean shot of the kind '{kind}'")
    pick = np.random.default_rng((seed, zlib.crc32(kind.encode())))
    place = str(pick.choice(("world", "world", "photo", "drawn")))
    common = Scene(kind, seed, background=place, things=_things(pick, int(pick.integers(1, 4))))
    alone = replace(common, things=())
    slow = _travel(pick, float(pick.uniform(20, 90)))
    made: dict[str, Callable[[], Scene]] = {
        "static": lambda: common,
        "slow_pan": lambda: replace(common, camera=slow),
        "fast_pan": lambda: replace(common, camera=_travel(pick, float(pick.uniform(300, 700)))),
        "zoom": lambda: replace(common, camera=_zoom(pick)),
        "roll": lambda: replace(common, camera=_roll(pick)),
        "handheld": lambda: replace(common, camera=_handheld(pick)),
        "on_twos": lambda: replace(common, background="drawn", hold=int(pick.integers(2, 4)), camera=slow),
        "walking": lambda: replace(alone, actor=_cast(pick), role="walk"),
        "tracking": lambda: replace(alone, actor=_cast(pick), role="tracked", camera=_travel(pick, 140)),
        "talking": lambda: replace(
            alone, actor=actor(int(pick.integers(1 << 30)), float(pick.uniform(300, 900))),
            role="talk", hold=int(pick.integers(1, 3)),
        ),
        "parallax": lambda: replace(alone, role="parallax", camera=_travel(pick, 120)),
        "dark": lambda: replace(common, camera=slow, finish=("dark", "fine_grain")),
        "low_texture": lambda: replace(common, background="empty", camera=slow),
        "drawn": lambda: replace(common, background="drawn", camera=slow),
        "crf_18": lambda: replace(common, camera=slow, crf=18),
        "crf_30": lambda: replace(common, camera=slow, crf=30),
        "grain": lambda: replace(common, camera=slow, finish=("grain",)),
        "light": lambda: replace(common, finish=("light",)),
        "fade": lambda: replace(common, camera=slow, finish=("fade",)),
        "twelve_fps": lambda: replace(common, fps=12.0, camera=slow),
    }  # fmt: skip
    return made[kind]()


def _things(pick: np.random.Generator, count: int) -> tuple[Thing, ...]:
    return tuple(
        Thing(
            int(pick.integers(1 << 30)),
            (float(pick.uniform(60, 580)), float(pick.uniform(60, 300))),
            (float(pick.uniform(-120, 120)), float(pick.uniform(-60, 60))),
            float(pick.uniform(18, 48)),
            float(pick.uniform(-60, 60)),
        )
        for _ in range(count)
    )


def _cast(pick: np.random.Generator) -> Actor:
    return actor(int(pick.integers(1 << 30)), float(pick.uniform(150, 300)))


def _travel(pick: np.random.Generator, speed: float) -> Callable[[float], tuple[float, float, float, float]]:
    """Along a line, in world pixels per second, about the world's middle."""
    angle = float(pick.choice((0.0, np.pi))) + float(pick.uniform(-0.3, 0.3))
    dx, dy = speed * np.cos(angle), 0.5 * speed * np.sin(angle)
    middle = SECONDS / 2
    return lambda t: (1280 + dx * (t - middle), 720 + dy * (t - middle), 1.0, 0.0)


def _zoom(pick: np.random.Generator) -> Callable[[float], tuple[float, float, float, float]]:
    rate = float(pick.uniform(0.06, 0.25)) * float(pick.choice((-1, 1)))
    return lambda t: (1280.0, 720.0, float(1.2 * np.exp(rate * t)), 0.0)


def _roll(pick: np.random.Generator) -> Callable[[float], tuple[float, float, float, float]]:
    rate = float(pick.uniform(3, 12)) * float(pick.choice((-1, 1)))
    return lambda t: (1280.0, 720.0, 1.1, rate * t)


def _handheld(pick: np.random.Generator) -> Callable[[float], tuple[float, float, float, float]]:
    """Sums of sines between 0.7 and 7 Hz, a few pixels and half a degree; amplitudes fall with frequency."""
    rates = pick.uniform(0.7, 7, (4, 6))
    phases = pick.uniform(0, 2 * np.pi, (4, 6))
    reach = np.array([12.0, 9.0, 0.004, 0.5])[:, None] * pick.uniform(0.5, 1.2)

    def at(t: float) -> tuple[float, float, float, float]:
        x, y, grow, turn = (reach / rates * np.sin(2 * np.pi * rates * t + phases)).sum(axis=1)
        return 1280 + float(x), 720 + float(y), 1.1 * (1 + float(grow)), float(turn)

    return at


def draw(of: Scene, drawing: int, *, clothes: Actor | None = None, moved: dict[int, tuple[float, float]] | None = None,
) -> Drawing:  # fmt: skip
    """One drawing of a scene. clothes: the actor as dressed now; moved: things (by number) displaced by pixels."""
    t = of.time_of(drawing)
    x, y, scale, turn = of.camera(t)
    canvas = look(backdrop(of.background, of.seed), (x, y), scale, turn, SIZE)
    made = Drawing(canvas)
    if of.role == "parallax":
        _foreground(canvas, of, x, y)
    who = clothes or of.actor
    if who is not None:
        made.masks["actor"] = _act(canvas, of, who, t, (moved or {}).get(-1, (0.0, 0.0)))
    for number, thing in enumerate(of.things):
        dx, dy = (moved or {}).get(number, (0.0, 0.0))
        cx, cy = thing.at(t)
        if of.kind == "handheld":
            # They stand in the world that the camera shakes before.
            cx, cy = cx + (1280 - x) * scale, cy + (720 - y) * scale
        draw_thing(canvas, thing.seed, (cx + dx, cy + dy), thing.radius, thing.spin * t)
    return made


def _foreground(canvas: Rgb, of: Scene, x: float, y: float) -> None:
    """Things nearer to the camera, that pass 1.6 times as fast."""
    pick = np.random.default_rng(of.seed + 7)
    for number in range(5):
        centre = (float(pick.uniform(-100, 740)) - 1.6 * (x - 1280), float(pick.uniform(60, 340)) - 1.6 * (y - 720))
        draw_thing(canvas, of.seed + number, centre, float(pick.uniform(30, 80)))


def _act(canvas: Rgb, of: Scene, who: Actor, t: float, moved: tuple[float, float]) -> Mask:
    pick = np.random.default_rng(of.seed + 11)
    pace = float(pick.uniform(0.8, 1.2))
    stride = 2 * np.pi * pace * t
    match of.role:
        case "walk":
            speed = 0.55 * who.height * pace * float(pick.choice((-1, 1)))
            x = _bounced(float(pick.uniform(120, 520)) + speed * t, 60, SIZE[1])
            pose = Pose(stride, 1.0, eyes=_blink(t, pick))
        case "tracked":
            x, pose = 320.0 + 6 * np.sin(stride), Pose(stride, 1.0, eyes=_blink(t, pick))
        case _:
            # Syllables: about five a second, uneven.
            open_ = float(np.clip(np.sin(2 * np.pi * 4.6 * t) * np.sin(2 * np.pi * 1.7 * t + 1), 0, 1))
            x, pose = 320.0, Pose(0, 0, open_, _blink(t, pick), 4 * float(np.sin(2 * np.pi * 0.6 * t)))
    feet = 340.0 if of.role != "talk" else 150 + 0.8 * who.height
    return draw_actor(canvas, who, (x + moved[0], feet + moved[1]), pose)


def _blink(t: float, pick: np.random.Generator) -> float:
    """Shut for an eighth of a second every two to three seconds."""
    every, offset = float(pick.uniform(2, 3)), float(pick.uniform(0, 2))
    return 0.0 if (t + offset) % every < 0.125 else 1.0
