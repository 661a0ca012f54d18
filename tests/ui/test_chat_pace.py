"""How long a step still takes."""

from __future__ import annotations

from ui.chat.pace import Pace


def test_what_is_left_follows_the_pace() -> None:
    pace = Pace()
    assert pace.left(0.0, 100.0) == "" and pace.left(0.3, 103.0) == "", "three seconds tell nothing"
    assert pace.left(0.25, 110.0) == "about 30 s left"
    assert pace.left(0.02, 105.0) == "", "so little tells nothing"
    assert pace.left(0.1, 160.0) == "about 9 min left"
    assert pace.left(0.1, 1000.0) == "about 2 h 15 min left"
    assert pace.left(0.999, 1000.0) == "about 5 s left" and pace.left(1.0, 1000.0) == ""


def test_what_was_done_before_is_not_counted_as_done_now() -> None:
    pace = Pace()
    assert pace.left(0.5, 0.0) == ""
    assert pace.left(0.75, 20.0) == "about 20 s left"
    assert pace.left(0.2, 30.0) == "", "it begins anew"
    assert pace.left(0.4, 40.0) == "about 30 s left"
