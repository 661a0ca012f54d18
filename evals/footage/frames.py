"""Made pictures whose composition is known: where the subject is, mirrored halves, lines that meet, key, palette."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evals.footage.world import look, world

Rgb = NDArray[np.uint8]
SIZE = (180, 320)
"""Height and width of the pictures."""
PHOTOGRAPHS = ("china", "flower", "astronaut", "coffee", "chelsea", "rocket")
"""Of scikit-learn and scikit-image: all are inside their wheels."""


@dataclass(frozen=True)
class Placed:
    """A picture with one obvious subject."""

    rgb: Rgb
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1, shares of the picture."""

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@cache
def photograph(name: str) -> Rgb:
    """(H, W, 3) uint8, one of `PHOTOGRAPHS`."""
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return np.array(load_sample_image(f"{name}.jpg"), np.uint8)
    from skimage import data

    return np.array(getattr(data, name)()[..., :3], np.uint8)


def scenery(pick: np.random.Generator, size: tuple[int, int] = SIZE) -> Rgb:
    """A view of a made world or of a photograph, (H, W, 3) of `size`."""
    if pick.random() < 0.5:
        found = world(int(pick.integers(2**31)), (480, 860))
        return look(found, (float(pick.uniform(330, 530)), float(pick.uniform(190, 290))), 0.5, size=size)
    return part_of(photograph(PHOTOGRAPHS[int(pick.integers(len(PHOTOGRAPHS)))]), pick, size)


def part_of(picture: Rgb, pick: np.random.Generator, size: tuple[int, int] = SIZE) -> Rgb:
    """The largest part of `picture` with the shape of `size`, at a random place, mirrored or not."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(width / size[1], height / size[0]) * pick.uniform(0.7, 1.0)
    wide, high = int(size[1] * scale), int(size[0] * scale)
    left, top = int(pick.integers(0, width - wide + 1)), int(pick.integers(0, height - high + 1))
    piece = cv2.resize(picture[top : top + high, left : left + wide], size[::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(piece[:, ::-1] if pick.random() < 0.5 else piece, np.uint8)


def with_subject(seed: int) -> Placed:
    """One subject, which is sharper or of another colour than its ground: a toy of shapes or a piece of a photograph.

    The ground is a soft gradient, or scenery out of focus. The subject's height is 0.18-0.5 of the picture's.
    """
    import cv2

    pick = np.random.default_rng(seed)
    ground = _gradient(pick) if pick.random() < 0.4 else cv2.GaussianBlur(scenery(pick), (0, 0), pick.uniform(4, 8))
    ground = np.asarray(ground, np.uint8)
    height, width = SIZE
    high = int(height * pick.uniform(0.18, 0.5))
    wide = min(int(high * pick.uniform(0.6, 1.3)), width // 2)
    left, top = int(pick.integers(4, width - wide - 4)), int(pick.integers(4, height - high - 4))
    area = (slice(top, top + high), slice(left, left + wide))
    thing, mask = _toy(pick, high, wide, ground[area].reshape(-1, 3).mean(axis=0))
    mixed = ground[area] * (1 - mask[..., None]) + thing * mask[..., None]
    picture = ground.copy()
    picture[area] = mixed.round().astype(np.uint8)
    picture = np.clip(picture + pick.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
    return Placed(picture, (left / width, top / height, (left + wide) / width, (top + high) / height))


def _gradient(pick: np.random.Generator) -> Rgb:
    one, two = pick.uniform(20, 235, 3), pick.uniform(-45, 45, 3)
    angle = pick.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIZE[0] * 1j, -1 : 1 : SIZE[1] * 1j]
    along = (x * np.cos(angle) + y * np.sin(angle))[..., None]
    return np.asarray(np.clip(one + two * along, 0, 255), np.uint8)


def _toy(
    pick: np.random.Generator, high: int, wide: int, ground: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A subject (high, wide, 3) and its soft mask: an ellipse of a photograph, or two stacked blocks of far colours."""
    import cv2

    y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
    if pick.random() < 0.5:
        piece = part_of(photograph(PHOTOGRAPHS[int(pick.integers(len(PHOTOGRAPHS)))]), pick, (high, wide))
        mask = np.clip((1.0 - (x**2 + y**2)) * 8, 0, 1)
        return piece.astype(np.float64), mask
    thing = np.zeros((high, wide, 3))
    first, second = _far_colour(pick, ground), _far_colour(pick, ground)
    thing[:] = first
    thing[: high // 2] = second
    thing[high // 5 : high // 4] = 255 - second
    mask = ((np.abs(x) < 0.9) & (np.abs(y) < 0.95)).astype(np.float64)
    return thing, np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.float64)


def _far_colour(pick: np.random.Generator, ground: NDArray[np.float64]) -> NDArray[np.float64]:
    tries = pick.uniform(0, 255, (12, 3))
    return np.asarray(tries[np.argmax(np.linalg.norm(tries - ground, axis=1))])


def mirrored(seed: int) -> Rgb:
    """Scenery whose right half mirrors its left, lit from one side, with grain, and with its axis off by up to 2 %."""
    pick = np.random.default_rng(seed)
    half = scenery(pick)[:, : SIZE[1] // 2]
    both = np.concatenate([half, half[:, ::-1]], axis=1).astype(np.float64)
    both *= np.linspace(1, pick.uniform(0.75, 1.0), SIZE[1])[:: pick.choice([-1, 1]), None]
    both = np.roll(both, int(SIZE[1] * pick.uniform(-0.02, 0.02)), axis=1)
    return np.clip(both + pick.normal(0, 3, both.shape), 0, 255).astype(np.uint8)


def plain(seed: int) -> Rgb:
    """Scenery as it is, with the same grain: neither mirrored nor with lines that meet."""
    pick = np.random.default_rng(seed)
    return np.clip(scenery(pick) + pick.normal(0, 3, (*SIZE, 3)), 0, 255).astype(np.uint8)


def converging(seed: int) -> tuple[Rgb, tuple[float, float]]:
    """A street of bands, or a room with planks, doors and a back wall, whose lines run to one point; and that point.

    The point is given as shares of the picture's width and height.
    """
    import cv2

    pick = np.random.default_rng(seed)
    height, width = SIZE
    point = (pick.uniform(0.2, 0.8) * width, pick.uniform(0.2, 0.75) * height)
    canvas = np.asarray(cv2.GaussianBlur(scenery(pick), (0, 0), 6), np.uint8)
    (_street if pick.random() < 0.5 else _room)(canvas, point, pick)
    for _ in range(int(pick.integers(0, 4))):
        left, top = int(pick.integers(0, width)), int(pick.integers(0, height))
        corner = (left + int(pick.integers(10, 50)), top + int(pick.integers(10, 50)))
        cv2.rectangle(canvas, (left, top), corner, _paint(pick), -1)
    rgb = np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.6) + pick.normal(0, 3, canvas.shape), 0, 255).astype(np.uint8)
    return rgb, (point[0] / width, point[1] / height)


def _paint(pick: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in pick.integers(0, 256, 3))
    return red, green, blue


def _pixel(place: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def _street(canvas: Rgb, point: tuple[float, float], pick: np.random.Generator) -> None:
    import cv2

    reach = 2 * canvas.shape[1]
    angles = np.sort(pick.uniform(0, 2 * np.pi, int(pick.integers(7, 13))))
    for one, other in zip(angles, np.roll(angles, -1), strict=True):
        if (other - one) % (2 * np.pi) > 2.2 or pick.random() < 0.25:
            continue
        ends = [(point[0] + reach * np.cos(angle), point[1] + reach * np.sin(angle)) for angle in (one, other)]
        cv2.fillPoly(canvas, [np.rint(np.array([point, *ends])).astype(np.int32)], _paint(pick), cv2.LINE_AA)
    radius = int(pick.uniform(0.04, 0.12) * canvas.shape[1])
    cv2.circle(canvas, (round(point[0]), round(point[1])), radius, _paint(pick), -1)


def _room(canvas: Rgb, point: tuple[float, float], pick: np.random.Generator) -> None:
    """Walls, floor and ceiling of a box in one-point perspective; the floor is of planks."""
    import cv2

    height, width = canvas.shape[:2]
    eye = np.array(point)
    near = np.array([(0, 0), (width, 0), (width, height), (0, height)]) + pick.uniform(-30, 30, (4, 2))
    far = eye + (near - eye) * pick.uniform(0.2, 0.4)
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 0)):
        side = np.array([near[one], near[other], far[other], far[one]])
        cv2.fillPoly(canvas, [np.rint(side).astype(np.int32)], _paint(pick), cv2.LINE_AA)
    cv2.fillPoly(canvas, [np.rint(far).astype(np.int32)], _paint(pick), cv2.LINE_AA)
    tone = _paint(pick)
    for share in np.linspace(0, 1, int(pick.integers(5, 10)))[1:-1]:
        one, other = (corner[3] + (corner[2] - corner[3]) * share for corner in (near, far))
        cv2.line(canvas, _pixel(one), _pixel(other), tone, 2, cv2.LINE_AA)
    for share in pick.uniform(0.1, 0.8, 2):  # doors in the right wall: their sides are upright
        low, high = near[2] + (far[2] - near[2]) * share, near[1] + (far[1] - near[1]) * share
        top = low + (high - low) * 0.7
        cv2.line(canvas, _pixel(low), _pixel(top), tone, 2, cv2.LINE_AA)


def lit(seed: int) -> tuple[Rgb, Literal["low", "normal", "high"]]:
    """Scenery lit in low key (a small light in the dark), in high key (bright, hardly a shadow) or evenly."""
    import cv2

    pick = np.random.default_rng(seed)
    key: Literal["low", "normal", "high"] = ("low", "normal", "high")[int(pick.integers(3))]
    picture = scenery(pick)
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float64)
    ranks = np.argsort(np.argsort(hsv[..., 2].ravel() + pick.uniform(0, 1, hsv[..., 2].size)))
    even = (ranks / ranks.size).reshape(SIZE)  # every world gets the same histogram first
    if key == "normal":
        value = 255 * np.clip(0.5 + (even - 0.5) * pick.uniform(0.6, 1.0) + pick.uniform(-0.05, 0.05), 0, 1)
    elif key == "high":
        value = 255 * (1 - pick.uniform(0.2, 0.45) * (1 - even))
        hsv[..., 1] *= pick.uniform(0.1, 0.35)
    else:
        y, x = np.mgrid[0 : 1 : SIZE[0] * 1j, 0 : 1.78 : SIZE[1] * 1j]
        far = np.hypot(x - pick.uniform(0.4, 1.4), y - pick.uniform(0.3, 0.7))
        light = np.clip(np.exp(-((far / pick.uniform(0.15, 0.35)) ** 2)) + pick.uniform(0.02, 0.12), 0, 1)
        value = 255 * (0.25 + 0.75 * even) * light
    hsv[..., 2] = value
    return np.asarray(cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8), key


def painted(seed: int) -> tuple[Rgb, dict[str, float]]:
    """Patches of two to four named colours with shading and grain, and the share of each name."""
    from backends.vision.colours import named_colours

    pick = np.random.default_rng(seed)
    names, table = named_colours()
    chosen = pick.choice(len(names), int(pick.integers(2, 5)), replace=False)
    cells = pick.choice(len(chosen), (4, 6), p=pick.dirichlet(np.full(len(chosen), 3.0)))
    index = np.kron(cells, np.ones((SIZE[0] // 4, SIZE[1] // 6 + 1), int))[: SIZE[0], : SIZE[1]]
    base = table[chosen][index].astype(np.float64)
    shade = 1 + pick.uniform(0, 0.06) * np.sin(np.linspace(0, 6, SIZE[1]))[None, :, None]
    rgb = np.clip(base * shade + pick.normal(0, pick.uniform(1, 4), base.shape), 0, 255).astype(np.uint8)
    shares: dict[str, float] = {}
    for at, colour in enumerate(chosen):  # A name may have several colours.
        shares[names[colour]] = shares.get(names[colour], 0.0) + float((index == at).mean())
    return rgb, {name: share for name, share in shares.items() if share > 0}


def layered(seed: int) -> tuple[Rgb, int]:
    """A flat picture (1), a sharp subject before a soft ground (2), or that with something soft in front too (3)."""
    import cv2

    pick = np.random.default_rng(seed)
    layers = int(pick.integers(1, 4))
    picture = scenery(pick)
    if layers == 1:
        return np.clip(picture + pick.normal(0, 2, picture.shape), 0, 255).astype(np.uint8), 1
    far = cv2.GaussianBlur(scenery(pick), (0, 0), pick.uniform(5, 8)).astype(np.float64)
    high, wide = int(SIZE[0] * pick.uniform(0.5, 0.9)), int(SIZE[1] * pick.uniform(0.2, 0.45))
    left = int(pick.integers(20, SIZE[1] - wide - 20))
    mask = np.zeros(SIZE)
    cv2.ellipse(mask, (left + wide // 2, SIZE[0] - high // 2), (wide // 2, high // 2), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None]
    mixed = far * (1 - mask) + picture * mask
    if layers == 3:
        near = cv2.GaussianBlur(scenery(pick), (0, 0), 14).astype(np.float64)
        edge = np.zeros(SIZE)
        side = int(pick.integers(0, 2)) * SIZE[1]
        axes = (int(SIZE[1] * pick.uniform(0.2, 0.3)), int(SIZE[0] * pick.uniform(0.6, 0.9)))
        cv2.ellipse(edge, (side, SIZE[0]), axes, 0, 0, 360, 1.0, -1)
        edge = cv2.GaussianBlur(edge, (0, 0), 7)[..., None]
        mixed = mixed * (1 - edge) + near * 0.6 * edge
    return np.clip(mixed + pick.normal(0, 2, mixed.shape), 0, 255).astype(np.uint8), layers
