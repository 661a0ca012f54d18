"""What a layout tells of faces without drawing them: the head without hair, the eyes that are seen, the mouth."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.seen import Seen, characters_seen
from tools.editing.decision.known import Face, _face

WHOLE = (0.0, 0.0, 1280.0, 720.0)
LOOKS = {
    "child": CharacterLook(),
    "pony tail": CharacterLook(hair_style="ponytail"),
    "robot": CharacterLook(kind="robot", height=0.8),
    "dog": CharacterLook(kind="dog"),
}


@pytest.fixture(scope="module")
def meshes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("meshes")


def standing(look: CharacterLook, meshes: Path, yaw: float = 0.0, scale: str = "MCU") -> Seen:
    scene = LayoutScene("void", "day", (PosedCharacter("Ada", look),), CameraSpec(scale, yaw_deg=yaw))  # type: ignore[arg-type]
    (seen,) = characters_seen(scene, 1280, 720, meshes)
    return seen


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_eyes_and_mouth_lie_in_the_head(look: CharacterLook, meshes: Path) -> None:
    seen = standing(look, meshes)
    assert seen.eyes is not None
    left, top, right, low = seen.skull
    assert left < seen.eyes[0] < seen.eyes[2] < right and top < seen.eyes[1] < seen.eyes[3] < low
    middle = (seen.eyes[0] + seen.eyes[2]) / 2
    assert abs(seen.mouth[0] - middle) < 0.1 * (right - left), "below the middle of both eyes"
    assert (seen.eyes[1] + seen.eyes[3]) / 2 < seen.mouth[1] < low + 0.05 * (low - top)
    assert seen.eyes[2] - seen.eyes[0] > 1.5 * (seen.eyes[3] - seen.eyes[1]), "two of them"


def test_who_turns_away_shows_one_eye_and_then_none(meshes: Path) -> None:
    front, side, back = (standing(CharacterLook(), meshes, yaw).eyes for yaw in (0.0, 90.0, 180.0))
    assert front is not None and side is not None and back is None
    assert side[2] - side[0] < 0.6 * (front[2] - front[0])


def test_a_crop_goes_to_the_face_and_not_to_the_hair(meshes: Path) -> None:
    """Turned a little, a pony tail draws the head's box aside."""
    seen = standing(LOOKS["pony tail"], meshes, 35.0)
    face = _face(seen, WHOLE)
    assert isinstance(face, Face) and face.eyes is not None
    x, y, wide, _ = face.head
    eyes = (face.eyes[0] + face.eyes[2]) / 2
    assert abs(x - eyes) < 0.3 * wide, "the eyes are not at the edge of a crop as wide as the head"
    assert face.crown < face.box[1] < face.eyes[1] < y < face.mouth[1] < face.box[3]
    assert _face(seen, (0.0, 0.0, 1280.0, seen.skull[1] + 5)) is None, "hair alone is no face"
    half = _face(seen, (0.0, 0.0, 640.0, 720.0))
    if half is not None:
        assert half.eyes is not None and half.eyes[0] == pytest.approx(2 * face.eyes[0])
