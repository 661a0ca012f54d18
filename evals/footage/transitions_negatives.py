"""Takes without any transition that look as if they had one: what a detector must not call a cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evals.footage.transitions import Joined, Source
from evals.footage.transitions_blend import mix
from evals.footage.transitions_shots import SIZE, Shot, make_shot, make_sprite
from evals.footage.world import Rgb

Trick = Callable[[Shot, np.random.Generator, int, int], Source]
"""(shot, pick, seed, frames) -> the take as it is seen."""
SECONDS = 6.0


def _gain(frame: Rgb, gain: float, lift: float = 0.0) -> Rgb:
    return np.asarray((frame.astype(np.float32) * gain + lift).clip(0, 255), np.uint8)


def _moments(pick: np.random.Generator, frames: int, count: int) -> list[int]:
    """Moments well inside of the take, in order."""
    return sorted(int(v) for v in pick.integers(frames // 6, frames - frames // 6, count))


def flash(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Camera flashes of 1 to 3 frames."""
    moments = {at + k for at in _moments(pick, frames, 3) for k in range(int(pick.integers(1, 4)))}
    level = float(pick.uniform(80, 255))
    return lambda k: _gain(shot.at(k), 1.0, level) if k in moments else shot.at(k)


def strobe(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A stroboscope: light and dark by turns for two seconds."""
    begin, period = frames // 3, int(pick.integers(2, 9))

    def see(k: int) -> Rgb:
        dark = begin <= k < begin + 48 and (k - begin) // period % 2 == 0
        return _gain(shot.at(k), 0.25) if dark else shot.at(k)

    return see


def lightning(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A dark scene that lightning lights up, with afterglow."""
    moments = _moments(pick, frames, 2)

    def see(k: int) -> Rgb:
        glow = sum(np.exp(-(k - at) / 3) for at in moments if k >= at) + sum(
            0.7 * np.exp(-(k - at - 5) / 4) for at in moments if k >= at + 5
        )
        return _gain(shot.at(k), 0.35 + 1.5 * float(glow), 60 * float(glow))

    return see


def explosion(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A ball of fire that grows over most of the picture within a few frames and dies away, with shake."""
    at, fade = _moments(pick, frames, 1)[0], float(pick.uniform(8, 25))
    height, width = shot.size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = np.hypot(x - width * pick.uniform(0.3, 0.7), y - height * 0.6)[..., None]
    clouds = make_shot(pick, seed, shot.fps).at(0).astype(np.float32) / 255
    fire = np.asarray([255, 170, 60], np.float32) * (0.6 + 0.4 * clouds)

    def see(k: int) -> Rgb:
        frame = shot.at(k).astype(np.float32)
        if k >= at:
            size = width * 0.5 * min(1.0, (k - at + 1) / 6)
            share = np.clip((size - radius) / 30, 0, 1) * np.exp(-max(0, k - at - 6) / fade)
            frame = np.roll(frame * (1 - share) + fire * share, int(6 * np.sin(k * 2.1) * np.exp(-(k - at) / 10)), 0)
        return np.asarray(frame.clip(0, 255), np.uint8)

    return see


def light_on(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A lamp is switched on, and later dimmed slowly."""
    on, off = frames // 3, 2 * frames // 3
    dark, ramp = float(pick.uniform(0.15, 0.5)), int(pick.integers(1, 4))

    def see(k: int) -> Rgb:
        level = np.clip((k - on + 1) / ramp, 0, 1) * (1 - np.clip((k - off) / 30, 0, 1))
        return _gain(shot.at(k), dark + (1 - dark) * float(level))

    return see


def whip_pan(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """The camera is thrown to another place of the same world within 4 to 10 frames, with motion blur."""
    at, length = frames // 2, int(pick.integers(4, 11))
    view = shot.size[1] / shot.scale
    way = float(pick.choice([-1, 1])) * view * float(pick.uniform(0.8, 1.6))
    start = shot.centre[0] - way / 2

    def place(k: float) -> float:
        share = float(np.clip((k - at) / length, 0, 1))
        return start + way * share * share * (3 - 2 * share)

    def see(k: int) -> Rgb:
        steps = 12 if at - 1 <= k <= at + length else 1
        total = np.zeros((*shot.size, 3), np.float32)
        for step in range(steps):
            shot.centre = (place(k + 0.8 * step / steps), shot.centre[1])
            total += shot.at(k)
        return np.asarray(total / steps, np.uint8)

    return see


def fast_pan(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """The camera turns to and fro at up to two widths a second."""
    view, rate = shot.size[1] / shot.scale, float(pick.uniform(0.25, 0.6))
    centre = shot.centre

    def see(k: int) -> Rgb:
        swing = np.sin(2 * np.pi * rate * k / shot.fps) * view * 0.5
        shot.centre = (centre[0] + float(swing), centre[1])
        return shot.at(k)

    return see


def fast_objects(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Large things that rush through the picture."""
    shot.sprites = []
    for at in np.linspace(0.5, SECONDS - 1, 7):
        sprite = make_sprite(pick, seed, shot.size, float(pick.uniform(0.3, 0.5)) * shot.size[0])
        speed = float(pick.choice([-1, 1])) * float(pick.uniform(0.8, 2.0)) * shot.size[1]
        middle = shot.size[1] / 2
        sprite.speed, sprite.start = (speed, 0.0), (middle - speed * float(at), sprite.start[1])
        shot.sprites.append(sprite)
    return shot.at


def passing(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Something dark and out of focus goes past the lens and hides nearly everything for a moment."""
    import cv2

    sprite = make_sprite(pick, seed, shot.size, 0.75 * shot.size[0])
    sprite.texture = np.asarray(cv2.GaussianBlur(sprite.texture, (0, 0), 12) * 0.4, np.uint8)
    sprite.mask = cv2.GaussianBlur(cv2.resize(sprite.mask, None, fx=1.6, fy=1.2), (0, 0), 8)[..., None]
    sprite.texture = cv2.resize(sprite.texture, sprite.mask.shape[1::-1])
    speed = float(pick.choice([-1, 1])) * float(pick.uniform(0.8, 3.0)) * shot.size[1]
    sprite.speed, sprite.start = (speed, 0.0), (shot.size[1] / 2 - speed * SECONDS / 2, shot.size[0] / 2)
    shot.sprites.append(sprite)
    return shot.at


def shake(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Blows: the camera jumps by up to a tenth of the picture from frame to frame."""
    jumps = pick.normal(0, 0.03, (frames + 1, 2)) * shot.size[1] / shot.scale
    burst = (np.arange(frames + 1) // 24 % 2)[:, None]
    centre = shot.centre

    def see(k: int) -> Rgb:
        jump = (jumps * burst)[min(k, frames)]
        shot.centre = (centre[0] + float(jump[0]), centre[1] + float(jump[1]))
        return shot.at(k)

    return see


def slow_zoom(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A steady zoom through the whole take."""
    shot.zoom, shot.speed = float(pick.choice([0.8, 0.87, 1.15, 1.25])), (0.0, 0.0)
    return shot.at


def crash_zoom(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A zoom of two to three times within half a second."""
    shot.zoom = 1.0
    scale, at, grown = shot.scale * 0.8, frames // 2, float(pick.uniform(2, 3))
    length = int(pick.integers(8, 16))

    def see(k: int) -> Rgb:
        shot.scale = scale * grown ** float(np.clip((k - at) / length, 0, 1))
        return shot.at(k)

    return see


def subtitle(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """Subtitles come and go."""
    import cv2

    def see(k: int) -> Rgb:
        frame = shot.at(k).copy()
        if k // 30 % 2:
            for row, text in enumerate((f"Here is line number {k // 60}", "of what somebody says")):
                at = (40, shot.size[0] - 34 + 18 * row)
                cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
                cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
        return frame

    return see


def title(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A large title fades in over the picture, which is dimmed a little, and out again."""
    import cv2

    page = np.zeros((*shot.size, 3), np.uint8)
    cv2.putText(page, "THE FILM", (24, 105), cv2.FONT_HERSHEY_TRIPLEX, 1.8, (255, 240, 200), 4, cv2.LINE_AA)
    mask = (page.max(axis=2, keepdims=True) > 40).astype(np.float32)
    begin, ramp = frames // 4, int(pick.integers(8, 25))

    def see(k: int) -> Rgb:
        share = float(np.clip((k - begin) / ramp, 0, 1) * np.clip((frames * 3 // 4 - k) / ramp, 0, 1))
        frame = _gain(shot.at(k), 1 - 0.3 * share)
        return mix(frame, np.asarray(frame * (1 - mask) + page * mask, np.uint8), share)

    return see


def focus(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """The lens is pulled out of focus and back."""
    import cv2

    at, length = frames // 2, float(pick.uniform(8, 20))

    def see(k: int) -> Rgb:
        sigma = 10 * float(np.exp(-(((k - at) / length) ** 2)))
        return np.asarray(cv2.GaussianBlur(shot.at(k), (0, 0), sigma), np.uint8) if sigma > 0.3 else shot.at(k)

    return see


def coloured_lights(shot: Shot, pick: np.random.Generator, seed: int, frames: int) -> Source:
    """A dance floor: the colour of the light changes smoothly and jumps on the beat."""
    tints = pick.uniform(0.3, 1.2, (40, 3)).astype(np.float32)

    def see(k: int) -> Rgb:
        beat, part = divmod(k, 15)
        share = min(1.0, part / 6) if beat % 2 else 1.0
        tint = tints[beat - 1] * (1 - share) + tints[beat] * share
        return np.asarray((shot.at(k) * tint).clip(0, 255), np.uint8)

    return see


TRICKS: dict[str, Trick] = {
    trick.__name__: trick
    for trick in (
        flash, strobe, lightning, explosion, light_on, whip_pan, fast_pan, fast_objects, passing, shake, slow_zoom,
        crash_zoom, subtitle, title, focus, coloured_lights,
    )
}  # fmt: skip


def negative(name: str, seed: int, size: tuple[int, int] = SIZE) -> Joined:
    """A take of 6 s in which `name` (a key of TRICKS) happens and nothing is cut."""
    pick = np.random.default_rng((11, seed, *name.encode()))
    fps = float(pick.choice([24, 25, 30]))
    frames = round(SECONDS * fps)
    shot = make_shot(pick, seed, fps, size=size)
    take = TRICKS[name](shot, pick, seed, frames)
    return Joined(name, fps, int(pick.choice([16, 20, 24, 28, 32])), (), (take,), frames)
