"""generate_image with everything at once, all tiny: ControlNets steered by the layout, IP-Adapter, CLIP and a judge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fake_openai import FakeOpenAI, serve
from tiny_clip import build_tiny_clip
from tiny_nets import build_tiny_nets
from tiny_sdxl import build_tiny_sdxl

from backends.media.images import load_image, save_png
from configs.settings import load_settings
from tools.executor import Executor, Run
from tools.film.lexicon import lexicon
from tools.opening import opened_executor
from tools.spec import ToolOutcome

SIZE = {"width": 128, "height": 64}
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def judge() -> Iterator[FakeOpenAI]:
    """A vision model that likes the second picture it sees best."""
    answers = [json.dumps({"score": score, "faults": []}) for score in (2, 5, 3)]
    with serve(FakeOpenAI(models=["tiny-vl"], answers=answers)) as fake:
        yield fake


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory, judge: FakeOpenAI) -> Iterator[Executor]:
    folder = tmp_path_factory.mktemp("steered")
    model, nets = build_tiny_sdxl(folder / "model"), build_tiny_nets(folder / "nets")
    tables = folder / "tables"
    tables.mkdir()
    for name in ("lora_registry", "character_presets"):
        shutil.copy(CONFIGS / f"{name}.yaml", tables)
    adapter = {"path": str(nets.ip_adapter), "image_encoder": str(nets.image_encoder)}
    qualities = {name: {"steps": 2, "guidance": 5.0} for name in ("draft", "standard", "final")}
    (tables / "sdxl_config.yaml").write_text(yaml.safe_dump({"qualities": qualities, "ip_adapter": adapter}))
    singles = {kind: {"path": str(nets.locate(kind))} for kind in ("depth", "pose", "canny")}
    (tables / "controlnet_config.yaml").write_text(yaml.safe_dump({"nets": singles}))
    settings = load_settings(
        home=folder / "home",
        brain="offline",
        image={"sdxl_path": str(model), "tables_dir": str(tables), "preview_samples": 2},
        vision={"clip": str(build_tiny_clip(folder / "clip")), "arcface": "", "dinov2": "", "judge": "auto"},
        llm={"base_url": judge.url, "timeout_s": 10},
        budget={"rounds": 1},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with opened_executor(settings) as made:
        yield made


def draw(executor: Executor, **args: Any) -> ToolOutcome:
    out = executor.run("generate_image", {**SIZE, **args}, Run(thread="t"))
    assert out.error is None, out.error
    return out


def test_the_layout_steers_and_everything_is_measured(executor: Executor) -> None:
    made = draw(executor, prompt="Luca and Mia wave on the beach", seed=4)
    asset = made.assets[0]
    assert set(made.engine.split("+")) == {"sdxl", "preview", "identity"} and asset.engine == "sdxl"
    controls = asset.params["recipe"]["controls"]
    assert [one["kind"] for one in controls] == ["depth", "pose"] and all(one["asset"] for one in controls)
    assert set(asset.parents) == {one["asset"] for one in controls}
    scores = {score.name: score for score in asset.scores}
    assert scores["prompt match"].status == "measured" and -1 <= (scores["prompt match"].value or 9) <= 1
    assert scores["prompt match"].passed is None and "no pass mark" in scores["prompt match"].note
    assert {"identity Luca", "identity Mia", "adherence depth", "adherence pose"} <= set(scores)
    assert scores["adherence depth"].by == "outlines of the depth map" and scores["adherence depth"].threshold == 0.25
    assert scores["adherence pose"].status == "not measured" and scores["adherence pose"].note
    assert "judge" not in scores  # one take: nothing to choose


def test_maps_are_made_once_for_all_takes_and_the_judge_ranks(
    executor: Executor, judge: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    easy = {"contrast": 0, "sharpness": 0, "blur": 1, "adherence": dict.fromkeys(("outlines", "pose"), 0)}
    monkeypatch.setitem(lexicon("gates"), "picture", {**lexicon("gates")["picture"], **easy})
    judge.requests.clear()
    made = draw(executor, prompt="Luca waves in the park", best_of=3, seed=9)
    memory = executor.studio.memory
    takes = [memory.get_asset(take.asset_id) for take in memory.list_takes(made.assets[0].id)]
    assert len(takes) == 3 and len({one.parents for one in takes if one}) == 1
    judged = [one for one in takes if one and any(score.name == "judge" for score in one.scores)]
    assert len(judge.requests) == len(judged) == 3 and judge.requests[0]["model"] == "tiny-vl"
    assert made.result is not None and "Take 2 of 3: judged 5 of 5" in made.result.summary
    for one in judged:
        score = next(score for score in one.scores if score.name == "judge")
        assert (score.status, score.by, score.passed) == ("judged", "tiny-vl", None)
        assert all(score.passed is not False for score in one.scores)


def test_a_given_picture_steers_and_references_count(executor: Executor) -> None:
    file = executor.studio.workspace.home / "square.png"
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[16:48, 32:96] = (200, 120, 40)
    save_png(file, picture)
    plain = draw(executor, prompt="a crate in a hall", seed=2, control="square.png", control_kinds=["canny"])
    recipe = plain.assets[0].params["recipe"]
    assert [(one["kind"], one["source"]) for one in recipe["controls"]] == [("canny", "preprocessed")]
    scores = {score.name: score for score in plain.assets[0].scores}
    assert scores["adherence canny"].status == "measured" and scores["adherence canny"].threshold == 0.25
    more = draw(
        executor, prompt="a crate in a hall", seed=2, control="square.png", control_kinds=["canny"],
        control_scale=1.5, references=["square.png"],
    )  # fmt: skip
    recipe = more.assets[0].params["recipe"]
    assert recipe["controls"][0]["scale"] == 1.5 and recipe["references"][0]["asset"] in more.assets[0].parents
    home = executor.studio.workspace.home
    assert (load_image(home / plain.assets[0].path) != load_image(home / more.assets[0].path)).any()


def test_bad_maps_get_one_sentence(executor: Executor) -> None:
    file = executor.studio.workspace.home / "black.png"
    save_png(file, np.zeros((64, 128, 3), np.uint8))
    out = executor.run("generate_image", {**SIZE, "prompt": "x", "control": "black.png"}, Run(thread="t"))
    assert out.error is not None and "all black" in out.error.sentence
    small = executor.studio.workspace.home / "tall.png"
    save_png(small, np.full((200, 50, 3), 90, np.uint8))
    args = {**SIZE, "prompt": "x", "control": "tall.png", "control_kinds": ["canny"]}
    out = executor.run("generate_image", args, Run(thread="t"))
    assert out.error is not None and "50x200" in out.error.sentence and out.error.exit_code == 2
