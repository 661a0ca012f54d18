"""What editing knows of a clip: its record, measured once and kept by content."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tools.analysis.aspects import ASPECTS, Aspect
from tools.editing.drafts import draft_of

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord
    from memory.records import Asset
    from tools.spec import ToolContext

LOG = logging.getLogger("studio.editing")


def seen(film: Asset, ctx: ToolContext, *aspects: Aspect) -> FilmRecord:
    """The record of a film, with its curves; at least these aspects (shots and sound without any) are measured.

    With shots or composition it knows faces and figures, with content what is said and a text per shot. Kept in the
    workspace's cache, so that the second edit of a clip waits for nothing. Makes no asset.
    Raises UsageError when it is no film, Cancelled when stopped.
    """
    from backends.media.guard import MediaLimits
    from backends.vision.record import FilmRecord
    from tools.analysis.cache import analysis_key
    from tools.analysis.reading import Wishes, read_film
    from tools.analysis.understanding import Understanding

    wanted = tuple(aspect for aspect in ASPECTS if aspect in (aspects or ("shots", "sound")))
    insight = Understanding(film, wanted, ctx)
    key = analysis_key(film, {"record": wanted, "insight": insight.fingerprint()})
    file = ctx.workspace.cache / "records" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    try:
        return FilmRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        LOG.warning("the kept record %s cannot be used: %s", file.name, error)
    with read_film(
        ctx.path(film),
        Wishes(wanted, figures=insight.figures, not_measured=insight.not_measured),
        name=film.name,
        sha256=film.sha256,
        limits=MediaLimits.of(ctx.settings.uploads),
        cancel=ctx.cancel.check,
        on_progress=lambda done, whole: ctx.progress(done, whole, f"looking at {film.name}"),
    ) as reading:
        record = insight.told(reading).record
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(file) as draft:
            draft.write_text(record.model_dump_json(), encoding="utf-8")
    except OSError as error:
        LOG.warning("the record is not kept: %s", error)
    return record
