"""The order in which files of tests are run."""

from __future__ import annotations

import pytest


def slow_first(items: list[pytest.Item]) -> None:
    """Files with a slow test come first, so that no worker ends with one while the others have nothing left."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
