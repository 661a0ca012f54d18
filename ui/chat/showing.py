"""Assets as things on the page."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import chainlit as cl

from ui.chat.history import MEDIA_URL

MIME = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".mp4": "video/mp4",
    ".webm": "video/webm", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".srt": "text/plain",
    ".otio": "application/json", ".json": "application/json",
}  # fmt: skip


def asset_url(path: str) -> str:
    """Where the page finds an asset's file."""
    return f"{MEDIA_URL}/{quote(path)}"


def element_for(row: dict[str, Any], display: str = "inline") -> Any:
    """A player, a picture or a download for one asset row of the report."""
    suffix = PurePosixPath(row["path"]).suffix.lower()
    common = {"name": row["name"], "url": asset_url(row["path"]), "mime": MIME.get(suffix, "application/octet-stream")}
    if row["kind"] in ("image", "map") or suffix in (".png", ".jpg", ".jpeg", ".webp"):
        return cl.Image(display=display, size="large", **common)
    if row["kind"] == "video":
        return cl.Video(display="inline", size="large", **common)
    if row["kind"] == "audio":
        return cl.Audio(display="inline", **common)
    name = row["name"] if PurePosixPath(row["name"]).suffix else row["name"] + suffix
    return cl.File(display="inline", **{**common, "name": name})


def bar(done: float, total: float, width: int = 20) -> str:
    """A progress bar in text: `██████░░░░ 60 %`."""
    share = min(1.0, done / total) if total else 0.0
    full = round(share * width)
    return f"`{'█' * full}{'░' * (width - full)}` {share:.0%}"


def scores_table(rows: list[dict[str, Any]]) -> str:
    """What was measured of the results, as a Markdown table; '' when nothing was."""
    lines = []
    for row in rows:
        for name, score in row["scores"].items():
            if score["status"] == "not measured" or score.get("value") is None:
                value, mark = "not measured", score.get("note", "")
            else:
                value = f"{score['value']:.3g}"
                mark = {True: "passed", False: "**fell short**"}.get(score.get("passed"), "")
            limit = f"{score['threshold']:g}" if score.get("threshold") is not None else ""
            how = score["status"] if score["status"] != "judged" else f"judged by {score.get('by', '')}"
            lines.append(f"| {row['name']} | {name} | {value} | {limit} | {mark} | {how} |")
    if not lines:
        return ""
    return "\n".join(["| asset | measure | value | mark | | how |", "|---|---|---|---|---|---|", *lines])
