"""The executor's metrics, moved by real runs of tools."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from toy_tools import RUNS, TOY_TOOLS

from backends.gpu.arbiter import Arbiter
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from memory.store import Memory
from tools import registry
from tools.events import Progress
from tools.executor import Executor, Run
from tools.policy import Grant
from tools.spec import CancelToken, Studio


def _no_engine(name: str) -> Any:
    raise AssertionError(name)


@pytest.fixture
def executor(settings: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    for name, where in TOY_TOOLS.items():
        monkeypatch.setitem(registry.TOOLS, name, where)
    RUNS.clear()
    arbiter = Arbiter(ModelTable(engines={}), _no_engine, cpu_budget_mib=1, gpu_budget_mib=1)
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        yield Executor(Studio(settings, workspace, memory), arbiter)
    arbiter.close()


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def running(tool: str) -> float:
    return value("studio_tools_running", tool=tool)


def runs(tool: str, status: str) -> float:
    return value("studio_tool_seconds_count", tool=tool, status=status)


def test_every_way_to_end_is_counted_once(executor: Executor) -> None:
    statuses = ("done", "failed", "cancelled", "refused", "reused")
    before = {s: runs("write_note", s) for s in statuses}
    executor.studio.memory.start_job("j", "t", "write_note", {})
    job, token = Run(thread="t", job="j", step="1"), CancelToken()
    executor.run("write_note", {"text": "hi"}, job, key="k")
    executor.run("write_note", {"text": "hi"}, job, key="k")
    executor.run("write_note", {"text": "fail"}, Run())
    executor.run("write_note", {"text": "hi"}, Run(grant=Grant(tools=frozenset({"speak"}))))
    stop = Run(cancel=token, emit=lambda e: token.cancel() if isinstance(e, Progress) else None)
    executor.run("write_note", {"text": "wait"}, stop)
    assert {s: runs("write_note", s) - before[s] for s in statuses} == dict.fromkeys(statuses, 1.0)
    assert running("write_note") == 0


def test_the_time_is_the_time_of_the_run(executor: Executor) -> None:
    before = value("studio_tool_seconds_sum", tool="write_note", status="done")
    outcome = executor.run("write_note", {"text": "wait"}, Run())
    measured = value("studio_tool_seconds_sum", tool="write_note", status="done") - before
    assert outcome.seconds <= measured < outcome.seconds + 1.0


def test_failures_tell_their_kind(executor: Executor) -> None:
    def failures(tool: str, error: str) -> float:
        return value("studio_tool_failures_total", tool=tool, error=error)

    kinds = [("write_note", "EngineError"), ("write_note", "ZeroDivisionError"), ("other", "UsageError")]
    before = [failures(*kind) for kind in kinds]
    executor.run("write_note", {"text": "fail"}, Run())
    executor.run("write_note", {"text": "bug"}, Run())
    executor.run("spek" * 1000, {}, Run())
    assert [failures(*kind) - b for kind, b in zip(kinds, before, strict=True)] == [1, 1, 1]
    assert "spek" not in str(list(REGISTRY.collect())), "names that a model made up do not become labels"


def test_what_runs_now_is_seen_sub_steps_included(executor: Executor) -> None:
    seen: list[tuple[float, float]] = []

    def look(event: object) -> None:
        if isinstance(event, Progress):
            seen.append((running("write_book"), running("write_note")))

    executor.run("write_book", {"pages": 1}, Run(emit=look))
    assert (1.0, 1.0) in seen
    assert running("write_book") == running("write_note") == 0


def test_a_programming_error_leaves_nothing_running(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug of the executor")

    before = runs("write_note", "failed")
    monkeypatch.setattr(executor, "_record", broken)
    with pytest.raises(RuntimeError):
        executor.run("write_note", {"text": "hi"}, Run())
    assert running("write_note") == 0 and runs("write_note", "failed") == before + 1


def test_dry_runs_are_no_work(executor: Executor) -> None:
    before = runs("write_note", "done")
    executor.run("write_note", {"text": "hi"}, Run(dry=True))
    assert runs("write_note", "done") == before


def test_parallel_runs_are_all_counted(executor: Executor) -> None:
    before = runs("wipe_notes", "done")
    threads = [threading.Thread(target=executor.run, args=("wipe_notes", {}, Run())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs("wipe_notes", "done") == before + 8 and running("wipe_notes") == 0


def test_first_runs_at_the_same_time_register_once() -> None:
    """In a process of its own: this one has registered already."""
    code = """
import threading, tools.metrics as m
gate, wrong = threading.Barrier(8), []
def first():
    gate.wait()
    try:
        m.tool_metrics()
    except ValueError as error:
        wrong.append(error)
threads = [threading.Thread(target=first) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(wrong))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"
