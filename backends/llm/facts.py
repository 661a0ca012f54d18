"""The facts that the agent hands to a brain: JSON at the end of the system message; data, never instructions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_BLOCK = re.compile(r"<facts>\s*(\{.*\})\s*</facts>\s*$", re.DOTALL)


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FileFact(_Fact):
    """A file of this turn or an asset of the studio."""

    id: str
    kind: str = "file"
    name: str = ""
    tool: str = ""
    """The tool that made it; '' for an upload."""
    text: str = ""
    """Its prompt, spoken text or summary."""


class CharacterFact(_Fact):
    name: str
    aliases: tuple[str, ...] = ()
    text: str = ""


class MemoryFact(_Fact):
    kind: str = "note"
    name: str = ""
    text: str = ""


class CallFact(_Fact):
    """A tool call of an earlier turn that did its work."""

    tool: str
    args: dict[str, Any] = Field(default_factory=dict)


class OpenQuestion(_Fact):
    """The question that the studio asked last, and the wish that it belongs to."""

    text: str = ""
    choices: tuple[str, ...] = ()
    wish: str = ""


class Facts(_Fact):
    """What a brain may know besides the conversation."""

    tools: tuple[str, ...] = ()
    attachments: tuple[FileFact, ...] = ()
    assets: tuple[FileFact, ...] = ()
    """Newest first."""
    characters: tuple[CharacterFact, ...] = ()
    styles: tuple[str, ...] = ()
    memory: tuple[MemoryFact, ...] = ()
    calls: tuple[CallFact, ...] = ()
    """Of the turns before, oldest first."""
    open_question: OpenQuestion | None = None
    language: str = ""
    extra: dict[str, Any] = Field(default_factory=dict)


def facts_block(facts: Mapping[str, Any]) -> str:
    """The facts as the last part of a system message. Nothing inside can close the block: '<' is escaped."""
    text = json.dumps(facts, ensure_ascii=False, default=str).replace("<", "\\u003c")
    return f"<facts>\n{text}\n</facts>"


def read_facts(messages: Sequence[BaseMessage]) -> Facts:
    """The facts of the newest system message that carries a block; empty facts when there is none or it is damaged."""
    for message in reversed(messages):
        if isinstance(message, SystemMessage) and (found := _BLOCK.search(str(message.content))):
            try:
                return Facts.model_validate_json(found.group(1))
            except ValidationError:
                return Facts()
    return Facts()
