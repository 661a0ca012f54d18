"""generate_batch: wrong wishes and bad files, each told in one sentence before anything is drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_studio import BETWEEN, TWINS, done, fresh, make, pictures, wishes

from tools.executor import Executor
from tools.image import batch_plan


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with fresh(tmp_path_factory.mktemp("batches") / "home") as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Executor]:
    """One whose memory nobody else changed."""
    with fresh(tmp_path / "home") as made:
        yield made


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
    ("{not json", "line 2", "not JSON"),
    ("[1]", "line 2", "not a JSON object"),
    ('{"prompt": ""}', "line 2", "nothing to draw"),
    ('{"prompt": "a cat", "width": 99999}', "line 2", "width"),
    ('{"prompt": "a cat", "seed": "many"}', "line 2", "seed"),
    ("[" * 5000, "line 2", "not JSON"),
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
