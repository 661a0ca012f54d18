"""A film's shots in the memory, so that they are found again by words and by meaning."""

from __future__ import annotations

import hashlib
import io
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.workspace import Workspace
from memory.records import FilmShot
from memory.shots import CONTEXT_LIMIT, TEXT_LIMIT

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord, Shot
    from memory.records import Asset
    from memory.store import Memory
    from tools.spec import ToolContext

LOG = logging.getLogger("studio.analysis")
Rgb = NDArray[np.uint8]
FOLDER = "shots"
"""Below the workspace's cache: thumbnails by the hash of their content."""
WIDTH, QUALITY = 256, 80
"""Pixels, and JPEG's quality: about 8 KB."""
_DESCRIPTION, _SAID = 300, 900
"""Characters of a character's description and of what is said that a shot is found by."""


def remember_shots(record: FilmRecord, film: Asset, keyframes: Sequence[Rgb], ctx: ToolContext) -> int:
    """Keep every shot of an analysed film in place of those kept of it before; returns how many.

    Each is found by its text, its characters and how they look, what is said, and other words for what was measured.

    Args:
        keyframes: (H, W, 3) uint8 RGB, one per shot; their thumbnails go to the workspace's cache. Fewer leave the
            last shots without one.

    Raises StudioError when the memory cannot be written; then the film keeps the shots it had.
    """
    shots = []
    for at, shot in enumerate(record.shots):
        ctx.cancel.check()
        thumbnail = save_thumbnail(keyframes[at], ctx.workspace) if at < len(keyframes) else ""
        shots.append(film_shot(shot, record, film.id, ctx.memory, thumbnail))
    return ctx.memory.put_shots(film.id, shots)


def film_shot(shot: Shot, record: FilmRecord, film: str, memory: Memory, thumbnail: str = "") -> FilmShot:
    """One shot as it is kept."""
    from tools.analysis.captions_measured import MEASURED, measured_text
    from tools.analysis.database_words import other_words

    measured = measured_text(shot)
    text = shot.text or measured
    context = [_people(shot, memory), "" if shot.text_by in ("", MEASURED) else measured, _said(shot)]
    told = " ".join(part for part in context if part)
    terms = other_words(shot, f"{text} {told}", last=shot.index == len(record.shots) > 1)
    return FilmShot(
        film=film,
        number=shot.index,
        start=round(shot.start, 3),
        end=round(max(shot.start, shot.end), 3),
        text=text[:TEXT_LIMIT],
        text_by=shot.text_by or MEASURED,
        context=told[: CONTEXT_LIMIT - len(terms)],
        terms=terms,
        data=figures_of(shot),
        thumbnail=thumbnail,
        keyframe=round(max(0.0, shot.keyframe), 3),
    )


def figures_of(shot: Shot) -> dict[str, Any]:
    """A shot's figures in short, JSON-ready; what was not measured is left out."""
    data: dict[str, Any] = {"scene": shot.scene, "motion": shot.motion, "luma": shot.luma}
    if work := shot.camera:
        data["camera"] = {
            "move": work.move, "direction": work.direction, "speed": round(work.speed, 4),
            "confidence": round(work.confidence, 2),
        }  # fmt: skip
    if look := shot.composition:
        data |= {
            "scale": look.scale, "key": look.key, "saturation": round(look.saturation, 3),
            "colours": [colour.name for colour in look.colours[:4]], "figures": len(look.figures),
            "characters": sorted({figure.character for figure in look.figures if figure.character}),
        }  # fmt: skip
    if held := shot.coherence:
        data["coherence"] = held.verdict
    if heard := shot.sound:
        data |= {"sound": heard.label, "loudness_lufs": heard.loudness_lufs}
    return {key: value for key, value in data.items() if value is not None and value == value}  # noqa: PLR0124 (NaN)


def save_thumbnail(rgb: Rgb, workspace: Workspace) -> str:
    """Write (H, W, 3) uint8 as a small JPEG named by its content; its path from the home, '' when the disk refuses."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(rgb))
    image.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    coded = io.BytesIO()
    image.save(coded, format="JPEG", quality=QUALITY)
    data = coded.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    target = workspace.cache / FOLDER / digest[:2] / f"{digest[:32]}.jpg"
    try:
        if not target.is_file() or target.stat().st_size != len(data):
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
    except OSError as error:
        LOG.warning("a thumbnail is not kept: %s", error)
        return ""
    return target.relative_to(workspace.home).as_posix()


def load_thumbnail(shot: FilmShot, memory: Memory, workspace: Workspace) -> Rgb | None:
    """A shot's picture, (H, W, 3) uint8, made again from the film when the cache was emptied; None without both."""
    from PIL import Image

    from backends.media.frames import frame_at
    from configs.errors import StudioError

    try:
        if shot.thumbnail:
            with Image.open(workspace.inside(shot.thumbnail), formats=["JPEG"]) as image:
                image.thumbnail((WIDTH, WIDTH))
                return np.asarray(image.convert("RGB"))
    except (OSError, StudioError, Image.DecompressionBombError):
        pass
    film = memory.get_asset(shot.film)
    try:
        if film is None or film.hidden:
            return None
        return frame_at(workspace.inside(film.path), shot.keyframe or (shot.start + shot.end) / 2, width=WIDTH)
    except (OSError, StudioError):
        return None


def _write(target: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as half:
        try:
            half.write(data)
            half.close()
            Path(half.name).replace(target)
        except BaseException:
            Path(half.name).unlink(missing_ok=True)
            raise


def _people(shot: Shot, memory: Memory) -> str:
    """Names of the characters with how memory describes them."""
    from tools.analysis.captions_measured import people_of

    told = []
    for name in people_of(shot.composition) if shot.composition else ():
        entry = memory.resolve_character(name)
        described = " ".join(entry.text.split())[:_DESCRIPTION] if entry else ""
        told.append(f"{name}: {described}." if described and described.casefold() != name.casefold() else f"{name}.")
    return " ".join(told)


def _said(shot: Shot) -> str:
    return " ".join(" ".join(words.text.split()) for words in shot.words)[:_SAID]
