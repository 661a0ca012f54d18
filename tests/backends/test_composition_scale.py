"""Scale of shots: by marks on faces and bodies, by joints, and on the studio's own layouts with their known scales."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.scene import Scale as Framing
from backends.image.layout.seen import characters_seen
from backends.vision.composition.people import figure_of_joints
from backends.vision.composition.result import Figure, Scale
from backends.vision.composition.scale import scale_of

ADULT = CharacterLook(age="adult", height=1.75)


def face(height: float) -> Figure:
    return Figure(kind="face", box=(0.4, 0.2, 0.6, 0.2 + height), by="test")


@pytest.mark.parametrize(
    ("height", "scale"),
    [(0.75, "ECU"), (0.45, "CU"), (0.24, "MCU"), (0.15, "MS"), (0.11, "MLS"), (0.07, "LS"), (0.03, "ELS")],
)
def test_scale_by_the_height_of_a_face(height: float, scale: Scale) -> None:
    found = scale_of((face(height),))
    assert found.scale == scale
    assert 0.5 < found.confidence <= 0.9 and "face" in found.reason


@pytest.mark.parametrize(
    ("shown", "scale"), [(0.05, "CU"), (0.3, "MCU"), (0.56, "MS"), (0.8, "MLS"), (1.0, "LS"), (0.0, "ECU")]
)
def test_scale_by_the_share_of_the_body(shown: float, scale: Scale) -> None:
    body = Figure(kind="figure", box=(0.3, 0.1, 0.6, 0.9), by="test", shown=shown)
    assert scale_of((body,)).scale == scale


def test_a_small_whole_figure_is_an_extreme_long_shot() -> None:
    whole = Figure(kind="figure", box=(0.4, 0.4, 0.45, 0.6), by="test")
    assert scale_of((whole,)).scale == "ELS"
    assert scale_of((whole.model_copy(update={"shown": 1.0}),)).scale == "ELS"
    assert scale_of((whole.model_copy(update={"box": (0.4, 0.1, 0.6, 0.9)}),)).scale == "LS"


def test_an_outline_that_the_frame_cuts_is_told_with_doubt() -> None:
    cut = scale_of((Figure(kind="figure", box=(0.2, 0.1, 0.7, 1.0), by="test"),))
    assert cut.scale in ("CU", "MCU") and cut.confidence < 0.5


def test_a_crown_at_the_lower_border_is_no_close_up() -> None:
    peeping = Figure(kind="figure", box=(0.4, 0.8, 0.6, 1.0), by="test", shown=0.0)
    assert scale_of((peeping,)).scale == "unknown"


def test_without_a_figure_it_is_unknown_for_a_reason() -> None:
    found = scale_of((), why_none="no face or figure could be measured: nobody looked")
    assert (found.scale, found.confidence) == ("unknown", 0)
    assert found.reason == "no face or figure could be measured: nobody looked"


def standing(scale: Framing, look: CharacterLook, yaw: float = 0.0) -> LayoutScene:
    return LayoutScene("void", "day", (PosedCharacter("Ada", look),), CameraSpec(scale, yaw_deg=yaw))


@pytest.fixture(scope="module")
def meshes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("meshes")


LOOKS = {"adult": ADULT, "child": CharacterLook(), "robot": CharacterLook(kind="robot", height=0.8)}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_layouts_place_their_characters_where_the_scale_says(look: CharacterLook, meshes: Path) -> None:
    heights = []
    for scale in get_args(Framing):
        (seen,) = characters_seen(standing(scale, look), 1280, 720, meshes)
        box = seen.box((0, 0, 1280, 720))
        assert box is not None and seen.feet > seen.chin
        heights.append(seen.feet - seen.chin)
    assert all(near > far for near, far in pairwise(heights))


@pytest.mark.parametrize(("scale", "yaw"), [("MCU", 0), ("MS", 20), ("MLS", 0), ("LS", -30), ("ELS", 0)])
def test_joints_tell_the_scale_that_a_layout_was_framed_with(scale: Framing, yaw: float, meshes: Path) -> None:
    """The joints of the layout's own skeleton, as a pose model would give them."""
    from backends.image.layout.characters.build import build_character
    from backends.image.layout.mesh import JOINTS
    from backends.image.layout.seen import _posed

    scene = standing(scale, ADULT, yaw)
    model = build_character(scene.characters[0], cache_dir=meshes)
    _, camera = _posed(scene, (1280, 720), 60.0, meshes)
    joints = np.array([[*camera.project(model.joints[name])[:2], 0.9] for name in JOINTS], np.float32)
    figure = figure_of_joints(joints, (1280, 720))
    assert figure is not None
    assert scale_of((figure,)).scale == scale, figure.shown


def test_joints_without_a_head_are_nobody() -> None:
    assert figure_of_joints(np.zeros((18, 3), np.float32), (320, 180)) is None
