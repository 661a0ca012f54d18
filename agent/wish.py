"""What a caller hands in, as the text of one wish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from configs.errors import UsageError
from memory.names import whole_letters


def checked_wish(inputs: Mapping[str, Any] | str, limit: int) -> str:
    """The wish, stripped. Raises UsageError when it is empty or longer than `limit` characters."""
    if not isinstance(inputs, (str, Mapping)):
        raise UsageError("The wish is no text", f"got {type(inputs).__name__}", "Give a string, or {'messages': [...]}")
    text = whole_letters(inputs if isinstance(inputs, str) else last_user_text(inputs.get("messages") or ()))
    if not text.strip():
        raise UsageError("The wish is empty", fix="Say what you would like, e.g. 'draw a boy waving on the beach'")
    if len(text) > limit:
        raise UsageError(
            f"The wish has {len(text):,} characters", f"the limit is {limit:,} (budget.message_characters)",
            "Say it shorter, or attach the text as a file",
        )  # fmt: skip
    return text.strip()


def last_user_text(messages: Sequence[Any] | str) -> str:
    """Text of the newest user message, given as (role, text), {'role', 'content'} or a LangChain message."""
    if isinstance(messages, str):
        return messages
    for message in reversed(list(messages)):
        if isinstance(message, (tuple, list)) and len(message) == 2:
            role, text = message
        elif isinstance(message, Mapping):
            role, text = message.get("role"), message.get("content")
        else:
            role, text = getattr(message, "type", ""), getattr(message, "content", "")
        if role in ("user", "human"):
            return _in_words(text)
    return ""


def _in_words(content: Any) -> str:
    """A message's content, which may be a list of blocks: their texts, without pictures and the like."""
    if not isinstance(content, (list, tuple)):
        return str(content or "")
    texts = (block.get("text") if isinstance(block, Mapping) else block for block in content)
    return "\n".join(text for text in texts if isinstance(text, str))
