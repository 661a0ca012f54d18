"""The executor's own promises: validation, repair, policy, reuse, recording, limits, dry runs, failures."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_tools import RUNS, TOY_TOOLS, WriteNote

from backends.gpu.arbiter import Arbiter
from configs.errors import PolicyError, UsageError
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from memory.store import Memory
from tools import registry
from tools.events import AssetMade, Event, Progress, StepFinished
from tools.executor import Executor, Run
from tools.policy import Grant
from tools.registry import all_tools, get_tool
from tools.repair import repair_args, validate_args
from tools.schema import function_schema
from tools.spec import CancelToken, Forecast, Studio, Tool, ToolArgs, ToolResult


@pytest.fixture
def executor(settings: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    for name, where in TOY_TOOLS.items():
        monkeypatch.setitem(registry.TOOLS, name, where)
    RUNS.clear()
    arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=1, gpu_budget_mib=1)
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        yield Executor(Studio(settings, workspace, memory), arbiter)
    arbiter.close()


def _no_engine(name: str) -> Any:
    raise AssertionError(name)


def test_a_result_is_moved_recorded_and_told(executor: Executor) -> None:
    seen: list[Event] = []
    outcome = executor.run("write_note", {"text": "hi"}, Run(thread="t", step="1", emit=seen.append))
    asset = outcome.assets[0]
    home = executor.studio.workspace.home
    assert outcome.status == "done" and (home / asset.path).read_text() == "hi 0"
    assert executor.studio.memory.get_asset(asset.id) == asset and asset.tool == "write_note" and asset.thread == "t"
    assert [type(e).__name__ for e in seen][-1] == "StepFinished"
    assert any(isinstance(e, Progress) for e in seen) and any(isinstance(e, AssetMade) for e in seen)
    assert list(executor.studio.workspace.tmp.iterdir()) == [], "no scratch is left"


def test_the_same_step_made_again_has_the_same_id(executor: Executor) -> None:
    run = Run(thread="t", step="1")
    one, two = (executor.run("write_note", {"text": "hi"}, run).assets[0] for _ in range(2))
    other = executor.run("write_note", {"text": "hi"}, replace(run, thread="u")).assets[0]
    assert one.id == two.id != other.id
    assert len(executor.studio.memory.list_assets()) == 2


def test_a_finished_step_of_a_job_is_reused_unless_its_file_is_gone(executor: Executor) -> None:
    executor.studio.memory.start_job("j", "t", "write_note", {})
    run = Run(thread="t", job="j", step="1")
    first = executor.run("write_note", {"text": "hi"}, run, key="k")
    again = executor.run("write_note", {"text": "hi"}, run, key="k")
    assert (first.status, again.status) == ("done", "reused") and again.assets == first.assets and RUNS["hi"] == 1
    assert again.result is not None and again.result.measurements == {"letters": 2}
    assert executor.run("write_note", {"text": "ho"}, run, key="k").status == "done", "other arguments, other step"
    (executor.studio.workspace.home / first.assets[0].path).unlink()
    assert executor.run("write_note", {"text": "hi"}, run, key="k").status == "done"


def test_policy_comes_before_the_work(executor: Executor) -> None:
    outcome = executor.run("wipe_notes", {}, Run(grant=Grant()))
    assert outcome.status == "refused" and isinstance(outcome.error, PolicyError) and RUNS["wipe"] == 0
    outcome = executor.run("write_note", {"text": "hi"}, Run(grant=Grant(tools=frozenset({"speak"}))))
    assert outcome.status == "refused" and RUNS["hi"] == 0


def test_substeps_may_create_but_not_what_was_not_approved(executor: Executor) -> None:
    outcome = executor.run("write_book", {"pages": 2}, Run(thread="t", grant=Grant(tools=frozenset({"write_book"}))))
    assert outcome.status == "done" and len(outcome.assets) == 2


def test_a_bug_becomes_a_sentence_and_leaves_nothing(executor: Executor, caplog: pytest.LogCaptureFixture) -> None:
    outcome = executor.run("write_note", {"text": "bug"}, Run())
    assert outcome.status == "failed" and outcome.error is not None
    assert "ZeroDivisionError: oops" in outcome.error.sentence and "Traceback" not in outcome.error.sentence
    assert executor.studio.memory.list_assets() == [] and list(executor.studio.workspace.tmp.iterdir()) == []


def test_a_full_disk_is_told_and_nothing_is_recorded(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    outcome = executor.run("write_note", {"text": "hi"}, Run())
    assert outcome.error is not None and "No space left on device" in outcome.error.sentence
    assert executor.studio.memory.list_assets() == []


def test_a_database_that_refuses_takes_the_file_back(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    from configs.errors import StudioError

    def refuse(asset: Any) -> Any:
        raise StudioError("The memory is full")

    monkeypatch.setattr(executor.studio.memory, "add_asset", refuse)
    assert executor.run("write_note", {"text": "hi"}, Run()).status == "failed"
    assert list(executor.studio.workspace.assets.iterdir()) == []


def test_seconds_that_cannot_be_noted_cost_no_finished_work(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise UsageError("Nothing was changed in the studio's memory", "the disk is full")

    monkeypatch.setattr(executor.studio.memory, "add_timing", full)
    outcome = executor.run("write_note", {"text": "hi"}, Run(thread="t"))
    assert outcome.status == "done" and executor.studio.memory.get_asset(outcome.assets[0].id) is not None


def test_cancel_and_time_limit_stop_between_steps(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    token = CancelToken()
    stop = Run(cancel=token, emit=lambda e: token.cancel() if isinstance(e, Progress) else None)
    assert executor.run("write_note", {"text": "wait"}, stop).status == "cancelled"
    monkeypatch.setattr(WriteNote, "time_limit_s", 0.01)
    late = executor.run("write_note", {"text": "wait"}, Run())
    assert late.status == "cancelled" and late.error is not None and "time limit" in late.error.sentence
    assert executor.studio.memory.list_assets() == []


def test_dry_runs_leave_a_marked_stand_in(executor: Executor) -> None:
    outcome = executor.run("write_note", {"text": "hi"}, Run(thread="t", dry=True))
    assert outcome.status == "done" and outcome.assets[0].params == {"stand_in": True} and RUNS["hi"] == 0
    assert executor.run("write_note", {"oops": 1}, Run(dry=True)).status == "failed"


def test_what_one_message_made_is_undone_as_a_whole(executor: Executor) -> None:
    memory = executor.studio.memory
    for job, text in (("first", "one"), ("second", "two"), ("second", "three")):
        executor.run("write_note", {"text": text}, Run(thread="t", job=job, step=text))
    assert [len(undone.ids) for undone in memory.undo("t", whole=True)] == [1, 1]
    assert [asset.name for asset in memory.list_assets(thread="t")] == ["one.txt"]


def test_a_step_that_is_done_begins_anew_when_it_is_asked_for_again(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, begun = executor.studio.memory, []
    begin = memory.job_step_begun
    monkeypatch.setattr(memory, "job_step_begun", lambda job, step, last: begun.append(step) or begin(job, step, last))
    memory.start_job("j", "t", "remember", {})
    note = {"kind": "note", "name": "n", "text": "words"}
    assert executor.run("remember", note, Run(thread="t", job="j", step="1"), key="1").status == "done"
    (step,) = begun
    assert begin("j", step, 99) == 99


def test_a_forecast_counts_every_engine_on_the_graphics_card_and_no_other(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = {
        "painter": {"kind": "image", "device": "gpu", "need_mib": 700},
        "talker": {"kind": "voice", "device": "gpu", "need_mib": 500},
        "reader": {"kind": "voice", "device": "cpu", "need_mib": 4000},
    }
    arbiter = Arbiter(ModelTable.model_validate({"engines": engines}), _no_engine, cpu_budget_mib=1, gpu_budget_mib=1)
    monkeypatch.setattr(executor, "arbiter", arbiter)
    monkeypatch.setattr(WriteNote, "uses", lambda *_: frozenset(engines))
    try:
        assert executor.forecast("write_note", {"text": "hi"})[0].vram_mib == 1200
        monkeypatch.setattr(WriteNote, "forecast", lambda *_: Forecast(seconds=1.0, vram_mib=3000))
        assert executor.forecast("write_note", {"text": "hi"})[0].vram_mib == 3000, "its own guess is more"
    finally:
        arbiter.close()


def test_forecasts_turn_into_measured_ones(executor: Executor) -> None:
    forecast, needs, _ = executor.forecast("write_note", {"text": "hi"})
    assert forecast.basis == "estimated" and forecast.seconds == 1.0 and needs == frozenset()
    for n in range(3):
        executor.run("write_note", {"text": f"hi{n}"}, Run())
    forecast, _, _ = executor.forecast("write_note", {"text": "hi"})
    assert forecast.basis == "measured" and forecast.seconds < 0.5


def test_files_are_resolved_by_name_and_kind(executor: Executor) -> None:
    made = executor.run("write_note", {"text": "one"}, Run(thread="t")).assets[0]
    outcome = executor.run("write_note", {"text": "two", "source": "one.txt"}, Run(thread="t"))
    assert outcome.assets[0].parents == (made.id,)
    for wrong in ("nothing.txt", "/etc/passwd", "../../etc/passwd", "studio.db"):
        failed = executor.run("write_note", {"text": "x", "source": wrong}, Run(thread="t"))
        assert failed.status == "failed" and isinstance(failed.error, UsageError), wrong
        assert RUNS["x"] <= 4 and len(failed.error.sentence) < 500


def test_a_path_means_the_file_as_it_is_now(executor: Executor) -> None:
    own = executor.studio.workspace.home / "mine" / "poem.txt"
    own.parent.mkdir()
    ids = []
    for text in ("first", "second"):
        own.write_text(text)
        made = executor.run("write_note", {"text": text, "source": "mine/poem.txt"}, Run(thread="t")).assets[0]
        ids.append(made.parents[0])
    assert ids[0] != ids[1]
    by_path = executor.studio.memory.get_asset(ids[1]).path  # type: ignore[union-attr]
    again = executor.run("write_note", {"text": "x", "source": by_path}, Run(thread="t")).assets[0]
    assert again.parents == (ids[1],), "an asset's own path is that asset, not a new upload"


def test_a_file_that_was_written_anew_is_seen_also_where_the_clock_was_set_back(executor: Executor) -> None:
    own, ids = executor.studio.workspace.home / "poem.txt", []
    for number, text in enumerate(("first", "other", "other")):
        own.write_text(text)
        os.utime(own, (1e9 - number, 1e9 - number))
        made = executor.run("write_note", {"text": str(number), "source": "poem.txt"}, Run(thread="t")).assets[0]
        ids.append(made.parents[0])
    assert ids[0] != ids[1] == ids[2]


def test_of_a_file_and_what_was_made_under_its_name_the_newer_is_taken_and_said(executor: Executor) -> None:
    own = executor.studio.workspace.home / "one.txt"
    made = executor.run("write_note", {"text": "one"}, Run(thread="t")).assets[0]
    assert made.name == own.name
    own.write_text("from elsewhere")
    os.utime(own, (made.created_at - 60, made.created_at - 60))
    ids = []
    for later, words in ((-60, "is older"), (60, "of the workspace was taken")):
        os.utime(own, (made.created_at + later, made.created_at + later))
        result = executor.run("write_note", {"text": words, "source": "one.txt"}, Run(thread="t")).result
        assert result is not None and made.id in result.warnings[0] and words in result.warnings[0]
        ids.append(result.assets[0].parents[0])
    taken = executor.studio.memory.get_asset(ids[1])
    assert ids[0] == made.id and taken is not None
    assert taken.sha256 == hashlib.sha256(b"from elsewhere").hexdigest()
    again = executor.run("write_note", {"text": "c", "source": taken.id}, Run(thread="t")).result
    assert again is not None and not again.warnings


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ('{"text": "a"}', {"text": "a"}),
        ({"line": "a"}, {"text": "a"}),
        ({"text": "a", "seed": None}, {"text": "a"}),
    ],
)
def test_usual_slips_are_mended(executor: Executor, raw: Any, wanted: dict[str, Any]) -> None:
    assert repair_args(get_tool("write_note"), raw)[0] == wanted


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"text": "a", "sed": 1}, ["no argument 'sed'", "'seed'"]),
        ({}, ["needs 'text'"]),
        ({"text": "a", "seed": "many"}, ["'seed' cannot be 'many'"]),
    ],
)
def test_wrong_arguments_are_told_with_what_is_right(
    executor: Executor, args: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        validate_args(get_tool("write_note"), args)
    assert all(w in caught.value.sentence for w in words)


def test_a_missing_part_of_a_list_item_is_named() -> None:
    with pytest.raises(UsageError, match=r"needs 'lines\.0\.text'"):
        validate_args(get_tool("speak_dialogue"), {"lines": [{"character": "Luca"}]})


def test_not_json_is_told(executor: Executor) -> None:
    outcome = executor.run("write_note", "{text: hi", Run())
    assert outcome.status == "failed" and "not valid JSON" in outcome.error.sentence  # type: ignore[union-attr]


@pytest.mark.parametrize("raw", ['{"text": "half \\ud83d"}', {"text": "half \ud83d"}])
def test_half_a_letter_from_a_model_is_no_crash(executor: Executor, raw: Any) -> None:
    outcome = executor.run("write_note", raw, Run(thread="t", job="j", step="1"), key="1")
    assert outcome.status == "done" and outcome.args["text"] == "half \ufffd"


def test_an_unknown_tool_gets_the_nearest_name(executor: Executor) -> None:
    outcome = executor.run("spek", {}, Run())
    assert outcome.error is not None and "'speak'" in outcome.error.sentence and outcome.error.exit_code == 2


def test_every_tool_declares_itself_completely() -> None:
    for tool in all_tools():
        schema = function_schema(tool)["function"]
        assert json.loads(json.dumps(schema)) == schema and "$ref" not in json.dumps(schema), tool.name
        assert schema["parameters"]["additionalProperties"] is False, tool.name
        assert all(p.get("description") for p in schema["parameters"]["properties"].values()), tool.name
        assert tool.effect in ("read", "create", "overwrite", "delete", "spend")
        required = schema["parameters"].get("required", [])
        assert set(required) <= set(list(schema["parameters"]["properties"])[:3]), "needed ones come first"


def test_a_tool_without_descriptions_cannot_be_declared() -> None:
    class Bare(ToolArgs):
        text: str

    with pytest.raises(TypeError, match="lacks a description"):

        class Wrong(Tool):
            name, description, Args = "wrong", "x", Bare

            def run(self, args: Any, ctx: Any) -> ToolResult:
                return ToolResult("")


def test_finished_events_carry_the_error(executor: Executor) -> None:
    seen: list[Event] = []
    executor.run("write_note", {"text": "fail"}, Run(emit=seen.append))
    last = seen[-1]
    assert isinstance(last, StepFinished) and last.status == "failed" and last.summary.startswith("The pen broke")
