"""`kill -9` in the middle of a film, at several moments; the same command goes on and the film is the same."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from in_process import studio_here

WISH = "Make a 4 second film: a boy named Luca finds a tiny robot in the room. He says 'Ciao!' happily."
SMALL = {
    "HF_HUB_OFFLINE": "1", "STUDIO_FILM__WIDTH": "192", "STUDIO_FILM__HEIGHT": "108", "STUDIO_FILM__FPS": "12",
    "STUDIO_IMAGE__PREVIEW_SAMPLES": "2", "STUDIO_MEMORY__INDEX": "numpy", "STUDIO_MEMORY__EMBEDDER": "letters",
}  # fmt: skip
ENV = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")} | SMALL
COMMAND = ["ask", WISH, "--yes", "--json", "--brain", "offline", "--thread", "film"]


def start(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ui.cli", *COMMAND, "--home", str(home)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    report: dict[str, Any] = json.loads(out)
    return report


def steps(home: Path) -> list[tuple[str, float]]:
    """Finished steps of the film's job with the time they were recorded."""
    try:
        with sqlite3.connect(f"file:{home / 'studio.db'}?mode=ro", uri=True) as database:
            return [(str(r[0]), float(r[1])) for r in database.execute("SELECT key, done_at FROM job_steps ORDER BY 2")]
    except sqlite3.OperationalError:
        return []


def kill_when(home: Path, count: int) -> list[tuple[str, float]]:
    """Start the film, kill the whole process once `count` steps are done; those steps."""
    process = start(home)
    try:
        until = time.monotonic() + 200
        while len(steps(home)) < count:
            assert process.poll() is None, f"it ended before step {count}: {process.communicate()[1]}"
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
    return steps(home)


def made(report: dict[str, Any], home: Path) -> dict[str, str]:
    """Kind and name -> content of each result (ids and paths are the same in both homes)."""
    import hashlib

    return {
        f"{a['kind']} {a['id']} {a['path']}": hashlib.sha256((home / a["path"]).read_bytes()).hexdigest()
        for a in report["assets"]
    }


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    home = tmp_path_factory.mktemp("whole")
    whole = studio_here(*COMMAND, "--home", str(home), **SMALL)
    assert whole.returncode == 0, whole.stderr
    return json.loads(whole.stdout), home


@pytest.mark.slow
def test_a_film_that_is_killed_twice_goes_on_and_is_the_same(
    tmp_path: Path, uninterrupted: tuple[dict[str, Any], Path]
) -> None:
    whole, whole_home = uninterrupted
    early, late = kill_when(tmp_path, 2), kill_when(tmp_path, 7)
    report = finish(start(tmp_path))
    after = dict(steps(tmp_path))
    for before in (early, late):
        assert [after[key] for key, _ in before] == [at for _, at in before], "a finished step was made again"
    assert made(report, tmp_path) == made(whole, whole_home)
    assert list((tmp_path / "tmp").iterdir()) == [], "the killed run's temporary files are gone"
    assert any(a["kind"] == "video" for a in report["assets"])
