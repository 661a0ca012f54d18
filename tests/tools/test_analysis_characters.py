"""Who is in a film's pictures: the studio's own pictures, clips and cuts by their layouts; faces of photographs by real
insightface on generated models; everything else by what needs no weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from tiny_faces import FACE_COLOUR, build_pack

from backends.media.frames import frame_at
from backends.media.images import load_image, save_png
from backends.vision.composition.figures import FirstOf
from backends.vision.composition.measure import compose
from backends.vision.composition.people import DetectedFaces, PosedPeople
from configs.settings import load_settings
from evals.footage.frames import photograph
from evals.footage.world import write_clip
from memory.records import Asset
from tools.analysis.characters import LayoutFigures, finder_for
from tools.analysis.known_figures import drawn_picture, known_moments
from tools.editing.decision.closer import look_closer
from tools.editing.decision.known import known_heads
from tools.editing.decision.reframe import calmest
from tools.editing.specs import ClipSpec
from tools.editing.timeline import build_timeline, save_timeline
from tools.executor import Executor, Run
from tools.film.layers import load_layers
from tools.film.lexicon import lexicon
from tools.intake import attach
from tools.opening import opened_executor
from tools.registry import get_tool
from tools.run_context import RunContext

Rgb = NDArray[np.uint8]
VIEWS = [
    {"scale": scale, "time": time, "yaw": yaw}
    for scale, time, yaw in (
        ("MS", "day", 0), ("MS", "day", 20), ("LS", "day", -20), ("MS", "day", 30), ("LS", "day", 0),
        ("MS", "day", -25), ("LS", "day", 20), ("MS", "day", -40),
    )
]  # fmt: skip
SMALL = {"size": [128, 72], "samples": 2, "views": VIEWS, "others": 2, "views_of_others": 4, "quick_views": 3}
SIZE = {"width": 320, "height": 180}


@pytest.fixture(scope="module", autouse=True)
def _few_small_views() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in SMALL.items():
            patch.setitem(lexicon("identity"), key, value)
        yield


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    root = tmp_path_factory.mktemp("characters")
    settings = load_settings(
        home=root / "home", brain="offline", image={"preview_samples": 2}, warehouse=root / "none",
        memory={"index": "numpy", "embedder": "letters"}, vision={"arcface": str(build_pack(root / "pack"))},
    )  # fmt: skip
    with opened_executor(settings) as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair, a red t-shirt and blue shorts")
        yield made


@contextmanager
def context(executor: Executor, *engines: str) -> Iterator[RunContext]:
    lease = executor.arbiter.lease(engines, "test")
    try:
        yield RunContext(executor, get_tool("analyze_video"), Run(thread="t"), lease)
    finally:
        lease.release()


def made(executor: Executor, tool: str, **args: object) -> Asset:
    outcome = executor.run(tool, args, Run(thread="t"))
    assert outcome.error is None, outcome.error
    return outcome.assets[0]


@pytest.fixture(scope="module")
def picture(executor: Executor) -> Asset:
    return made(executor, "generate_image", prompt="full body wide shot of Luca in the park", layers=True, **SIZE)


@pytest.fixture(scope="module")
def clip(executor: Executor, picture: Asset) -> Asset:
    return made(executor, "animate_shot", picture=picture.id, move="push_in", seconds=1.0, **SIZE)


def shown(executor: Executor, asset: Asset, seconds: float = 0.0) -> Rgb:
    path = executor.studio.workspace.home / asset.path
    return np.asarray(load_image(path) if asset.kind == "image" else frame_at(path, seconds), np.uint8)


def box_of(mask: NDArray[np.bool_]) -> tuple[float, ...]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    high, wide = mask.shape
    return columns[0] / wide, rows[0] / high, (columns[-1] + 1) / wide, (rows[-1] + 1) / high


def test_a_picture_of_the_studio_is_known_by_its_layout(executor: Executor, picture: Asset) -> None:
    rgb = shown(executor, picture)
    with context(executor) as ctx:
        finder, reasons = finder_for(picture, ctx)
        (figure,) = finder.find(rgb)
        layers = load_layers(ctx.path(ctx.asset(picture.params["layers"])))
    assert (figure.character, figure.by, figure.kind, figure.similarity) == ("Luca", "layout", "figure", None)
    assert figure.box == pytest.approx(box_of(layers.mask("Luca")), abs=0.02)
    found = compose(rgb, figures=(figure,))
    assert found.scale == picture.params["scene"]["camera"]["scale"] == "LS"
    assert found.headroom == pytest.approx(figure.box[1], abs=0.001)
    assert "scale" not in reasons and "no character is remembered" in reasons["characters"]


def test_a_crop_goes_to_the_heads_that_a_layout_knows(executor: Executor, picture: Asset, clip: Asset) -> None:
    with context(executor) as ctx:
        layers = load_layers(ctx.path(ctx.asset(picture.params["layers"])))
        of_picture, of_clip = known_heads(picture, ctx), known_heads(clip, ctx)
        assert of_picture is not None and of_clip is not None
        ((x, y, wide, high),), ((there, _, _, _),) = of_picture(0.0), of_clip(0.5)
        folder = ctx.workspace.cache / "looks"
        seen = look_closer(ctx.path(clip), folder, clip.sha256, ctx.cancel.check, (), of_clip)
        aside = look_closer(
            ctx.path(clip), folder, clip.sha256 + "-", ctx.cancel.check, (), lambda _: [(0.9, 0.3, 0.1, 0.2)]
        )
    x0, y0, x1, y1 = layers.face_box["Luca"]
    assert x0 / 320 - 0.02 < x < x1 / 320 + 0.02 and y0 / 180 - 0.05 < y < y1 / 180 + 0.05
    assert 0.5 < wide / high * 16 / 9 < 2
    assert seen.subject[2, 0] == pytest.approx(of_clip(0.4)[0][0], abs=0.02)
    for look, place in ((seen, there), (aside, 0.9)):
        middle = (np.arange(look.columns.shape[1]) + 0.5) / look.columns.shape[1]
        assert float((look.columns[2] * abs(middle - place)).sum()) < 0.08
    assert abs(calmest(aside.columns, 0.3) - 0.85).max() < 0.02


@pytest.mark.parametrize("seconds", [0.0, 0.5, 0.95])
def test_a_clip_is_known_through_its_camera_move(executor: Executor, clip: Asset, seconds: float) -> None:
    with context(executor) as ctx:
        moments = known_moments(clip, ctx)
        assert moments is not None
        moment = moments(seconds)
        assert moment is not None
        (figure,) = moment.drawn.figures(moment.window)
        mask = moment.drawn.mask("Luca", moment.window, (320, 180))
    assert mask is not None
    assert figure.box == pytest.approx(box_of(mask), abs=0.03)
    # what lies in the box is the boy: his shirt is the only red of the park
    red = np.array([0.0, 0.0])
    rgb = shown(executor, clip, seconds).astype(int)
    where = (rgb[..., 0] > rgb[..., 1] + 60) & (rgb[..., 0] > rgb[..., 2] + 40) & (rgb[..., 0] > 90)
    rows, columns = np.nonzero(where & mask)
    red[:] = columns.mean() / 320, rows.mean() / 180
    assert figure.box[0] < red[0] < figure.box[2] and figure.box[1] < red[1] < figure.box[3]
    assert where[mask].mean() > 5 * where[~mask].mean()


def test_a_push_makes_the_figure_larger(executor: Executor, clip: Asset) -> None:
    with context(executor) as ctx:
        finder, _ = finder_for(clip, ctx)
        first, last = (finder.find(np.zeros((180, 320, 3), np.uint8), at)[0] for at in (0.0, 0.95))
    assert last.box[3] - last.box[1] > 1.02 * (first.box[3] - first.box[1])


def test_a_cut_of_clips_is_known_on_its_own_time(executor: Executor, clip: Asset, tmp_path: Path) -> None:
    home = executor.studio.workspace.home
    foreign = write_clip(tmp_path / "foreign.mp4", [np.full((180, 320, 3), 90, np.uint8)] * 24)
    other = attach(foreign, executor.studio.workspace, executor.studio.memory, executor.studio.settings, "t")
    clips = [
        ClipSpec(other.id, Path(other.path), 0.0, 0.5, source_seconds=1.0),
        ClipSpec(clip.id, Path(clip.path), 0.5, 0.5, source_in=0.5, source_seconds=1.0),
    ]
    file = save_timeline(build_timeline("cut", 24, 320, 180, clips, {}), home / "cut.otio")
    film = made(executor, "render_timeline", timeline=file.name)
    with context(executor) as ctx:
        moments, own = known_moments(film, ctx), known_moments(clip, ctx)
        assert moments is not None and own is not None
        assert moments(0.25) is None
        on_cut, on_clip = moments(0.75), own(0.75)
        assert on_cut is not None and on_clip is not None
        assert on_cut.window == pytest.approx(on_clip.window, abs=1e-6)


def test_edited_and_foreign_pictures_are_not_known(executor: Executor, picture: Asset) -> None:
    with context(executor) as ctx:
        assert drawn_picture(picture, ctx) is not None
        changes: list[dict[str, Any]] = [{"edits": [{"text": "flip it"}]}, {"drawn_size": [640, 360]}, {"scene": {}}]
        for change in changes:
            assert drawn_picture(replace(picture, params={**picture.params, **change}), ctx) is None
        broken = replace(picture, params={**picture.params, "scene": {"set": "nowhere"}})
        assert drawn_picture(broken, ctx) is None
        assert "is not known" in ctx.warnings[-1]
        assert drawn_picture(replace(picture, engine="sdxl"), ctx) is None


def test_likeness_is_measured_where_the_character_is_calibrated(
    executor: Executor, picture: Asset, clip: Asset
) -> None:
    with context(executor, "identity") as ctx:
        finder, reasons = finder_for(clip, ctx)
        assert finder.find(shown(executor, clip), 0.0)[0].similarity is None
        assert "not calibrated" in reasons["characters"]
    made(executor, "check_identity", character="Luca", calibrate=True, encoder="colour")
    with context(executor, "identity") as ctx:
        finder, reasons = finder_for(clip, ctx)
        (figure,) = finder.find(shown(executor, clip, 0.5), 0.5)
        (grey,) = finder.find(np.repeat(shown(executor, clip, 0.5)[..., :1], 3, axis=2), 0.5)
    assert figure.similarity is not None and figure.similarity > 0.8
    assert grey.similarity is not None and grey.similarity < figure.similarity - 0.05
    assert "characters" not in reasons


def face(who: int, variant: int) -> Rgb:
    """A picture with one face, magenta for the generated detector; the same person has the same pattern in it."""
    pattern, noise = np.random.default_rng(who), np.random.default_rng(100 * who + variant)
    rgb = np.full((160, 200, 3), 90, np.uint8) + noise.integers(0, 20, (160, 200, 1), np.uint8)
    blocks = pattern.integers(0, 2, (3, 3, 1)) * 50 + 12
    blocks[1, 1] = 0
    patch = np.repeat(np.repeat(blocks, 16, axis=0), 16, axis=1)
    spots = np.repeat(np.repeat(noise.integers(0, 16, (12, 12, 1)), 4, axis=0), 4, axis=1) * (patch > 0)
    rgb[50:98, 70:118] = np.clip(np.abs(np.array(FACE_COLOUR) - patch - spots), 0, 255)
    return np.asarray(rgb, np.uint8)


@pytest.fixture(scope="module")
def film(executor: Executor, tmp_path_factory: pytest.TempPathFactory) -> Asset:
    """Somebody's film; and Vera and Walt with reference pictures in the table of characters."""
    studio = executor.studio
    home = studio.workspace.home
    names = {name: [f"{name}{variant}.png" for variant in range(9)] for name in ("Vera", "Walt")}
    for who, (name, files) in enumerate(names.items()):
        studio.memory.remember("character", name, "")
        for variant, file in enumerate(files):
            save_png(home / file, face(who, variant))
    table = {"characters": {name: {"references": files} for name, files in names.items()}}
    (home / "configs").mkdir(exist_ok=True)
    (home / "configs" / "character_presets.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    path = write_clip(tmp_path_factory.mktemp("film") / "film.mp4", [face(0, 50)] * 6)
    return attach(path, studio.workspace, studio.memory, studio.settings, "t")


def test_faces_are_found_and_named_by_insightface(executor: Executor, film: Asset) -> None:
    made(executor, "check_identity", character="Vera", calibrate=True, encoder="arcface")
    made(executor, "check_identity", character="Walt", calibrate=True, encoder="arcface")
    with context(executor, "identity") as ctx:
        finder, reasons = finder_for(film, ctx)
        (vera,) = finder.find(face(0, 50))
        walt = finder.find(face(1, 50))
        strangers = finder.find(face(7, 50))
        assert finder.find(np.full((160, 200, 3), 90, np.uint8)) == ()
    assert (vera.kind, vera.by, vera.character) == ("face", "insightface", "Vera")
    assert vera.similarity is not None and vera.similarity >= 0.65
    middle = ((vera.box[0] + vera.box[2]) / 2 * 200, (vera.box[1] + vera.box[3]) / 2 * 160)
    assert middle == pytest.approx((94, 74), abs=10)
    assert "Walt" in {one.character for one in walt} and "Vera" not in {one.character for one in walt}
    assert strangers and all((one.character, one.similarity) == ("", None) for one in strangers)
    assert "only human faces are found" in reasons["scale"]


def test_without_models_frontal_faces_are_found_and_the_reason_is_told(executor: Executor, film: Asset) -> None:
    with context(executor) as ctx:
        finder, reasons = finder_for(film, ctx)
    assert isinstance(finder, FirstOf)
    (someone,) = finder.find(photograph("astronaut"))
    assert (someone.kind, someone.by, someone.character) == ("face", "face cascade", "")
    assert (
        "only frontal faces" in reasons["scale"]
        and "no pose model is installed (preprocessors.pose)" in reasons["scale"]
    )
    assert "/" not in reasons["scale"] and ".yaml" not in reasons["scale"]
    assert "no character is remembered" in reasons["characters"]


def test_finders_are_asked_in_turn() -> None:
    assert [kind.name for kind in (LayoutFigures, DetectedFaces, PosedPeople)] == ["layout", "insightface", "rtmlib"]

    class Nobody:
        name, sees = "nobody", "nothing"

        def find(self, rgb: Rgb, seconds: float | None = None) -> tuple[()]:
            return ()

    from backends.vision.composition.figures import CascadeFaces

    both = FirstOf([Nobody(), CascadeFaces()])
    assert len(both.find(photograph("astronaut"))) == 1
    assert both.sees.startswith("nothing; frontal faces")
