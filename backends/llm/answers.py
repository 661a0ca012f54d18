"""What small served models get wrong in an answer, and what can be mended without asking them again."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, ToolCall

from backends.llm.strict import drop_nulls

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"^.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_THOUGHT_OPEN = re.compile(r"<think(?:ing)?>.*$", re.DOTALL | re.IGNORECASE)
_TEXT_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)


def without_thoughts(text: str) -> str:
    """The text without Qwen's `<think>` parts, also when the opening mark was in the prompt or the end was cut off."""
    text = _THOUGHT.sub("", text)
    text = _THOUGHT_END.sub("", text)
    return _THOUGHT_OPEN.sub("", text).strip()


def mended(message: AIMessage, schemas: Mapping[str, Mapping[str, Any]], forced: str) -> AIMessage:
    """The answer with thoughts taken out, calls found in its text, arguments parsed and needless nulls dropped.

    Args:
        message: as the server gave it.
        schemas: name of each bound tool -> its parameters, before they were made strict.
        forced: the tool that had to be called, or ''.
    """
    text = without_thoughts(str(message.text))
    calls, broken = list(message.tool_calls), []
    for bad in message.invalid_tool_calls:
        args = _json_object(bad.get("args") or "")
        if args is None:
            broken.append(bad)
        else:
            calls.append(ToolCall(name=bad.get("name") or "", args=args, id=bad.get("id") or _new_id()))
    if not calls and not broken and schemas:
        calls, text = _calls_in_text(text, schemas, forced)
    for call in calls:
        call["args"] = drop_nulls(call["args"], schemas.get(call["name"], {}))
        call["id"] = call.get("id") or _new_id()
    return AIMessage(
        content=text,
        tool_calls=calls,
        invalid_tool_calls=broken,
        response_metadata={**message.response_metadata, "brain": "llm"},
        usage_metadata=message.usage_metadata,
        id=message.id,
    )


def complaint(message: AIMessage, schemas: Mapping[str, Mapping[str, Any]], forced: str) -> str:
    """What is wrong with a mended answer, in words the model can act on; '' when it can be used."""
    for bad in message.invalid_tool_calls:
        return f"The arguments of your call '{bad.get('name')}' are not valid JSON. Call it again with a JSON object."
    for call in message.tool_calls:
        if schemas and call["name"] not in schemas:
            return f"There is no tool '{call['name']}'. The tools are: {', '.join(schemas)}."
        missing = [name for name in schemas.get(call["name"], {}).get("required", []) if name not in call["args"]]
        if missing:
            return f"Your call '{call['name']}' lacks: {', '.join(missing)}. Call it again with all of them."
    if forced and not any(call["name"] == forced for call in message.tool_calls):
        return f"You must answer by calling the tool '{forced}' once."
    if not message.tool_calls and not str(message.content).strip():
        return "Your answer was empty. Call a tool or answer in words."
    return ""


class ThoughtFilter:
    """Takes thoughts out of a text that comes in pieces."""

    def __init__(self) -> None:
        self._held, self._inside, self._begun = "", False, False

    def feed(self, piece: str) -> Iterator[str]:
        """What of the text so far may be shown."""
        self._held += piece
        while self._held:
            if self._inside:
                end = self._held.find("</think>")
                if end < 0:
                    self._held = self._held[-len("</think>") :]
                    return
                self._held, self._inside = self._held[end + len("</think>") :].lstrip(), False
                continue
            start = self._held.find("<think>")
            if start >= 0:
                if self._held[:start]:
                    yield self._held[:start]
                self._held, self._inside = self._held[start + len("<think>") :], True
                continue
            # The tail may be the beginning of a mark that the next piece completes.
            keep = next((n for n in range(len("<think>") - 1, 0, -1) if self._held.endswith("<think>"[:n])), 0)
            shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
            if shown:
                yield shown
            return

    def rest(self) -> str:
        """What was held back at the end."""
        return "" if self._inside else self._held


def _calls_in_text(text: str, schemas: Mapping[str, Mapping[str, Any]], forced: str) -> tuple[list[ToolCall], str]:
    """Calls that a server without a tool parser leaves in the text (Hermes marks), or a bare object when forced."""
    calls = []
    for match in _TEXT_CALL.finditer(text):
        body = _json_object(match.group(1))
        if body and body.get("name") in schemas:
            args = body.get("arguments", body.get("args", {}))
            parsed = _json_object(args) if isinstance(args, str) else args
            if isinstance(parsed, dict):
                calls.append(ToolCall(name=str(body["name"]), args=parsed, id=_new_id()))
    if calls:
        return calls, _TEXT_CALL.sub("", text).strip()
    if forced and (body := _json_object(_FENCE.sub(r"\1", text))):
        args = body.get("arguments", body.get("args")) if body.get("name") == forced else body
        if isinstance(args, dict):
            return [ToolCall(name=forced, args=args, id=_new_id())], ""
    return [], text


def _json_object(text: str) -> dict[str, Any] | None:
    """A JSON object out of a text; also with a trailing comma, which small models like to write."""
    for attempt in (text, re.sub(r",\s*([}\]])", r"\1", text)):
        try:
            found = json.loads(attempt)
        except ValueError:
            continue
        if isinstance(found, str):
            return _json_object(found)
        return found if isinstance(found, dict) else None
    return None


def _new_id() -> str:
    return f"call_{uuid.uuid4().hex[:20]}"
