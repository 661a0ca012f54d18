from __future__ import annotations

import pytest

from configs.errors import UsageError


def test_a_job_is_resumed_with_its_finished_steps(memory, make_asset):
    asset = memory.add_asset(make_asset())
    job = memory.start_job("j1", "t", "make_film", {"story": "è notte"})
    assert (job.status, job.args) == ("open", {"story": "è notte"})
    memory.job_step_done("j1", "shot-1", [asset.id], 2.5, {"take": 3})
    memory.finish_job("j1", "failed")
    assert memory.open_jobs("t") == []
    memory.start_job("j1", "t", "make_film", {"story": "è notte"})
    assert [j.id for j in memory.open_jobs("t")] == ["j1"]
    assert memory.open_jobs("other") == []
    step = memory.job_step("j1", "shot-1")
    assert (step.asset_ids, step.seconds, step.data) == ((asset.id,), 2.5, {"take": 3})
    assert memory.job_step("j1", "shot-2") is None


def test_a_step_whose_asset_was_undone_has_to_be_made_again(memory, make_asset):
    asset = memory.add_asset(make_asset())
    memory.start_job("j", "t", "tool", {})
    memory.job_step_done("j", "k", [asset.id, asset.id], 1.0)
    assert memory.job_step("j", "k") is not None
    memory.hide_assets([asset.id])
    assert memory.job_step("j", "k") is None
    memory.job_step_done("j", "without files", [], 1.0, {"text": "ok"})
    assert memory.job_step("j", "without files").data == {"text": "ok"}


def test_a_job_cannot_end_in_an_unknown_way(memory):
    with pytest.raises(UsageError):
        memory.finish_job("j", "vanished")


def test_typical_seconds_is_the_median_of_the_last_twenty(memory):
    for seconds in (1.0, 2.0):
        memory.add_timing("speak", "espeak", "s", seconds)
    assert memory.typical_seconds("speak", "espeak", "s") is None
    memory.add_timing("speak", "espeak", "s", 9.0, peak_mib=100.0)
    assert memory.typical_seconds("speak", "espeak", "s") == 2.0
    for _ in range(20):
        memory.add_timing("speak", "espeak", "s", 5.0)
    assert memory.typical_seconds("speak", "espeak", "s") == 5.0
    assert memory.typical_seconds("speak", "other", "s") is None


def test_threads_come_last_used_first_and_keep_their_title(memory):
    memory.upsert_thread("a", "First wish")
    memory.upsert_thread("b", "Second")
    again = memory.upsert_thread("a")
    assert again.title == "First wish"
    assert [t.id for t in memory.list_threads()] == ["a", "b"]
    assert memory.list_threads(1) == [again]


def test_only_one_take_of_a_shot_is_kept(memory, make_asset):
    first = memory.add_take("film", "shot-1", "img-1", 0.4, kept=True)
    second = memory.add_take("film", "shot-1", "img-2", 0.9, kept=True)
    memory.add_take("film", "shot-2", "img-3")
    assert (first.number, second.number) == (1, 2)
    assert [(t.asset_id, t.kept) for t in memory.list_takes("film", "shot-1")] == [("img-1", False), ("img-2", True)]
    assert len(memory.list_takes("film")) == 3
