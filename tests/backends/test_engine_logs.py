"""Logs of engines: followed, of any size, harmless to a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from backends.gpu.servers import log_file
from backends.gpu.servers.log_file import LINE_BYTES, LOOK_BYTES, LogFollower


def test_the_last_words_before_a_new_start_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("one\n")
    follower = LogFollower(path)
    assert follower.new_lines() == ["one"]
    with path.open("a") as file:
        file.write("two\nwhy it died")
    os.close(log_file.fresh(path))
    path.write_text("anew\n")
    assert [*follower.new_lines(), *follower.new_lines()] == ["two", "why it died", "anew"]


def test_an_endless_line_and_a_large_log_stay_small_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    follower = LogFollower(path)
    with path.open("wb") as file:
        file.write(b"x" * (5 * LOOK_BYTES))  # no line ends here
        file.write("\nthe end é\n".encode())
    looks = [follower.new_lines() for _ in range(7)]
    assert max(sum(map(len, lines)) for lines in looks) <= LOOK_BYTES + LINE_BYTES
    assert all(len(line) <= LINE_BYTES for lines in looks for line in lines)
    assert [line for lines in looks for line in lines][-1] == "the end é" and not follower.new_lines()
    with path.open("ab") as file:
        file.truncate(2 * 2**30)  # sparse
        file.write(b"\nlast\n")
    before = psutil.Process().memory_info().rss
    assert log_file.tail(path)[-1] == "last" and len(follower.new_lines()) <= LOOK_BYTES
    assert psutil.Process().memory_info().rss - before < 100 * 2**20


def test_letters_are_not_torn_between_two_looks(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    follower = LogFollower(path)
    path.write_bytes("日本".encode()[:4])
    assert follower.new_lines() == []
    path.write_bytes("日本\n".encode())
    assert follower.new_lines() == ["日本"]


def test_a_log_cannot_drive_the_terminal() -> None:
    assert log_file.split("\x1b]0;title\x07a\x1b[2Jb\x08\x9bc\td\n") == ["abc\td"]
