"""Tool schemas in the strict form that servers decode under constraint: every field required, optional ones nullable.

vLLM constrains `tool_choice="auto"` only for tools with `strict: true` (its docs/features/tool_calling.md); OpenAI asks
for the same shape (platform.openai.com, "Structured Outputs": all fields required, `additionalProperties: false`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

_DROPPED = ("default", "title", "examples", "$schema", "discriminator")
"""Keywords without meaning for decoding, or refused by strict servers."""


def strict_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The tool with a strict schema; unchanged and without the `strict` mark when its schema has free-form objects.

    Args:
        tool: {"type": "function", "function": {"name", "description", "parameters"}}.
    """
    function = dict(tool["function"])
    schema = copy.deepcopy(dict(function.get("parameters") or {"type": "object", "properties": {}}))
    inlined = _inline(schema, schema.get("$defs", {}), ())
    if inlined is None or _has_free_object(inlined):
        return {"type": "function", "function": function}
    function["parameters"] = _strict(inlined)
    function["strict"] = True
    return {"type": "function", "function": function}


def drop_nulls(args: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without the nulls that only the strict form made possible, down to nested objects.

    Args:
        args: what the model gave.
        schema: the tool's own parameters, before `strict_tool`.
    """
    kept: dict[str, Any] = _drop(dict(args), schema, schema.get("$defs", {}))
    return kept


def _drop(value: Any, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:
    schema = _resolve(schema, defs)
    options = [_resolve(option, defs) for option in schema.get("anyOf", [])]
    if isinstance(value, dict):
        shape = next((s for s in (schema, *options) if s.get("properties")), None)
        if shape is None:
            return value
        kept = {}
        for name, item in value.items():
            field = shape["properties"].get(name)
            if item is None and field is not None and not _nullable(field, defs):
                continue
            kept[name] = _drop(item, field, defs) if field is not None else item
        return kept
    if isinstance(value, list):
        items = next((s["items"] for s in (schema, *options) if "items" in s), None)
        return [_drop(item, items, defs) for item in value] if items else value
    return value


def _nullable(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> bool:
    schema = _resolve(schema, defs)
    kinds = schema.get("type")
    if kinds == "null" or (isinstance(kinds, list) and "null" in kinds):
        return True
    return any(_nullable(option, defs) for option in schema.get("anyOf", []))


def _resolve(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return defs.get(str(reference).rsplit("/", 1)[-1], {}) if reference else schema


def _inline(node: Any, defs: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """References put in place; None when the schema contains itself."""
    if isinstance(node, list):
        items = [_inline(item, defs, path) for item in node]
        return None if any(item is None for item in items) else items
    if not isinstance(node, dict):
        return node if node is not None else "null"
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[-1]
        if name in path:
            return None
        return _inline({**defs.get(name, {}), **{k: v for k, v in node.items() if k != "$ref"}}, defs, (*path, name))
    result = {}
    for key, value in node.items():
        if key == "$defs" or (key in _DROPPED and not _is_properties(key, value)):
            continue
        inlined = _inline(value, defs, path)
        if inlined is None:
            return None
        result[key] = inlined
    return result


def _is_properties(key: str, value: Any) -> bool:
    """A property may be called 'title' or 'default': then its value is a schema."""
    return isinstance(value, dict) and key in ("title", "default", "examples")


def _has_free_object(node: Any) -> bool:
    if isinstance(node, list):
        return any(_has_free_object(item) for item in node)
    if not isinstance(node, dict):
        return False
    if node.get("type") == "object" and (
        not node.get("properties") and node.get("additionalProperties", False) is not False
    ):
        return True
    if any(_says_nothing(field) for field in _fields(node)):
        return True
    if isinstance(node.get("additionalProperties"), dict):
        return True
    return any(_has_free_object(value) for value in node.values())


def _fields(node: dict[str, Any]) -> list[Any]:
    """Schemas of the values inside an object or a list."""
    properties = node.get("properties")
    return [
        *(properties.values() if isinstance(properties, dict) else ()),
        *([node["items"]] if "items" in node else ()),
    ]


def _says_nothing(field: Any) -> bool:
    """A value of any type: nothing to decode by."""
    return not isinstance(field, dict) or not field.keys() & {
        "type",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "$ref",
    }


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {
        key: _strict(value)
        for key, value in node.items()
        if key not in ("properties", "required", "additionalProperties")
    }
    if node.get("type") == "object" or "properties" in node:
        properties = node.get("properties", {})
        required = set(node.get("required", []))
        result["type"] = "object"
        result["properties"] = {
            name: _strict(field) if name in required else _optional(_strict(field))
            for name, field in properties.items()
        }
        result["required"] = list(properties)
        result["additionalProperties"] = False
    return result


def _optional(field: dict[str, Any]) -> dict[str, Any]:
    if _nullable(field, {}):
        return field
    if "anyOf" in field:
        return {**field, "anyOf": [*field["anyOf"], {"type": "null"}]}
    described = {key: field[key] for key in ("description",) if key in field}
    plain = {key: value for key, value in field.items() if key != "description"}
    return {**described, "anyOf": [plain, {"type": "null"}]}
