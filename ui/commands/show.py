"""`studio show`: all that is known of one asset, or what a picture's file says of itself."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError, UsageError
from configs.workspace import Workspace
from ui.opening import settings_for
from ui.options import file_named

if TYPE_CHECKING:
    from memory.records import Asset
    from memory.store import Memory

LABEL = 11
LISTED = 12
"""Parents and children that are named, the rest is counted."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""A file's own text may hold terminal commands."""


def run_show(ref: str, as_json: bool, home: Path | None) -> int:
    """Print it. Raises UsageError with the nearest names for an unknown asset, and for a file that says nothing."""
    file = file_named(ref)
    root = settings_for(home).home.expanduser().resolve()
    if file is not None and root not in file.resolve().parents:
        found = of_file(file)
        _print(found, as_json, _file_rows(found))
        return 0
    asset = str(file.resolve().relative_to(root)) if file is not None else ref
    found = of_asset(asset, home)
    _print(found, as_json, _asset_rows(found))
    return 0


def of_asset(ref: str, home: Path | None) -> dict[str, Any]:
    """The catalogue's facts of one asset with its parents and children, JSON-ready."""
    from memory.store import Memory
    from tools.embedding import studio_embedder

    settings = settings_for(home)
    workspace = Workspace.open(settings.home)
    memory = Memory.open(workspace, index=settings.memory.index, embedder=studio_embedder(settings.memory.embedder))
    try:
        asset = _find(ref, memory)
        path = workspace.home / asset.path
        return {
            **asdict(asset), "path": str(path), "exists": path.is_file(),
            "parents": [_short(one) for one in memory.parents(asset.id)],
            "children": [_short(one) for one in memory.children(asset.id)],
        }  # fmt: skip
    finally:
        memory.close()


def of_file(file: Path) -> dict[str, Any]:
    """What the studio wrote into a PNG. Raises UsageError when there is nothing of it."""
    from tools.image.provenance import read_facts

    facts = read_facts(file)
    if not facts:
        cause = "the studio did not make it, or its text was removed"
        raise UsageError(f"'{file.name}' says nothing of its making", cause, "Name an asset, see 'studio memory list'")
    return {"file": str(file), **facts}


def _find(ref: str, memory: Memory) -> Asset:
    try:
        if ref.strip().casefold() in ("last", "$last"):
            return _last(ref, memory)
        return memory.find_asset(ref)
    except StudioError:
        asset = memory.get_asset(ref.strip())  # one that was undone is still shown
        if asset is None:
            raise
        return asset


def _last(ref: str, memory: Memory) -> Asset:
    """The last picture or film; anything else only where there is neither."""
    try:
        return memory.find_asset(ref, ("image", "video"))
    except StudioError:
        return memory.find_asset(ref)


def _short(asset: Asset) -> dict[str, str]:
    return {"id": asset.id, "kind": asset.kind, "name": asset.name}


def _print(found: Mapping[str, Any], as_json: bool, rows: Iterator[tuple[str, str]]) -> None:
    if as_json:
        print(json.dumps(found, ensure_ascii=False, default=str))
        return
    for label, text in rows:
        first, *rest = _CONTROL.sub("", text).split("\n")
        print(f"{label:<{LABEL}} {first}".rstrip())
        for line in rest:
            print(f"{'':<{LABEL}} {line}".rstrip())


def _asset_rows(asset: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    params = asset["params"]
    recipe = _dict(params.get("recipe"))
    yield asset["id"], f"{asset['name']}  [{asset['kind']}]" + ("  (undone)" if asset["hidden"] else "")
    yield "what", asset["summary"] or "-"
    made = " · ".join(part for part in (asset["tool"], asset["engine"], asset["engine_version"]) if part)
    yield "made by", (made or "taken in from outside") + f" · {_when(asset['created_at'])}"
    wish = str(params.get("prompt") or params.get("text") or params.get("story") or "")
    if wish and wish != recipe.get("prompt"):
        yield "wish", wish
    if recipe:
        yield from _recipe_rows(recipe)
    elif asset["seed"] is not None:
        yield "seed", str(asset["seed"])
    if speed := _dict(params.get("speed")):
        yield "took", speed_in_words(speed)
    if asset["scores"]:
        yield "scores", "\n".join(_score(one) for one in asset["scores"])
    yield from _family("from", asset["parents"])
    yield from _family("used in", asset["children"])
    gone = "" if asset["exists"] else "  (the file is gone)"
    yield "file", f"{asset['path']}{gone}"
    yield "sha256", f"{asset['sha256']}  ({asset['bytes'] / 1024:.0f} KiB)"


def speed_in_words(speed: Mapping[str, Any]) -> str:
    """'9.1 s, 416.4 TFLOP, 2.5 times what an RTX 5080 needs at least (3.7 s)'."""
    parts = [f"{speed.get('seconds', '?')} s"]
    if "tflop" in speed:
        parts.append(f"{speed['tflop']} TFLOP")
    if "times_the_floor" in speed:
        parts.append(f"{speed['times_the_floor']} times what an {speed['gpu']} needs at least ({speed['floor_s']} s)")
    return ", ".join(parts)


def _file_rows(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own = _dict(facts.get("studio"))
    yield "file", facts["file"]
    yield "note", "what the file says of itself; nothing of it was checked"
    if not own:
        yield "text", str(facts.get("parameters", ""))
        return
    yield "made by", " · ".join(str(own[key]) for key in ("tool", "engine", "engine_version") if own.get(key))
    yield from _recipe_rows(_dict(own.get("recipe")) or own)
    scores = _rows(own.get("scores"))
    if scores:
        yield "scores", "\n".join(_score(one) for one in scores)
    parents = own.get("parents")
    if isinstance(parents, list) and parents:
        yield "from", ", ".join(map(str, parents[:LISTED]))


def _recipe_rows(recipe: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    used = _dict(recipe.get("used"))
    yield "prompt", str(recipe.get("prompt") or "-")
    if recipe.get("negative_prompt"):
        yield "without", str(recipe["negative_prompt"])
    figures = [f"{recipe.get('width')}x{recipe.get('height')}", f"seed {recipe.get('seed')}"]
    for name, value in (
        ("steps", used.get("steps") or recipe.get("steps")),
        ("guidance", used.get("guidance", recipe.get("guidance"))),
        ("samples", used.get("samples")),
        ("", used.get("scheduler")),
        ("quality", recipe.get("quality")),
    ):
        figures += [f"{name} {value}".strip()] if value not in (None, "") else []
    yield "drawn", " · ".join(figures)
    model = _dict(recipe.get("model"))
    if model.get("name"):
        yield "model", f"{model['name']}{_hash(model)}"
    loras = _rows(recipe.get("loras"))
    if loras:
        fused = "  (merged into the model)" if recipe.get("fuse") else ""
        yield "LoRAs", "\n".join(f"{one.get('name')} {one.get('weight')}{_hash(one)}" for one in loras) + fused
    maps = _rows(recipe.get("controls"))
    if maps:
        yield "maps", "\n".join(
            f"{one.get('kind')} {one.get('scale')}, steps {one.get('start')}-{one.get('end')}, {one.get('source')}"
            f" {one.get('asset')}" for one in maps
        )  # fmt: skip
    references = _rows(recipe.get("references"))
    if references:
        yield "references", "\n".join(f"{one.get('asset')} {one.get('scale')}" for one in references)
    init = _dict(recipe.get("init"))
    if init:
        yield (
            "begun from",
            f"{init.get('asset')}, strength {init.get('strength')}" + (", masked" if init.get("mask") else ""),
        )


def _family(label: str, rows: list[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    if not rows:
        return
    lines = [f"{one['id']}  {one['name'][:70]}  [{one['kind']}]" for one in rows[:LISTED]]
    more = len(rows) - LISTED
    yield label, "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def _score(score: Mapping[str, Any]) -> str:
    """'exposure: 0.45 (mark 0.08) passed'; what was not measured says so."""
    name, value = score.get("name"), _figure(score.get("value"))
    note = f"  {score['note']}" if score.get("note") else ""
    if score.get("status") == "not measured" or value is None:
        return f"{name}: not measured{note}"
    mark = _figure(score.get("threshold"))
    limit = f" (mark {mark:g})" if mark is not None else ""
    passed = score.get("passed")
    verdict = " passed" if passed is True else " failed" if passed is False else ""
    by = f"  [{score.get('status')} by {score.get('by')}]"
    return f"{name}: {value:.3g}{limit}{verdict}{by}{note}"


def _figure(value: object) -> float | None:
    """A file may say any number, also one that no float holds."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _hash(one: Mapping[str, Any]) -> str:
    return f" (hash {str(one['sha256'])[:10]})" if one.get("sha256") else ""


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
