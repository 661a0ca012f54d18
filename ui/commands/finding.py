"""One check of the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One check."""

    name: str
    ok: bool
    needed: bool
    """False: the studio works without it, in a lesser way."""
    found: str
    gives: str = ""
    """What it is for."""
    fix: str = ""
