"""Drawn films with known transitions, and drawn takes without any that look as if they had some; by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evals.footage.drawn import DrawnShot, make_drawn, make_figure
from evals.footage.drawn_looks import aged, barred, credits, impact, lined, panel
from evals.footage.transitions import Joined, Known, Source
from evals.footage.transitions_shots import SIZE
from evals.footage.world import Rgb

SECONDS = 6.0
STYLES: dict[str, tuple[str, str, tuple[int, int]]] = {
    "cut": ("cut", "", (0, 0)),
    "dissolve": ("dissolve", "", (6, 30)),
    "fade to black": ("fade", "black", (12, 48)),
    "fade to white": ("fade", "white", (12, 48)),
    "fade to a colour": ("fade", "colour", (12, 48)),
    "iris out": ("wipe", "iris out", (8, 30)),
    "iris in": ("wipe", "iris in", (8, 30)),
    "iris through black": ("wipe", "iris through black", (20, 48)),
    "push": ("wipe", "push left", (8, 24)),
    "push up": ("wipe", "push up", (8, 24)),
    "slide": ("wipe", "slide right", (8, 24)),
    "wipe": ("wipe", "left to right", (8, 24)),
    "cross zoom": ("dissolve", "cross zoom", (8, 20)),
}
"""Name -> kind, detail, least and most frames of the transitions between drawn shots."""
FIGHT = (4, 9)
"""Least and most frames of a fight's shots."""


def drawn_film(seed: int, size: tuple[int, int] = SIZE) -> Joined:
    """Drawn shots of 1.2 to 3 s with each of STYLES once, and two more cuts, in any order."""
    pick = np.random.default_rng((29, seed))
    fps = float(pick.choice([24, 25, 30]))
    names = [str(name) for name in pick.permutation([*STYLES, "cut", "cut"])]
    truth: list[Known] = []
    at = 0
    for name in names:
        kind, detail, (least, most) = STYLES[name]
        at += round(float(pick.uniform(1.2, 3.0)) * fps)
        eased = bool(pick.random() < 1 / 3)
        frames = int(pick.integers(least, most + 1))
        truth.append(Known(kind, at, frames, detail, eased and kind != "cut"))
        at += frames
    length = at + round(2 * fps)
    return Joined(f"drawn {seed}", fps, _crf(pick), tuple(truth), _takes(pick, seed, fps, len(names) + 1, size), length)


def fight(seed: int, size: tuple[int, int] = SIZE) -> Joined:
    """A calm shot, 24 shots of 4 to 9 frames with a fast camera and hard cuts, a calm shot."""
    pick = np.random.default_rng((31, seed))
    fps = float(pick.choice([24, 25]))
    lengths = [round(1.5 * fps), *(int(n) for n in pick.integers(FIGHT[0], FIGHT[1] + 1, 24))]
    truth = tuple(Known("cut", int(at), 0) for at in np.cumsum(lengths))
    takes = [make_drawn(pick, seed, fps, size=size) for _ in range(len(lengths) + 1)]
    for take in takes[1:-1]:
        across = size[1] / take.scale
        take.speed = (across * float(pick.uniform(0.3, 1.5)) * float(pick.choice([-1, 1])), 0.0)
        take.figures = [make_figure(pick, size, "walks")]
        take.figures[0].speed *= 4
    sources = tuple(take.at for take in takes)
    return Joined(f"fight {seed}", fps, _crf(pick), truth, sources, truth[-1].first_frame + round(1.5 * fps))


def _takes(pick: np.random.Generator, seed: int, fps: float, count: int, size: tuple[int, int]) -> tuple[Source, ...]:
    takes: list[DrawnShot] = []
    for _ in range(count):
        takes.append(make_drawn(pick, seed, fps, takes[-1].name if takes else "", size))
    return tuple(take.at for take in takes)


def _crf(pick: np.random.Generator) -> int:
    return int(pick.choice([16, 20, 24, 28, 32]))


def threes(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Two figures walk, every drawing shown two to four frames, in front of a background that passes."""
    shot.hold = int(pick.choice([2, 3, 4]))
    shot.figures = [make_figure(pick, shot.size, "walks") for _ in range(2)]
    shot.speed = (shot.size[1] / shot.scale * float(pick.uniform(0.1, 0.5)), 0.0)
    return shot.at


def mouth_only(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Limited animation: nothing but a mouth and eyelids moves."""
    shot.speed, shot.zoom = (0.0, 0.0), 1.0
    shot.figures = [make_figure(pick, shot.size, "talks")]
    return shot.at


def held(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """One drawing for two seconds, a few frames of movement, and the next drawing is held."""
    shot.speed, shot.zoom = (0.0, 0.0), 1.0
    figure = make_figure(pick, shot.size, "walks")
    figure.speed *= 2
    shot.figures = [figure]
    return lambda k: shot.at(min(k % 48, 8) + 8 * (k // 48))


def running(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Somebody runs on the spot while the background rushes past, mirrored over and over."""
    figure = make_figure(pick, shot.size, "walks")
    figure.feet, figure.speed = (shot.size[1] / 2, figure.feet[1]), 0.0
    shot.figures, shot.hold = [figure], 2
    shot.speed = (shot.size[1] / shot.scale * float(pick.uniform(0.8, 2.5)) * float(pick.choice([-1, 1])), 0.0)
    return shot.at


def smear(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A large figure darts to and fro: two smeared drawings each time, then it stands."""
    import cv2

    shot.speed = (0.0, 0.0)
    figure = make_figure(pick, shot.size, "stands")
    left, right = 0.2 * shot.size[1], 0.8 * shot.size[1]

    def see(k: int) -> Rgb:
        turn, part = divmod(k, 30)
        here, there = (left, right) if turn % 2 else (right, left)
        frame = shot.background(k)
        share = min(1.0, part / 4)
        if 0 < part < 4:
            smeared = frame.copy()
            for step in np.linspace(max(0.0, share - 0.5), share, 9):
                figure.feet = (here + (there - here) * float(step), figure.feet[1])
                shot.act(smeared, figure, k)
            drawn = (smeared != frame).any(axis=2, keepdims=True)
            return np.asarray(np.where(drawn, cv2.blur(smeared, (31, 1)), frame), np.uint8)
        figure.feet = (here + (there - here) * share, figure.feet[1])
        shot.act(frame, figure, k)
        return frame

    return see


def impact_frames(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """One to three frames at a blow are turned into their negative, two tones or a flat colour."""
    shown: dict[int, str] = {}
    for at in pick.integers(frames // 6, frames - frames // 6, 3):
        ways = pick.permutation(["negative", "tones", "flat"])
        for k in range(int(pick.integers(1, 4))):
            shown[int(at) + k] = str(ways[k])
    return lambda k: impact(shot.at(k), shown[k]) if k in shown else shot.at(k)


def speed_lines(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Lines towards the middle, redrawn on twos, come over the shot for two seconds."""
    begin = frames // 3
    return lambda k: lined(shot.at(k), seed, k // 2) if begin <= k < begin + 48 else shot.at(k)


def rolling_credits(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Names roll up over black or over the picture."""
    over, speed = bool(pick.random() < 0.5), float(pick.uniform(25, 80)) / shot.fps
    page = credits(seed, shot.size)
    return lambda k: page(shot.at(k) // 2 if over else np.zeros_like(shot.at(0)), k * speed)


def split_screen(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A second picture slides in over a third to half of the first, stays, and leaves."""
    other = make_drawn(pick, seed, shot.fps, shot.name, shot.size)
    share, ramp = float(pick.uniform(0.33, 0.5)), int(pick.integers(5, 16))
    left = bool(pick.random() < 0.5)

    def see(k: int) -> Rgb:
        there = np.clip((k - frames // 4) / ramp, 0, 1) * np.clip((3 * frames // 4 - k) / ramp, 0, 1)
        return panel(shot.at(k), other.at(k), share * float(there), left=left)

    return see


def bars(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """The picture is narrowed by black bars, from above and below or from both sides, and opened again."""
    share, ramp = float(pick.uniform(0.1, 0.2)), int(pick.choice([0, 8, 16]))
    sides = bool(pick.random() < 0.3)

    def see(k: int) -> Rgb:
        there = np.clip((k - frames // 4) / max(ramp, 1), 0, 1) * np.clip((3 * frames // 4 - k) / max(ramp, 1), 0, 1)
        return barred(shot.at(k), share * float(there), sides=sides)

    return see


def worn(shot: DrawnShot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """An old copy: grain, dust, scratches, a picture that weaves, light that breathes."""
    return lambda k: aged(shot.at(k), seed, k)


Trick = Callable[[DrawnShot, np.random.Generator, int, int], Source]
TRICKS: dict[str, Trick] = {
    trick.__name__: trick
    for trick in (
        threes, mouth_only, held, running, smear, impact_frames, speed_lines, rolling_credits, split_screen, bars, worn,
    )
}  # fmt: skip


def drawn_negative(name: str, seed: int, size: tuple[int, int] = SIZE) -> Joined:
    """A drawn take of 6 s in which `name` (a key of TRICKS) happens and nothing is cut."""
    pick = np.random.default_rng((37, seed, *name.encode()))
    fps = float(pick.choice([24, 25, 30]))
    frames = round(SECONDS * fps)
    shot = make_drawn(pick, seed, fps, size=size)
    return Joined(name, fps, _crf(pick), (), (TRICKS[name](shot, pick, seed, frames),), frames)


def styles_of(film: Joined) -> Sequence[str]:
    """The key of STYLES of each transition of a drawn film, in order."""
    names = {(kind, detail): name for name, (kind, detail, _) in STYLES.items()}
    return [names[known.kind, known.detail] for known in film.truth]
