"""generate_batch through the executor with the real preview engine at tiny sizes: every way of asking, every mishap."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.media.images import load_image
from configs.errors import PolicyError
from configs.settings import load_settings
from memory.records import Asset
from tools import publish as publishing
from tools.events import Progress
from tools.executor import Executor, Run
from tools.image import batch, batch_plan, batch_run
from tools.opening import opened_executor
from tools.spec import CancelToken, Forecast, ToolOutcome

SIZE = {"width": 96, "height": 64}
TWINS, BETWEEN = ("Marcella", "Marcelle"), "Marcelli"
"""Two characters, and a slip that may mean either."""


def fresh(home: Path, **more: Any) -> Any:
    settings = load_settings(
        home=home,
        brain="offline",
        image={"preview_samples": 1},
        budget={"rounds": 1},
        memory={"index": "numpy", "embedder": "letters"},
        **more,
    )
    return opened_executor(settings)


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with fresh(tmp_path_factory.mktemp("batches") / "home") as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Executor]:
    """One whose memory nobody else changed."""
    with fresh(tmp_path / "home") as made:
        yield made


def make(executor: Executor, run: Run | None = None, **args: Any) -> ToolOutcome:
    return executor.run("generate_batch", {**SIZE, **args}, run or Run(thread="t"))


def done(outcome: ToolOutcome) -> list[dict[str, Any]]:
    assert outcome.error is None and outcome.result is not None, outcome.error
    rows: list[dict[str, Any]] = outcome.result.data["pictures"]
    return rows


def pictures(outcome: ToolOutcome) -> list[Asset]:
    return [asset for asset in outcome.assets if asset.tool == "generate_image"]


def record(executor: Executor, outcome: ToolOutcome) -> list[dict[str, Any]]:
    assert outcome.result is not None
    file = executor.studio.workspace.home / "batches" / outcome.result.data["job"] / "manifest.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def wishes(executor: Executor, *lines: str, name: str = "wishes.jsonl") -> str:
    (executor.studio.workspace.home / name).write_text("\n".join(lines), encoding="utf-8")
    return name


# -- ways of asking ------------------------------------------------------------------------------------------------


def test_variants_are_those_of_generate_image(own: Executor) -> None:
    made = make(own, prompt="a red robot in space", count=3)
    rows = done(made)
    assert [row["number"] for row in rows] == [1, 2, 3] and len(pictures(made)) == 3
    single = own.run("generate_image", {"prompt": "a red robot in space", "count": 3, **SIZE}, Run(thread="other"))
    hashes = [one.params["recipe"]["pixels"] for one in single.assets]
    assert [one.params["recipe"]["pixels"] for one in pictures(made)] == hashes
    assert len({row["seed"] for row in rows}) == 3


def test_prompts_times_characters(own: Executor) -> None:
    own.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
    own.studio.memory.remember("character", "Boo", "a small blue robot")
    made = make(own, prompts=["waving in the park", "on the beach"], characters=["luca", "boo"])
    rows = done(made)
    assert [row["label"] for row in rows] == [
        "Luca: waving in the park", "Boo: waving in the park", "Luca: on the beach", "Boo: on the beach",
    ]  # fmt: skip
    names = [asset.params["scene"]["characters"][0]["name"] for asset in pictures(made)]
    assert names == ["Luca", "Boo", "Luca", "Boo"]


def test_the_shots_of_a_storyboard(executor: Executor) -> None:
    story = "Luca, a boy with brown hair, waves in the park. A small robot runs on the beach."
    board = executor.run("write_storyboard", {"story": story, "shots": 2, "draw": False}, Run(thread="t")).assets[0]
    made = make(executor, shots=board.id)
    rows = done(made)
    assert [row["origin"] for row in rows] == ["shot-1", "shot-2"]
    assert [one.params["shot"]["id"] for one in pictures(made)] == ["shot-1", "shot-2"]
    forecast, _, _ = executor.forecast("generate_batch", {"shots": board.id, **SIZE})
    single, _, _ = executor.forecast("generate_batch", {"prompt": "a cat", "count": 1, **SIZE})
    assert forecast.seconds == pytest.approx(2 * single.seconds)


def test_a_file_of_wishes(executor: Executor) -> None:
    name = wishes(
        executor,
        '{"prompt": "a cat in a kitchen", "count": 2}',
        "",
        '{"prompt": "a dog on a street", "seed": 5, "width": 128}',
    )
    made = make(executor, file=name)
    assert [row["origin"] for row in done(made)] == ["line 1", "line 1", "line 3"]
    last = pictures(made)[-1]
    assert last.seed == 5 and load_image(executor.studio.workspace.home / last.path).shape == (64, 128, 3)


def test_the_same_wish_twice_is_made_once_and_listed_twice(executor: Executor) -> None:
    made = make(executor, prompts=["a bird in the forest", "a cat in a castle", "a bird in the forest"])
    rows = done(made)
    assert [row["twin_of"] for row in rows] == [None, None, 1] and rows[2]["asset"] == rows[0]["asset"]
    assert made.result is not None and made.result.measurements["made"] == 2
    assert len(pictures(made)) == 2 and "1 listed twice" in made.result.summary


def test_sheet_and_report(executor: Executor) -> None:
    made = make(executor, prompts=["a seagull on the beach", "a monster in a castle"])
    sheet = next(asset for asset in made.assets if asset.params.get("sheet"))
    report = next(asset for asset in made.assets if asset.kind == "report")
    assert load_image(executor.studio.workspace.home / sheet.path).shape[1] > 700
    assert sheet.parents == tuple(asset.id for asset in pictures(made))
    told = json.loads((executor.studio.workspace.home / report.path).read_text())
    assert [row["args"]["prompt"] for row in told["pictures"]] == ["a seagull on the beach", "a monster in a castle"]
    assert all(row["scores"] for row in told["pictures"])
    plain = make(executor, prompts=["a seagull on the beach", "a monster in a castle"], sheet=False)
    assert not [asset for asset in plain.assets if asset.params.get("sheet")]


# -- wrong wishes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"prompt": "a cat", "count": 0}, "0 pictures"),
        ({"prompt": "a cat", "count": 10_000}, "up to 200"),
        ({"prompts": ["a cat"] * 101, "count": 2}, "202 pictures is too long"),
        ({}, "nothing to draw"),
        ({"prompts": ["", "  "]}, "nothing to draw"),
        ({"prompt": "a cat", "file": "x.jsonl"}, "more than one way"),
        ({"file": "none.jsonl"}, "none.jsonl"),
        ({"shots": "none"}, "none"),
        ({"prompts": ["a cat", "cat " * 25_000]}, "Picture 2 cannot be asked for"),
        ({"prompts": ["a cat"] * 10_000}, "10000 pictures is too long"),
        ({"prompt": "cat " * 25_000}, "100,000 characters"),
        ({"prompt": "a cat", "negative_prompt": "x" * 3000}, "negative_prompt"),
        ({"file": "x" * 400}, "There is no file"),
        ({"prompt": "a cat", "width": 32, "height": 32}, "too small"),
    ],
)
def test_wrong_wishes_get_one_sentence(executor: Executor, args: dict[str, Any], words: str) -> None:
    outcome = make(executor, **args)
    assert outcome.error is not None and outcome.error.exit_code == 2, outcome
    assert words in outcome.error.sentence and "\n" not in outcome.error.sentence


def test_a_slip_in_a_name_is_told_before_anything_is_drawn(own: Executor) -> None:
    for name in TWINS:
        own.studio.memory.remember("character", name, "a girl with red hair")
    outcome = make(own, prompts=["on the beach"], characters=[TWINS[0], BETWEEN])
    assert outcome.error is not None and "'Marcella'" in outcome.error.sentence
    assert not own.studio.memory.list_assets("image")


BAD = [
    ('{"prompt": "a cat", "promt": "x"}', "line 2", "no argument 'promt'"),
    ("{not json", "line 2", "no JSON"),
    ("[1]", "line 2", "no JSON object"),
    ('{"prompt": ""}', "line 2", "nothing to draw"),
    ('{"prompt": "a cat", "width": 99999}', "line 2", "width"),
    ('{"prompt": "a cat", "seed": "many"}', "line 2", "seed"),
    ("[" * 5000, "line 2", "no JSON"),
    ('{"prompt": "a cat", "count": 0}', "line 2", "0 pictures"),
    ('{"prompt": "a cat", "count": "many"}', "line 2", "no whole number"),
    ('{"prompt": "a cat", "control": "/etc/passwd"}', "line 2", "outside the workspace"),
    ('{"prompt": "a cat", "control": "last"}', "line 2", "another one when the batch goes on"),
    ('{"prompt": "a cat", "references": ["no-such.png"]}', "line 2", "no-such.png"),
    ('{"prompt": "a cat", "loras": [{"name": "x", "weight": 50}]}', "line 2", "weight"),
]


@pytest.mark.parametrize(("line", "where", "why"), BAD)
def test_a_bad_line_is_named_and_nothing_starts(executor: Executor, line: str, where: str, why: str) -> None:
    before = len(executor.studio.memory.list_assets("image", limit=1000))
    outcome = make(executor, file=wishes(executor, '{"prompt": "a tree"}', line, name="bad.jsonl"))
    assert outcome.error is not None and outcome.error.exit_code == 2
    assert where in outcome.error.sentence and why in outcome.error.sentence
    assert len(executor.studio.memory.list_assets("image", limit=1000)) == before


def test_a_file_of_too_many_wishes_is_not_read_to_its_end(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = batch_plan._line
    monkeypatch.setattr(batch_plan, "_line", lambda line, ctx: (read.append(line), whole(line, ctx))[1])
    outcome = make(executor, file=wishes(executor, *['{"prompt": "a tree", "count": 20}'] * 5000, name="many.jsonl"))
    assert outcome.error is not None and "up to 200" in outcome.error.sentence and len(read) == 11


def test_a_lines_picture_is_the_same_one_whenever_it_goes_on(executor: Executor) -> None:
    first = pictures(make(executor, prompts=["a bird in a tree"]))[0]
    line = json.dumps({"prompt": "a fox", "control": first.name})
    made = make(executor, file=wishes(executor, line, name="steered.jsonl"))
    report = next(asset for asset in made.assets if asset.kind == "report")
    told = json.loads((executor.studio.workspace.home / report.path).read_text())
    assert told["pictures"][0]["args"]["control"] == first.id


def test_bad_lines_may_be_left_out(executor: Executor) -> None:
    name = wishes(executor, '{"prompt": "a tree in a park"}', "{oops", name="some.jsonl")
    made = make(executor, file=name, skip_bad=True)
    assert len(done(made)) == 1 and made.result is not None and "line 2" in made.result.warnings[0]
    only = make(executor, file=wishes(executor, "{oops", name="none-good.jsonl"), skip_bad=True)
    assert only.error is not None and "no line can be used" in only.error.sentence


def test_a_file_that_is_no_text(executor: Executor) -> None:
    (executor.studio.workspace.home / "odd.jsonl").write_bytes(b'{"prompt": "\xff\xfe a cat"}\n')
    outcome = make(executor, file="odd.jsonl")
    assert outcome.error is not None and outcome.error.exit_code == 2


# -- going on ------------------------------------------------------------------------------------------------------


def test_what_is_finished_is_not_made_again(own: Executor) -> None:
    first = make(own, prompt="a boy named Luca with curly hair on the beach", count=2)
    assert done(first)
    again = make(own, Run(thread="another"), prompt="a boy named Luca with curly hair on the beach", count=2)
    assert [row["asset"] for row in done(again)] == [row["asset"] for row in done(first)]
    assert again.result is not None and again.result.measurements["made"] == 0
    # a file that was removed and one that was changed are made again, with the same pixels
    home = own.studio.workspace.home
    kept = {asset.id: (home / asset.path).read_bytes() for asset in pictures(first)}
    one, two = pictures(first)
    (home / one.path).unlink()
    (home / two.path).write_bytes(kept[two.id][:-20])
    third = make(own, prompt="a boy named Luca with curly hair on the beach", count=2)
    assert third.result is not None and third.result.measurements["made"] == 2
    assert [(home / a.path).read_bytes() for a in pictures(third)] == list(kept.values())


def test_a_character_that_looks_different_now_is_drawn_anew(own: Executor) -> None:
    own.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
    first = make(own, prompts=["Luca in the park"])
    own.studio.memory.remember("character", "Luca", "a boy with long blonde hair in a red shirt")
    before = own.run("generate_image", {"prompt": "Luca waves", **SIZE}, Run(thread="t"))  # settles the new look
    assert before.error is None
    again = make(own, prompts=["Luca in the park"])
    assert again.result is not None and again.result.measurements["made"] == 1
    assert any("the look of Luca changed" in text for text in again.result.warnings)
    assert pictures(first)[0].sha256 != pictures(again)[0].sha256


def test_a_stop_keeps_what_is_finished(own: Executor) -> None:
    token = CancelToken()
    notes: list[str] = []

    def watch(event: Any) -> None:
        if isinstance(event, Progress) and event.step == "":
            notes.append(event.note)
            if event.done >= 1:
                token.cancel()

    wish: dict[str, Any] = {"prompt": "a red robot on the beach", "count": 3}
    stopped = make(own, Run(thread="t", cancel=token, emit=watch), **wish)
    assert stopped.status == "cancelled" and stopped.error is not None
    assert "1 of 3 pictures are finished and kept" in stopped.error.sentence
    assert notes[0].startswith("0 of 3, about ") and notes[0].endswith(" left") and notes[1].startswith("1 of 3")
    assert len(own.studio.memory.list_assets("image")) == 1
    rest = make(own, **wish)
    assert rest.result is not None and rest.result.measurements == {**rest.result.measurements, "made": 2, "kept": 1}


def test_one_failure_does_not_end_it(own: Executor) -> None:
    for one in TWINS:
        own.studio.memory.remember("character", one, "a girl with red hair")
    slip = f'{{"prompt": "waving", "character": "{BETWEEN}"}}'
    name = wishes(own, '{"prompt": "a cat in a park"}', slip, '{"prompt": "a dog"}')
    made = make(own, file=name)
    rows = done(made)
    assert [row["error"] is None for row in rows] == [True, False, True] and "Marcella" in rows[1]["error"]
    assert made.result is not None and any("Picture 2" in text for text in made.result.warnings)
    assert [row["row"] for row in record(own, made)].count("failed") == 1
    alone = make(own, file=wishes(own, slip, name="one.jsonl"))
    assert alone.error is not None and "None of the 1 pictures" in alone.error.sentence
    assert "Marcella" in alone.error.sentence and alone.error.exit_code == 2


def test_a_full_disk_ends_it_and_keeps_what_is_there(own: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.fsync, [1]

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(publishing.os, "fsync", full)
    monkeypatch.setattr(batch_run.Manifest, "append", _append_that_never_syncs(batch_run.Manifest.append, real))
    wish: dict[str, Any] = {"prompt": "a blue robot on the street", "count": 3}
    outcome = make(own, **wish)
    assert outcome.error is not None, outcome
    assert "stopped at picture 2 of 3: the disk is full" in outcome.error.sentence
    assert "1 pictures are finished and kept" in outcome.error.sentence
    monkeypatch.undo()
    rest = make(own, **wish)
    assert rest.result is not None and rest.result.measurements["made"] == 2


def _append_that_never_syncs(append: Any, fsync: Any) -> Any:
    """The record's own fsync is the same function: it keeps working, so that the picture's is what fails."""

    def call(self: Any, row: str, **facts: Any) -> None:
        counting, os.fsync = os.fsync, fsync
        try:
            append(self, row, **facts)
        finally:
            os.fsync = counting

    return call


def test_a_policy_error_ends_it(own: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.image.generate import GenerateImage

    calls = []

    def refuse(self: Any, args: Any, ctx: Any) -> Any:
        calls.append(args.prompt)
        raise PolicyError("It was not allowed")

    monkeypatch.setattr(GenerateImage, "run", refuse)
    outcome = make(own, prompts=["a cat", "a dog"])
    assert outcome.status == "refused" and len(calls) == 1


def test_too_little_room_is_told_before_the_start(own: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    real = batch._each

    def large(args: Any, studio: Any) -> tuple[Forecast, float]:
        return Forecast(1.0, disk_mib=10_000_000_000.0), real(args, studio)[1]

    monkeypatch.setattr(batch, "_each", large)
    outcome = make(own, prompts=["a cat", "a dog"])
    assert outcome.error is not None and "not enough room on the disk" in outcome.error.sentence
    assert not own.studio.memory.list_assets("image")


def test_pictures_below_the_mark_are_kept_but_not_listed(own: Executor) -> None:
    wish: dict[str, Any] = {"prompts": ["a cat in a park", "a robot in space"], "sheet": False}
    scores = [row["score"] for row in done(make(own, **wish))]
    middle = sum(scores) / 2
    if scores[0] == scores[1]:
        pytest.skip("both score the same on this renderer")
    made = make(own, min_score=middle, **wish)
    rows = done(made)
    assert [row["passed"] for row in rows].count(True) <= 1
    assert made.result is not None and made.result.measurements["made"] == 0
    none = make(own, min_score=1.0, **wish)
    if not any(row["passed"] for row in done(none)):
        assert len(pictures(none)) == 2
        assert any("No picture reaches" in text for text in none.result.warnings)  # type: ignore[union-attr]


def test_forecast_grows_with_the_number_and_is_not_learned_from_reuse(executor: Executor) -> None:
    few, uses, _ = executor.forecast("generate_batch", {"prompts": ["a", "b"]})
    many, _, _ = executor.forecast("generate_batch", {"prompts": ["a", "b"], "count": 20})
    assert many.seconds == pytest.approx(20 * few.seconds) and uses == {"preview"}
    for _ in range(4):
        make(executor, prompts=["a seagull on the beach", "a monster in a castle"], sheet=False)
    again, _, _ = executor.forecast("generate_batch", {"prompts": ["a seagull on the beach", "x"], **SIZE})
    assert again.seconds > 0.2
