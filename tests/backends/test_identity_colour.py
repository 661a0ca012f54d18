"""The weightless encoder on real layout pictures: light, scale and pose may change, the character may not."""

from __future__ import annotations

import numpy as np
import pytest

from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.vision.identity.calibration import similarity
from backends.vision.identity.colour import ColourEncoder, head_width

LUCA = CharacterLook(hair_style="curly", hair=(0.35, 0.2, 0.1))
CAST = {
    "Luca": LUCA,
    "Tom": CharacterLook(hair_style="spiky", hair=(0.05, 0.05, 0.06), top="hoodie", top_color=(0.45, 0.3, 0.6),
                         bottom="trousers", bottom_color=(0.15, 0.15, 0.17), age="teen", height=1.6),
    "Boo": CharacterLook(kind="robot", body=(0.55, 0.56, 0.58), accent=(0.3, 0.6, 0.9), height=0.8),
}  # fmt: skip
REFERENCES = (("void", "day", "MS", 0, "standing"), ("void", "sunset", "LS", 30, "walking"),
              ("void", "night", "CU", -20, "standing"))  # fmt: skip
FURTHER = (("void", "night", "MS", 25, "pointing"), ("void", "storm", "LS", -10, "running"))
Drawn = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Drawn]:
    """(name, number of view) -> picture and mask, 128x72."""
    renderer = LayoutRenderer(tmp_path_factory.mktemp("meshes"), 2)
    pictures = {}
    for at, (place, light, scale, yaw, pose) in enumerate((*REFERENCES, *FURTHER)):
        for name, look in CAST.items():
            camera = CameraSpec(scale, yaw_deg=yaw)  # type: ignore[arg-type]
            frame = renderer.render(LayoutScene(place, light, (PosedCharacter(name, look, pose),), camera), 128, 72)
            pictures[name, at] = (frame.rgb, frame.mask(name))
    return pictures


def vector(picture: Drawn) -> np.ndarray:
    made = ColourEncoder().encode(picture[0], mask=picture[1]).vector
    assert made is not None
    return made


def test_each_is_most_like_itself_in_other_light_scale_and_place(drawn: dict[tuple[str, int], Drawn]) -> None:
    references = {name: np.stack([vector(drawn[name, at]) for at in range(len(REFERENCES))]) for name in CAST}
    for name in CAST:
        for at in range(len(REFERENCES), len(REFERENCES) + len(FURTHER)):
            scores = {other: similarity(vector(drawn[name, at]), references[other]) for other in CAST}
            assert scores[name] > max(scores[other] for other in CAST if other != name) + 0.05, (name, at, scores)


def test_tinted_and_dimmed_light_costs_little(drawn: dict[tuple[str, int], Drawn]) -> None:
    rgb, mask = drawn["Luca", 0]
    linear = (rgb / 255.0) ** 2.2 * np.array([0.55, 0.42, 0.30])
    dim = (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    kept = float(vector((rgb, mask)) @ vector((dim, mask)))
    other = float(vector((rgb, mask)) @ vector(drawn["Tom", 0]))
    assert kept > 0.9 > other + 0.15


def test_the_size_of_the_picture_does_not_matter(drawn: dict[tuple[str, int], Drawn]) -> None:
    import cv2

    rgb, mask = drawn["Luca", 0]
    large = cv2.resize(rgb, (1280, 720), interpolation=cv2.INTER_CUBIC)
    wide = cv2.resize(mask.astype(np.uint8), (1280, 720), interpolation=cv2.INTER_NEAREST) > 0
    assert float(vector((rgb, mask)) @ vector((large, wide))) > 0.97


def test_the_set_behind_does_not_matter(drawn: dict[tuple[str, int], Drawn]) -> None:
    rgb, mask = drawn["Luca", 0]
    elsewhere = np.where(mask[..., None], rgb, np.uint8(255))
    assert np.array_equal(vector((rgb, mask)), vector((elsewhere, mask)))


def test_it_says_what_it_cannot_do(drawn: dict[tuple[str, int], Drawn]) -> None:
    rgb, mask = drawn["Luca", 0]
    unknown = ColourEncoder().encode(rgb)
    assert unknown.vector is None and not unknown.detected and "where the character is" in unknown.note
    tiny = np.zeros_like(mask)
    tiny[40:46, 60:66] = True
    assert ColourEncoder().encode(rgb, mask=tiny).vector is None
    assert "set included" in ColourEncoder().encode(rgb, box=(30, 8, 64, 56)).note


def test_the_head_is_measured_down_to_the_neck() -> None:
    figure = np.zeros((120, 60), bool)
    figure[0:40, 10:50] = True
    figure[40:46, 24:36] = True
    figure[46:120, 5:55] = True
    assert head_width(figure) == pytest.approx(40, abs=1)
    blob = np.ones((30, 20), bool)
    assert head_width(blob) == pytest.approx(20, abs=1)
