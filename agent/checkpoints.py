"""Conversations on the disk: the newest state of each is the one that was written last, whatever the clock says."""

from __future__ import annotations

import sqlite3
from typing import Any
from uuid import UUID

from configs.errors import EngineError

NEWEST = "SELECT max(checkpoint_id) FROM checkpoints"


async def keep_order(saver: Any) -> None:
    """Have LangGraph number new states after all that are kept.

    Its ids are UUIDs of version 6, which begin with the time, and it takes the highest of a conversation for the
    newest. Where the clock was set back, every later turn would go on from a state of the past.

    Args:
        saver: a set-up AsyncSqliteSaver.
    """
    from langgraph.checkpoint.base import id as ids

    async with saver.conn.execute(NEWEST) as cursor:
        row = await cursor.fetchone()
    try:
        newest = UUID(row[0])
    except (TypeError, ValueError, AttributeError):
        return  # no conversation yet
    if newest.version == 6:
        vars(ids)["_last_v6_timestamp"] = max(ids._last_v6_timestamp or 0, ticks(newest))


def ticks(found: UUID) -> int:
    """Its time, in 100 ns since 15 October 1582 (RFC 9562, version 6)."""
    return (found.int >> 80) << 12 | (found.int >> 64) & 0xFFF


def not_written(error: sqlite3.Error) -> EngineError:
    """What to tell when a state could not be written down, in the middle of a turn."""
    is_full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return EngineError(
        "The conversation could not be written down, so the turn was stopped",
        "the disk is full" if is_full else str(error),
        f"{'Free some space' if is_full else 'Check the disk of the studio folder'}, then say it again; "
        "what was made by then is kept",
    )
