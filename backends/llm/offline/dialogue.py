"""The talking part: chat, refusals, questions and closing replies, all from `prompts/intents/replies.yaml`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from langchain_core.messages import ToolMessage

from backends.llm.facts import Facts
from backends.llm.offline.lexicon import lexicon, patterns
from backends.llm.offline.wish import Wish


@lru_cache(maxsize=1)
def _guards() -> tuple[re.Pattern[str], re.Pattern[str]]:
    words = lexicon().words
    return re.compile(patterns(words["harmful"]), re.I), re.compile(patterns(words["outside"]), re.I)


_REDO = re.compile(
    r"(?:please )?redo(?: (?:it|that|this|what (?:i|you) (?:have )?(?:just )?undid|(?:the |my )?(?:last )?(?:undone )?"
    r"(?:edit|change|step|cut|undo|one|version)(?: (?:of|to|in) (?:the |my |this )?(?:timeline|cut|film|video|edit))?"
    r"))?|"
    r"redo (?:the )?(?:last )?(?:\d+|two|three) (?:edits|changes|steps|versions)|"
    r"(?:bring back|restore|put back|redo)\b.{0,30}\b(?:undid|undone|un-did)"
    r"|undo the undo|(?:ripristina|rifai|rimetti)\b.{0,30}\bannullat[oaie]",
    re.IGNORECASE,
)


def asks_redo(wish: Wish) -> bool:
    """Whether a wish wants back what was undone; 'redo the clip as a comic' does not."""
    return _REDO.fullmatch(wish.command.strip(" .!")) is not None


def refusal(wish: Wish) -> str | None:
    """Key of the refusal that a wish earns by its words alone: harmful, or reaching outside the studio."""
    harmful, outside = _guards()
    if harmful.search(wish.text):
        return "harmful"
    return "system" if outside.search(wish.blank_quotes) else None


def small_talk(wish: Wish, *, sure: bool) -> str | None:
    """Which chat reply fits; None when the wish is no small talk.

    Args:
        wish: the message.
        sure: True when the intent is already known to be chat: then even loose signs count.
    """
    text = wish.text.lower().strip()
    kinds: dict[str, str] = lexicon().words["chat_kinds"]
    if re.search(kinds["nevermind"], text):
        return "nevermind"
    if re.search(lexicon().words["able_question"], text):
        return "yes_can"
    if not sure:
        return None
    return next((key for key, pattern in kinds.items() if re.search(pattern, text)), "abilities")


def chat_reply(key: str, facts: Facts, language: str, intent: str = "") -> str:
    """A short factual reply; names only tools that are there."""
    words = lexicon()
    if key == "yes_can" and intent in words.intents:
        if facts.tools and intent not in facts.tools:
            return no_tool(intent, language)
        return words.say(
            "yes_can", language, ability=words.title(intent, language), example=words.example(intent, language)
        )
    if key == "yes_can":
        key = "abilities"
    return words.say(key, language, examples=examples(facts, language), abilities=_abilities(facts, language))


def no_tool(intent: str, language: str) -> str:
    return lexicon().say("no_tool", language, ability=lexicon().title(intent, language), tool=intent)


def examples(facts: Facts, language: str, count: int = 3) -> str:
    """A few wishes that work here, in quotes."""
    return ", ".join(f"“{text}”" for text in example_list(facts, language, count))


def example_list(facts: Facts, language: str, count: int = 3) -> list[str]:
    names = [name for name in lexicon().words["examples"] if not facts.tools or name in facts.tools]
    return [lexicon().example(name, language) for name in names[:count]]


def _abilities(facts: Facts, language: str) -> str:
    """A Markdown list, one line for each kind of wish, with an example; only of tools that are there."""
    words, lines = lexicon(), []
    for kind in words.words["help"]:
        names = [name for name in kind["tools"] if not facts.tools or name in facts.tools]
        if not names:
            continue
        told = kind.get("what", {}).get(language) or ", ".join(words.title(name, language) for name in names)
        example = kind.get("example", {}).get(language) or words.example(names[0], language)
        lines.append(f"- **{kind.get(language, kind['en'])}**: {told}. “{example}”")
    return "\n".join(lines)


def closing(answers: Sequence[ToolMessage], language: str) -> str:
    """What the tools reported: their summaries, warnings and errors, and nothing else."""
    words, lines, done = lexicon(), [], 0
    bodies = [_body(answer) for answer in answers]
    for body in bodies:
        error = body.get("error")
        if error:
            key = "part_failed" if any(not other.get("error") for other in bodies) else "failed"
            lines.append(words.say(key, language, error=_sentence(error)))
            continue
        done += 1
        if summary := str(body.get("summary", "")).strip():
            lines.append(words.say("done", language, summary=summary))
        elif assets := body.get("assets"):
            lines.append(", ".join(str(asset.get("name") or asset.get("id")) for asset in assets))
        lines.extend(words.say("warning", language, warning=str(warning)) for warning in body.get("warnings") or [])
    return "\n".join(dict.fromkeys(lines)) if lines else words.say("nothing_made", language)


def _body(answer: ToolMessage) -> dict[str, Any]:
    text = str(answer.content)
    try:
        body = json.loads(text)
    except ValueError:
        return {"error": text} if answer.status == "error" else {"summary": text}
    if not isinstance(body, dict):
        return {"summary": text}
    if answer.status == "error" and not body.get("error"):
        body["error"] = body.get("summary") or body.get("status") or text
    return body


def _sentence(error: object) -> str:
    if isinstance(error, dict):
        return " ".join(str(part).rstrip(".") + "." for part in error.values() if part)
    return str(error)
