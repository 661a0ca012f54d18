"""How the page calls steps."""

from __future__ import annotations

import pytest

from agent.events import PlanProposed
from ui.chat.wording import plan_text, step_title


@pytest.mark.parametrize(
    ("tool", "args", "title"),
    [
        ("generate_image", {"prompt": "Luca waving"}, "Draw: Luca waving"),
        ("edit_image", {"image": "img-b2f10c4f76", "instruction": "make the sky purple"},
         "Change the picture: make the sky purple"),
        ("make_control_maps", {"image": "img-b2f10c4f76"}, "Make control maps"),
        ("check_identity", {"image": "img-b2f10c4f76", "character": "Luca"}, "Check who is in the picture: Luca"),
        ("lip_sync", {"audio": "$1"}, "Fit the mouth to the words"),
        ("remember", {"kind": "character", "name": "Pip", "text": "a small hedgehog"}, "Remember: Pip"),
        ("remember", {"kind": "note", "text": "the film ends at dawn"}, "Remember: the film ends at dawn"),
        ("export_timeline", {"timeline": "last", "format": "fcpxml"}, "Export the timeline: fcpxml"),
        ("remix_style", {"video": "clip.mp4", "style": "noir"}, "Give it another style: noir"),
        ("make_parody", {"video": "last", "recipe": "auto"}, "Make a parody"),
    ],
)  # fmt: skip
def test_a_title_tells_what_is_done_in_words(tool: str, args: dict[str, object], title: str) -> None:
    assert step_title(tool, args) == title


@pytest.mark.parametrize(("seconds", "told"), [(45, "45 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min"), (7_200, "2 h")])
def test_a_plan_tells_its_time_in_hours_where_it_takes_hours(seconds: float, told: str) -> None:
    assert f"**{told}**" in plan_text(PlanProposed(thread="t", steps=(), seconds=seconds, vram_mib=0, swaps=0), "")
