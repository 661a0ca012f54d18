"""What steers an SDXL picture: layouts by the real renderer, uploads, finished maps; ControlNets of random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import Field
from tiny_nets import build_tiny_nets

from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.media.images import load_image, save_png
from configs.errors import StudioError
from configs.settings import load_settings
from tools import registry
from tools.executor import Executor, Run
from tools.image.map_sources import SHEET
from tools.image.steering import ControlWish, Steering, steer, steering_needs
from tools.opening import opened_executor
from tools.spec import Studio, Tool, ToolArgs, ToolContext, ToolResult

SIZE = (160, 96)
BOY = PosedCharacter("Luca", CharacterLook(), pose="waving", x=-0.3)
GULL = PosedCharacter("Gull", CharacterLook(kind="seagull", height=0.4), x=0.4)
SCENE = LayoutScene("park", "day", (BOY, GULL), CameraSpec("MLS"))
DONE: list[Steering] = []


class SteerArgs(ToolArgs):
    wish: dict[str, Any] = Field(default_factory=dict, description="Fields of ControlWish.")
    alone: bool = Field(False, description="Without people.")
    size: list[int] = Field(list(SIZE), description="Width, height.")


class SteerTool(Tool):
    name = "steer_for_test"
    description = "Calls steer() as a painting tool does."
    Args = SteerArgs
    makes = "map"

    def needs(self, args: SteerArgs, studio: Studio) -> frozenset[str]:
        return steering_needs(studio, _wish(args))

    def run(self, args: SteerArgs, ctx: ToolContext) -> ToolResult:
        scene = LayoutScene("park", "day", (GULL,)) if args.alone else SCENE
        done = steer(_wish(args), scene, (args.size[0], args.size[1]), ctx)
        DONE.append(done)
        return ToolResult("steered")


def _wish(args: SteerArgs) -> ControlWish:
    return ControlWish(**{**args.wish, "kinds": tuple(args.wish.get("kinds", ()))})


Steer = Callable[..., Steering]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse")
    build_tiny_nets(folder)
    return folder


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory, warehouse: Path) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("steering") / "home",
        warehouse=warehouse,
        brain="offline",
        image={"engine": "sdxl", "preview_samples": 4},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with pytest.MonkeyPatch.context() as patch, opened_executor(settings) as made:
        patch.setitem(registry.TOOLS, SteerTool.name, f"{__name__}:SteerTool")
        yield made


@pytest.fixture
def steered(executor: Executor) -> Steer:
    def call(thread: str = "t", **args: object) -> Steering:
        out = executor.run(SteerTool.name, args, Run(thread=thread))
        if out.error is not None:
            raise out.error
        return DONE[-1]

    return call


@pytest.fixture
def table(executor: Executor) -> Iterator[Callable[..., None]]:
    """Writes the user's controlnet_config.yaml."""
    file = executor.studio.settings.home / "configs" / "controlnet_config.yaml"

    def write(*kinds: str, union: str = "", **more: object) -> None:
        nets = {kind: {"path": kind, "scale": 0.5 + 0.1 * i, "end": 0.8} for i, kind in enumerate(kinds)}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"nets": nets, "union": {"path": union}, **more}))

    write("depth", "pose", "canny")
    yield write
    file.unlink(missing_ok=True)


def _upload(executor: Executor, name: str, rgb: np.ndarray) -> str:
    save_png(executor.studio.workspace.home / name, rgb)
    return name


def test_a_layout_with_a_human_steers_by_depth_and_pose(executor: Executor, steered: Steer, table: object) -> None:
    done = steered()
    assert [c.kind for c in done.controls] == ["depth", "pose"]
    assert [(c.scale, c.start, c.end) for c in done.controls] == [(0.5, 0.0, 0.8), (pytest.approx(0.6), 0.0, 0.8)]
    for control in done.controls:
        assert control.image.shape == (96, 160, 3) and control.source == "layout"
        asset = executor.studio.memory.get_asset(control.asset)
        assert asset is not None and asset.kind == "map" and asset.params["kind"] == control.kind
        assert np.array_equal(load_image(executor.studio.workspace.home / asset.path), control.image)
    assert done.parents == tuple(c.asset for c in done.controls)
    assert any("Gull" in note for note in done.notes), "who has no skeleton is told"


def test_without_a_human_depth_alone_steers(steered: Steer, table: object) -> None:
    done = steered(alone=True)
    assert [c.kind for c in done.controls] == ["depth"] and not done.notes


def test_only_kinds_with_a_net_and_the_users_strength(steered: Steer, table: Callable[..., None]) -> None:
    table("pose")
    assert [c.kind for c in steered().controls] == ["pose"]
    done = steered(wish={"kinds": ["canny", "pose"], "scale": 0.25})
    assert [(c.kind, c.scale) for c in done.controls] == [("pose", 0.25)]
    assert any("canny" in note for note in done.notes)
    table(union="union")
    assert [c.kind for c in steered(wish={"kinds": ["normal"]}).controls] == ["normal"]


def test_nothing_is_said_where_there_are_no_nets_unless_asked(
    executor: Executor, steered: Steer, table: Callable[..., None]
) -> None:
    table()
    assert steering_needs(executor.studio, ControlWish()) == frozenset()
    assert steered() == Steering()
    done = steered(wish={"kinds": ["depth"]})
    assert not done.controls and len(done.notes) == 1 and "No ControlNet is installed" in done.notes[0]


def test_the_settings_can_turn_layouts_off(executor: Executor, steered: Steer, table: object) -> None:
    image = executor.studio.settings.image
    image.steer = "never"
    try:
        assert steered() == Steering() and steering_needs(executor.studio, ControlWish()) == frozenset()
        assert steered(wish={"kinds": ["depth"]}).controls, "asked for, it is done all the same"
    finally:
        image.steer = "auto"
    image.engine = "preview"
    try:
        assert steered(wish={"kinds": ["depth"]}) == Steering()
    finally:
        image.engine = "sdxl"


def test_a_finished_map_is_used_as_it_is(executor: Executor, steered: Steer, table: object) -> None:
    depth, pose = steered().controls
    again = steered(wish={"image": pose.asset})
    assert [c.kind for c in again.controls] == ["pose"] and again.parents == (pose.asset,)
    assert np.array_equal(again.controls[0].image, pose.image) and again.controls[0].source == "given"
    upload = _upload(executor, "skeleton.png", pose.image)
    told = steered(wish={"image": upload})
    assert told.controls[0].kind == "pose" and np.array_equal(told.controls[0].image, pose.image)
    assert any("finished pose map" in note for note in told.notes)
    with pytest.raises(StudioError, match="never preprocessed again"):
        steered(wish={"image": upload, "kinds": ["canny"]})
    with pytest.raises(StudioError, match="160x96, the picture 128x128"):
        steered(wish={"image": depth.asset}, size=[128, 128])
    fitted = steered(wish={"image": depth.asset, "fit": "crop"}, size=[128, 96])
    assert fitted.controls[0].image.shape == (96, 128, 3) and fitted.parents != (depth.asset,)


def test_a_picture_is_preprocessed_and_never_stretched(executor: Executor, steered: Steer, table: object) -> None:
    photo = np.full((192, 320, 3), (200, 150, 90), np.uint8)
    photo[40:150, 100:220] = (40, 60, 120)
    name = _upload(executor, "photo.png", photo)
    done = steered(wish={"image": name})
    assert [(c.kind, c.source) for c in done.controls] == [("canny", "preprocessed")], "no depth model: its edges"
    assert done.controls[0].image.shape == (96, 160, 3)
    asset = executor.studio.memory.get_asset(done.parents[0])
    assert asset is not None and asset.engine == "opencv" and len(asset.parents) == 1
    with pytest.raises(StudioError, match="320x192"):
        steered(wish={"image": name}, size=[96, 96])
    with pytest.raises(StudioError, match="no depth model"):
        steered(wish={"image": name, "kinds": ["depth"]})


def test_a_picture_that_the_studio_drew_gives_its_exact_layout(
    executor: Executor, steered: Steer, table: object
) -> None:
    executor.studio.settings.image.engine = "preview"
    drawn = executor.run(
        "generate_image", {"prompt": "a boy named Tom on the beach", "width": 160, "height": 96}, Run()
    )
    executor.studio.settings.image.engine = "sdxl"
    assert drawn.error is None, drawn.error
    wish = {"image": drawn.assets[0].id}
    assert steering_needs(executor.studio, ControlWish(**wish)) == frozenset({"preview"})
    done = steered(wish=wish)
    assert [(c.kind, c.source) for c in done.controls] == [("depth", "layout"), ("pose", "layout")]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kinds": ["depht"]}, "depth, pose, canny, normal"),
        ({"scale": 3.0}, "strength of 3"),
        ({"image": "nowhere.png"}, "nowhere.png"),
    ],
)
def test_wrong_wishes_get_one_sentence(steered: Steer, table: object, wish: dict[str, object], words: str) -> None:
    with pytest.raises(StudioError) as error:
        steered(wish=wish)
    assert words in error.value.sentence


def test_black_maps_and_sheets_are_refused(executor: Executor, steered: Steer, table: object) -> None:
    with pytest.raises(StudioError, match="all black"):
        steered(wish={"image": _upload(executor, "black.png", np.zeros((96, 160, 3), np.uint8))})
    shot = {"id": "one", "actors": [{"name": "Luca"}], "set": "beach"}
    made = executor.run(
        "make_control_maps", {"shot": shot, "kinds": ["depth", "canny"], "width": 160, "height": 96}, Run()
    )
    assert made.error is None and made.assets[0].params["kind"] == SHEET
    with pytest.raises(StudioError, match="sheet"):
        steered(wish={"image": made.assets[0].id})
