"""The base of what is recorded of a film: frozen, checked, and told to others by its JSON schema."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a film's record."""

    model_config = ConfigDict(extra="forbid", frozen=True)
