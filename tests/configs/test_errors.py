"""What errors say is one line, whatever stood in the words of others."""

from __future__ import annotations

import pytest

from configs.errors import StudioError, one_line


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("  a clip\n that\r\n\tis gone ", "a clip that is gone"),
        ("red\x1b[2J\x07 and \u202egpj.exe", "red[2J and gpj.exe"),
        ("half a \ud83d letter", "half a  letter"),
        ("two  blanks, \N{FAMILY}\N{ZERO WIDTH JOINER} too", "two  blanks, \N{FAMILY}\N{ZERO WIDTH JOINER} too"),
        ("one\u2028two\x85three\x1ffour", "one two three four"),
        ("", ""),
    ],
)
def test_one_line(given: str, said: str) -> None:
    assert one_line(given) == said


def test_an_error_is_one_line() -> None:
    error = StudioError("There is no effect '\n'", "line 1\nline 2", "Ask\nagain?")
    assert error.sentence == str(error) == "There is no effect ' ': line 1 line 2. Ask again?"
    assert error.cause == "line 1 line 2"
