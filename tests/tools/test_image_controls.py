"""make_control_maps with the real preview engine at tiny sizes: drawn pictures, shots, uploads, finished maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_maps import build_depth_anything, write_table

from backends.image.control.recognise import recognise
from backends.media.images import load_image, save_png
from configs.settings import load_settings
from tools.executor import Executor, Run
from tools.opening import opened_executor
from tools.spec import ToolOutcome

SIZE = {"width": 160, "height": 96}


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("maps") / "home",
        brain="offline",
        image={"preview_samples": 4},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with opened_executor(settings) as made:
        yield made


def _call(executor: Executor, tool: str, **args: object) -> ToolOutcome:
    return executor.run(tool, args, Run(thread="t"))


def _upload(executor: Executor, name: str, rgb: np.ndarray) -> str:
    save_png(executor.studio.workspace.home / name, rgb)
    return name


def _pixels(executor: Executor, outcome: ToolOutcome, number: int = 0) -> np.ndarray:
    assert outcome.error is None, outcome.error
    return load_image(executor.studio.workspace.home / outcome.assets[number].path)


@pytest.fixture(scope="module")
def waving(executor: Executor) -> ToolOutcome:
    return _call(executor, "generate_image", prompt="a boy named Luca with curly brown hair waving in the park", **SIZE)


@pytest.fixture(scope="module")
def maps(executor: Executor, waving: ToolOutcome) -> ToolOutcome:
    return _call(executor, "make_control_maps", image=waving.assets[0].id)


def test_a_drawn_picture_gives_exact_maps_and_a_sheet_of_them(
    executor: Executor, waving: ToolOutcome, maps: ToolOutcome
) -> None:
    sheet, *each = maps.assets
    assert [asset.params["kind"] for asset in each] == ["depth", "pose", "canny", "normal"]
    for number, asset in enumerate(each, 1):
        picture = _pixels(executor, maps, number)
        assert picture.shape == (96, 160, 3) and recognise(picture).kind == asset.params["kind"]
        assert asset.parents == (waving.assets[0].id,) and asset.engine == "layout renderer"
        assert asset.params["source"] == "layout"
    assert each[0].params["near_m"] < each[0].params["far_m"] and each[1].params["people"] == ["Luca"]
    assert sheet.kind == "map" and sheet.params["kind"] == "sheet" and set(sheet.parents) == {a.id for a in each}
    assert _pixels(executor, maps).shape[1] > 700


def test_canny_of_a_drawn_picture_is_exact_too(executor: Executor, waving: ToolOutcome) -> None:
    made = _call(executor, "make_control_maps", image=waving.assets[0].id, kinds=["canny"])
    assert made.assets[0].engine == "layout renderer" and len(made.assets) == 1


def test_a_foreign_picture_has_edges_only_until_there_are_models(executor: Executor, tmp_path: Path) -> None:
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[20:60, 30:90] = (220, 120, 60)
    name = _upload(executor, "square.png", picture)
    made = _call(executor, "make_control_maps", image=name, kinds=["canny", "depth"])
    assert made.error is None and len(made.assets) == 1 and made.assets[0].engine == "opencv"
    assert made.result is not None and "depth" in made.result.warnings[0] and "put" in made.result.warnings[0]
    refused = _call(executor, "make_control_maps", image=name, kinds=["pose"])
    assert refused.error is not None and "no layout" in refused.error.sentence and "canny" in refused.error.sentence
    settings = executor.studio.settings
    write_table(settings, depth=str(build_depth_anything(tmp_path / "depth")))
    try:
        made = _call(executor, "make_control_maps", image=name, kinds=["canny", "depth", "normal"])
        assert [a.engine for a in made.assets[1:]] == ["opencv", "depth-anything", "depth-anything"]
        assert made.result is not None and any("estimated" in one for one in made.result.warnings)
    finally:
        (settings.home / "configs" / "controlnet_config.yaml").unlink()


def test_a_shot_by_its_number_in_the_latest_storyboard(executor: Executor) -> None:
    refused = _call(executor, "make_control_maps", shot="1", kinds=["depth"], **SIZE)
    assert refused.error is not None and "write_storyboard" in refused.error.sentence
    _call(executor, "write_storyboard", story="A boy named Luca runs on the beach. He waves.", shots=2, draw=False)
    made = _call(executor, "make_control_maps", shot="2", kinds=["depth"], **SIZE)
    assert _pixels(executor, made).shape == (96, 160, 3) and "shot-2" in made.assets[0].name
    refused = _call(executor, "make_control_maps", shot="9", kinds=["depth"], **SIZE)
    assert refused.error is not None and "shot-1, shot-2" in refused.error.sentence


def test_a_shot_of_a_bird_has_no_pose(executor: Executor) -> None:
    gull = {"name": "Gull", "description": "a seagull", "look": {"kind": "seagull", "height": 0.4}}
    shot = {"id": "one", "actors": [{"name": "Gull"}], "set": "beach"}
    made = _call(executor, "make_control_maps", shot=shot, cast=[gull], kinds=["pose", "depth"], **SIZE)
    assert made.error is None, made.error
    assert [a.params["kind"] for a in made.assets] == ["depth"] and made.result is not None
    assert any("pose" in one for one in made.result.warnings)


@pytest.mark.parametrize("kind", ["depth", "pose", "canny", "normal"])
def test_an_uploaded_map_is_recognised_and_used_as_it_is(executor: Executor, maps: ToolOutcome, kind: str) -> None:
    number = ["depth", "pose", "canny", "normal"].index(kind) + 1
    pixels = _pixels(executor, maps, number)
    name = _upload(executor, f"{kind}-made-elsewhere.png", pixels)
    seen = _call(executor, "make_control_maps", image=name)
    assert seen.result is not None and f"finished {kind} map" in seen.result.summary
    (asset,) = seen.assets
    assert asset.kind == "map" and asset.params["kind"] == kind and asset.params["source"] == "given"
    assert np.array_equal(_pixels(executor, seen), pixels)


def test_a_finished_map_is_never_preprocessed_again(executor: Executor, maps: ToolOutcome) -> None:
    pose = maps.assets[2]
    again = _call(executor, "make_control_maps", image=pose.id)
    assert again.assets == (pose,)
    refused = _call(executor, "make_control_maps", image=pose.id, kinds=["canny"])
    assert refused.error is not None and "never preprocessed again" in refused.error.sentence
    refused = _call(executor, "make_control_maps", image=maps.assets[0].id)
    assert refused.error is not None and "sheet" in refused.error.sentence
    forced = _call(executor, "make_control_maps", image=pose.id, kinds=["canny"], take_as="picture")
    assert forced.assets[0].params["source"] == "preprocessed"


def test_maps_of_another_size_are_fitted_only_when_asked(executor: Executor, maps: ToolOutcome) -> None:
    canny = maps.assets[3]
    refused = _call(executor, "make_control_maps", image=canny.id, width=128, height=128)
    assert refused.error is not None
    assert (
        "160x96" in refused.error.sentence and "128x128" in refused.error.sentence and "crop" in refused.error.sentence
    )
    padded = _call(executor, "make_control_maps", image=canny.id, width=128, height=128, fit="pad")
    picture = _pixels(executor, padded)
    assert picture.shape == (128, 128, 3) and set(np.unique(picture)) == {0, 255}
    assert not picture[:24].any() and picture[30:98].any() and not picture[-24:].any()
    cropped = _pixels(executor, _call(executor, "make_control_maps", image=canny.id, width=80, height=96, fit="crop"))
    assert np.array_equal(cropped, _pixels(executor, maps, 3)[:, 40:120]), "same height: only cut, not scaled"
    upload = _upload(executor, "wide.png", np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8))
    refused = _call(executor, "make_control_maps", image=upload, kinds=["canny"], width=128, height=128)
    assert refused.error is not None and "90x60, not 128x128" in refused.error.sentence


@pytest.mark.parametrize(
    ("picture", "args", "words"),
    [
        (np.zeros((70, 70, 3), np.uint8), {}, "all black"),
        (np.zeros((70, 70, 3), np.uint8), {"take_as": "map", "kinds": ["pose"]}, "nobody is drawn"),
        (np.full((70, 70, 3), 90, np.uint8), {"take_as": "map", "kinds": ["depth"]}, "one tone"),
        (np.full((70, 70, 3), 90, np.uint8), {"take_as": "map"}, "what kind"),
        (np.full((70, 70, 3), 90, np.uint8), {"kinds": ["canny"]}, "No edge"),
    ],
)
def test_maps_that_say_nothing_are_refused(
    executor: Executor, picture: np.ndarray, args: dict[str, object], words: str
) -> None:
    name = _upload(executor, f"nothing-{abs(hash((words, picture.sum())))}.png", picture)
    out = _call(executor, "make_control_maps", image=name, **args)
    assert out.error is not None and words in out.error.sentence


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "nothing to make maps of"),
        ({"kinds": []}, "No kind"),
        ({"shot": {"id": 3, "actors": "x"}}, "The shot is wrong"),
        ({"image": "../../etc/passwd"}, ""),
        ({"image": "x.png", "width": 99999}, "width"),
    ],
)
def test_wrong_requests_get_one_sentence(executor: Executor, args: dict[str, object], words: str) -> None:
    out = _call(executor, "make_control_maps", **args)
    assert out.error is not None and out.error.exit_code == 2 and words in out.error.sentence
