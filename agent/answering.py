"""What a message says to the plan that waits, whoever typed it: go on, or a question about time and cost."""

from __future__ import annotations

from agent.state import Decision
from backends.llm.offline.price_questions import asked_about, asks_of_the_plan, says_go


def typed_decision(text: str) -> Decision | None:
    """The answer that a message gives to a waiting plan; None for a wish of its own, which takes the plan's place."""
    if says_go(text):
        return Decision("approve")
    return Decision("ask", change=text) if asks_of_the_plan(text) or asked_about(text) else None
