"""Films whose cuts, dissolves, fades and wipes are known, and films that only look as if they had some; by seed.

A gradual transition of n frames has n frames that belong to neither shot alone; the mix of its k-th frame, counted from
0, is (k + 1) / (n + 1), eased in a third of the cases. Seeds below 1000 are for tuning, others for reports.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evals.footage.transitions_blend import PUSHES, WIPES, cross_zoomed, fade_through, irised, mix, pushed, wiped
from evals.footage.transitions_shots import SIZE, make_shot
from evals.footage.world import Rgb, write_clip

Source = Callable[[int], Rgb]
"""Frame k of a shot, any k from 0."""
KINDS = ("cut", "dissolve", "fade", "wipe")
SHARES = (0.4, 0.25, 0.15, 0.2)
"""How often each kind is made."""
COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "colour": (150, 30, 40)}


@dataclass(frozen=True)
class Known:
    """One transition of a made film: `first_frame` and `frames` as in `backends.vision.cuts.result.Transition`."""

    kind: str
    first_frame: int
    frames: int
    detail: str = ""
    eased: bool = False
    soft: float = 0.0
    hold: float = 0.0


@dataclass(frozen=True)
class Joined:
    """A film of shots with known transitions. `frames()` makes them anew each time."""

    name: str
    fps: float
    crf: int
    truth: tuple[Known, ...]
    shots: tuple[Source, ...]
    length: int
    """Frames."""

    def frames(self) -> Iterator[Rgb]:
        """All frames in order, (H, W, 3) uint8."""
        shot, begun = 0, 0
        inner = [known for known in self.truth if known.first_frame > 0 and not _at_end(known, self.length)]
        for index in range(self.length):
            while shot < len(inner) and index >= inner[shot].first_frame + inner[shot].frames:
                begun = inner[shot].first_frame
                shot += 1
            old = self.shots[shot](index - begun)
            coming = inner[shot] if shot < len(inner) else None
            if coming is not None and index >= coming.first_frame:
                new = self.shots[shot + 1](index - coming.first_frame)
                yield draw(coming, old, new, index - coming.first_frame)
            else:
                yield self._edges(old, index)

    def _edges(self, picture: Rgb, index: int) -> Rgb:
        """Fades at the film's very start and end."""
        for known in self.truth:
            inside = known.first_frame <= index < known.first_frame + known.frames
            if inside and (known.first_frame == 0 or _at_end(known, self.length)):
                left = index - known.first_frame + 1
                level = left / (known.frames + 1)
                flat = np.zeros_like(picture)
                return mix(flat, picture, level if known.first_frame == 0 else 1 - level)
        return picture

    def write(self, path: Path) -> Path:
        """The film as H.264, and its truth beside it as JSON."""
        write_clip(path, self.frames(), fps=self.fps, crf=self.crf)
        path.with_suffix(".json").write_text(json.dumps(self.described(), indent=1), encoding="utf-8")
        return path

    def described(self) -> dict[str, object]:
        """Its truth, JSON-ready."""
        truth = [asdict(known) for known in self.truth]
        return {"name": self.name, "fps": self.fps, "frames": self.length, "crf": self.crf, "transitions": truth}


def _at_end(known: Known, length: int) -> bool:
    return known.frames > 0 and known.first_frame + known.frames >= length


def draw(known: Known, old: Rgb, new: Rgb, k: int) -> Rgb:
    """The k-th frame, from 0, of a transition."""
    share = (k + 1) / (known.frames + 1)
    if known.eased:
        share = share * share * (3 - 2 * share)
    if known.detail == "cross zoom":
        return cross_zoomed(old, new, share)
    if known.kind == "dissolve":
        return mix(old, new, share)
    if known.kind == "fade":
        return fade_through(old, new, share, COLOURS[known.detail], known.hold)
    if known.detail == "iris through black":
        return irised(old, new, share)
    if known.detail in WIPES:
        return wiped(old, new, share, known.detail, known.soft)
    return pushed(old, new, share, known.detail)


def pick_transition(pick: np.random.Generator, at: int, fps: float, kind: str | None = None) -> Known:
    """A transition that starts at frame `at`: dissolves of 6-40 frames, wipes of 8-40, fades of 12-60."""
    kind = kind or str(pick.choice(KINDS, p=SHARES))
    eased = bool(pick.random() < 1 / 3)
    if kind == "cut":
        return Known("cut", at, 0)
    if kind == "dissolve":
        return Known("dissolve", at, int(np.exp(pick.uniform(np.log(6), np.log(40.99)))), "", eased)
    if kind == "fade":
        colour = str(pick.choice(list(COLOURS), p=[0.6, 0.25, 0.15]))
        return Known("fade", at, int(pick.integers(12, 61)), colour, eased, hold=float(pick.choice([0, 0.1, 0.3])))
    style = str(pick.choice(WIPES if pick.random() < 0.7 else PUSHES))
    soft = float(pick.choice([0, 0, 0.05, 0.15]))
    return Known("wipe", at, int(pick.integers(8, 41)), style, eased, soft)


def plan(pick: np.random.Generator, lengths: Sequence[int], fps: float, *, edges: bool) -> tuple[list[Known], int]:
    """Transitions between shots that are seen alone for `lengths` frames each; the film's length in frames.

    edges: whether the film may fade in at its start and out at its end.
    """
    truth: list[Known] = []
    at = 0
    if edges and pick.random() < 0.3:
        truth.append(Known("fade", 0, int(pick.integers(8, 31)), "black"))
        at = truth[-1].frames
    for length in lengths[:-1]:
        at += length
        truth.append(pick_transition(pick, at, fps))
        at += truth[-1].frames
    at += lengths[-1]
    if edges and pick.random() < 0.3:
        truth.append(Known("fade", at, int(pick.integers(8, 31)), "black"))
        at += truth[-1].frames
    return truth, at


def made_film(seed: int, shots: int = 14, size: tuple[int, int] = SIZE) -> Joined:
    """A film of `shots` shots of 1.2 to 4 s with all kinds of transitions between them."""
    pick = np.random.default_rng((7, seed))
    fps = float(pick.choice([24, 25, 30]))
    lengths = [round(float(pick.uniform(1.2, 4.0)) * fps) for _ in range(shots)]
    truth, length = plan(pick, lengths, fps, edges=True)
    takes, last = [], ""
    for _ in range(shots):
        take = make_shot(pick, seed, fps, last, size)
        last = take.name
        takes.append(take.at)
    crf = int(pick.choice([16, 20, 24, 28, 32]))
    return Joined(f"made {seed}", fps, crf, tuple(truth), tuple(takes), length)
