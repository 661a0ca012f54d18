"""Strict schemas: what is sent to a server, and how its nulls come back out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from jsonschema import Draft202012Validator
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field

from backends.llm.strict import drop_nulls, strict_tool
from tools.registry import all_tools
from tools.schema import function_schema


class Line(BaseModel):
    """A line."""

    text: str
    emotion: str = "neutral"


class speak(BaseModel):
    """Speaks."""

    lines: list[Line] = Field(description="the lines")
    title: str = Field("", description="a property that is called like a keyword")
    kind: Literal["a", "b"] = Field("a", description="which")
    pause: float | None = Field(None, ge=0, description="seconds")


class Tree(BaseModel):
    """A tree."""

    children: list[Tree] = []


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def test_every_field_is_required_and_optional_ones_are_nullable() -> None:
    strict = strict_tool(convert_to_openai_tool(speak))["function"]
    assert strict["strict"] is True
    parameters = strict["parameters"]
    Draft202012Validator.check_schema(parameters)
    for shape in objects(parameters):
        assert shape["additionalProperties"] is False and shape["required"] == list(shape["properties"])
    assert "$defs" not in str(parameters) and "default" not in parameters["properties"]["kind"]
    validator = Draft202012Validator(parameters)
    full = {"lines": [{"text": "hi", "emotion": None}], "title": None, "kind": None, "pause": None}
    assert validator.is_valid(full)
    assert not validator.is_valid({**full, "lines": None}), "what was required must not become nullable"
    assert not validator.is_valid({**full, "kind": "c"})
    assert not validator.is_valid({"lines": []})


def test_nulls_come_out_again_where_the_tool_knows_none() -> None:
    own = speak.model_json_schema()
    given = {"lines": [{"text": "hi", "emotion": None}], "title": None, "kind": "b", "pause": None}
    assert drop_nulls(given, own) == {"lines": [{"text": "hi"}], "kind": "b", "pause": None}
    assert speak.model_validate(drop_nulls(given, own)).lines[0].emotion == "neutral"


def test_what_cannot_be_strict_is_left_alone() -> None:
    own = Tree.model_json_schema()
    anything = {"type": "object", "properties": {"shot": {"description": "of any type"}}}
    free = {"type": "object", "properties": {"shot": {"type": "object", "additionalProperties": True}}}
    for parameters in (own, anything, free):
        tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
        assert strict_tool(tool) == tool


def test_the_studios_own_tools() -> None:
    strict = 0
    for tool in all_tools():
        plain = function_schema(tool)
        sent = strict_tool(plain)["function"]
        Draft202012Validator.check_schema(sent["parameters"])
        if sent.get("strict"):
            strict += 1
            for shape in objects(sent["parameters"]):
                assert shape["additionalProperties"] is False and shape["required"] == list(shape["properties"]), (
                    tool.name
                )
    assert strict >= 10
