"""Files of the cache, written under a name of their own and put in their place when they are whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A path to write to; at the end its file takes the place of `target`, or is gone when the writing failed.

    Two renders may make the same file at once: each has a draft of its own, with the ending of `target`.
    """
    draft = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
