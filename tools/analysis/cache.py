"""What an analysis found, kept by the film's content and by all that could change the answer."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError
from configs.settings import CONFIG_DIR
from tools.spec import ToolResult

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import ToolContext

LOG = logging.getLogger("studio.analysis")
REVISION = 4
"""Raise it when the measures change: what was found before is then measured again."""


def analysis_key(film: Asset, asked: Mapping[str, Any]) -> str:
    """The name of an analysis: the film's content, what was asked, the thresholds, and the code's revision."""
    facts = {"film": film.sha256, "asked": asked, "revision": REVISION, "thresholds": _thresholds()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def find_analysis(key: str, ctx: ToolContext) -> ToolResult | None:
    """The result of an earlier analysis, or None when there is none or one of its files is gone or was undone."""
    file = _file(key, ctx)
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        assets = [ctx.memory.get_asset(asset_id) for asset_id in kept["assets"]]
        there = [asset for asset in assets if asset and not asset.hidden and ctx.path(asset).is_file()]
        if len(there) != len(assets):
            return None
        return ToolResult(
            str(kept["summary"]),
            tuple(there),
            dict(kept["measurements"]),
            tuple(kept["warnings"]),
            {**kept["data"], "from_cache": True},
        )
    except (FileNotFoundError, StudioError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        LOG.warning("the kept analysis %s cannot be used: %s", file.name, error)
        return None


def keep_analysis(key: str, result: ToolResult, ctx: ToolContext) -> None:
    """Keep a result for the next time; a full disk only costs the next time."""
    file = _file(key, ctx)
    facts = {
        "assets": [asset.id for asset in result.assets],
        "summary": result.summary,
        "measurements": result.measurements,
        "warnings": list(result.warnings),
        "data": result.data,
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".part", delete=False, encoding="utf-8") as half:
            json.dump(facts, half, ensure_ascii=False)
        Path(half.name).replace(file)
    except OSError as error:
        LOG.warning("the analysis is not kept: %s", error)


def _file(key: str, ctx: ToolContext) -> Path:
    return ctx.workspace.cache / "analysis" / f"{key}.json"


@once
def _thresholds() -> str:
    return hashlib.sha256((CONFIG_DIR / "vision.yaml").read_bytes()).hexdigest()
