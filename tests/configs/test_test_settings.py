"""How the tests themselves run: one thread for each numeric library, and slow files first."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from file_order import slow_first
from threadpoolctl import threadpool_info


def test_two_workers_do_not_wait_for_each_other_in_a_loop() -> None:
    assert torch.get_num_threads() == 1
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}


def test_files_with_slow_tests_come_first_and_stay_whole() -> None:
    names = ["a::1", "a::2", "b::1", "b::slow", "b::2", "c::1", "d::slow"]
    items = [
        SimpleNamespace(name=n, path=Path(n[0]), get_closest_marker=lambda _, slow="slow" in n: slow) for n in names
    ]
    slow_first(items)  # type: ignore[arg-type]
    assert [item.name for item in items] == ["b::1", "b::slow", "b::2", "d::slow", "a::1", "a::2", "c::1"]
