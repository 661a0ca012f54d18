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


def test_what_looks_like_markup_in_a_wish_is_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        terminal, "Console", lambda **given: Console(**{**given, "stderr": False}, file=screen, force_terminal=True)
    )
    step = ev.PlanStep("1", "create_character", {}, "Draw [/b] Luca", "creates", (), 3.0, 0)
    with TerminalView() as view:
        view.show(ev.PlanProposed(thread="t", steps=(step,), seconds=3.0, swaps=0, vram_mib=0))
        view.show(ev.StepStarted(thread="t", step="1", tool="create_character", title="Draw [/b] Luca"))
        view.show(ev.Progress(thread="t", step="1", done=1, total=2, note="of [/i]"))
    assert "Draw [/b] Luca" in screen.getvalue()


def test_a_step_that_ends_in_a_question_is_not_called_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "Console", lambda **given: Console(**{**given, "stderr": False}, file=screen))
    with TerminalView() as view:
        view.show(ev.StepStarted(thread="t", step="1", tool="clone_voice", title="Clone a voice"))
        view.show(ev.StepFinished(thread="t", step="1", tool="clone_voice", status="asked", seconds=0.5))
    assert "asks clone_voice" in screen.getvalue() and "failed" not in screen.getvalue()


def test_a_stop_tells_how_many_pictures_of_a_batch_are_kept() -> None:
    view = TerminalView(quiet=True)
    assert view.kept == ""
    for number in (1, 2):
        step = f"1/picture-{number}"
        view.show(ev.StepFinished(thread="t", step=step, tool="generate_image", status="done", seconds=1.0))
    assert view.kept.startswith("2 pictures are finished and kept")
