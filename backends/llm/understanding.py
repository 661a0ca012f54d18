"""What a brain says about a wish before it plans, and what a brain says about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import EngineError

UNDERSTAND = "understand"
"""Name of the one tool that a brain calls in the first stage."""

CLARIFY, DECLINE, CHAT = "clarify", "decline", "chat"
"""The three intents that call no tool."""

FORECAST = "forecast"
"""A question about what a wish would take: its calls are priced, and none of them runs."""


class Understanding(BaseModel):
    """What the user wants, as far as it can be known before planning."""

    model_config = ConfigDict(frozen=True, extra="ignore", title=UNDERSTAND)

    intent: str = Field(
        description="Name of the tool that serves the wish first; or 'clarify' when something essential is missing, "
        "'decline' when no tool can serve it, 'chat' for greetings, thanks and questions about the studio itself; "
        "'forecast' when the user only asks how long something would take, what it would cost or whether the GPU can "
        "do it: then 'tools' names what it is about, and nothing is made"
    )
    tools: list[str] = Field(
        default_factory=list, description="Names of all tools that the wish needs, in order, the main one first"
    )
    question: str = Field(default="", description="For 'clarify': the one question to ask, else empty")
    choices: list[str] = Field(
        default_factory=list, description="For 'clarify': short possible answers, when they are known"
    )
    reason: str = Field(default="", description="For 'decline': why, in one sentence, else empty")
    language: str = Field(default="en", description="ISO 639-1 code of the language the user writes in")
    answers: bool | None = Field(
        default=None,
        description="True when the message answers the studio's open question, false when it is a wish of its own",
    )
    confidence: float = Field(default=1.0, ge=0.0, le=1.0, description="How sure this reading is, 0 to 1")

    @property
    def acts(self) -> bool:
        """True when tools shall be called."""
        return self.intent not in (CLARIFY, DECLINE, CHAT)


@dataclass(frozen=True)
class Capabilities:
    """What the agent and the page may know of a brain."""

    name: str
    """'offline' | 'llm'."""
    model: str
    """The served model's name, or what the built-in brain stands on."""
    free_text: bool
    """True when it can write prose of its own; the built-in brain only fills templates."""
    badge: str
    """Shown beside the chat, e.g. 'Basic (no language model)'."""


def understand_tool() -> dict[str, Any]:
    """The schema to bind for the first stage: `brain.bind_tools([understand_tool()], tool_choice=UNDERSTAND)`."""
    schema = Understanding.model_json_schema()
    schema.pop("title", None)
    return {
        "type": "function",
        "function": {
            "name": UNDERSTAND,
            "description": "Say what the user's newest message wants from the studio.",
            "parameters": schema,
        },
    }


def parse_understanding(message: AIMessage) -> Understanding:
    """The `understand` call in a brain's answer. Raises EngineError when there is none or it does not fit."""
    for call in message.tool_calls:
        if call["name"] == UNDERSTAND:
            try:
                return Understanding.model_validate(call["args"])
            except ValidationError as error:
                raise EngineError(
                    "The language model's reading of the wish does not fit",
                    json.dumps(
                        error.errors(include_url=False, include_input=False, include_context=False)[0], default=str
                    ),
                    "Say it in other words, or use the built-in brain (brain: offline)",
                ) from error
    raise EngineError(
        "The language model did not say what the wish is",
        f"no '{UNDERSTAND}' call in its answer",
        "Say it in other words, or use the built-in brain (brain: offline)",
    )
