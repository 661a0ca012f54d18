"""generate_batch through the executor with the real preview engine at tiny sizes: every way of asking, every mishap."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_studio import BETWEEN, SIZE, TWINS, done, fresh, make, pictures, record, wishes

from backends.media.images import load_image
from configs.errors import PolicyError
from tools import publish as publishing
from tools.events import Progress
from tools.executor import Executor, Run
from tools.image import batch, batch_run
from tools.spec import CancelToken, Forecast


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with fresh(tmp_path_factory.mktemp("batches") / "home") as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Executor]:
    """One whose memory nobody else changed."""
    with fresh(tmp_path / "home") as made:
        yield made


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


def test_warnings_that_differ_in_figures_only_are_told_once(own: Executor) -> None:
    made = make(own, prompt="a red ball on a table", count=6, sheet=False)
    assert made.result is not None
    low = [text for text in made.result.warnings if "sharpness is" in text]
    assert len(low) == 1 and "the others are alike" in low[0]


def test_forecast_grows_with_the_number_and_is_not_learned_from_reuse(executor: Executor) -> None:
    few, uses, _ = executor.forecast("generate_batch", {"prompts": ["a", "b"]})
    many, _, _ = executor.forecast("generate_batch", {"prompts": ["a", "b"], "count": 20})
    assert many.seconds == pytest.approx(20 * few.seconds) and uses == {"preview"}
    for _ in range(4):
        make(executor, prompts=["a seagull on the beach", "a monster in a castle"], sheet=False)
    again, _, _ = executor.forecast("generate_batch", {"prompts": ["a seagull on the beach", "x"], **SIZE})
    assert again.seconds > 0.2
