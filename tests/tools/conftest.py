"""Fixtures that several files of tests of editing share; a file may have its own of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from editing_context import EditingStudio, counting_film

from configs.settings import Settings
from memory.records import Asset


@pytest.fixture
def studio(settings: Settings) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    yield made
    made.close()


@pytest.fixture
def counting(studio: EditingStudio, tmp_path: Path) -> Asset:
    return studio.attach(counting_film(tmp_path / "counting.mp4"))
