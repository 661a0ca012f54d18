"""Made clips whose camera moves are known: class, direction, speed and time of every stretch, from a seed.

The camera pans, tilts, zooms, travels, rolls, stands, shakes in a hand or does one after another; before it are made
worlds, photographs, flat cartoons (some with hardly any detail) and worlds of three planes, where a push or a travel
shows parallax and a zoom or a pan does not. Things pass in front (up to 40 % of the frame), light swings, sensors and
coders add noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.result import Move
from evals.footage.moves_frames import Camera, Recording, Rgb, Thing, put_in_front, recorded, seen, thing
from evals.footage.moves_worlds import FLAT, LAYERED, Plane, planes
from evals.footage.world import write_clip

KINDS: tuple[Move, ...] = ("static", "pan", "tilt", "zoom", "push", "roll", "tracking", "handheld", "mixed")
SLOWEST_AND_FASTEST: dict[Move, tuple[float, float]] = {
    "pan": (0.02, 1.2),
    "tilt": (0.03, 1.2),
    "zoom": (0.015, 0.35),
    "push": (0.02, 0.25),
    "roll": (0.004, 0.12),
    "tracking": (0.06, 0.6),
}
"""In the measure of `CameraSegment.speed`; drawn evenly on a logarithmic scale."""
_WAYS: dict[Move, tuple[str, str]] = {
    "pan": ("left", "right"),
    "tilt": ("up", "down"),
    "zoom": ("in", "out"),
    "push": ("in", "out"),
    "roll": ("clockwise", "counter-clockwise"),
    "tracking": ("left", "right"),
}


@dataclass(frozen=True)
class Stretch:
    """One move. first, end: frames; the speed grows over `ease` frames at its start and falls so at its end."""

    move: Move
    direction: str
    speed: float
    first: int
    end: int
    ease: int = 0


@dataclass(frozen=True)
class MadeClip:
    """A clip's plan, with the truth about it."""

    seed: int
    texture: str
    stretches: tuple[Stretch, ...]
    fps: float
    shake: float
    """RMS of the hand's shake, frame widths per frame."""
    things: tuple[Thing, ...]
    recording: Recording
    held: int = 1
    """Frames that each picture is shown for: 2 is animation on twos."""

    @property
    def kind(self) -> Move:
        """The class of the whole clip."""
        return self.stretches[0].move if len(self.stretches) == 1 else "mixed"

    @property
    def frames(self) -> int:
        return self.stretches[-1].end

    @property
    def layered(self) -> bool:
        return self.texture in LAYERED

    def pictures(self) -> Iterator[Rgb]:
        """Its frames (HEIGHT, WIDTH, 3) uint8."""
        return recorded(self._seen(), self.recording, self.fps, self.seed)

    def save(self, path: Path, crf: int = 26) -> Path:
        """The clip as H.264 in mp4."""
        return write_clip(path, self.pictures(), fps=self.fps, crf=crf)

    def _seen(self) -> Iterator[tuple[Rgb, tuple[float, float]]]:
        """Frames, and how far the picture of the first plane moves to the next, pixels."""
        world = planes(self.texture, self.seed)
        camera = _camera_at_start(self, world)
        shake = _shake(self.seed, self.frames, self.fps) * self.shake
        number = 0
        shown: tuple[Rgb, tuple[float, float]] | None = None
        for stretch in self.stretches:
            for speed in _speeds(stretch, self.fps):
                views, (right, down, turn) = camera.views(), shake[number]
                _step(camera, stretch, speed / self.fps)
                if shown is None or number % self.held == 0:
                    frame = seen(world, views, (right, down, turn))
                    for one in self.things:
                        frame = put_in_front(frame, one, number / self.fps)
                    moved = (camera.views()[0] - views[0])[:, 2] * (stretch.move in ("pan", "tilt", "tracking"))
                    shown = frame, (float(moved[0]), float(moved[1]))
                yield shown
                number += 1


def made_clip(seed: int, kind: Move | None = None, texture: str | None = None) -> MadeClip:
    """The clip of a seed; its kind and its world are drawn from the seed too unless given.

    Seeds below 1000 are for tuning; figures are told of seeds from 2000 on.
    """
    pick = np.random.default_rng((seed, 7))
    drawn = KINDS[int(pick.integers(len(KINDS)))]
    kind = kind or drawn
    fps = float(pick.choice([24, 24, 25, 30]))
    worlds = LAYERED if kind in ("push", "tracking") else (*FLAT, *LAYERED)
    texture = texture or str(pick.choice(worlds))
    stretches = _mixed(pick, fps, texture) if kind == "mixed" else (_single(pick, kind, fps),)
    shaken = kind == "handheld" or (kind != "static" and pick.random() < 0.35)
    shake = float(pick.uniform(0.0015, 0.005) if kind == "handheld" else pick.uniform(0.0008, 0.003)) if shaken else 0.0
    if shaken:
        stretches = tuple(replace(one, move="handheld") if one.move == "static" else one for one in stretches)
    cartoon = texture in ("cartoon", "sparse", "cartoon layers")
    held = 2 if cartoon and not shaken and pick.random() < 0.3 else 1
    return MadeClip(
        seed, texture, stretches, fps, shake, _things(pick, kind, stretches, fps), _recording(pick, cartoon), held
    )


def _single(pick: np.random.Generator, kind: Move, fps: float) -> Stretch:
    frames = round(float(pick.uniform(2.5, 5.0)) * fps)
    return _stretch(pick, kind, 0, frames, ease=int(pick.choice([0, 0, frames // 8, frames // 4])))


def _stretch(pick: np.random.Generator, move: Move, first: int, end: int, ease: int) -> Stretch:
    if move not in _WAYS:
        return Stretch(move, "", 0.0, first, end)
    slow, fast = SLOWEST_AND_FASTEST[move]
    speed = float(slow * (fast / slow) ** pick.random())
    return Stretch(move, str(pick.choice(_WAYS[move])), speed, first, end, ease)


def _mixed(pick: np.random.Generator, fps: float, texture: str) -> tuple[Stretch, ...]:
    """Two or three moves of like length, none of them so slow that its border could not be told."""
    moves: list[Move] = ["static", "pan", "tilt", "zoom", "roll"]
    if texture in LAYERED:
        moves.append("push")
    count, first, found = int(pick.integers(2, 4)), 0, list[Stretch]()
    while len(found) < count:
        move = moves[int(pick.integers(len(moves)))]
        before = found[-1].move if found else ""
        if move == before or {move, before} == {"zoom", "push"}:
            continue
        frames = round(float(pick.uniform(1.5, 2.2)) * fps)
        stretch = _stretch(pick, move, first, first + frames, ease=int(pick.integers(0, 7)))
        slow, fast = SLOWEST_AND_FASTEST.get(move, (0, 0))
        bounded = min(max(stretch.speed, 3 * slow), fast / 2)
        found.append(replace(stretch, speed=bounded))
        first += frames
    return tuple(found)


def _things(pick: np.random.Generator, kind: Move, stretches: tuple[Stretch, ...], fps: float) -> tuple[Thing, ...]:
    """What moves in front; of a tracking shot the one that it follows."""
    seconds = stretches[-1].end / fps
    if kind == "tracking":
        place = (float(pick.uniform(0.35, 0.65)), float(pick.uniform(0.5, 0.62)))
        figure = thing(pick, float(pick.uniform(0.06, 0.2)), person=True)
        return (Thing(figure, place, bob=float(pick.choice([0.0, 0.012]))),)
    if pick.random() < 0.5:
        return ()
    found = []
    for _ in range(int(pick.integers(1, 3))):
        side = float(pick.choice([-1, 1]))
        start = (0.5 - side * float(pick.uniform(0.1, 0.6)), float(pick.uniform(0.35, 0.75)))
        across = side * float(pick.uniform(0.15, 0.5)) * min(1.0, 4 / seconds)
        if stretches[0].move in ("pan", "tilt"):
            # Slower, it would all but stay in the frame, and be followed.
            across = side * max(abs(across), 0.5 * stretches[0].speed)
        speed = (across, float(pick.uniform(-0.03, 0.03)))
        found.append(Thing(thing(pick, float(pick.uniform(0.03, 0.2))), start, speed))
    return tuple(found)


def _recording(pick: np.random.Generator, cartoon: bool) -> Recording:
    lit = pick.random() < 0.3
    return Recording(
        light=float(pick.uniform(0.05, 0.25)) if lit else 0.0,
        light_period=float(pick.uniform(0.4, 4.0)),
        noise=0.0 if cartoon else float(pick.choice([0.0, 2.0, 5.0])),
        quality=int(pick.integers(35, 95)),
        shutter=0.0 if cartoon else 0.5,
    )


def _camera_at_start(clip: MadeClip, world: tuple[Plane, ...]) -> Camera:
    """So that the world lasts: it is in its middle when the moves are half done."""
    grown = {"push": 1.0, "zoom": 1.0}
    right = down = 0.0
    for stretch in clip.stretches:
        whole = float(_speeds(stretch, clip.fps).sum()) / clip.fps
        if stretch.move in grown:
            grown[stretch.move] *= _grown(stretch, whole)
        whole *= 1 if stretch.direction in ("right", "down") else -1
        right += whole if stretch.move in ("pan", "tracking") else 0
        down += whole if stretch.move == "tilt" else 0
    # A push ends where the planes were drawn for, or begins there.
    camera = Camera(world, ahead=min(0.0, 1 - grown["push"]))
    camera.zoom(max(1.0, 1 / grown["zoom"]) ** 0.5)
    camera.turn(-right / 2, -down / 2)
    return camera


def _speeds(stretch: Stretch, fps: float) -> NDArray[np.float64]:
    """The speed from each of its frames to the next; its mean over the whole stretch is `stretch.speed`."""
    frames = stretch.end - stretch.first
    ramp = np.ones(frames)
    if stretch.ease:
        edge = (np.arange(stretch.ease) + 0.5) / stretch.ease
        ramp[: stretch.ease], ramp[frames - stretch.ease :] = edge, edge[::-1]
    return np.asarray(stretch.speed * ramp * frames / ramp.sum())


def _step(camera: Camera, stretch: Stretch, way: float) -> None:
    """way: widths, heights, turns, or the part of a second's growth."""
    sign = 1 if stretch.direction in ("right", "down", "in", "clockwise") else -1
    signed = sign * way
    match stretch.move:
        case "pan":
            camera.turn(signed, 0)
        case "tilt":
            camera.turn(0, signed)
        case "zoom":
            camera.zoom(_grown(stretch, way))
        case "push":
            camera.push(_grown(stretch, way))
        case "roll":
            camera.roll(signed)
        case "tracking":
            camera.travel(signed)


def _grown(stretch: Stretch, way: float) -> float:
    """The factor of a step; in a second they come to 1 + speed, or 1 - speed on the way out."""
    rate = np.log1p(stretch.speed if stretch.direction == "in" else -stretch.speed)
    return float(np.exp(rate * way / stretch.speed))


def _shake(seed: int, frames: int, fps: float) -> NDArray[np.float64]:
    """(frames, 3) right and down in widths, and degrees: from sway at 0.6 Hz to tremor at 8 Hz, 1 width/frame RMS.

    A hand's unrest falls with frequency, and it keeps its aim over seconds; its turns are some degrees for each frame
    width of its shifts.
    """
    pick = np.random.default_rng((seed, 17))
    seconds = np.arange(frames) / fps
    waves = np.geomspace(0.6, 8.0, 14)
    found = np.zeros((frames, 3))
    for axis in range(3):
        for wave in waves * pick.uniform(0.85, 1.15, len(waves)):
            found[:, axis] += np.sin(2 * np.pi * (wave * seconds + pick.random())) * pick.uniform(0.4, 1) / wave
    steps = np.diff(found, axis=0)
    found[:, :2] /= np.sqrt((steps[:, :2] ** 2).sum(1).mean())
    found[:, 2] *= float(pick.uniform(8, 25)) / np.sqrt((steps[:, 2] ** 2).mean())
    return found
