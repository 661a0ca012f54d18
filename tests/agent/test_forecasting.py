"""Questions about time and cost in whole turns: an answer, no plan, and nothing that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted_brain import ScriptedBrain, calls, understands
from test_turns import make_agent  # noqa: F401
from toy_tools import RUNS

from agent.events import ApprovalAsked, PlanProposed
from agent.forecasting import duration
from agent.studio_agent import StudioAgent
from backends.llm.understanding import FORECAST

Make = Callable[..., StudioAgent]


def _asked(agent: StudioAgent, wish: str) -> tuple[dict[str, Any], list[Any]]:
    import asyncio

    async def turn() -> list[Any]:
        return [event async for event in agent.astream(wish, thread="f", approve="ask")]

    events = asyncio.run(turn())
    return events[-1].report, events


def test_a_forecast_is_told_and_nothing_is_planned(make_agent: Make) -> None:  # noqa: F811
    brain = ScriptedBrain().enqueue(
        understands(FORECAST, "write_note"), calls(("write_note", {"text": "slow"}), ("write_note", {"text": "b"}))
    )
    report, events = _asked(make_agent(brain), "how long would a slow note take?")
    assert "about 1 min 41 s" in report["reply"] and "no GPU memory" in report["reply"]
    assert "0 model loads" in report["reply"] and "Nothing was started" in report["reply"]
    assert report["plan"] == [] and report["calls"] == [] and report["questions"] == [] and not RUNS
    assert not any(isinstance(event, (PlanProposed, ApprovalAsked)) for event in events)


def test_what_cannot_be_priced_says_why(make_agent: Make) -> None:  # noqa: F811
    brain = ScriptedBrain().enqueue(understands(FORECAST, "write_note"), calls(("write_note", {})))
    report, _ = _asked(make_agent(brain), "how long would a note take?")
    assert report["error"] is not None and report["plan"] == [] and not RUNS


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (89, "89 s"), (120, "2 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_as_people_say_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told
