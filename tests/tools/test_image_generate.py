"""generate_image with a tiny random SDXL through the shipping path: arguments, takes, their record, what is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_loras import build_lora
from tiny_sdxl import build_tiny_sdxl

from backends.media.images import load_image
from configs.settings import load_settings
from memory.records import Score
from tools.executor import Executor, Run
from tools.film.lexicon import lexicon
from tools.film.shot import Actor, Camera, Shot
from tools.image.draw import Means, Order, next_try, weighted
from tools.image.loras import choose_loras
from tools.image.provenance import read_facts
from tools.image.takes import Take, Variation
from tools.image.wish import Wish
from tools.opening import opened_executor
from tools.registry import get_tool
from tools.repair import validate_args
from tools.spec import CancelToken, ToolOutcome

SIZE = {"width": 96, "height": 64}
STEPS = {"draft": 1, "standard": 2, "final": 3}


def tables(folder: Path, lora: Path) -> Path:
    """Tables of a user: fewer steps, one character LoRA."""
    folder.mkdir()
    packaged = Path(__file__).parents[2] / "configs"
    (folder / "controlnet_config.yaml").write_text((packaged / "controlnet_config.yaml").read_text())
    presets = {"Boo": {"description": "a small round robot with one blue eye", "negative": "legs, human skin"}}
    (folder / "character_presets.yaml").write_text(yaml.safe_dump({"characters": presets}))
    qualities = {name: {"steps": steps, "guidance": 5.0} for name, steps in STEPS.items()}
    (folder / "sdxl_config.yaml").write_text(yaml.safe_dump({"qualities": qualities}))
    luca = {"category": "character", "path": str(lora), "triggers": ["luca_boy"], "words": ["Luca"], "weight": 0.5}
    (folder / "lora_registry.yaml").write_text(yaml.safe_dump({"loras": {"luca_v1": luca | {"max_weight": 0.6}}}))
    return folder


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    folder = tmp_path_factory.mktemp("sdxl")
    model = build_tiny_sdxl(folder / "model")
    settings = load_settings(
        home=folder / "home",
        brain="offline",
        image={"sdxl_path": str(model), "tables_dir": str(tables(folder / "tables", build_lora(folder, model)))},
        vision={"clip": "", "arcface": "", "dinov2": ""},
        budget={"rounds": 1},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with opened_executor(settings) as made:
        yield made


def draw(executor: Executor, thread: str = "t", **args: Any) -> ToolOutcome:
    return executor.run("generate_image", {**SIZE, **args}, Run(thread=thread))


def test_what_is_asked_reaches_the_engine_and_the_record(executor: Executor) -> None:
    made = draw(
        executor, prompt="Luca waves on the beach", quality="final", guidance=4.0, negative_prompt="rain, text", seed=5
    )
    assert made.error is None
    asset = made.assets[0]
    recipe = asset.params["recipe"]
    assert asset.engine == "sdxl" and asset.seed == 5 and recipe["seed"] == 5
    assert recipe["used"]["steps"] == 3 and recipe["used"]["guidance"] == 4.0
    assert recipe["negative_prompt"].startswith("rain, text, ")
    assert recipe["prompt"].startswith("luca_boy") and recipe["loras"][0]["name"] == "luca_v1"
    assert recipe["loras"][0]["weight"] == 0.5
    told = read_facts(executor.studio.workspace.home / asset.path)
    assert "Steps: 3" in told["parameters"] and "<lora:luca_v1:0.5>" in told["parameters"]
    assert told["studio"]["recipe"]["pixels"] == recipe["pixels"]
    names = {score.name: score for score in asset.scores}
    assert names["blur"].status == "measured" and names["prompt match"].status == "not measured"
    assert names["identity Luca"].value is None and names["identity Luca"].note
    assert "take" not in asset.params and len(asset.params["phash"]) == 16


def test_a_preset_describes_whom_memory_does_not_know(executor: Executor) -> None:
    for seed in (1, 3):  # the first picture has the name remembered, and nothing else
        made = draw(executor, "p", prompt="Boo on the moon", seed=seed).assets[0].params["recipe"]
        assert made["prompt"].startswith("Boo: a small round robot with one blue eye, ")
        assert made["negative_prompt"].startswith("legs, human skin, ")
    executor.studio.memory.remember("character", "Boo", "a tall green robot")
    again = draw(executor, "p", prompt="Boo on the moon", seed=2).assets[0].params["recipe"]
    assert "round robot" not in again["prompt"] and again["negative_prompt"].startswith("legs, human skin, ")


def test_best_of_keeps_all_takes_with_their_reasons(executor: Executor) -> None:
    made = draw(executor, prompt="a quiet harbour with boats", best_of=3, seed=11)
    assert made.error is None and len(made.assets) == 1
    best = made.assets[0]
    takes = executor.studio.memory.list_takes(best.id)
    assert len(takes) == 3 and [take.asset_id for take in takes if take.kept] == [best.id]
    stored = [executor.studio.memory.get_asset(take.asset_id) for take in takes]
    told = [asset.params["take"] for asset in stored if asset is not None]
    assert [one["number"] for one in told] == [1, 2, 3] and sorted(one["rank"] for one in told) == [1, 2, 3]
    assert len({one["group"] for one in told}) == 1 and all(one["why"] and one["of"] == 3 for one in told)
    assert {asset.seed for asset in stored if asset is not None} == {11, 112, 213}
    assert sorted(best.params["takes"]) == sorted(take.asset_id for take in takes if not take.kept)
    assert len({load_image(executor.studio.workspace.home / a.path).tobytes() for a in stored if a}) == 3
    assert made.result is not None
    number = best.params["take"]["number"]
    assert f"Take {number} of 3: {best.params['take']['why']}" in made.result.summary
    assert executor.studio.memory.find_asset("last", ("image",), thread="t").id == best.id
    facts = read_facts(executor.studio.workspace.home / best.path)
    assert facts["studio"]["take"] == best.params["take"]


def test_undo_takes_the_other_takes_along(executor: Executor) -> None:
    first = draw(executor, "u", prompt="a windmill", seed=31)
    made = draw(executor, "u", prompt="a watermill", best_of=2, seed=32)
    memory = executor.studio.memory
    assert len(memory.list_assets("image", "u")) == 3
    memory.undo("u", 1)
    assert [asset.id for asset in memory.list_assets("image", "u")] == [first.assets[0].id]
    assert memory.find_asset("last", ("image",), thread="u").id == first.assets[0].id
    assert all(memory.get_asset(one) is not None for one in made.assets[0].params["takes"])


def failing(*names: str) -> Take:
    scores = tuple(Score(name, 0.1, "measured", "x", 0.5, False) for name in names)
    return Take(np.zeros((8, 8, 3), np.uint8), "sdxl", "1", 0, {"guidance": 6.5}, scores)


def test_a_further_try_changes_what_the_failing_gate_suggests(executor: Executor) -> None:
    uses = choose_loras(executor.studio.settings, ["Luca"], "", "", "Luca").uses
    shot = Shot(id="s", description="x", actors=(Actor(name="Luca"),), camera=Camera(scale="MS"))
    order = Order(Wish(shot, (), {}, "p", "n", "x", "x"), Means(object(), "p", "n", loras=uses), (96, 64))
    wanted = Variation(1, 7)
    burnt, flat = (next_try(order, failing(name), wanted) for name in ("clipping", "blur"))
    assert burnt is not None and (burnt.guidance, burnt.seed) == (5.0, 7) and "less guidance" in burnt.reason
    assert flat is not None and flat.guidance == 8.0
    unlike = next_try(order, failing("identity Luca", "adherence depth"), wanted)
    assert unlike is not None and (unlike.lora_factor, unlike.control_factor) == (1.15, 1.25)
    assert unlike.reason == "identity Luca, adherence depth: the maps steer more, the LoRAs weigh more"
    seed_only = next_try(order, failing("difference"), wanted)
    assert seed_only == replace(wanted, reason="difference: another seed")
    fixed = replace(order, means=replace(order.means, guidance=6.5))
    asked = next_try(fixed, failing("clipping"), wanted)
    assert asked is not None and asked.guidance is None  # what the user asked for stays


def test_heavier_loras_stay_in_their_range(executor: Executor) -> None:
    settings = executor.studio.settings
    uses = choose_loras(settings, ["Luca"], "", "", "Luca").uses
    assert [use.weight for use in weighted(uses, 1.15, settings)] == [0.575]
    assert [use.weight for use in weighted(uses, 1.5, settings)] == [0.6]
    assert weighted(uses, 1.0, settings) is uses


def test_a_broken_gate_is_tried_again_and_told(tmp_path: Path, executor: Executor, monkeypatch: Any) -> None:
    """Marks that no picture of random weights can pass: every try is kept, and the user is told what fell short."""
    picture = dict(lexicon("gates")["picture"], clipped=-1.0)
    monkeypatch.setitem(lexicon("gates"), "picture", picture)
    monkeypatch.setattr(executor.studio.settings.budget, "rounds", 3)
    made = draw(executor, "r", prompt="a stone bridge", seed=21)
    assert made.result is not None and made.error is None
    takes = executor.studio.memory.list_takes(made.assets[0].id)
    assert len(takes) in (2, 3) and "share of burnt-out pixels" in " ".join(made.result.warnings)
    tried = [executor.studio.memory.get_asset(take.asset_id) for take in takes]
    second = next(one for one in tried if one is not None and one.params["take"]["number"] == 2)
    assert second.params["take"]["tried"] == "clipping: less guidance" and second.params["guidance"] == 3.5
    assert f"of {len(takes)}: fails" in made.result.summary


def test_variants_are_compared_with_each_other_and_with_the_conversation(executor: Executor) -> None:
    made = draw(executor, "v", prompt="a lighthouse", count=2, seed=3)
    scores = [{score.name: score for score in asset.scores} for asset in made.assets]
    assert "difference" not in scores[0] and scores[1]["difference"].value is not None
    assert "picture 1" in scores[1]["difference"].note
    again = draw(executor, "v", prompt="a lighthouse", seed=3)
    assert again.result is not None and any("same picture as" in warning for warning in again.result.warnings)
    assert "difference" in {score.name for score in again.assets[0].scores}  # against the second variant
    other = draw(executor, "w", prompt="a lighthouse", seed=3)
    assert other.result is not None and not any("same picture" in warning for warning in other.result.warnings)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"prompt": "a cat", "count": 0}, "greater than or equal to 1"),
        ({"prompt": "a cat", "count": 10_000}, "at most 8 pictures, generate_batch makes more"),
        ({"prompt": "a" * 100_000}, "it has 100,000 characters, at most 4,000 are read"),
        ({"prompt": "a cat", "best_of": 9}, "best_of"),
        ({"prompt": "a cat", "loras": [{"name": "luca_v2"}]}, "There is no LoRA 'luca_v2'"),
        ({"prompt": "a cat", "loras": [{"name": "luca_v1", "weight": 50}]}, "a number from -2 to 2"),
        ({"prompt": "a cat", "loras": [{"name": "luca_v1", "weight": 1.5}]}, "cannot have the weight 1.5"),
        ({"prompt": "", "negative_prompt": "rain"}, "nothing to draw"),
        ({"shot": {"id": 3}}, "The shot is wrong"),
    ],
)
def test_wrong_requests_get_one_sentence(executor: Executor, args: dict[str, Any], words: str) -> None:
    out = draw(executor, **args)
    assert out.error is not None and words in out.error.sentence, out.error
    assert "Traceback" not in out.error.sentence and len(out.error.sentence) < 400


def test_what_is_not_installed_is_told(executor: Executor) -> None:
    made = draw(executor, prompt="a cat", references=["last"], seed=1)
    assert made.result is not None
    assert any(warning.startswith("Reference pictures are not used") for warning in made.result.warnings)


def test_a_name_that_is_probably_a_slip_is_asked_about(executor: Executor) -> None:
    executor.studio.memory.remember("character", "Giuliano Rossi", "a fisherman")
    executor.studio.memory.remember("character", "Giuliana Rossi", "a baker")
    out = draw(executor, prompt="waving", character="Giulian Rossi")
    assert out.error is not None and "'Giuliano Rossi'" in out.error.sentence and out.error.exit_code == 2
    several = draw(executor, prompt="waving", character="Rossi")
    assert several.error is not None and "'Giuliana Rossi'" in several.error.sentence
    new = draw(executor, prompt="a boy named Zeno waving", character="Zeno")
    assert new.error is None


def test_a_name_that_is_near_a_remembered_one_is_told(executor: Executor) -> None:
    executor.studio.memory.remember("character", "Bartholomew", "a boy with red hair")
    out = draw(executor, prompt="Bartolomew waves in the park")
    assert out.result is not None and any("'Bartolomew' was taken for Bartholomew" in t for t in out.result.warnings)
    same = draw(executor, prompt="Bartholomew waves in the park")
    assert same.result is not None and not any("was taken for" in text for text in same.result.warnings)


def test_cancel_keeps_the_takes_that_are_finished(executor: Executor) -> None:
    token = CancelToken()
    made: list[str] = []

    def emit(event: Any) -> None:
        if type(event).__name__ == "Progress" and event.note.startswith("a red kite") and event.done > 0:
            made.append(event.note)
            if len(made) > STEPS["standard"]:  # in the second take
                token.cancel()

    before = len(executor.studio.memory.list_assets("image", "c"))
    args = {"prompt": "a red kite", "best_of": 4, **SIZE}
    out = executor.run("generate_image", args, Run(thread="c", cancel=token, emit=emit))
    assert out.status == "cancelled"
    kept = executor.studio.memory.list_assets("image", "c")
    assert len(kept) == before + 1 and (executor.studio.workspace.home / kept[0].path).is_file()


def test_odd_sizes_are_what_was_asked(executor: Executor) -> None:
    made = draw(executor, prompt="a cloud", width=101, height=67)
    assert load_image(executor.studio.workspace.home / made.assets[0].path).shape == (67, 101, 3)


def test_the_forecast_counts_takes_steps_and_memory(executor: Executor) -> None:
    tool = get_tool("generate_image")

    def cost(**args: Any) -> float:
        return tool.forecast(validate_args(tool, {"prompt": "x", **args}), executor.studio).seconds

    one = cost()
    assert cost(best_of=4) == pytest.approx(4 * one) and cost(best_of=2, count=3) == pytest.approx(6 * one)
    assert cost(quality="final") > 1.3 * one and cost(width=2048, height=1152) > 4 * one
    assert cost(control_kinds=["depth", "pose"]) > one
