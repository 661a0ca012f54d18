"""Tool schemas for language models: the same argument models that validate."""

from __future__ import annotations

from typing import Any

from tools.spec import Tool, ToolArgs


def function_schema(tool: Tool) -> dict[str, Any]:
    """The tool in OpenAI's function form; references are resolved in place, titles left out."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": plain_schema(tool.Args)},
    }


def plain_schema(args: type[ToolArgs]) -> dict[str, Any]:
    """The JSON schema of an argument model, in one piece."""
    schema = args.model_json_schema()
    parameters: dict[str, Any] = _plain(schema, schema.get("$defs", {}))
    parameters.pop("$defs", None)
    parameters.pop("description", None)
    return parameters


def _plain(node: Any, defs: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(n, defs) for n in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(defs[node["$ref"].rsplit("/", 1)[-1]], defs)
    # 'title' is pydantic's noise where it is a string; as a property's name it maps to a schema
    return {k: _plain(v, defs) for k, v in node.items() if k != "$defs" and not (k == "title" and isinstance(v, str))}
