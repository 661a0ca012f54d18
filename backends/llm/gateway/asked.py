"""What a client asked for: the few fields that the gateway reads, and the body as it came."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from backends.llm.gateway.refusal import Refusal

_SPACE = re.compile(r"[ \t\n\r]*")
_EMBEDDINGS = "embeddings"
MOST_FIELDS = 1000
"""Each one costs time of the event loop that all others share; OpenAI's API has some forty."""
LONGEST_NAME = 200
"""Characters of a model's name."""


@dataclass(frozen=True)
class Asked:
    """One request for a model."""

    route: str
    """'chat/completions', 'completions' or 'embeddings'."""
    model: str
    stream: bool
    body: bytes
    fields: dict[str, Any]
    span: tuple[int, int]
    """Where in the body (bytes) the value of `model` stands."""

    @property
    def deterministic(self) -> bool:
        """Whether the same request gives the same answer: one choice at temperature 0, or an embedding."""
        if self.route == _EMBEDDINGS:
            return True
        temperature, count = self.fields.get("temperature"), self.fields.get("n", 1)
        return (
            isinstance(temperature, int | float)
            and not isinstance(temperature, bool)
            and temperature == 0
            and count in (1, None)
        )

    def body_for(self, served: str) -> bytes:
        """The body with only the model's name replaced; every other byte stays."""
        if served == self.model:
            return self.body
        start, end = self.span
        return self.body[:start] + json.dumps(served).encode() + self.body[end:]

    def digest(self, revision: str) -> str:
        """A name for this request to this model; equal requests that differ in white space or in the order of their
        fields share it. Further inside the order counts: a schema's order is that of the answer, and of the prompt.
        """
        fields = sorted({**self.fields, "model": revision}.items())
        canonical = json.dumps([self.route, fields], separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def read_asked(route: str, body: bytes) -> Asked:
    """Raises Refusal (400) that says where the JSON is wrong, or which field."""
    text, fields, spans = _top_level(body)
    model, stream = fields.get("model"), fields.get("stream", False)
    if not isinstance(model, str) or not 0 < len(model) <= LONGEST_NAME:
        raise Refusal(400, "The field 'model' must name a model.", "invalid_model", param="model")
    if stream is not None and not isinstance(stream, bool):
        raise Refusal(400, "The field 'stream' must be true or false.", "invalid_stream", param="stream")
    start, end = spans["model"]
    if not text.isascii():
        start, end = (len(text[:at].encode()) for at in (start, end))
    return Asked(route, model, bool(stream) and route != _EMBEDDINGS, body, fields, (start, end))


def _top_level(body: bytes) -> tuple[str, dict[str, Any], dict[str, tuple[int, int]]]:
    """The text, its members, and where each value stands: what json.loads does not tell."""
    try:
        text = body.decode("utf-8")
        members, spans = _members(text)
    except UnicodeDecodeError as error:
        raise Refusal(400, f"The body is not UTF-8 text (byte {error.start}).", "invalid_json") from None
    except json.JSONDecodeError as error:
        raise Refusal(
            400, f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).", "invalid_json"
        ) from None
    except RecursionError:
        raise Refusal(400, "The body is nested too deeply.", "invalid_json") from None
    except ValueError as error:
        raise Refusal(400, f"The body is not valid JSON: {error}.", "invalid_json") from None
    return text, members, spans


def _members(text: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    members: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise json.JSONDecodeError("a JSON object is expected", text, at)
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        if len(members) == MOST_FIELDS:
            raise Refusal(400, f"The body has more than {MOST_FIELDS} fields.", "invalid_json")
        if members:
            at = _skip(text, _after(text, at, ","))
        start = _after(text, at, '"')
        key, at = scanstring(text, start, True)
        if key in members:
            raise json.JSONDecodeError(f"the field '{key[:60]}' is there twice", text, start - 1)
        at = _skip(text, _after(text, _skip(text, at), ":"))
        value, end = _DECODER.raw_decode(text, at)
        members[key], spans[key] = value, (at, end)
        at = _skip(text, end)
    rest = _skip(text, at + 1)
    if rest != len(text):
        raise json.JSONDecodeError("something follows the JSON object", text, rest)
    return members, spans


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _after(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"'{mark}' is expected", text, at)
    return at + 1


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
