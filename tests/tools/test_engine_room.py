"""Opening the engines of a studio: what earlier ones left is ended, taken over or told."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from backends.gpu.servers import records
from backends.gpu.servers.processes import birth
from backends.gpu.servers.server import Plan, Server
from configs.rundir import run_dir
from configs.settings import Settings, load_settings
from configs.workspace import Workspace
from tools.engine_room import EngineRoom

IDLE = Plan(argv=(sys.executable, "-c", "import time; time.sleep(600)"), env={})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", gpu={"run_dir": str(tmp_path / "run")})


def left_by_another(settings: Settings, name: str, kept: bool) -> int:
    """The number of a server whose studio is gone."""
    folder = run_dir(settings)
    server = Server(name, run_dir=folder, home=Path("/another/home"), stop_seconds=0.3)
    server.log_file = folder / f"{name}.log"
    server.keep(kept)
    server.start(IDLE)
    record = records.read(folder, name)
    assert record is not None
    gone = record.model_copy(update={"owner_born": "long ago"})
    (folder / "engines" / f"{name}.json").write_text(gone.model_dump_json())
    server.leave()
    return record.pid


def test_orphans_are_ended_and_a_kept_one_that_is_no_engine_here_is_told(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    orphan = left_by_another(settings, "gpt_sovits", kept=False)
    renamed = left_by_another(settings, "my-model-of-old", kept=True)
    try:
        with caplog.at_level(logging.WARNING, "studio.engines"):
            room = EngineRoom.open(settings, Workspace.open(settings.home), passing=True)
        room.close()
        assert not birth(orphan) and "'gpt_sovits' of an earlier studio was ended" in caplog.text
        assert birth(renamed) and "/another/home" in caplog.text and f"'kill {renamed}'" in caplog.text
    finally:
        for record in records.all_records(run_dir(settings)):
            records.end_recorded(run_dir(settings), record, 0.2)
    assert not birth(renamed)
