"""One studio per GPU: who holds it is told, the kernel opens it, the epoch rises."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backends.gpu.gpu_lock import GpuLock
from configs.errors import EngineError

HOLD = """
import sys, time
from pathlib import Path
from backends.gpu.gpu_lock import GpuLock
print(GpuLock(Path(sys.argv[1]), home="/films/other", url="http://127.0.0.1:8400").acquire(), flush=True)
time.sleep(60)
"""


def test_the_second_one_is_told_who_has_it(tmp_path: Path) -> None:
    one, two = GpuLock(tmp_path, home="/films/one", url="http://127.0.0.1:8400"), GpuLock(tmp_path, home="/films/two")
    assert one.acquire() == 1 and one.held and one.acquire() == 1
    with pytest.raises(EngineError) as caught:
        two.acquire()
    assert str(caught.value) == (
        f"GPU 0 belongs to another studio: process {os.getpid()} with the home /films/one at http://127.0.0.1:8400 "
        "holds it. Use that one, or close it first; everything that needs no GPU works here."
    )
    assert not two.held and one.held and two.owner()["pid"] == os.getpid() and two.owner()["started"] > 0
    GpuLock(tmp_path, 1).acquire()  # another GPU is another lock


def test_the_epoch_rises_with_every_owner(tmp_path: Path) -> None:
    one, two = GpuLock(tmp_path), GpuLock(tmp_path)
    one.acquire()
    one.release()
    one.release()
    assert two.acquire() == 2 and one.owner()["epoch"] == 2
    two.release()
    assert "pid" not in two.owner() and one.acquire() == 3
    one.release()


def test_the_kernel_opens_it_when_its_owner_is_killed(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "1"
        lock = GpuLock(tmp_path)
        with pytest.raises(EngineError, match=rf"process {other.pid} with the home /films/other"):
            lock.acquire()
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=10)
        other.stdout.close()
    assert lock.acquire() == 2
    lock.release()


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"epoch": "many"}', '{"epoch": -4}', "\xff" * 9000])
def test_a_damaged_file_does_not_stop_anybody(tmp_path: Path, content: str) -> None:
    lock = GpuLock(tmp_path)
    lock.path.write_text(content)
    assert lock.acquire() == 1
    assert json.loads(lock.path.read_text())["epoch"] == 1
    lock.release()


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "gpu-0.lock").symlink_to(victim)
    with pytest.raises(EngineError, match="cannot be opened"):
        GpuLock(tmp_path).acquire()
    assert victim.read_text() == "precious" and GpuLock(tmp_path).owner() == {}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"gpu-0.lock cannot be opened: No such file or directory. Set gpu.run_dir"):
        GpuLock(tmp_path / "gone").acquire()
