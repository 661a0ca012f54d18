"""What a wish shows on a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from agent import events as ev
from ui import terminal
from ui.terminal import TerminalView

REPORT = {"reply": "Done.", "questions": [], "assets": [], "home": "", "notices": ["no model [/b] is set", "another"]}


@pytest.mark.parametrize(("is_terminal", "times"), [(True, 1), (False, 2)])
def test_a_notice_is_not_said_twice_on_one_screen(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, times: int
) -> None:
    screen = io.StringIO()

    def console(**given: Any) -> Console:
        return Console(**{**given, "stderr": False}, file=screen, force_terminal=is_terminal, width=80)

    monkeypatch.setattr(terminal, "Console", console)
    view = TerminalView()
    view.show(ev.Notice(thread="t", text="no model [/b] is set"))
    view.result(REPORT)
    shown = screen.getvalue()
    assert shown.count("no model [/b] is set") == times and shown.count("another") == 1
