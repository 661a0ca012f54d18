"""Series that differ in one respect, empty places seen from elsewhere, and what a batch says of itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from batch_studio import SIZE, done, fresh, make, pictures

from tools.executor import Executor, Run
from tools.film.layout import other_view
from tools.film.shot import Camera, Shot
from tools.image.batch import _about_alike
from tools.image.batch_plan import Item
from tools.image.batch_run import Listed
from tools.image.variety import variety_of
from tools.image.wish import in_short
from tools.notes import one_of_each


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with fresh(tmp_path_factory.mktemp("series") / "home") as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
        yield made


@pytest.mark.parametrize(
    ("prompt", "respect", "subject", "first"),
    [
        ("poses of Luca", "pose", "Luca", "waving"),
        ("a series of six poses of Luca on the beach", "pose", "Luca on the beach", "waving"),
        ("sei pose di Luca", "pose", "Luca", "che saluta"),
        ("Luca in pose diverse", "pose", "Luca", "che saluta"),
        ("Luca in six poses at night", "pose", "Luca at night", "waving"),
        ("four expressions of Luca", "expression", "Luca", "happy"),
        ("Luca con diverse emozioni", "expression", "Luca", "felice"),
        ("the robot from six different angles", "angle", "the robot", "full shot"),
        ("un albero nelle quattro stagioni", "season", "un albero", "primavera"),
        ("a tree in every season", "season", "a tree", "spring"),
        ("a castle at different times of day", "light", "a castle", "by day"),
        ("un castello in luci diverse", "light", "un castello", "di giorno"),
    ],
)
def test_what_shall_differ_is_understood(prompt: str, respect: str, subject: str, first: str) -> None:
    found = variety_of(prompt)
    assert found is not None
    assert (found.respect, found.subject, found.words[0][0]) == (respect, subject, first)


@pytest.mark.parametrize(
    "prompt",
    ["Luca poses for a photo", "a heroic pose of Luca", "a tree with six lights", "the lights of the city",
     "a view of the sea", "two boys with different hats", "Luca waving", "every day he walks", "a season of rain"],
)  # fmt: skip
def test_other_prompts_are_left_alone(prompt: str) -> None:
    assert variety_of(prompt) is None


def test_each_picture_has_its_own_pose(executor: Executor) -> None:
    made = make(executor, prompt="a series of poses of Luca", count=3)
    assert [row["label"] for row in done(made)] == ["Luca: waving", "Luca: running", "Luca: sitting"]
    assert [one.params["scene"]["characters"][0]["pose"] for one in pictures(made)] == ["waving", "running", "sitting"]
    assert made.result is not None and "its own pose: waving, running, sitting." in made.result.summary
    one = make(executor, prompt="expressions of Luca", count=1)
    assert one.result is not None and ": 1 picture asked for, 1 made" in one.result.summary
    again = make(executor, prompt="expressions of Luca", count=2)
    faces = [one.params["scene"]["characters"][0]["expression"] for one in pictures(again)]
    assert faces == ["happy", "sad"]
    assert [row["looks_like"] for row in done(again)] == [None, None]


def test_a_place_has_no_poses_and_words_that_run_out_come_again(executor: Executor) -> None:
    made = make(executor, prompts=["poses of a castle"])
    assert [row["label"] for row in done(made)] == ["poses of a castle"]
    found = variety_of("a tree in the four seasons")
    assert found is not None
    assert [(word, variant) for word, _, variant in found.prompts(5)][3:] == [("winter", 0), ("spring", 1)]


def test_an_empty_place_is_seen_from_elsewhere() -> None:
    shot = Shot(id="s", set="beach", time_of_day="sunset", camera=Camera(scale="LS"), seed=5)
    seen = [other_view(shot, number) for number in range(8)]
    assert seen[0] == shot
    assert len({(one.camera.scale, one.camera.yaw_deg) for one in seen}) == 8 == len({one.seed for one in seen})
    assert max(one.camera.yaw_deg for one in seen) - min(one.camera.yaw_deg for one in seen) > 40
    asked = shot.model_copy(update={"role": "action"})
    assert {other_view(asked, number).camera.scale for number in range(8)} == {"LS"}


def test_variants_of_a_place_do_not_look_alike(executor: Executor) -> None:
    made = make(executor, prompt="sunsets over the sea", count=3)
    scenes = [one.params["scene"] for one in pictures(made)]
    assert {(one["set"], one["time_of_day"]) for one in scenes} == {("beach", "sunset")}
    assert len({one["seed"] for one in scenes}) == 3
    assert not any(row["looks_like"] for row in done(made))


def test_pictures_that_look_alike_are_told() -> None:
    listed = [Listed(Item(number, {}, ""), looks_like=like) for number, like in ((1, 0), (2, 1), (3, 0), (4, 1))]
    assert _about_alike(listed).startswith("3 of them look alike (1, 2, 4)")
    assert _about_alike(listed[:1]) == ""


def test_names_are_cut_between_words() -> None:
    assert in_short("a boy with a red hat on a hill", 22) == "a boy with a red hat"
    assert in_short("x" * 30, 10) == "x" * 10 and in_short("short") == "short"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["luca"], "is no LoRA with a name and a weight"),
        ([{"nam": "x"}], "by its name in the registry"),
        ([{"name": "x", "weight": 50}], "a number from -2 to 2"),
        ([{"name": "x", "strength": 1}], "no 'strength'"),
    ],
)
def test_a_wrong_lora_gets_an_example(executor: Executor, asked: list[object], words: str) -> None:
    out = executor.run("generate_image", {"prompt": "Luca", "loras": asked, **SIZE}, Run(thread="t"))
    assert out.error is not None and words in out.error.sentence
    assert '{"name": "luca_v2", "weight": 0.8}' in out.error.sentence and "dictionary" not in out.error.sentence


def test_a_lora_tag_is_not_ignored_in_silence(executor: Executor) -> None:
    out = executor.run("generate_image", {"prompt": "Luca waves <lora:nope:0.5>", **SIZE}, Run(thread="t"))
    assert out.result is not None
    assert any("'nope'" in text and "no influence" in text for text in out.result.warnings)


def test_an_invented_look_is_told_once(executor: Executor) -> None:
    def told(prompt: str) -> bool:
        out = executor.run("generate_image", {"prompt": prompt, **SIZE}, Run(thread="t"))
        assert out.result is not None
        return any("look was invented" in text for text in out.result.warnings)

    assert told("Zorblax waves") and not told("Zorblax runs") and not told("Plim, a green robot, waves")


def test_notes_that_contradict_are_one() -> None:
    first = "The picture's sharpness is 5.64, the mark is 15: the best of 2 takes is kept"
    last = first.replace("5.64", "5.67").replace("2 takes", "3 takes")
    assert one_of_each([first, "something else", last]) == [last, "something else"]
