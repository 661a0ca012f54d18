"""The two kinds of things that are searched: the studio's records, and the shots of films."""

from __future__ import annotations

from dataclasses import dataclass

SHOT = "shot"
"""Kind of the hits that are shots."""


@dataclass(frozen=True)
class Lane:
    """The tables that one kind of things is searched in, so that many of the one never slow down the other."""

    name: str
    """Also the name of its index."""
    view: str
    """id, kind, name, body, thread, created_at, rating, is_asset of all that may be found."""
    text: str
    """The full-text table."""
    weights: str
    """BM25 weights of its columns."""
    pending: str
    vectors: str
    by_name: bool
    """Whether the name belongs to what is compared by meaning."""


RECORDS = Lane("records", "records", "record_text", "0.0, 1.0, 4.0, 1.0", "pending", "vectors", True)
# A film's name is the same for all its shots: it tells no more of one than a word of its text, and nothing of what
# is seen in it.
SHOTS = Lane("shots", "shot_records", "shot_text", "0.0, 1.0, 1.0", "shot_pending", "shot_vectors", False)
LANES = (RECORDS, SHOTS)


@dataclass(frozen=True)
class Scope:
    """Which records may be found: of some kinds, and assets of one conversation (entries belong to all)."""

    kinds: tuple[str, ...] = ()
    thread: str | None = None
    shots: bool = True
    """Whether shots are among them when no kind is named."""

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes that hold something of this scope."""
        if not self.kinds:
            return LANES if self.shots else (RECORDS,)
        others = any(kind != SHOT for kind in self.kinds)
        return ((RECORDS,) if others else ()) + ((SHOTS,) if SHOT in self.kinds else ())

    def inside(self, lane: Lane) -> Scope:
        """What is left to be filtered within one lane."""
        kinds = () if lane is SHOTS else tuple(kind for kind in self.kinds if kind != SHOT)
        return Scope(kinds, self.thread)

    @property
    def is_open(self) -> bool:
        return not self.kinds and self.thread is None

    def where(self) -> tuple[str, list[str]]:
        """A condition on a lane's view and its values."""
        parts, values = ["1 = 1"], list(self.kinds)
        if self.kinds:
            parts.append(f"kind IN ({','.join('?' * len(self.kinds))})")
        if self.thread is not None:
            parts.append("(is_asset = 0 OR thread = ?)")
            values.append(self.thread)
        return " AND ".join(parts), values
