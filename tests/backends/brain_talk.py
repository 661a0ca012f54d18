"""Messages to the built-in brain and what comes back, for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from backends.llm.facts import facts_block
from backends.llm.offline.brain import OfflineBrain
from backends.llm.understanding import UNDERSTAND, Understanding, parse_understanding, understand_tool

LUCA = {"name": "Luca", "aliases": [], "text": "a boy with curly brown hair"}
BOO = {"name": "Boo", "aliases": ["Bibo"], "text": "a small robot"}
ZED = {"name": "Zed", "aliases": [], "text": "a rusty robot"}
BUNNY = {"id": "vid-aaaaaaaaaa", "kind": "video", "name": "bigbuckbunny.mp4"}
IMAGE = {
    "id": "img-bbbbbbbbbb",
    "kind": "image",
    "name": "Luca waving",
    "tool": "generate_image",
    "text": "Luca waving on the beach",
}
FILM = {"id": "vid-cccccccccc", "kind": "video", "name": "The kite", "tool": "make_film", "text": "a kite escapes"}


def messages(wish: str, before: Sequence[BaseMessage] = (), **facts: Any) -> list[BaseMessage]:
    known = {"characters": [LUCA, BOO], "styles": ["storybook"], **facts}
    return [SystemMessage(f"Stage.\n\n{facts_block(known)}"), *before, HumanMessage(wish)]


def understand(brain: OfflineBrain, wish: str, **facts: Any) -> Understanding:
    bound = brain.bind_tools([understand_tool()], tool_choice=UNDERSTAND)
    return parse_understanding(bound.invoke(messages(wish, **facts)))


def calls(brain: OfflineBrain, wish: str, **facts: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in brain.invoke(messages(wish, **facts)).tool_calls]


def question(wish: str, choices: Sequence[str] = ()) -> dict[str, Any]:
    return {"text": "?", "choices": list(choices), "wish": wish}
