"""What the studio made, as MCP content: words, small pictures and sounds, links to the rest."""

from __future__ import annotations

import base64
import io
import json
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcp import types
from pydantic import AnyUrl

from configs.workspace import Workspace
from memory.records import Asset

INLINE_BYTES = 600_000
"""Of all pictures and sounds of one answer: clients refuse answers of more than a mebibyte, and base64 adds a third."""
PICTURES, SOUNDS = 4, 2
SHOWN_SIDES = (1024, 768, 512, 256)
"""Pixels of the longer side of a picture that is shown smaller: the first that fits."""
SCHEME = "studio://assets/"
AUDIO_SINCE, LINKS_SINCE = "2025-03-26", "2025-06-18"
"""Protocol versions that know these kinds of content."""
MIME = {
    ".otio": "application/json", ".json": "application/json", ".srt": "application/x-subrip", ".edl": "text/plain",
    ".fcpxml": "application/xml", ".jsonl": "application/x-ndjson", ".flac": "audio/flac", ".opus": "audio/ogg",
    ".wav": "audio/wav", ".webp": "image/webp", ".md": "text/markdown",
}  # fmt: skip


def mime_of(path: str) -> str:
    """A file's media type by its ending."""
    suffix = Path(path).suffix.lower()
    return MIME.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def uri_of(asset: Asset) -> AnyUrl:
    return AnyUrl(SCHEME + asset.id)


def blocks(text: str, assets: Sequence[Asset], workspace: Workspace, version: str) -> list[types.ContentBlock]:
    """The words, then what can be seen and heard at once, then a link for each asset.

    Args:
        version: of the protocol, as agreed with the client; '' = the oldest.
    """
    shown = _media(assets, workspace, version)
    links = [link_of(asset) for asset in assets] if version >= LINKS_SINCE else []
    return [types.TextContent(type="text", text=text), *shown, *links]


def link_of(asset: Asset) -> types.ResourceLink:
    return types.ResourceLink(type="resource_link", **resource_fields(asset))


def resource_fields(asset: Asset) -> dict[str, Any]:
    """Name, type and size of an asset, as lists and links of resources have them."""
    made = f"made by {asset.engine}" if asset.engine else "attached" if not asset.tool else f"made by {asset.tool}"
    return {
        "uri": uri_of(asset), "name": asset.name, "mimeType": mime_of(asset.path), "size": asset.bytes,
        "description": f"{asset.kind} {asset.id}, {made}",
    }  # fmt: skip


def _media(assets: Sequence[Asset], workspace: Workspace, version: str) -> list[types.ContentBlock]:
    found: list[types.ContentBlock] = []
    left, pictures, sounds = INLINE_BYTES, PICTURES, SOUNDS
    for asset in assets:
        file = workspace.inside(asset.path)
        if not file.is_file():
            continue
        if asset.kind in ("image", "map") and pictures:
            data, mime = shown_picture(file, min(left, INLINE_BYTES // 2))
            if data:
                found.append(types.ImageContent(type="image", data=_text(data), mimeType=mime))
                left, pictures = left - len(data), pictures - 1
        elif asset.kind == "audio" and sounds and version >= AUDIO_SINCE and asset.bytes <= left:
            data = file.read_bytes()
            found.append(types.AudioContent(type="audio", data=_text(data), mimeType=mime_of(asset.path)))
            left, sounds = left - len(data), sounds - 1
    return found


def shown_picture(file: Path, most: int) -> tuple[bytes, str]:
    """A picture's bytes and media type; made smaller where they are more than `most`. (b'', '') when it cannot be."""
    mime = mime_of(file.name)
    if file.stat().st_size <= most and mime in ("image/png", "image/jpeg", "image/webp", "image/gif"):
        return file.read_bytes(), mime
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            small = picture.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return b"", ""
    for side in SHOWN_SIDES:
        small.thumbnail((side, side))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=85)
        if out.tell() <= most:
            return out.getvalue(), "image/jpeg"
    return b"", ""


def told(report: Mapping[str, Any], home: Path) -> str:
    """A call's or a turn's report in words: the answer, questions, files with their scores, notes."""
    lines = [str(report.get("reply") or report.get("summary") or "").strip()]
    lines += [q for q in report.get("questions", ()) if q not in lines[0]]
    if report.get("choices"):
        lines.append("Possible answers: " + "; ".join(map(str, report["choices"])))
    for row in report.get("assets", ()):
        lines.append(f"- {row['kind']} {row['id']} '{row['name']}': {home / row['path']}{_scores(row['scores'])}")
    for note in [*report.get("warnings", ()), *report.get("notices", ())]:
        if note not in lines[0]:
            lines.append(f"Note: {note}")
    return "\n".join(line for line in lines if line)


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> str:
    parts = []
    for name, score in scores.items():
        if score.get("value") is None:
            parts.append(f"{name} not measured")
            continue
        fell = " (fell short)" if score.get("passed") is False else ""
        parts.append(f"{name} {score['value']:.3g} {score['status']}{fell}")
    return f" ({', '.join(parts)})" if parts else ""


def plain_json(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report as plain JSON values."""
    made: dict[str, Any] = json.loads(json.dumps(report, ensure_ascii=False, default=str))
    return made


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
