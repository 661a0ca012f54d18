"""Maps of any picture: the real OpenCV, rtmlib and transformers, on tiny models that the tests build."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from tiny_maps import POSE_SIZE, build_depth_anything, build_detector, build_pose, write_table

from backends.image.control import normals
from backends.image.control.models import MapModels
from backends.image.control.openpose import COLORS, Person, draw_people
from backends.image.control.pose import person_of
from backends.image.control.preprocess import make_map
from backends.image.control.recognise import recognise
from configs.errors import EngineError, UsageError
from configs.settings import Settings

COCO = np.array([
    [24, 8], [26, 6], [22, 6], [29, 8], [19, 8], [32, 18], [16, 18], [38, 28], [10, 28], [40, 38], [8, 38],
    [29, 38], [19, 38], [30, 48], [18, 48], [31, 58], [17, 58],
], np.float32)  # fmt: skip
"""17 joints in the pose model's own input of 48x64."""
BOX = (8.0, 8.0, 38.0, 48.0)
"""In the detector's input; the 128x128 picture is halved into it."""


@pytest.fixture
def picture() -> np.ndarray:
    rng = np.random.default_rng(3)
    rgb = np.full((128, 128, 3), (90, 130, 170), np.uint8)
    rgb[30:90, 40:100] = (220, 180, 120)
    return np.clip(rgb + rng.normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_canny_needs_no_model_and_follows_its_table(settings: Settings, picture: np.ndarray) -> None:
    made = make_map("canny", picture, MapModels(settings))
    assert made.by == "opencv" and made.image.shape == picture.shape
    lines = made.image[..., 0] > 0
    assert set(np.unique(made.image)) == {0, 255}
    assert lines[55:65, 38:43].any(axis=1).all() and not lines[50:70, 50:90].any()
    write_table(settings, canny={"low": 900, "high": 1000})
    with pytest.raises(UsageError, match="thresholds"):
        make_map("canny", picture, MapModels(settings))


@pytest.mark.parametrize(
    ("kind", "words"), [("depth", "Depth-Anything"), ("normal", "Depth-Anything"), ("pose", "YOLOX")]
)
def test_an_absent_model_says_what_to_put_where(settings: Settings, picture: np.ndarray, kind: str, words: str) -> None:
    with pytest.raises(EngineError) as error:
        make_map(kind, picture, MapModels(settings))  # type: ignore[arg-type]
    assert words in error.value.sentence and str(settings.warehouse.expanduser()) in error.value.sentence
    assert "canny" in error.value.sentence


def _pose_models(
    settings: Settings, folder: Path, boxes: np.ndarray, joints: np.ndarray, sure: np.ndarray | None = None
):  # type: ignore[no-untyped-def]
    write_table(
        settings,
        pose={
            "detector": str(build_detector(folder / "yolox.onnx", boxes)),
            "pose": str(build_pose(folder / "rtmpose.onnx", joints, sure)),
        },
    )
    return MapModels(settings)


def test_pose_by_rtmlib_is_drawn_as_openpose(
    settings: Settings, picture: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    models = _pose_models(settings, tmp_path, np.array([[*BOX, 0.9]]), COCO)
    made = make_map("pose", picture, models)
    assert made.by == "rtmlib" and made.image.shape == picture.shape
    (table,) = models.joints(picture) or []
    assert table.shape == (18, 3) and (table[:, 2] == 1).all()
    # The box in the picture, 1.25 times as large, cut to the pose model's shape: where its pixels come from.
    x0, y0, x1, y1 = (2 * v for v in BOX)
    centre, size = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), 1.25 * np.array([x1 - x0, y1 - y0])
    size = np.where(size[0] > size[1] * 0.75, [size[0], size[0] / 0.75], [size[1] * 0.75, size[1]])
    nose = COCO[0] / POSE_SIZE * size + centre - size / 2
    assert table[0, :2] == pytest.approx(nose, abs=1.0)
    neck = (COCO[5] + COCO[6]) / 2 / POSE_SIZE * size + centre - size / 2
    assert table[1, :2] == pytest.approx(neck, abs=1.0)
    assert table[2, 0] < table[5, 0], "OpenPose's second joint is the person's right shoulder"
    x, y = np.rint(table[4, :2]).astype(int)
    assert tuple(made.image[y, x]) == COLORS[4]
    assert recognise(made.image).kind == "pose"
    assert capfd.readouterr().out == "", "rtmlib's own prints stay out of the terminal"


def test_unsure_joints_are_left_out_and_nobody_is_told(settings: Settings, picture: np.ndarray, tmp_path: Path) -> None:
    sure = np.ones(17, np.float32)
    sure[15:] = 0.1
    models = _pose_models(settings, tmp_path, np.array([[*BOX, 0.9]]), COCO, sure)
    image = make_map("pose", picture, models).image
    ankles = {COLORS[10], COLORS[13]}
    assert not ankles & {tuple(c) for c in image.reshape(-1, 3)}
    empty = _pose_models(settings, tmp_path, np.array([[*BOX, 0.1]]), COCO)
    with pytest.raises(UsageError, match="Nobody"):
        make_map("pose", picture, empty)


def test_whole_body_models_give_hands_and_a_face() -> None:
    table = np.zeros((134, 3), np.float32)
    table[:, 2] = 1
    person = person_of(table)
    assert person.face is not None and person.face.shape == (68, 2) and [h.shape for h in person.hands] == [(21, 2)] * 2
    table[92:113, :2] = np.stack([np.linspace(20, 60, 21), np.linspace(20, 40, 21)], 1)
    table[:92, 2] = table[113:, 2] = 0
    drawn = draw_people([person_of(table)], 80, 60)
    assert (drawn.max(axis=2) > 0).sum() > 60


def test_a_file_that_is_no_model_is_told(settings: Settings, picture: np.ndarray, tmp_path: Path) -> None:
    junk = tmp_path / "yolox.onnx"
    junk.write_bytes(b"not a model")
    write_table(settings, pose={"detector": str(junk), "pose": str(build_pose(tmp_path / "p.onnx", COCO))})
    with pytest.raises(EngineError, match="pose models cannot be used"):
        make_map("pose", picture, MapModels(settings))
    # A detector in the pose model's place: it runs, but gives no joints.
    detector = build_detector(tmp_path / "d.onnx", np.array([[*BOX, 0.9]]))
    write_table(settings, pose={"detector": str(detector), "pose": str(detector)})
    with pytest.raises(EngineError, match="pose models cannot be used"):
        make_map("pose", picture, MapModels(settings))


def test_depth_by_transformers(settings: Settings, picture: np.ndarray, tmp_path: Path) -> None:
    from transformers import DepthAnythingForDepthEstimation, DPTImageProcessorPil

    folder = build_depth_anything(tmp_path / "depth")
    write_table(settings, depth=str(folder))
    models = MapModels(settings)
    made = make_map("depth", picture[:96], models)
    assert made.image.shape == (96, 128, 3) and made.by == "depth-anything"
    assert made.image.min() == 0 and made.image.max() == 255
    raw = DepthAnythingForDepthEstimation.from_pretrained(folder)(
        **DPTImageProcessorPil.from_pretrained(folder)(picture[:96], return_tensors="pt")
    ).predicted_depth[0]
    raw = raw.detach()
    assert raw.shape == (56, 70)
    low, high = float(raw.min()), float(raw.max())
    near = np.unravel_index(int(raw.argmax()), raw.shape)
    there = made.image[round((near[0] + 0.5) * 96 / 56), round((near[1] + 0.5) * 128 / 70), 0]
    assert high > low and there > 200, "what the model calls near is white"
    normal = make_map("normal", picture[:96], models)
    assert "estimated" in normal.note and recognise(normal.image).kind == "normal"


def test_a_metric_model_is_turned_round(settings: Settings, picture: np.ndarray, tmp_path: Path) -> None:
    import json

    folder = build_depth_anything(tmp_path / "depth")
    write_table(settings, depth=str(folder))
    relative = MapModels(settings).depth(picture)
    config = json.loads((folder / "config.json").read_text())
    config |= {"depth_estimation_type": "metric", "max_depth": 20}
    (folder / "config.json").write_text(json.dumps(config))
    metric = MapModels(settings).depth(picture)
    assert relative is not None and metric is not None
    assert np.corrcoef(relative.ravel(), metric.ravel())[0, 1] < -0.3


def test_other_folders_are_no_depth_models(settings: Settings, picture: np.ndarray, tmp_path: Path) -> None:
    folder = build_depth_anything(tmp_path / "depth")
    write_table(settings, depth=str(folder))
    (folder / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00broken")
    with pytest.raises(EngineError, match="cannot be used"):
        MapModels(settings).depth(picture)
    (folder / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(EngineError, match="depth_anything"):
        MapModels(settings).depth(picture)


def test_a_depth_model_that_lacks_weights_is_refused(settings: Settings, picture: np.ndarray, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = build_depth_anything(tmp_path / "depth")
    write_table(settings, depth=str(folder))
    weights = load_file(folder / "model.safetensors")
    del weights[sorted(weights)[-1]]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError, match="weights lack"):
        MapModels(settings).depth(picture)


def test_normals_of_a_slope_are_right() -> None:
    height, width = 60, 80
    flat = np.full((height, width), 0.5, np.float32)
    assert np.abs(normals.from_nearness(flat)[10:-10, 10:-10].astype(int) - (128, 128, 255)).max() <= 2
    floor = np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, 1)
    assert normals.from_nearness(floor)[20:-20, 20:-20, 1].mean() > 160, "a floor looks up: green"
    left_wall = np.repeat(np.linspace(1, 0, width, dtype=np.float32)[None], height, 0)
    assert normals.from_nearness(left_wall)[20:-20, 20:-20, 0].mean() < 100, "a wall on the left faces right: no red"


def test_small_figures_have_thinner_bones() -> None:
    body = np.full((18, 2), np.nan, np.float32)
    body[[0, 1, 8, 10]] = [[50, 10], [50, 20], [48, 40], [48, 60]]
    small = draw_people([Person(body)], 1024, 1024)
    large = draw_people([Person(body * 10)], 1024, 1024)
    rows = [int((picture[int(y)].max(axis=1) > 0).sum()) for picture, y in ((small, 30), (large, 300))]
    assert 0 < rows[0] <= 8 < rows[1] <= 20
