"""The film record's JSON schema, and its fields as tables: `python -m tools.analysis.schema` writes both into docs/."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from backends.vision.record import SCHEMA_VERSION, FilmRecord

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA_FILE, PAGE_FILE = "film-record.schema.json", "film-record.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
BEGIN, END = "<!-- fields: written by python -m tools.analysis.schema -->", "<!-- end of fields -->"


def record_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of what is written: a field with a default is always there."""
    made = FilmRecord.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "title": f"Film record, version {SCHEMA_VERSION}", **_without(made, "title")}


def schema_text() -> str:
    return json.dumps(record_schema(), indent=1, ensure_ascii=False) + "\n"


def field_tables() -> str:
    """Markdown: a table per part, the record first, then the parts in the order in which it names them."""
    schema = record_schema()
    parts: dict[str, Mapping[str, Any]] = {"FilmRecord": schema}
    todo = ["FilmRecord"]
    while todo:
        for name in _named(parts[todo.pop(0)]["properties"].values()):
            if name not in parts:
                parts[name] = schema["$defs"][name]
                todo.append(name)
    return "\n\n".join(_table(name, part) for name, part in parts.items())


def page_text(page: str) -> str:
    """The page with its tables as they are now. Raises ValueError when the marks for them are missing."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise ValueError(f"'{BEGIN}' or '{END}' is missing")
    return f"{before}{BEGIN}\n\n{field_tables()}\n\n{END}{after}"


def _table(name: str, part: Mapping[str, Any]) -> str:
    says = " ".join(str(part.get("description", "")).split())
    rows = [
        f"| `{field}` | {_type(facts)} | {_cell(str(facts.get('description', '')))} |"
        for field, facts in part["properties"].items()
    ]
    return "\n".join(
        [f"### {name}", "", *([says, ""] if says else []), "| field | type | meaning |", "|---|---|---|", *rows]
    )


def _type(facts: Mapping[str, Any]) -> str:
    if "$ref" in facts:
        name = str(facts["$ref"]).rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in facts:
        return " or ".join(_type(option) for option in facts["anyOf"])
    if "enum" in facts:
        return ", ".join(f"`{value}`" for value in facts["enum"])
    kind = str(facts.get("type", "anything"))
    if kind == "array":
        if "prefixItems" in facts:
            return f"{len(facts['prefixItems'])} numbers"
        return f"list of {_type(facts.get('items', {}))}"
    if kind == "object" and isinstance(facts.get("additionalProperties"), dict):
        return f"object of {_type(facts['additionalProperties'])}"
    return kind


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _named(nodes: Iterable[Any]) -> list[str]:
    """The parts that some fields refer to, in order."""
    found: list[str] = []
    for node in nodes:
        if isinstance(node, dict):
            if "$ref" in node:
                found.append(str(node["$ref"]).rsplit("/", 1)[-1])
            found += _named(node.values())
        elif isinstance(node, list):
            found += _named(node)
    return found


def _without(node: Any, name: str) -> Any:
    """Without pydantic's titles, which only repeat the fields' names."""
    if isinstance(node, dict):
        return {key: _without(value, name) for key, value in node.items() if key != name or not isinstance(value, str)}
    if isinstance(node, list):
        return [_without(value, name) for value in node]
    return node


def write_docs(folder: Path = DOCS) -> None:
    """Write the schema and bring the page's tables up to date."""
    (folder / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
    page = folder / PAGE_FILE
    page.write_text(page_text(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_docs(*map(Path, sys.argv[1:2]))
